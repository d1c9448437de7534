//! What a run's writes come to: by whom, and which of them nobody may make.

use llmos_vm_tests::cgroup;

use llmos_vm_tests::tracer::Write;

/// Files that hold limits.
pub const FILES: [&str; 5] = [
    "cpu.max",
    "cpu.max.burst",
    "cpu.weight",
    "memory.high",
    "memory.max",
];
/// Names of opted-in groups begin with this.
pub const IN: &str = "in-";
/// The floors of the policy: cores, and bytes.
const FLOORS: (f64, f64) = (0.05, 16.0 * 1_048_576.0);
/// Programs of the tests; every other is under test.
const OURS: &str = "vm-";

/// Sums of the writes of what is under test.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// To limits of opted-in groups.
    pub writes: usize,
    /// Of these, values below the floor of the policy.
    pub below_floor: Vec<String>,
    /// To anything else but pressure triggers.
    pub unopted: Vec<String>,
}

impl Tally {
    /// Adds up.
    pub fn of(writes: &[Write]) -> Self {
        let mut tally = Self::default();
        for write in writes {
            if write.program.starts_with(OURS) || write.file.ends_with(".pressure") {
                continue;
            }
            if !write.group.starts_with(IN) || !FILES.contains(&write.file.as_str()) {
                tally.unopted.push(write.to_string());
                continue;
            }
            tally.writes += 1;
            if is_below(write) {
                tally.below_floor.push(write.to_string());
            }
        }
        tally
    }
}

fn is_below(write: &Write) -> bool {
    let (cores, bytes) = FLOORS;
    let (value, floor) = match write.file.as_str() {
        "cpu.max" => (cgroup::cores(&write.text), cores),
        "memory.high" | "memory.max" => (cgroup::bytes(&write.text), bytes),
        _ => return false,
    };
    // A text that is no limit at all counts, too.
    value.is_none_or(|value| value < floor * 0.999)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(program: &str, group: &str, file: &str, text: &str) -> Write {
        Write {
            program: program.to_owned(),
            group: group.to_owned(),
            file: file.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn writes_are_told_apart_by_who_where_and_what() {
        let all = [
            write("llmos-agent", "in-0-busy", "cpu.max", "5000 100000"),
            write("llmos-agent", "in-0-busy", "cpu.max", "4000 100000"),
            write("llmosctl", "in-0-busy", "memory.high", "max"),
            write("llmosctl", "in-0-busy", "memory.high", "rubbish"),
            write("llmos-agent", "in-0-busy", "cpu.weight", "1"),
            write("vm-act", "out-0-busy", "cpu.max", "1000 100000"),
            write("llmos-agent", "out-0-busy", "memory.pressure", "some"),
            write("llmos-agent", "out-0-busy", "cpu.weight", "300"),
            write("llmos-agent", "in-0-busy", "cgroup.procs", "1"),
        ];
        let tally = Tally::of(&all);
        assert_eq!(tally.writes, 5);
        assert_eq!(tally.below_floor.len(), 2);
        assert_eq!(tally.unopted.len(), 2);
        assert!(tally.unopted[0].contains("out-0-busy/cpu.weight"));
    }
}
