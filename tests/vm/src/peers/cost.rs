//! What a process costs: CPU and memory by `/proc`, and its kernel programs by what the kernel says
//! of each in the process's descriptors.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

/// What a process has used up to a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// User and system time of all its threads.
    pub cpu_s: f64,
    programs: BTreeMap<u64, Program>,
}

/// What was used between two moments. Nothing of kernel programs when there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Used {
    /// User and system time of all its threads.
    pub cpu_s: f64,
    /// Run time of its kernel programs in nanoseconds.
    pub bpf_ns: Option<u64>,
    /// How often they ran.
    pub bpf_runs: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Program {
    run_ns: u64,
    runs: u64,
}

impl Cost {
    /// What the process has used until now.
    ///
    /// # Errors
    /// When it is gone.
    pub fn of(pid: u32) -> Result<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let ticks = ticks(&text).context("a line of /proc/PID/stat")?;
        let per_second =
            nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?.context("CLK_TCK")?;
        Ok(Self {
            cpu_s: ticks as f64 / per_second as f64,
            programs: programs(Path::new(&format!("/proc/{pid}/fdinfo")))?,
        })
    }

    /// What was used since `before`.
    pub fn since(&self, before: &Self) -> Used {
        let mut all = Program::default();
        for (id, now) in &self.programs {
            let then = before.programs.get(id).copied().unwrap_or_default();
            all.run_ns += now.run_ns.saturating_sub(then.run_ns);
            all.runs += now.runs.saturating_sub(then.runs);
        }
        let any = !self.programs.is_empty();
        Used {
            cpu_s: self.cpu_s - before.cpu_s,
            bpf_ns: any.then_some(all.run_ns),
            bpf_runs: any.then_some(all.runs),
        }
    }
}

/// Resident memory in bytes.
///
/// # Errors
/// When the process is gone.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(keyed(&text, "VmRSS:").context("no VmRSS")? * 1024)
}

/// `utime` and `stime`, fields 14 and 15. The name before them may hold spaces and brackets.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let utime: u64 = fields.next()?.parse().ok()?;
    let stime: u64 = fields.next()?.parse().ok()?;
    Some(utime + stime)
}

/// All kernel programs that the process holds open, each once.
fn programs(folder: &Path) -> Result<BTreeMap<u64, Program>> {
    let mut programs = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        // A descriptor may be closed in the meantime.
        let Ok(text) = std::fs::read_to_string(entry?.path()) else {
            continue;
        };
        // Links name their program as well, but not its time.
        if let (Some(id), Some(run_ns), Some(runs)) = (
            keyed(&text, "prog_id:"),
            keyed(&text, "run_time_ns:"),
            keyed(&text, "run_cnt:"),
        ) {
            programs.insert(id, Program { run_ns, runs });
        }
    }
    Ok(programs)
}

fn keyed(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_behind_a_name_with_brackets() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 1 0 9 1 1";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("nonsense"), None);
    }

    #[test]
    fn a_program_counts_once_and_from_its_start() {
        let folder = std::env::temp_dir().join(format!("llmos-fdinfo-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let program = "pos:\t0\nprog_id:\t7\nrun_time_ns:\t900\nrun_cnt:\t3\n";
        for (name, text) in [("3", program), ("4", program), ("5", "prog_id:\t7\n")] {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let cost = |cpu_s, programs| Cost { cpu_s, programs };
        let now = cost(3.0, programs(&folder).unwrap());
        std::fs::remove_dir_all(&folder).unwrap();
        let then = BTreeMap::from([(
            7,
            Program {
                run_ns: 100,
                runs: 1,
            },
        )]);
        let used = now.since(&cost(1.0, then));
        assert_eq!((used.bpf_ns, used.bpf_runs), (Some(800), Some(2)));
        assert!((used.cpu_s - 2.0).abs() < 1e-9);
        assert_eq!(cost(1.0, BTreeMap::new()).since(&now).bpf_ns, None);
    }

    #[test]
    fn this_process_has_a_cost() {
        let own = std::process::id();
        assert!(Cost::of(own).unwrap().cpu_s >= 0.0);
        assert!(resident_bytes(own).unwrap() > 100_000);
    }
}
