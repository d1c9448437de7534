//! The table of parts and kernels in `docs/kernel-policy.md`: written from what was seen, and held
//! against it.
//!
//! A run agrees with the table when each part has the same state. Causes and exact releases are
//! for people and may differ.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use crate::paths;

/// The page with the table.
pub const PAGE: &str = "docs/kernel-policy.md";
const BEGIN: &str = "<!-- matrix: written by `cargo xtask vm --write-matrix` -->";
const END: &str = "<!-- end of matrix -->";
/// Parts that say how the agent was configured or how busy the node is, and not what the kernel can do.
const NOT_THE_KERNELS: [&str; 8] = [
    "budget",
    "coordinator",
    "freeze",
    "limits",
    "model",
    "systemd",
    "watch.limits",
    "watchdog",
];
/// What stands after the series of the machine that ran natively.
const NATIVE: &str = " native";
/// A part that a kernel's column lacks.
const ABSENT: &str = "absent";

/// One part of the agent as `/v1/health` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Such as `probe.cpu`.
    pub name: String,
    /// `healthy`, `degraded`, `unsupported` or `off`.
    pub state: String,
    /// Why, when it is not healthy.
    pub cause: String,
}

/// What was seen on one kernel.
#[derive(Debug, Clone)]
pub struct Column {
    /// The series as the table has it: `6.12`, `7.x`, `6.18 native`.
    pub heading: String,
    /// The exact release, for people.
    pub release: String,
    /// All parts.
    pub parts: Vec<Part>,
}

impl Column {
    /// The column of the machine that runs this task.
    pub fn native(release: &str, parts: Vec<Part>) -> Self {
        let mut numbers = release.split('.');
        let (major, minor) = (numbers.next(), numbers.next());
        let series = [major, minor].map(Option::unwrap_or_default).join(".");
        Self {
            heading: format!("{series}{NATIVE}"),
            release: release.to_owned(),
            parts,
        }
    }

    fn of_the_kernel(&self) -> impl Iterator<Item = &Part> {
        self.parts
            .iter()
            .filter(|part| !NOT_THE_KERNELS.contains(&part.name.as_str()))
    }
}

/// Puts the table of `columns` into the page.
pub fn write(columns: &[Column]) -> Result<()> {
    let file = paths::root().join(PAGE);
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {PAGE}"))?;
    let (before, _, after) = split(&text)?;
    let new = format!("{before}{BEGIN}\n\n{}\n{END}{after}", table(columns));
    std::fs::write(&file, new).with_context(|| format!("cannot write {PAGE}"))
}

/// What was compared with the page.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Cells that agree.
    pub same: usize,
    /// Cells that do not, a line each.
    pub differing: Vec<String>,
    /// Columns without a counterpart that may lack one, a line each.
    pub notes: Vec<String>,
}

/// Holds `columns` against the page.
pub fn compare(columns: &[Column]) -> Result<Verdict> {
    let text = std::fs::read_to_string(paths::root().join(PAGE))
        .with_context(|| format!("cannot read {PAGE}"))?;
    let (_, table, _) = split(&text)?;
    Ok(differences(&parse(table), columns))
}

fn split(text: &str) -> Result<(&str, &str, &str)> {
    text.split_once(BEGIN)
        .and_then(|(before, rest)| {
            let (table, after) = rest.split_once(END)?;
            Some((before, table, after))
        })
        .with_context(|| format!("{PAGE} lacks the lines {BEGIN:?} and {END:?}"))
}

fn table(columns: &[Column]) -> String {
    let names: BTreeSet<&str> = columns
        .iter()
        .flat_map(|column| column.of_the_kernel().map(|part| part.name.as_str()))
        .collect();
    let headings: Vec<&str> = columns.iter().map(|c| c.heading.as_str()).collect();
    let mut text = format!("| part | {} |\n", headings.join(" | "));
    text += &format!("| --- |{}\n", " --- |".repeat(columns.len()));
    for name in names {
        let cells: Vec<String> = columns.iter().map(|column| cell(column, name)).collect();
        text += &format!("| `{name}` | {} |\n", cells.join(" | "));
    }
    let releases: Vec<&str> = columns.iter().map(|c| c.release.as_str()).collect();
    text + &format!("\nSeen on: {}.\n", releases.join(", "))
}

fn cell(column: &Column, name: &str) -> String {
    let Some(part) = column.parts.iter().find(|part| part.name == name) else {
        return ABSENT.to_owned();
    };
    if part.state == "healthy" || part.cause.is_empty() {
        return part.state.clone();
    }
    // A bar would end the cell.
    format!("{}: {}", part.state, part.cause.replace('|', "\\|"))
}

/// State by heading and part.
type States = BTreeMap<String, BTreeMap<String, String>>;

fn parse(table: &str) -> States {
    let mut rows = table
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(cells);
    let headings = rows.next().unwrap_or_default();
    let mut states = States::new();
    for row in rows.filter(|row| row.first().is_some_and(|name| name.starts_with('`'))) {
        for (heading, cell) in headings.iter().zip(&row).skip(1) {
            let state = cell.split(':').next().unwrap_or_default();
            states
                .entry(heading.clone())
                .or_default()
                .insert(row[0].trim_matches('`').to_owned(), state.to_owned());
        }
    }
    states
}

fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|')
        .replace("\\|", "/")
        .split('|')
        .map(|cell| cell.trim().to_owned())
        .collect()
}

fn differences(written: &States, columns: &[Column]) -> Verdict {
    let mut verdict = Verdict::default();
    for column in columns {
        let heading = &column.heading;
        let Some(states) = written.get(heading) else {
            let line = format!("{PAGE} has no column {heading}");
            if heading.ends_with(NATIVE) {
                verdict.notes.push(format!("not compared: {line}"));
            } else {
                verdict.differing.push(line);
            }
            continue;
        };
        let seen: BTreeMap<&str, &Part> = column
            .of_the_kernel()
            .map(|part| (part.name.as_str(), part))
            .collect();
        let names: BTreeSet<&str> = states
            .keys()
            .map(String::as_str)
            .chain(seen.keys().copied())
            .collect();
        for name in names {
            let was = states.get(name).map_or(ABSENT, String::as_str);
            let is = seen.get(name).map_or(ABSENT, |part| part.state.as_str());
            if was == is {
                verdict.same += 1;
                continue;
            }
            let cause = seen.get(name).map_or("", |part| part.cause.as_str());
            verdict.differing.push(format!(
                "{name} on {heading} is {is} ({cause}); {PAGE} says {was}"
            ));
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, state: &str, cause: &str) -> Part {
        let [name, state, cause] = [name, state, cause].map(str::to_owned);
        Part { name, state, cause }
    }

    fn seen() -> Vec<Column> {
        let column = |heading: &str, parts| Column {
            heading: heading.to_owned(),
            release: format!("{heading}.9"),
            parts,
        };
        vec![
            column(
                "6.1",
                vec![
                    part("probe.cpu", "healthy", "by x"),
                    part("probe.iter", "degraded", "no y: z | w"),
                    part("model", "healthy", "m"),
                ],
            ),
            column("7.x", vec![part("probe.cpu", "healthy", "by x")]),
            Column::native("6.18.44-v1", vec![part("probe.cpu", "unsupported", "q")]),
        ]
    }

    #[test]
    fn what_was_written_agrees_with_what_was_seen() {
        let written = parse(&table(&seen()));
        let verdict = differences(&written, &seen());
        assert_eq!(verdict.differing, Vec::<String>::new());
        assert_eq!((verdict.same, verdict.notes.len()), (6, 0));
        assert!(!table(&seen()).contains("model"), "that is configuration");
    }

    #[test]
    fn a_state_that_changed_is_told_and_a_cause_is_not() {
        let written = parse(&table(&seen()));
        let mut now = seen();
        now[0].parts[1].cause = "another reason".to_owned();
        now[0].release = "6.1.999".to_owned();
        assert!(differences(&written, &now).differing.is_empty());
        now[0].parts[0] = part("probe.cpu", "degraded", "refused");
        let told = differences(&written, &now).differing;
        assert_eq!(
            told,
            ["probe.cpu on 6.1 is degraded (refused); docs/kernel-policy.md says healthy"]
        );
    }

    #[test]
    fn a_part_that_came_or_went_is_told() {
        let written = parse(&table(&seen()));
        let mut now = seen();
        now[1].parts.push(part("probe.new", "healthy", ""));
        now[0].parts.remove(0);
        assert_eq!(differences(&written, &now).differing.len(), 2);
    }

    #[test]
    fn another_machine_is_not_compared_and_another_kernel_is_a_difference() {
        let written = parse(&table(&seen()));
        let verdict = differences(&written, &[Column::native("6.9.1", Vec::new())]);
        assert_eq!((verdict.notes.len(), verdict.differing.len()), (1, 0));
        let mut other = seen().remove(0);
        other.heading = "5.4".to_owned();
        assert_eq!(differences(&written, &[other]).differing.len(), 1);
    }

    #[test]
    fn the_page_has_the_table() {
        let page = std::fs::read_to_string(paths::root().join(PAGE)).unwrap();
        let (_, table, _) = split(&page).unwrap();
        let states = parse(table);
        for heading in ["6.1", "6.12", "7.x"] {
            assert!(
                states.get(heading).is_some_and(|parts| !parts.is_empty()),
                "no column {heading}"
            );
        }
    }
}
