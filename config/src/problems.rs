//! All that is wrong with a config file at once, for people who write one: what the agent would
//! refuse, and what it would take although it cannot be meant.

use std::path::Path;

use llmos_engine::policy::Policy;
use serde::Deserialize as _;

use crate::error::ConfigError;
use crate::origin::{Origin, Origins};
use crate::raw::{Raw, RawWorkload};
use crate::rules::Rules;
use crate::size::Size;
use crate::{check, layers};

/// The machine that a policy is meant for, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NodeSize {
    /// CPUs.
    pub cpus: Option<f64>,
    /// Bytes of memory.
    pub memory: Option<u64>,
}

/// Each problem of the file in one line; none when it is good. `path` is how the file is called in
/// them.
#[must_use]
pub fn problems(path: &Path, text: &str, node: NodeSize) -> Vec<String> {
    let mut origins = Origins::default();
    let mut errors = Vec::new();
    let table = layers::whole_file(path, text, &mut origins, &mut errors);
    let Some(raw) = table.and_then(|table| Raw::deserialize(table).ok()) else {
        return told(&errors);
    };
    let rules = Rules::new(&raw.policy, &raw.workload, &origins, &mut errors);
    let mut lines = told(&errors);
    // What is no policy ends at the first error; those of policies it would find again.
    if let Err(error) = check::config(raw.clone(), origins.clone()) {
        let line = error.to_string();
        if !lines.contains(&line) {
            lines.insert(0, line);
        }
    }
    let meant = Meant {
        origins: &origins,
        node,
    };
    lines.extend(meant.floors("policy", rules.base(), true));
    // A rule whose pattern is none is missing here, and has been told.
    let whole = rules.all().len() == raw.workload.len();
    for (at, rule) in rules.all().iter().enumerate().filter(|_| whole) {
        let place = format!("workload[{at}]");
        lines.extend(meant.floors(&place, &rule.policy, false));
        lines.extend(meant.reached(at, &raw.workload));
        if rule.enforce && rule.policy.hands_off {
            let at = meant.at(&place, "enforce");
            lines.push(format!(
                "{place}.enforce = true ({at}): hands_off is true as well, so nothing is ever written"
            ));
        }
    }
    lines
}

fn told(errors: &[ConfigError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

/// What can be read, but cannot be meant.
struct Meant<'a> {
    origins: &'a Origins,
    node: NodeSize,
}

impl Meant<'_> {
    fn at(&self, place: &str, key: &str) -> &Origin {
        self.origins.of(&format!("{place}.{key}"))
    }

    /// Floors that the machine cannot give. Where a rule has them from `[policy]`, they have been
    /// told.
    fn floors(&self, place: &str, policy: &Policy, all: bool) -> Vec<String> {
        let mut lines = Vec::new();
        let mut tell = |key: &str, value: String, has: String| {
            let at = self.at(place, key);
            if all || *at != Origin::Default {
                lines.push(format!(
                    "{place}.{key} = {value} ({at}): the node has only {has}, so it cannot be kept"
                ));
            }
        };
        let floor = policy.cpu_floor.0;
        if let Some(cpus) = self.node.cpus.filter(|cpus| floor > *cpus) {
            tell("cpu_floor_cores", floor.to_string(), format!("{cpus} CPUs"));
        }
        let floor = policy.memory_floor.0;
        if let Some(memory) = self.node.memory.filter(|memory| floor > *memory) {
            let (floor, memory) = (Size(floor).to_string(), Size(memory).to_string());
            tell("memory_floor", floor, memory);
        }
        lines
    }

    /// A rule behind one that takes all that it could match.
    fn reached(&self, at: usize, rules: &[RawWorkload]) -> Option<String> {
        let plain = |rule: &RawWorkload| rule.pattern.trim_start_matches('/').to_owned();
        let pattern = plain(rules.get(at)?);
        let before = rules.iter().take(at).map(plain);
        let (first, taken) = before
            .enumerate()
            .find(|(_, other)| *other == pattern || other == "**")?;
        let origin = self.at(&format!("workload[{at}]"), "match");
        Some(format!(
            "workload[{at}].match = {pattern:?} ({origin}): never reached, workload[{first}] \
             matches {taken:?} before it"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, node: NodeSize) -> Vec<String> {
        problems(Path::new("p.toml"), text, node)
    }

    #[test]
    fn a_good_file_has_none() {
        let text =
            "[policy]\npreset = \"latency\"\n[[workload]]\nmatch = \"a/*\"\nenforce = true\n";
        assert_eq!(found(text, NodeSize::default()), [""; 0]);
    }

    #[test]
    fn all_unknown_keys_are_told_at_once() {
        let text = "modus = \"observe\"\n[policy]\ncpu_flor_cores = 1\n";
        let expected = [
            "p.toml line 1: unknown key \"modus\", did you mean \"mode\"?",
            "p.toml line 3: unknown key \"policy.cpu_flor_cores\", did you mean \
             \"cpu_floor_cores\"?",
        ];
        let mut lines = found(text, NodeSize::default());
        lines.sort();
        assert_eq!(lines, expected);
    }

    #[test]
    fn contradictions_of_all_places_are_told_at_once() {
        let text = "tick_ms = 5\n[policy]\ncpu_floor_cores = 2\ncpu_ceiling_cores = 1\n\
                    [[workload]]\nmatch = \"a\"\nenforce = true\nhands_off = true\n\
                    cpu_ceiling_cores = 4\ncpu_margin_min = 0.5\ncpu_margin_max = 0.2\n\
                    [[workload]]\nmatch = \"/a\"\npreset = \"fast\"\ncpu_ceiling_cores = 4\n";
        assert_eq!(
            found(text, NodeSize::default()),
            [
                "tick_ms = 5 (p.toml line 1): expected 100 to 60000 milliseconds",
                "policy.cpu_ceiling_cores = 1 (p.toml line 4): expected at least cpu_floor_cores, \
                 which is 2",
                "workload[0].cpu_margin_max = 0.2 (p.toml line 11): expected at least \
                 cpu_margin_min, which is 0.5",
                "workload[1].preset = \"fast\" (p.toml line 14): expected one of \"latency\", \
                 \"standard\", \"batch\"",
                "workload[0].enforce = true (p.toml line 7): hands_off is true as well, so nothing \
                 is ever written",
                "workload[1].match = \"a\" (p.toml line 13): never reached, workload[0] matches \
                 \"a\" before it",
            ]
        );
    }

    #[test]
    fn floors_that_the_node_does_not_have_are_told_where_they_were_set() {
        let text = "[policy]\ncpu_floor_cores = 6\n[[workload]]\nmatch = \"a\"\n\
                    [[workload]]\nmatch = \"b\"\nmemory_floor = \"8GiB\"\n";
        let node = NodeSize {
            cpus: Some(4.0),
            memory: Some(4 << 30),
        };
        assert_eq!(
            found(text, node),
            [
                "policy.cpu_floor_cores = 6 (p.toml line 2): the node has only 4 CPUs, so it \
                 cannot be kept",
                "workload[1].memory_floor = \"8GiB\" (p.toml line 7): the node has only \"4GiB\", \
                 so it cannot be kept",
            ]
        );
        assert_eq!(found(text, NodeSize::default()), [""; 0]);
    }
}
