//! The applier and others who write the same files: seen at once, counted, waited for, left to them.

use std::time::Duration;

use llmos_engine::policy::OnForeignChange;
use llmos_proto::status::HandedOver;

use super::*;
use crate::watch::{Settings, Stalls, WatchEvent, Watches};

const WAITING: &str = "waiting: somebody else changed it";
const LEFT: &str = "waiting: left to somebody else who changes it";

fn at(seconds: f64) -> Timestamp {
    Timestamp((seconds * 1e9) as u64)
}

impl Machine {
    fn of(&self, path: &str, knob: Knob, to: f64) -> Decision {
        Decision {
            workload: CgroupId(self.id(path)),
            ..self.decision(knob, Action::Lower, to)
        }
    }

    fn quota(&self, to: f64) -> [Decision; 1] {
        [self.of("jobs/a", Knob::CpuMax, to)]
    }

    /// Writes a limit between two ticks.
    fn raise(&self, applier: &mut Applier, now: Timestamp, knob: Knob, to: f64) -> String {
        let decision = self.of("jobs/a", knob, to);
        applier.at_once(now, "jobs/a", &decision).to_string()
    }
}

fn counts(applier: &Applier) -> Vec<(String, u64)> {
    let counts = applier.changes_by_others().into_iter();
    let some = counts.filter(|count| count.count > 0);
    some.map(|count| (count.kind, count.count)).collect()
}

#[test]
fn a_change_that_is_looked_at_is_seen_before_the_tick_and_kept() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    machine.apply(&mut applier, 1, &machine.quota(0.5));
    let id = CgroupId(machine.id("jobs/a"));
    applier.look(at(1.1), id, Knob::CpuMax);
    applier.look(at(1.1), id, Knob::MemoryMax);
    assert_eq!(
        applier.drifts(),
        0,
        "our own write, and a file that is not ours"
    );
    machine.put("cpu.max", "200000 100000\n");
    applier.look(at(1.2), id, Knob::CpuMax);
    applier.look(at(1.3), id, Knob::CpuMax);
    assert_eq!(applier.drifts(), 1);
    let outcomes = machine.apply(&mut applier, 2, &machine.quota(0.5));
    assert_eq!(outcomes, [WAITING]);
    assert_eq!(applier.drifts(), 1, "the tick sees the same one");
    // As at a kill: what is on disk has to do.
    drop(applier);
    drop(machine.start("observe"));
    assert_eq!(machine.text("cpu.max"), "200000 100000\n");
}

#[test]
fn a_raise_between_two_ticks_does_not_write_over_others() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    machine.apply(&mut applier, 1, &machine.quota(0.5));
    machine.put("cpu.max", "20000 100000\n");
    let outcome = machine.raise(&mut applier, at(1.5), Knob::CpuMax, 1.0);
    assert_eq!(outcome, WAITING, "seen by the write itself");
    assert_eq!(applier.drifts(), 1);
    let outcome = machine.raise(&mut applier, at(3.4), Knob::CpuMax, 1.0);
    assert_eq!(outcome, WAITING);
    assert_eq!(machine.text("cpu.max"), "20000 100000\n");
    let outcome = machine.raise(&mut applier, at(3.5), Knob::CpuMax, 1.0);
    assert_eq!(outcome, "applied");
}

#[test]
fn who_insists_gets_the_file_until_its_time_is_over() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    let mut second = 1;
    let mut handed_over = Vec::new();
    machine.apply(&mut applier, second, &all(&machine));
    for _ in 0..5 {
        assert!(handed_over.is_empty());
        machine.put("cpu.max", "200000 100000\n");
        // As long as it takes to write it again, or not to.
        for _ in 0..40 {
            second += 1;
            machine.apply(&mut applier, second, &machine.quota(0.5));
        }
        handed_over = applier.handed_over();
    }
    let [
        HandedOver {
            cgroup,
            knob,
            class,
            by_policy,
            ..
        },
    ] = &handed_over[..]
    else {
        panic!("{handed_over:?}");
    };
    assert_eq!((cgroup.as_str(), knob.as_str()), ("jobs/a", "cpu.max"));
    assert_eq!((class.as_str(), *by_policy), ("another_writer", false));
    let expected = [("another_writer".to_owned(), 3), ("unknown".to_owned(), 2)];
    assert_eq!(counts(&applier), expected);
    let component = applier.component();
    assert_eq!(component.state, Health::Degraded);
    let cause = &component.cause;
    assert!(cause.starts_with("2 limits in force"), "{cause}");
    assert!(
        cause.ends_with("; left to others: cpu.max of jobs/a"),
        "{cause}"
    );

    let raised = machine.raise(&mut applier, at(second as f64 + 0.5), Knob::CpuMax, 9.0);
    assert_eq!(raised, LEFT);
    machine.put("cpu.max", "300000 100000\n");
    let outcomes = machine.apply(&mut applier, second + 3000, &machine.quota(0.5));
    assert_eq!(outcomes, [LEFT]);
    assert_eq!(machine.text("cpu.max"), "300000 100000\n");
    assert_eq!(
        counts(&applier),
        expected,
        "what they do with it is their affair"
    );
    let outcomes = machine.apply(&mut applier, second + 3601, &machine.quota(0.5));
    assert_eq!(outcomes, ["applied"]);
    assert_eq!(applier.handed_over(), []);
    applier.stop();
    assert_eq!(machine.text("cpu.max"), "300000 100000\n");
    assert_eq!(machine.text("memory.max"), "max\n");
}

#[test]
fn with_yield_the_first_change_is_enough() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    let policy = Policy {
        on_foreign_change: OnForeignChange::Yield,
        hand_over_s: f64::INFINITY,
        ..Policy::default()
    };
    let mut apply = |second: f64| {
        let limits = machine.limits();
        let quota = machine.quota(0.5);
        let outcomes = words(applier.apply(at(second), "jobs/a", Some(&policy), &limits, &quota));
        (
            outcomes[0].clone(),
            applier.handed_over(),
            applier.component(),
        )
    };
    assert_eq!(apply(1.0).0, "applied");
    machine.put("cpu.max", "200000 100000\n");
    let (outcome, handed_over, component) = apply(2.0);
    assert_eq!(outcome, LEFT);
    assert!(handed_over[0].by_policy && handed_over[0].left_s.is_none());
    assert_eq!(component.state, Health::Healthy, "as people wanted it");
    assert_eq!(apply(1e6).0, LEFT);
    drop(applier);
    drop(machine.start("observe"));
    assert_eq!(machine.text("cpu.max"), "200000 100000\n");
}

#[test]
fn a_file_that_is_opted_out_and_in_again_begins_anew() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    let policy = Policy {
        on_foreign_change: OnForeignChange::Yield,
        ..Policy::default()
    };
    let quota = machine.quota(0.5);
    let mut apply = |second: f64, policy: Option<&Policy>| {
        words(applier.apply(at(second), "jobs/a", policy, &machine.limits(), &quota))
    };
    apply(1.0, Some(&policy));
    machine.put("cpu.max", "200000 100000\n");
    assert_eq!(apply(2.0, Some(&policy)), [LEFT]);
    assert_eq!(apply(3.0, None), ["observed"]);
    assert_eq!(machine.text("cpu.max"), "200000 100000\n");
    assert_eq!(apply(4.0, Some(&policy)), ["applied"]);
}

#[test]
fn reloads_of_systemd_are_told_apart_and_never_end_it() {
    const UNIT: &str = "system.slice/web.service";
    let machine = Machine::new();
    machine.add(UNIT);
    let file = |name: &str| machine.root().join(UNIT).join(name);
    let reload = || {
        fs::write(file("cpu.max"), "max 100000\n").unwrap();
        fs::write(file("memory.high"), "max\n").unwrap();
    };
    let mut applier = machine.start("enforce");
    let decisions = [
        machine.of(UNIT, Knob::CpuMax, 0.5),
        machine.of(UNIT, Knob::MemoryHigh, 6e7),
    ];
    let id = CgroupId(machine.id(UNIT));
    let mut now = 1.0;
    for _ in 0..8 {
        // The walk is not asked here: it sees the same.
        let limits = Limits::default();
        let outcomes = words(applier.apply(at(now), UNIT, managed(), &limits, &decisions));
        assert_eq!(outcomes, ["applied"; 2]);
        reload();
        for knob in [Knob::CpuMax, Knob::MemoryHigh] {
            applier.look(at(now + 0.1), id, knob);
        }
        let outcomes = words(applier.apply(at(now + 1.5), UNIT, managed(), &limits, &decisions));
        assert_eq!(outcomes, ["waiting: systemd has put its own value back"; 2]);
        // The waits get longer all the same.
        now += 400.0;
    }
    assert_eq!(counts(&applier), [("systemd_reload".to_owned(), 16)]);
    assert_eq!(applier.handed_over(), []);
}

#[test]
fn what_is_theirs_stays_theirs_over_a_takeover() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    let policy = Policy {
        on_foreign_change: OnForeignChange::Yield,
        ..Policy::default()
    };
    let decisions = all(&machine);
    let mut apply = |second: u64| {
        let now = Timestamp(second * 1_000_000_000);
        applier.tick(now);
        let limits = machine.limits();
        words(applier.apply(now, "jobs/a", Some(&policy), &limits, &decisions))
    };
    apply(1);
    machine.put("cpu.max", "200000 100000\n");
    assert_eq!(apply(2)[0], LEFT);
    let state = machine.dir.path().join("state");
    fs::remove_file(state.join("lease")).unwrap();
    llmos_cgroupfs::restore_all(&state, &machine.root()).unwrap();
    assert_eq!(machine.text("memory.max"), "max\n");
    assert_eq!(apply(3), [LEFT, "applied", "applied"]);
    assert_eq!(applier.drifts(), 1, "a takeover is nobody else's change");
    assert_eq!(machine.text("cpu.max"), "200000 100000\n");
}

/// The next limit file that was written; none when nothing more is told.
async fn told(watches: &mut Watches) -> Option<(CgroupId, Knob, Timestamp)> {
    let wait = Duration::from_millis(200);
    match tokio::time::timeout(wait, watches.next()).await.ok()? {
        WatchEvent::LimitFile { cgroup, knob, at } => Some((cgroup, knob, at)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_inotify_tells_is_looked_at_once_for_each_write() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    let settings = Settings {
        node: Stalls::default(),
        cgroups: Stalls::default(),
        memory_events: false,
        ..Settings::default()
    };
    let mut watches = Watches::new(machine.root(), settings);
    let clock = || crate::host::clock::monotonic().unwrap();
    let apply = |applier: &mut Applier, to: f64| {
        let limits = machine.limits();
        applier.apply(clock(), "jobs/a", managed(), &limits, &machine.quota(to))
    };
    apply(&mut applier, 0.5);
    watches.hold_limits(applier.held_files());
    let health = watches.limits_health().unwrap();
    assert_eq!(health.cause, "1 limit files, by inotify");
    // A write of ours costs one look and is no change, also the first, before its watch.
    for to in [0.5, 0.4, 0.3] {
        apply(&mut applier, to);
        let (cgroup, knob, at) = told(&mut watches).await.unwrap();
        applier.look(at, cgroup, knob);
        assert_eq!(told(&mut watches).await, None);
    }
    assert_eq!(applier.drifts(), 0);
    machine.put("cpu.max", "200000 100000\n");
    let (cgroup, knob, at) = told(&mut watches).await.unwrap();
    applier.look(at, cgroup, knob);
    assert_eq!((knob, applier.drifts()), (Knob::CpuMax, 1));
    assert_eq!(machine.text("cpu.max"), "200000 100000\n");
    // What is given back is watched no more.
    let limits = machine.limits();
    applier.apply(clock(), "jobs/a", None, &limits, &machine.quota(0.5));
    watches.hold_limits(applier.held_files());
    machine.put("cpu.max", "100000 100000\n");
    assert_eq!(told(&mut watches).await, None);
}

/// A generator of numbers that look random (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// Whatever others write and whenever, there is never more than one write over a value of theirs per
/// file and second, and at the end each file holds the newest value that they have set.
#[test]
fn a_quarrel_costs_at_most_one_write_per_file_and_second() {
    const KNOBS: [Knob; 3] = [Knob::CpuMax, Knob::MemoryHigh, Knob::MemoryMax];
    // Values of both sides, so that it can be told whose a file holds.
    let theirs = |knob: Knob, n: u64| match knob {
        Knob::CpuMax => format!("{}77000 100000\n", n + 1),
        _ => format!("{}\n", (n + 20_001) * 4096),
    };
    let ours = |knob: Knob, n: u64| match knob {
        Knob::CpuMax => 0.3 + 0.1 * n as f64,
        _ => ((n + 15_001) * 4096) as f64,
    };
    let (mut over, mut handed_over) = (0, 0);
    for seed in 1..=24 {
        let mut dice = Dice(seed * 0x9e37_79b9);
        let machine = Machine::new();
        let mut applier = machine.start("enforce");
        let id = CgroupId(machine.id("jobs/a"));
        let mut now = Timestamp(1_000_000_000);
        // By file: what others have set last, whether it holds that, and our last write over it.
        let mut last = KNOBS.map(|knob| (machine.text(knob.file()), false, None::<Timestamp>));
        // Some runs are hasty, some slow.
        let hurry = dice.one(&[50, 700, 4000]);
        for _ in 0..200 {
            now.0 += dice.below(hurry) * 1_000_000;
            let before = KNOBS.map(|knob| machine.text(knob.file()));
            let left: Vec<String> = applier.handed_over().into_iter().map(|h| h.knob).collect();
            let which = dice.below(3) as usize;
            match dice.below(8) {
                0..=2 => {
                    let text = theirs(KNOBS[which], dice.below(9));
                    machine.put(KNOBS[which].file(), &text);
                    last[which].0 = text;
                    last[which].1 = true;
                    continue;
                }
                3 => applier.look(now, id, KNOBS[which]),
                4 => {
                    let to = ours(KNOBS[which], dice.below(9));
                    machine.raise(&mut applier, now, KNOBS[which], to);
                }
                _ => {
                    applier.tick(now);
                    let decisions = KNOBS.map(|knob| Decision {
                        action: dice.one(&[Action::Raise, Action::Lower, Action::Hold]),
                        ..machine.of("jobs/a", knob, ours(knob, dice.below(9)))
                    });
                    let limits = machine.limits();
                    applier.apply(now, "jobs/a", managed(), &limits, &decisions);
                }
            }
            for (knob, (before, last)) in KNOBS.iter().zip(before.iter().zip(&mut last)) {
                if machine.text(knob.file()) == *before {
                    continue;
                }
                let file = knob.file();
                assert!(
                    !left.contains(&file.to_owned()),
                    "{seed}: {file} was theirs"
                );
                if std::mem::take(&mut last.1) {
                    let since = last.2.map(|at| now.seconds_since(at));
                    assert!(since.is_none_or(|s| s >= 1.0), "{seed}: {file} {since:?}");
                    last.2 = Some(now);
                    over += 1;
                }
            }
        }
        handed_over += applier.handed_over().len();
        applier.stop();
        for (knob, (theirs, ..)) in KNOBS.iter().zip(&last) {
            assert_eq!(
                machine.text(knob.file()),
                *theirs,
                "{seed}: {}",
                knob.file()
            );
        }
    }
    assert!(
        over > 50 && handed_over > 5,
        "{over} {handed_over}: no quarrel"
    );
}

#[test]
fn the_cgroup_of_the_watchdog_is_known_while_it_runs() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    assert_eq!(applier.watchdog_cgroup(), None);
    let state = machine.dir.path().join("state");
    let watchdog = llmos_cgroupfs::Presence::announce(&state).unwrap();
    let mut ticks = 1..;
    let mut tick = |applier: &mut Applier| {
        for tick in ticks.by_ref().take(5) {
            applier.tick(Timestamp(tick));
        }
    };
    tick(&mut applier);
    let own = crate::host::facts::cgroup_of("self");
    assert!(own.is_some());
    assert_eq!(applier.watchdog_cgroup(), own.as_deref());
    drop(watchdog);
    tick(&mut applier);
    assert_eq!(applier.watchdog_cgroup(), None);
}
