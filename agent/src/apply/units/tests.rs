//! The enforcer with a stand-in for systemd on a real bus.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use llmos_cgroupfs::{Root, restore_all_on};
use llmos_engine::decide::{Action, Decision, Knob};
use llmos_engine::sample::Limits;
use llmos_engine::units::{Bytes, CgroupId, Cores, Timestamp};
use llmos_proto::status::Health;
use llmos_systemd::{Host, UNSET};
use llmos_systemd_stand_in::StandIn;
use tempfile::TempDir;

use super::Which;
use crate::apply::tests::{managed, words};
use crate::apply::{Applier, Outcome};
use crate::config::{Cli, Config};

const UNIT: &str = "batch.service";
const PATH: &str = "system.slice/batch.service";
const FILES: [(&str, &str); 6] = [
    ("cpu.max", "max 100000\n"),
    ("cpu.max.burst", "0\n"),
    ("cpu.weight", "100\n"),
    ("memory.high", "max\n"),
    ("memory.max", "max\n"),
    ("memory.current", "50000000\n"),
];

/// A machine with one service, which is opted in, and a systemd.
struct Machine {
    dir: TempDir,
    systemd: StandIn,
    second: u64,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        let systemd = StandIn::start(Some(&root));
        systemd.add(UNIT, PATH);
        let machine = Self {
            dir,
            systemd,
            second: 0,
        };
        machine.make();
        fs::write(root.join("cgroup.controllers"), "cpu memory\n").unwrap();
        machine
    }

    /// Makes the cgroup of the service.
    fn make(&self) {
        let dir = self.cgroup();
        fs::create_dir_all(&dir).unwrap();
        for (file, text) in FILES {
            fs::write(dir.join(file), text).unwrap();
        }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn cgroup(&self) -> PathBuf {
        self.root().join(PATH)
    }

    fn host(&self) -> Host {
        Host::at(&self.systemd.address(), &self.systemd.run())
    }

    fn id(&self) -> u64 {
        fs::metadata(self.cgroup()).unwrap().ino()
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.cgroup().join(file)).unwrap()
    }

    fn start(&self) -> Applier {
        self.start_on(self.host())
    }

    fn start_on(&self, host: Host) -> Applier {
        let env = [
            ("LLMOS_MODE".into(), "enforce".into()),
            ("LLMOS_STATE_DIR".into(), self.state().into()),
        ];
        let config = Config::load(&Cli::default(), env).unwrap();
        let root = Root::at(&self.root()).unwrap();
        Applier::start_with(&config, &root, Which::on(host)).unwrap()
    }

    fn limits(&self) -> Limits {
        let bytes = |file: &str| Some(Bytes(self.text(file).trim().parse().unwrap_or(u64::MAX)));
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

    /// A tick that wants these limits of the service; what came of them.
    fn tick(&mut self, applier: &mut Applier, wanted: &[(Knob, f64)]) -> Vec<String> {
        self.second += 1;
        let now = Timestamp(self.second * 1_000_000_000);
        applier.tick(now);
        let id = self.id();
        let decisions: Vec<_> = wanted
            .iter()
            .map(|(knob, to)| Decision {
                workload: CgroupId(id),
                knob: *knob,
                at: now,
                from: None,
                to: *to,
                action: Action::Lower,
                reasons: Vec::new(),
            })
            .collect();
        let outcomes = words(applier.apply(now, PATH, managed(), &self.limits(), &decisions));
        applier.settle();
        outcomes
    }

    /// Ticks until it is so.
    fn until(&mut self, applier: &mut Applier, wanted: &[(Knob, f64)], so: impl Fn(&Self) -> bool) {
        for _ in 0..60 {
            self.tick(applier, wanted);
            if so(self) {
                return;
            }
        }
        panic!("60 ticks were not enough: {:?}", applier.systemd());
    }

    fn holds(&self, quota: u64) -> bool {
        self.systemd.value(UNIT, "CPUQuotaPerSecUSec") == quota
    }

    fn is_as_it_was(&self) -> bool {
        FILES.iter().all(|(file, text)| self.text(file) == *text)
            && self.holds(UNSET)
            && self.systemd.value(UNIT, "MemoryMax") == UNSET
            && self.systemd.drop_ins(UNIT).is_empty()
    }
}

impl Applier {
    /// Waits until the thread has done all that was offered.
    fn settle(&self) {
        let start = Instant::now();
        let worker = self
            .enforcer
            .as_ref()
            .unwrap()
            .units()
            .worker
            .as_ref()
            .unwrap();
        while !worker.is_idle() {
            assert!(start.elapsed() < Duration::from_secs(60), "it never ends");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

const HALF: [(Knob, f64); 2] = [(Knob::CpuMax, 0.5), (Knob::MemoryMax, 128e6)];

#[test]
fn a_limit_is_in_its_file_at_once_and_in_systemd_when_it_stands() {
    let mut machine = Machine::new();
    let mut applier = machine.start();
    assert_eq!(applier.actuator(PATH), "systemd");
    assert_eq!(applier.actuator("jobs/a"), "cgroupfs");
    machine.tick(&mut applier, &HALF);
    assert_eq!(machine.text("cpu.max"), "50000 100000");
    assert!(machine.systemd.calls().is_empty());
    machine.until(&mut applier, &HALF, |machine| machine.holds(500_000));
    let calls = machine.systemd.calls();
    assert_eq!(calls.len(), 1, "the full set in one call");
    let names: Vec<&str> = calls[0]
        .properties
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        names,
        ["CPUQuotaPerSecUSec", "CPUQuotaPeriodUSec", "MemoryMax"]
    );
    for _ in 0..20 {
        machine.tick(&mut applier, &HALF);
    }
    assert_eq!(machine.systemd.calls().len(), 1, "it has it");
    machine.systemd.daemon_reload();
    machine.tick(&mut applier, &HALF);
    assert_eq!(machine.text("cpu.max").trim(), "50000 100000");
    assert_eq!(applier.drifts(), 0);
    let health = applier.systemd().unwrap();
    assert_eq!(health.state, Health::Healthy, "{health:?}");
    applier.stop();
    assert!(machine.is_as_it_was());
}

#[test]
fn a_reload_costs_a_limit_that_systemd_does_not_know_yet_one_tick() {
    let mut machine = Machine::new();
    let mut applier = machine.start();
    machine.until(&mut applier, &HALF, |machine| machine.holds(500_000));
    let lent = [(Knob::CpuMax, 2.0), HALF[1]];
    machine.tick(&mut applier, &lent);
    machine.systemd.daemon_reload();
    assert_eq!(machine.text("cpu.max"), "50000 100000\n");
    // Nothing is decided, and it is written again all the same.
    machine.tick(&mut applier, &[]);
    machine.second += 1;
    let now = Timestamp(machine.second * 1_000_000_000);
    applier.tick(now);
    let hold = Decision {
        workload: CgroupId(machine.id()),
        knob: Knob::CpuMax,
        at: now,
        from: None,
        to: 2.0,
        action: Action::Hold,
        reasons: Vec::new(),
    };
    applier.apply(now, PATH, managed(), &machine.limits(), &[hold]);
    assert_eq!(machine.text("cpu.max"), "200000 100000");
    assert_eq!(applier.drifts(), 0, "nobody else has changed it");
}

#[test]
fn what_systemd_writes_on_our_own_call_is_nobody_elses_change() {
    let mut machine = Machine::new();
    let mut applier = machine.start();
    // It has been called, and what came of that is not taken in yet.
    machine.until(&mut applier, &HALF, |machine| machine.holds(500_000));
    let now = Timestamp(machine.second * 1_000_000_000 + 1);
    let id = CgroupId(machine.id());
    let raise = Decision {
        workload: id,
        knob: Knob::CpuMax,
        at: now,
        from: None,
        to: 2.0,
        action: Action::Raise,
        reasons: Vec::new(),
    };
    assert_eq!(applier.at_once(now, PATH, &raise), Outcome::Applied);
    // systemd is a moment later than the fast path.
    fs::write(machine.root().join(PATH).join("cpu.max"), "50000 100000\n").unwrap();
    applier.look(now, id, Knob::CpuMax);
    assert_eq!(applier.drifts(), 0);
    machine.tick(&mut applier, &[(Knob::CpuMax, 2.0), HALF[1]]);
    assert_eq!(machine.text("cpu.max"), "200000 100000", "written again");
    applier.stop();
    assert!(machine.is_as_it_was());
}

#[test]
fn the_next_hold_of_a_unit_leaves_no_drop_in_either() {
    let mut machine = Machine::new();
    // systemd itself goes on naming drop-ins that are gone, until it is reloaded.
    for _ in 0..2 {
        let mut applier = machine.start();
        machine.until(&mut applier, &HALF, |machine| machine.holds(500_000));
        applier.stop();
        assert!(machine.is_as_it_was());
    }
}

#[test]
fn what_others_set_becomes_the_original() {
    let mut machine = Machine::new();
    let mut applier = machine.start();
    machine.until(&mut applier, &HALF, |machine| machine.holds(500_000));
    machine.systemd.set(UNIT, "MemoryMax", 900_000_000);
    machine.until(&mut applier, &HALF, |machine| {
        machine.systemd.value(UNIT, "MemoryMax") < 900_000_000
    });
    applier.stop();
    assert_eq!(machine.systemd.value(UNIT, "MemoryMax"), 900_000_000);
    assert_eq!(machine.text("memory.max"), "900000000\n");
    assert!(machine.holds(UNSET));
    assert_eq!(machine.systemd.drop_ins(UNIT), ["50-MemoryMax.conf"]);
}

fn disputed(ticks: u32) -> (Machine, Applier) {
    let mut machine = Machine::new();
    let mut applier = machine.start();
    machine.until(&mut applier, &HALF, |machine| machine.holds(500_000));
    machine.systemd.set(UNIT, "CPUQuotaPerSecUSec", 1_200_000);
    (0..ticks).for_each(|_| drop(machine.tick(&mut applier, &HALF)));
    (machine, applier)
}

fn theirs_stays(machine: &Machine, when: &str) {
    assert!(machine.holds(1_200_000), "{when}");
    assert_eq!(machine.text("cpu.max"), "120000 100000\n", "{when}");
    machine.systemd.daemon_reload();
    assert_eq!(machine.text("cpu.max"), "120000 100000\n", "{when}");
}

#[test]
fn what_others_set_stays_however_soon_we_stop() {
    for ticks in [0, 1, 2, 3, 8] {
        let (machine, mut applier) = disputed(ticks);
        applier.stop();
        theirs_stays(&machine, &format!("after {ticks} ticks"));
    }
}

#[test]
fn what_others_set_outlives_a_crash_however_soon() {
    let is_noted = |machine: &Machine| {
        let journal = fs::read_to_string(machine.state().join("journal")).unwrap();
        let unit = journal.lines().rfind(|line| line.contains("\tunit\t"));
        unit.is_some_and(|line| line.contains("1200000"))
    };
    for (ticks, noted) in [(0, false), (1, false), (3, false), (8, false), (0, true)] {
        let (mut machine, mut applier) = disputed(ticks);
        if noted {
            machine.until(&mut applier, &HALF, is_noted);
        }
        drop(applier);
        restore_all_on(&machine.state(), &machine.root(), &machine.host()).unwrap();
        theirs_stays(&machine, &format!("after {ticks} ticks, noted: {noted}"));
    }
}

#[test]
fn a_dead_agent_leaves_nothing_in_systemd() {
    let mut machine = Machine::new();
    let mut applier = machine.start();
    machine.until(&mut applier, &HALF, |machine| machine.holds(500_000));
    drop(applier);
    let report = restore_all_on(&machine.state(), &machine.root(), &machine.host()).unwrap();
    assert_eq!(report.units, [UNIT]);
    assert!(machine.is_as_it_was());
    // And one that starts after a crash does it itself.
    let mut applier = machine.start();
    machine.until(&mut applier, &HALF, |machine| machine.holds(500_000));
    drop(applier);
    let applier = machine.start();
    assert!(machine.is_as_it_was());
    drop(applier);
}

#[test]
fn a_service_that_starts_anew_begins_with_its_own_limits() {
    let mut machine = Machine::new();
    let mut applier = machine.start();
    machine.until(&mut applier, &HALF, |machine| machine.holds(500_000));
    fs::rename(machine.cgroup(), machine.root().join("old")).unwrap();
    machine.make();
    machine.systemd.daemon_reload();
    assert_eq!(
        machine.text("cpu.max"),
        "50000 100000\n",
        "systemd has ours"
    );
    let quarter = [(Knob::CpuMax, 0.25)];
    let first = machine.tick(&mut applier, &quarter);
    assert!(
        first[0].starts_with("waiting: systemd takes back"),
        "{first:?}"
    );
    machine.until(&mut applier, &quarter, |machine| machine.holds(250_000));
    applier.stop();
    assert!(machine.is_as_it_was());
}

#[test]
fn one_that_is_no_longer_opted_in_gets_its_unit_back() {
    let mut machine = Machine::new();
    let mut applier = machine.start();
    machine.until(&mut applier, &HALF, |machine| machine.holds(500_000));
    for _ in 0..3 {
        machine.second += 1;
        let now = Timestamp(machine.second * 1_000_000_000);
        applier.tick(now);
        let hold = Decision {
            workload: CgroupId(machine.id()),
            knob: Knob::CpuMax,
            at: now,
            from: None,
            to: 0.5,
            action: Action::Hold,
            reasons: Vec::new(),
        };
        applier.apply(now, PATH, None, &machine.limits(), &[hold]);
        applier.settle();
    }
    assert!(machine.is_as_it_was());
    assert_eq!(applier.held(), 0);
}

#[test]
fn without_a_bus_limits_are_in_files_and_it_is_named() {
    let mut machine = Machine::new();
    let nowhere = Host::at("unix:path=/nonexistent/bus", &machine.systemd.run());
    let mut applier = machine.start_on(nowhere);
    for _ in 0..10 {
        let outcomes = machine.tick(&mut applier, &HALF);
        assert!(
            outcomes.iter().all(|o| o == "applied" || o == "held"),
            "{outcomes:?}"
        );
    }
    assert_eq!(machine.text("cpu.max"), "50000 100000");
    let health = applier.systemd().unwrap();
    assert_eq!(health.state, Health::Degraded);
    assert!(
        health.cause.contains("cannot reach the system bus"),
        "{}",
        health.cause
    );
    applier.stop();
    assert!(machine.is_as_it_was());
}

#[test]
fn a_bus_that_hangs_does_not_hold_the_loop_up() {
    let mut machine = Machine::new();
    let mut applier = machine.start();
    machine.until(&mut applier, &HALF, |machine| machine.holds(500_000));
    machine.systemd.hang();
    let quarter = [(Knob::CpuMax, 0.25)];
    for _ in 0..20 {
        machine.second += 1;
        let now = Timestamp(machine.second * 1_000_000_000);
        applier.tick(now);
        let decision = Decision {
            workload: CgroupId(machine.id()),
            knob: Knob::CpuMax,
            at: now,
            from: None,
            to: quarter[0].1,
            action: Action::Lower,
            reasons: Vec::new(),
        };
        applier.apply(now, PATH, managed(), &machine.limits(), &[decision]);
    }
    let worker = applier.enforcer.as_ref().unwrap().units().worker.as_ref();
    assert!(
        !worker.unwrap().is_idle(),
        "the call still waits, the loop did not"
    );
    assert_eq!(machine.text("cpu.max"), "25000 100000");
}

#[test]
fn a_cgroup_that_systemd_has_elsewhere_is_not_its_unit() {
    let mut machine = Machine::new();
    machine.systemd.forget(UNIT);
    machine.systemd.add(UNIT, "another.slice/batch.service");
    let mut applier = machine.start();
    for _ in 0..10 {
        machine.tick(&mut applier, &HALF);
    }
    assert_eq!(applier.actuator(PATH), "cgroupfs");
    assert!(machine.systemd.calls().is_empty());
    assert_eq!(machine.text("cpu.max"), "50000 100000");
    let health = applier.systemd().unwrap();
    assert!(health.cause.contains("another.slice"), "{}", health.cause);
    assert!(Path::new(&machine.state()).join("journal").exists());
}

#[test]
fn a_call_without_an_answer_is_still_ours() {
    let mut machine = Machine::new();
    let mut applier = machine.start();
    machine.until(&mut applier, &HALF, |machine| machine.holds(500_000));
    machine.systemd.lose_answers(2);
    let quarter = [(Knob::CpuMax, 0.25), (Knob::MemoryMax, 100e6)];
    machine.until(&mut applier, &quarter, |machine| machine.holds(250_000));
    let eighth = [(Knob::CpuMax, 0.12), (Knob::MemoryMax, 90e6)];
    machine.until(&mut applier, &eighth, |machine| machine.holds(120_000));
    machine.tick(&mut applier, &eighth);
    assert_eq!(applier.drifts(), 0);
    applier.stop();
    assert!(machine.is_as_it_was());
}
