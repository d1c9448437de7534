//! The applier on a tree of plain files.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use llmos_cgroupfs::Root;
use llmos_engine::decide::{Action, Decision, Knob};
use llmos_engine::policy::Policy;
use llmos_engine::sample::Limits;
use llmos_engine::units::{Bytes, CgroupId, Cores, Timestamp};
use llmos_proto::status::Health;
use tempfile::TempDir;

use super::{Applier, Outcome};
use crate::config::{Cli, Config};

mod takeover;
mod truce;

const FILES: [(&str, &str); 6] = [
    ("cpu.max", "max 100000\n"),
    ("cpu.max.burst", "0\n"),
    ("cpu.weight", "100\n"),
    ("memory.high", "max\n"),
    ("memory.max", "max\n"),
    ("memory.current", "50000000\n"),
];

/// A machine with one cgroup, `jobs/a`, which is opted in.
pub(super) struct Machine {
    dir: TempDir,
}

impl Machine {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let machine = Self { dir };
        machine.add("jobs/a");
        fs::write(machine.root().join("cgroup.controllers"), "cpu memory\n").unwrap();
        machine
    }

    pub(super) fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    pub(super) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn add(&self, path: &str) {
        let dir = self.root().join(path);
        fs::create_dir_all(&dir).unwrap();
        for (file, text) in FILES {
            fs::write(dir.join(file), text).unwrap();
        }
    }

    fn id(&self, path: &str) -> u64 {
        fs::metadata(self.root().join(path)).unwrap().ino()
    }

    pub(super) fn text(&self, file: &str) -> String {
        fs::read_to_string(self.root().join("jobs/a").join(file)).unwrap()
    }

    fn put(&self, file: &str, text: &str) {
        fs::write(self.root().join("jobs/a").join(file), text).unwrap();
    }

    pub(super) fn start(&self, mode: &str) -> Applier {
        let state: OsString = self.dir.path().join("state").into();
        let env = [
            ("LLMOS_MODE".into(), mode.into()),
            ("LLMOS_STATE_DIR".into(), state),
        ];
        let config = Config::load(&Cli::default(), env).unwrap();
        Applier::start(&config, &Root::at(&self.root()).unwrap()).unwrap()
    }

    pub(super) fn decision(&self, knob: Knob, action: Action, to: f64) -> Decision {
        Decision {
            workload: CgroupId(self.id("jobs/a")),
            knob,
            at: Timestamp(0),
            from: None,
            to,
            action,
            reasons: Vec::new(),
        }
    }

    /// The limits as the agent would read them.
    pub(super) fn limits(&self) -> Limits {
        let bytes = |file: &str| {
            let text = self.text(file);
            Some(Bytes(text.trim().parse().unwrap_or(u64::MAX)))
        };
        let text = self.text("cpu.max");
        let (quota, period) = text.trim().split_once(' ').unwrap();
        let period: f64 = period.parse().unwrap();
        let cores = quota
            .parse()
            .map_or(f64::INFINITY, |quota: f64| quota / period);
        Limits {
            cpu: Some(Cores(cores)),
            memory_high: bytes("memory.high"),
            memory_max: bytes("memory.max"),
            ..Limits::default()
        }
    }

    pub(super) fn apply(
        &self,
        applier: &mut Applier,
        second: u64,
        decisions: &[Decision],
    ) -> Vec<String> {
        let now = Timestamp(second * 1_000_000_000);
        words(applier.apply(now, "jobs/a", managed(), &self.limits(), decisions))
    }

    pub(super) fn is_as_it_was(&self) -> bool {
        FILES.iter().all(|(file, text)| self.text(file) == *text)
    }
}

/// The policy of a workload that a rule opts in.
pub(super) fn managed() -> Option<&'static Policy> {
    static POLICY: std::sync::LazyLock<Policy> = std::sync::LazyLock::new(Policy::default);
    Some(&POLICY)
}

/// Outcomes as people read them.
pub(super) fn words(outcomes: Vec<Outcome>) -> Vec<String> {
    outcomes.iter().map(ToString::to_string).collect()
}

pub(super) fn all(machine: &Machine) -> [Decision; 3] {
    [
        machine.decision(Knob::CpuMax, Action::Lower, 0.5),
        machine.decision(Knob::MemoryHigh, Action::Lower, 6e7),
        machine.decision(Knob::MemoryMax, Action::Lower, 7e7),
    ]
}

#[test]
fn observe_writes_nothing_and_makes_no_state() {
    let machine = Machine::new();
    let mut applier = machine.start("observe");
    let outcomes = machine.apply(&mut applier, 1, &all(&machine));
    assert_eq!(outcomes, ["observed"; 3]);
    applier.stop();
    assert!(machine.is_as_it_was());
    assert!(!machine.dir.path().join("state").exists());
    assert_eq!(applier.component().state, Health::Off);
}

#[test]
fn enforce_writes_and_stop_restores() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    assert_eq!(
        machine.apply(&mut applier, 1, &all(&machine)),
        ["applied"; 3]
    );
    assert_eq!(machine.text("cpu.max"), "50000 100000");
    assert_eq!(applier.held(), 3);
    assert_eq!(
        machine.apply(&mut applier, 2, &all(&machine)),
        ["held"; 3],
        "in force already"
    );
    let hold = machine.decision(Knob::CpuMax, Action::Hold, 3.0);
    assert_eq!(machine.apply(&mut applier, 3, &[hold]), ["held"]);
    assert_eq!(machine.text("cpu.max"), "50000 100000");
    assert_eq!(applier.component().cause, "3 limits in force");
    applier.stop();
    assert!(machine.is_as_it_was());
    assert_eq!(applier.held(), 0);
}

#[test]
fn what_is_not_opted_in_is_only_observed() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    let decisions = all(&machine);
    let outcomes =
        words(applier.apply(Timestamp(1), "jobs/a", None, &machine.limits(), &decisions));
    assert_eq!(outcomes, ["observed"; 3]);
    assert!(machine.is_as_it_was());
}

#[test]
fn a_workload_that_is_opted_out_gets_its_limits_back() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    machine.apply(&mut applier, 1, &all(&machine));
    let now = Timestamp(2_000_000_000);
    applier.apply(now, "jobs/a", None, &machine.limits(), &all(&machine));
    assert!(machine.is_as_it_was());
    assert_eq!(applier.held(), 0);
}

#[test]
fn a_crash_is_undone_at_the_next_start_in_each_mode() {
    for mode in ["observe", "enforce"] {
        let machine = Machine::new();
        let mut applier = machine.start("enforce");
        machine.apply(&mut applier, 1, &all(&machine));
        // The lock goes with the process; nothing else is done at a kill.
        drop(applier);
        assert!(!machine.is_as_it_was());
        let next = machine.start(mode);
        assert!(machine.is_as_it_was(), "{mode}");
        let cause = next.component().cause;
        assert!(
            cause.contains("earlier run: 3 restored, 0 skipped, 0 failed"),
            "{cause}"
        );
    }
}

#[test]
fn a_second_enforcing_agent_is_refused_and_an_observing_one_says_so() {
    let machine = Machine::new();
    let mut first = machine.start("enforce");
    machine.apply(&mut first, 1, &all(&machine));
    let state: OsString = machine.dir.path().join("state").into();
    let env = [
        ("LLMOS_MODE".into(), "enforce".into()),
        ("LLMOS_STATE_DIR".into(), state),
    ];
    let config = Config::load(&Cli::default(), env).unwrap();
    let root = Root::at(&machine.root()).unwrap();
    let error = Applier::start(&config, &root).unwrap_err();
    assert_eq!(error.exit_code(), 75);
    assert!(
        error.to_string().contains("is in use by process"),
        "{error}"
    );
    let cause = machine.start("observe").component().cause;
    assert!(
        cause.contains("cannot be restored: ") && cause.contains("in use"),
        "{cause}"
    );
    assert_eq!(
        machine.text("cpu.max"),
        "50000 100000",
        "the first one's limits stay"
    );
}

#[test]
fn a_change_by_others_is_counted_once_and_waited_for() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    let cpu = |to| machine.decision(Knob::CpuMax, Action::Lower, to);
    assert_eq!(machine.apply(&mut applier, 1, &[cpu(0.5)]), ["applied"]);
    machine.put("cpu.max", "200000 100000\n");
    let waiting = "waiting: somebody else changed it";
    assert_eq!(machine.apply(&mut applier, 2, &[cpu(0.5)]), [waiting]);
    assert_eq!(machine.apply(&mut applier, 3, &[cpu(0.5)]), [waiting]);
    assert_eq!(applier.drifts(), 1);
    assert_eq!(applier.component().state, Health::Degraded);
    assert_eq!(machine.text("cpu.max"), "200000 100000\n");
    assert_eq!(machine.apply(&mut applier, 4, &[cpu(0.5)]), ["applied"]);
    machine.put("cpu.max", "200000 100000\n");
    assert_eq!(machine.apply(&mut applier, 5, &[cpu(0.5)]), [waiting]);
    assert_eq!(
        machine.apply(&mut applier, 8, &[cpu(0.5)]),
        [waiting],
        "longer than before"
    );
    assert_eq!(machine.apply(&mut applier, 9, &[cpu(0.5)]), ["applied"]);
    assert_eq!(applier.drifts(), 2);
    applier.stop();
    assert_eq!(
        machine.text("cpu.max"),
        "200000 100000\n",
        "theirs, not what was before it"
    );
}

#[test]
fn a_file_that_cannot_be_written_is_tried_less_and_less() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    machine.put("memory.high", "lots\n");
    let limits = Limits::default();
    let high = [machine.decision(Knob::MemoryHigh, Action::Lower, 6e7)];
    let mut outcome = |second: u64| {
        let now = Timestamp(second * 1_000_000_000);
        words(applier.apply(now, "jobs/a", managed(), &limits, &high)).remove(0)
    };
    assert!(outcome(1).starts_with("failed: ") && outcome(1).starts_with("waiting: "));
    assert_eq!(outcome(2), "waiting: the last write failed");
    assert!(outcome(3).starts_with("failed: "));
    assert_eq!(outcome(6), "waiting: the last write failed");
    machine.put("memory.high", "max\n");
    assert_eq!(outcome(7), "applied");
}

#[test]
fn memory_max_does_not_fall_when_memory_high_could_not() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    machine.put("memory.high", "lots\n");
    let decisions = [
        machine.decision(Knob::MemoryMax, Action::Lower, 7e7),
        machine.decision(Knob::MemoryHigh, Action::Lower, 6e7),
    ];
    let outcomes = words(applier.apply(
        Timestamp(1),
        "jobs/a",
        managed(),
        &Limits::default(),
        &decisions,
    ));
    assert_eq!(
        outcomes[0],
        "waiting: memory.high could not be lowered first"
    );
    assert!(outcomes[1].starts_with("failed: "), "{}", outcomes[1]);
    assert_eq!(machine.text("memory.max"), "max\n");
}

#[test]
fn a_memory_max_below_use_fails_and_is_tried_again() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    let low = [machine.decision(Knob::MemoryMax, Action::Lower, 4e7)];
    let outcome = machine.apply(&mut applier, 1, &low).remove(0);
    assert!(outcome.contains("would kill"), "{outcome}");
    machine.put("memory.current", "30000000\n");
    assert_eq!(machine.apply(&mut applier, 2, &low), ["applied"]);
}

#[test]
fn a_vanished_cgroup_is_normal_and_forgotten() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    let decisions = all(&machine);
    machine.apply(&mut applier, 1, &decisions);
    let limits = machine.limits();
    fs::remove_dir_all(machine.root().join("jobs/a")).unwrap();
    let mut lower = decisions;
    lower[0].to = 0.4;
    let now = Timestamp(2_000_000_000);
    let outcomes = words(applier.apply(now, "jobs/a", managed(), &limits, &lower));
    assert!(
        outcomes.iter().all(|outcome| outcome == "gone"),
        "{outcomes:?}"
    );
    assert_eq!(applier.held(), 0);
    assert_eq!(applier.component().state, Health::Healthy);
}

#[test]
fn a_workload_that_is_no_longer_listed_gets_its_limits_back() {
    let machine = Machine::new();
    machine.add("jobs/b");
    let mut applier = machine.start("enforce");
    machine.apply(&mut applier, 1, &all(&machine));
    let other = Decision {
        workload: CgroupId(machine.id("jobs/b")),
        ..all(&machine)[0].clone()
    };
    for second in 2..=6 {
        let now = Timestamp(second * 1_000_000_000);
        let decisions = std::slice::from_ref(&other);
        applier.apply(now, "jobs/b", managed(), &Limits::default(), decisions);
    }
    assert!(machine.is_as_it_was());
    assert_eq!(applier.held(), 1, "the other one's");
}

#[test]
fn without_controllers_enforcing_is_a_named_state() {
    let machine = Machine::new();
    fs::write(machine.root().join("cgroup.controllers"), "\n").unwrap();
    for (file, _) in FILES {
        fs::remove_file(machine.root().join("jobs/a").join(file)).unwrap();
    }
    let mut applier = machine.start("enforce");
    let component = applier.component();
    assert_eq!(component.state, Health::Unsupported);
    assert!(
        component
            .cause
            .contains("offers no cpu and memory controllers")
    );
    let decisions = all(&machine);
    let outcomes = words(applier.apply(
        Timestamp(1),
        "jobs/a",
        managed(),
        &Limits::default(),
        &decisions,
    ));
    assert!(outcomes[0].starts_with("failed: ") && outcomes[0].contains("cpu.max does not exist"));
    assert!(!Path::new(&machine.root().join("jobs/a/cpu.max")).exists());
}

#[test]
fn weight_and_credit_are_written_in_their_order_and_undone() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    let of = |knob, action, to| machine.decision(knob, action, to);
    let up = [
        of(Knob::CpuMax, Action::Lower, 0.5),
        of(Knob::CpuBurst, Action::Raise, 40_000.0),
        of(Knob::CpuWeight, Action::Raise, 400.0),
    ];
    assert_eq!(machine.apply(&mut applier, 1, &up), ["applied"; 3]);
    assert_eq!(machine.text("cpu.max.burst"), "40000");
    assert_eq!(machine.text("cpu.weight"), "400");
    let down = [
        of(Knob::CpuMax, Action::Lower, 0.2),
        of(Knob::CpuBurst, Action::Lower, 10_000.0),
    ];
    assert_eq!(machine.apply(&mut applier, 2, &down), ["applied"; 2]);
    assert_eq!(machine.text("cpu.max"), "20000 100000");
    assert_eq!(machine.text("cpu.max.burst"), "10000");
    assert_eq!(applier.held(), 3);
    applier.stop();
    assert!(machine.is_as_it_was());
}

#[test]
fn a_quota_waits_while_its_credit_cannot_be_lowered() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    let credit = |to| machine.decision(Knob::CpuBurst, Action::Lower, to);
    let quota = |to| machine.decision(Knob::CpuMax, Action::Lower, to);
    machine.put("cpu.max.burst", "90000\n");
    let first = [quota(0.9), credit(80_000.0)];
    assert_eq!(machine.apply(&mut applier, 1, &first), ["applied"; 2]);
    // Somebody else sets it again, so it is left alone for a while.
    machine.put("cpu.max.burst", "85000\n");
    let mut limits = machine.limits();
    limits.cpu_burst_us = Some(85_000);
    let next = [quota(0.5), credit(50_000.0)];
    let now = Timestamp(2_000_000_000);
    let outcomes = words(applier.apply(now, "jobs/a", managed(), &limits, &next));
    assert_eq!(
        outcomes,
        [
            "waiting: cpu.max.burst could not be lowered first",
            "waiting: somebody else changed it"
        ]
    );
    assert_eq!(machine.text("cpu.max"), "90000 100000");
}
