//! A journal that was cut or spoilt at each of its bytes while no agent ran. What a record still holds
//! comes back, what is lost is said, and nothing else is written.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use llmos_vm_tests::cgroup;
use serde_json::{Value, json};

use super::lane::Lane;
use super::subject::Subject;
use super::way;
use super::{Work, changed};

/// With so many runs or more each byte has its turn, twice.
const EACH: u32 = 100;

/// A record and where it lies.
struct Line {
    from: usize,
    to: usize,
    /// `None` for the header.
    record: Option<Record>,
}

struct Record {
    /// From the root of the hierarchy to the file.
    file: String,
    original: String,
    /// What the agent had made of it.
    changed: String,
}

/// The journal of an agent that was killed.
pub struct Damaged {
    journal: Vec<u8>,
    lines: Vec<Line>,
    /// Of all lanes together.
    runs: u32,
}

impl Damaged {
    /// Lets an agent write, and kills it.
    ///
    /// # Errors
    /// When it writes nothing, or what nobody can read.
    pub fn make(lane: &mut Lane) -> Result<Self> {
        lane.originals(0)?;
        lane.forget()?;
        let mut agent = Subject::agent(lane, "enforce")?;
        changed(lane)?;
        std::thread::sleep(std::time::Duration::from_secs(3));
        agent.kill()?;
        let journal = std::fs::read(lane.state.join("journal"))?;
        let mut lines = Vec::new();
        let mut from = 0;
        for line in journal.split_inclusive(|byte| *byte == b'\n') {
            let record = record(std::str::from_utf8(line)?)?;
            let to = from + line.len();
            lines.push(Line { from, to, record });
            from = to;
        }
        let files: BTreeSet<&str> = lines.iter().filter_map(file).collect();
        ensure!(files.len() >= 4, "only {} records", files.len());
        ensure!(files.len() + 1 == lines.len(), "a file has two records");
        Ok(Self {
            journal,
            lines,
            runs: 0,
        })
    }

    /// What a restore has to find in a journal that was cut at `at`, or spoilt there: for each line,
    /// whether it still counts.
    fn whole(&self, at: usize, cut: bool) -> Vec<bool> {
        let newline = !cut && self.journal.get(at) == Some(&b'\n');
        let hit = |line: &Line| {
            if cut {
                // Only the newline is missing: all of the record is there.
                line.to > at + 1
            } else {
                let here = line.from <= at && at < line.to;
                // Without the newline the next line goes on with this one.
                here || (newline && line.from == at + 1)
            }
        };
        self.lines.iter().map(|line| !hit(line)).collect()
    }
}

impl Work for Damaged {
    fn runs(&mut self, asked: u32) -> u32 {
        let all = u32::try_from(2 * self.journal.len()).unwrap_or(u32::MAX);
        self.runs = if asked >= EACH { all } else { asked.min(all) };
        self.runs
    }

    fn one(&mut self, lane: &mut Lane, at: u32) -> Result<Value> {
        // The originals of this run are not those of the journal: put them as the journal has them.
        lane.originals(0)?;
        let (cut, at) = (at.is_multiple_of(2), self.byte(at));
        let mut spoilt = self.journal.clone();
        if cut {
            spoilt.truncate(at);
        } else {
            spoilt[at] ^= 1 << lane.dice(8);
        }
        std::fs::write(lane.state.join("journal"), spoilt)?;
        // As the agent left them.
        self.put(|record| &record.changed)?;
        let said = way::command(lane)?;
        let whole = self.whole(at, cut);
        let mut wrong = Vec::new();
        let mut lost = 0;
        for (line, whole) in self.lines.iter().zip(&whole) {
            let Some(record) = &line.record else { continue };
            let now = read(&record.file)?;
            let wanted = if *whole {
                &record.original
            } else {
                &record.changed
            };
            lost += usize::from(!whole);
            if now != *wanted {
                wrong.push(format!("{}: {now}, not {wanted}", record.file));
            }
        }
        let said_so = said.contains("damaged");
        self.put(|record| &record.original)?;
        Ok(json!({
            "way": "command",
            "cut": cut,
            "byte": at,
            "lost": lost,
            // Cut where a record ends, or within the last: as if it had never been written.
            "unsaid": lost > 0 && !said_so,
            "wrong": wrong,
            "said": if wrong.is_empty() { String::new() } else { said },
            "changed": self.lines.len() - 1,
        }))
    }
}

impl Damaged {
    /// The byte of a run: each in its turn, or spread over all.
    fn byte(&self, at: u32) -> usize {
        let pairs = (self.runs as usize / 2).max(1);
        (at as usize / 2 * self.journal.len() / pairs).min(self.journal.len() - 1)
    }

    /// Writes all files of the journal. A credit above the quota is refused, so it comes last.
    fn put(&self, what: impl Fn(&Record) -> &str) -> Result<()> {
        let is_credit = |record: &&Record| record.file.ends_with("burst");
        for record in self.records().filter(is_credit) {
            write(&record.file, "0")?;
        }
        for record in self.records().filter(|record| !is_credit(record)) {
            write(&record.file, what(record))?;
        }
        for record in self.records().filter(is_credit) {
            write(&record.file, what(record))?;
        }
        Ok(())
    }

    fn records(&self) -> impl Iterator<Item = &Record> {
        self.lines.iter().filter_map(|line| line.record.as_ref())
    }
}

fn file(line: &Line) -> Option<&str> {
    Some(&line.record.as_ref()?.file)
}

fn record(line: &str) -> Result<Option<Record>> {
    let words: Vec<&str> = line.trim_end().split('\t').collect();
    Ok(match words[..] {
        [_, "llmos-journal", _] => None,
        [_, "original", _, _, file, path, original] => {
            let file = format!("{path}/{file}");
            Some(Record {
                changed: read(&file)?,
                original: original.trim_end_matches("\\n").to_owned(),
                file,
            })
        }
        _ => anyhow::bail!("{line:?} in the journal"),
    })
}

fn read(file: &str) -> Result<String> {
    let path = Path::new(cgroup::ROOT).join(file);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(text.trim_end().to_owned())
}

fn write(file: &str, text: &str) -> Result<()> {
    let path = Path::new(cgroup::ROOT).join(file);
    std::fs::write(&path, text).with_context(|| format!("{text} to {}", path.display()))
}
