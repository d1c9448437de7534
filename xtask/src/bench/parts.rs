//! A bench in parts. They are independent: one that fails leaves its figures `null` with the reason,
//! and the others run.

use anyhow::{Result, bail, ensure};

use super::Numbers;
use super::figures::{self, Figure};
use crate::step::Steps;

/// A part: its name on the command line, what it does, and the work, which is told what `C` holds.
pub struct Part<C> {
    /// Name on the command line.
    pub name: &'static str,
    /// What it does, for people.
    pub what: &'static str,
    /// Programs that are measured.
    pub subjects: &'static [&'static str],
    /// The work.
    pub run: fn(&C, &mut Steps, &mut Numbers) -> Result<()>,
}

/// A bench of parts.
pub struct Bench<C: 'static> {
    /// Name of the bench and of its file.
    pub name: &'static str,
    /// All parts, in the order in which they run.
    pub parts: &'static [Part<C>],
    /// The figures that the file always has.
    pub figures: &'static [Figure],
}

/// The programs that these parts measure, each once.
pub fn subjects<C>(parts: &[&Part<C>]) -> Vec<&'static str> {
    let all = parts.iter().flat_map(|part| part.subjects.iter().copied());
    let mut subjects: Vec<&str> = all.collect();
    subjects.sort_unstable();
    subjects.dedup();
    subjects
}

impl<C> Bench<C> {
    /// The parts that are named; all if none is.
    pub fn asked(&self, only: &[String]) -> Result<Vec<&'static Part<C>>> {
        let names: Vec<&str> = self.parts.iter().map(|part| part.name).collect();
        if let Some(unknown) = only.iter().find(|only| !names.contains(&only.as_str())) {
            bail!("no part {unknown}; there are: {}", names.join(", "));
        }
        let asked = |part: &&Part<C>| only.is_empty() || only.iter().any(|only| only == part.name);
        Ok(self.parts.iter().filter(asked).collect())
    }

    /// Runs these parts, prints the table and writes the file.
    pub fn run(&self, asked: &[&Part<C>], context: &C, mut steps: Steps) -> Result<()> {
        let mut numbers = Numbers::default();
        let mut failed = Vec::new();
        let asked: Vec<&str> = asked.iter().map(|part| part.name).collect();
        for part in self.parts {
            let fill = |reason: &str, numbers: &mut Numbers| {
                figures::fill(self.figures, part.name, reason, numbers);
            };
            if !asked.contains(&part.name) {
                let reason = format!("part {} was not asked for", part.name);
                fill(&reason, &mut numbers);
                continue;
            }
            println!("\n{}: {}", part.name, part.what);
            if let Err(error) = (part.run)(context, &mut steps, &mut numbers) {
                println!("{} failed: {error:#}", part.name);
                failed.push(part.name);
                fill(
                    &format!("part {} failed: {error:#}", part.name),
                    &mut numbers,
                );
            }
            fill("this part did not measure it", &mut numbers);
        }
        figures::print(self.figures, &asked, &numbers);
        steps.table(&format!("bench {}", self.name));
        numbers.write(self.name)?;
        ensure!(failed.is_empty(), "not measured: {}", failed.join(", "));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn part(name: &'static str, subjects: &'static [&'static str]) -> Part<()> {
        Part {
            name,
            what: "",
            subjects,
            run: |(), _, _| Ok(()),
        }
    }

    static PARTS: [Part<()>; 3] = [
        part("a", &["agent", "ctl"]),
        part("b", &[]),
        part("c", &["agent"]),
    ];

    fn bench() -> Bench<()> {
        Bench {
            name: "none",
            parts: &PARTS,
            figures: &[],
        }
    }

    #[test]
    fn parts_are_taken_by_name_and_all_without_one() {
        let names = |only: &[&str]| -> Result<Vec<&str>> {
            let only: Vec<String> = only.iter().map(ToString::to_string).collect();
            Ok(bench().asked(&only)?.iter().map(|part| part.name).collect())
        };
        assert_eq!(
            names(&["c", "a"]).unwrap(),
            ["a", "c"],
            "in their own order"
        );
        assert_eq!(names(&[]).unwrap(), ["a", "b", "c"]);
        let error = names(&["d"]).unwrap_err().to_string();
        assert_eq!(error, "no part d; there are: a, b, c");
    }

    #[test]
    fn each_program_is_built_once() {
        let all = bench().asked(&[]).unwrap();
        assert_eq!(subjects(&all), ["agent", "ctl"]);
    }
}
