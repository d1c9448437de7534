//! How often and how long each of this process's kernel programs ran, by the kernel's own
//! statistics.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result};
use aya::programs::loaded_programs;

/// `BPF_PROG_TYPE_CGROUP_SKB`: runs at each packet of the machine, never in the scheduler.
const CGROUP_SKB: u32 = 8;

/// One program's runs since it was loaded, while statistics were on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProgramRuns {
    /// Its name; the kernel keeps 15 letters.
    pub name: String,
    /// Time that it ran, in nanoseconds.
    pub run_ns: u64,
    /// Runs.
    pub runs: u64,
}

/// All programs of this process on the scheduler's path, and all context switches of the machine.
#[derive(Debug, Clone, Default)]
pub struct Switches {
    /// Context switches of all CPUs since boot.
    pub switches: u64,
    /// Programs by id.
    pub programs: BTreeMap<u32, ProgramRuns>,
}

impl Switches {
    /// A reading of now.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn now(paths: &BTreeMap<u32, String>) -> Result<Self> {
        let mut programs = own_programs()?;
        programs.retain(|id, _| paths.contains_key(id));
        for (id, program) in &mut programs {
            program.name.clone_from(&paths[id]);
        }
        Ok(Self {
            switches: machine_switches()?,
            programs,
        })
    }

    /// Nanoseconds of each program for each context switch since an earlier reading. Both are of
    /// the whole machine, so other tasks on it do not matter.
    #[must_use]
    pub fn ns_per_switch(&self, before: &Self) -> BTreeMap<String, f64> {
        let switches = (self.switches - before.switches).max(1) as f64;
        let of = |(id, now): (&u32, &ProgramRuns)| {
            let before = before.programs.get(id).cloned().unwrap_or_default();
            let ns = (now.run_ns - before.run_ns) as f64;
            (now.runs > before.runs).then(|| (now.name.clone(), ns / switches))
        };
        self.programs.iter().filter_map(of).collect()
    }
}

/// Ids and names of this process's programs, but for those that see packets. Whichever of them
/// run while two tasks do nothing but switch are on the scheduler's path.
///
/// # Errors
/// When the kernel does not list programs.
pub fn on_the_scheduler_path() -> Result<BTreeMap<u32, String>> {
    let own = own_programs()?;
    let mut found = BTreeMap::new();
    for program in loaded_programs() {
        // Others come and go meanwhile.
        let Ok(program) = program else { continue };
        let id = program.id();
        if own.contains_key(&id) && program.program_type() as u32 != CGROUP_SKB {
            let name = program.name_as_str().unwrap_or("unnamed");
            found.insert(id, name.to_owned());
        }
    }
    Ok(found)
}

/// Programs whose descriptors this process holds.
fn own_programs() -> Result<BTreeMap<u32, ProgramRuns>> {
    let mut programs = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fdinfo").context("/proc/self/fdinfo")? {
        // The descriptor of this very listing is closed by the time it is looked at.
        let Ok(text) = fs::read_to_string(entry?.path()) else {
            continue;
        };
        if let Some((id, runs)) = parse(&text) {
            programs.insert(id, runs);
        }
    }
    Ok(programs)
}

/// A link shows the id of its program, too, but no statistics.
fn parse(fdinfo: &str) -> Option<(u32, ProgramRuns)> {
    let of = |key: &str| {
        let line = fdinfo.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().parse::<u64>().ok()
    };
    let runs = ProgramRuns {
        name: String::new(),
        run_ns: of("run_time_ns:")?,
        runs: of("run_cnt:")?,
    };
    Some((u32::try_from(of("prog_id:")?).ok()?, runs))
}

fn machine_switches() -> Result<u64> {
    let text = fs::read_to_string("/proc/stat").context("/proc/stat")?;
    let line = text.lines().find_map(|line| line.strip_prefix("ctxt "));
    Ok(line.context("/proc/stat has no ctxt")?.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_have_statistics() {
        let program = "pos:\t0\nprog_type:\t26\nprog_id:\t7\nrun_time_ns:\t900\nrun_cnt:\t30\n";
        let (id, runs) = parse(program).unwrap();
        assert_eq!((id, runs.run_ns, runs.runs), (7, 900, 30));
        assert!(parse("pos:\t0\nlink_type:\traw_tracepoint\nprog_id:\t7\n").is_none());
    }

    #[test]
    fn costs_are_shared_among_all_switches() {
        let reading = |switches, run_ns, runs| Switches {
            switches,
            programs: BTreeMap::from([(
                7,
                ProgramRuns {
                    name: "a".to_owned(),
                    run_ns,
                    runs,
                },
            )]),
        };
        let cost = reading(200, 5_000, 90).ns_per_switch(&reading(100, 1_000, 10));
        assert!((cost["a"] - 40.0).abs() < 1e-9);
        assert!(
            reading(200, 1, 1)
                .ns_per_switch(&reading(100, 1, 1))
                .is_empty()
        );
    }
}
