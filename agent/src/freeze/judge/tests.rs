//! Each trouble begins, holds and ends where its bounds say.

use std::time::Duration;

use super::*;

fn bounds() -> Bounds {
    Bounds {
        file: "/s/freeze".into(),
        memory_pressure: Some(0.2),
        io_pressure: Some(0.5),
        state_free: Some(16 << 20),
        clock_jump_s: Some(2.0),
        lost_per_tick: Some(100),
        hold: Duration::from_secs(3),
    }
}

/// A node without trouble, so many seconds after the first look.
fn calm(second: u64) -> Readings {
    let ns = second as i64 * 1_000_000_000;
    Readings {
        memory_full: Ok(0.0),
        io_full: Ok(0.0),
        state_free: Ok(1 << 30),
        clocks: Ok(Clocks {
            monotonic: ns,
            boot: ns + 7,
            wall: ns + 1_700_000_000_000_000_000,
        }),
        lost: Ok(5000),
        sched_ext: None,
    }
}

/// Runs a tick a second; which causes hold after each.
fn run(bounds: Bounds, seconds: u64, change: impl Fn(u64, &mut Readings)) -> Vec<Vec<Cause>> {
    let mut judge = Judge::new(bounds);
    (0..seconds)
        .map(|second| {
            let mut readings = calm(second);
            change(second, &mut readings);
            let found = judge.tick(Timestamp(second * 1_000_000_000), &readings);
            assert_eq!(found.len(), Cause::ALL.len() - 1, "all but the switch");
            let active = found.iter().filter(|found| found.active);
            active.map(|found| found.cause).collect()
        })
        .collect()
}

/// The seconds in which a cause holds, of twelve; nothing else may hold.
fn holds(cause: Cause, change: impl Fn(u64, &mut Readings)) -> Vec<usize> {
    let ticks = run(bounds(), 12, change);
    let others = ticks.iter().flatten().any(|other| *other != cause);
    assert!(!others, "{ticks:?}");
    let held = ticks
        .iter()
        .enumerate()
        .filter(|(_, tick)| !tick.is_empty());
    held.map(|(second, _)| second).collect()
}

#[test]
fn a_calm_node_is_left_alone() {
    assert!(run(bounds(), 12, |_, _| {}).iter().all(Vec::is_empty));
}

#[test]
fn pressure_holds_until_half_of_its_bound_and_a_while_longer() {
    let memory = |second, readings: &mut Readings| {
        readings.memory_full = Ok(match second {
            2 => 0.21,
            3..=4 => 0.11,
            _ => 0.09,
        });
    };
    // Calm from second 5 on; three seconds later it is over.
    assert_eq!(holds(Cause::MemoryPressure, memory), [2, 3, 4, 5, 6, 7]);
    let at_the_bound = |_, readings: &mut Readings| readings.memory_full = Ok(0.2);
    assert!(holds(Cause::MemoryPressure, at_the_bound).is_empty());
    let io = |second, readings: &mut Readings| {
        readings.io_full = Ok(if second == 1 { 0.6 } else { 0.0 });
    };
    assert_eq!(holds(Cause::IoPressure, io), [1, 2, 3, 4]);
}

#[test]
fn a_full_state_directory_needs_a_quarter_more_room_to_end() {
    let room = |second, readings: &mut Readings| {
        readings.state_free = Ok(match second {
            0 => 1 << 20,
            1..=3 => 17 << 20,
            _ => 20 << 20,
        });
    };
    assert_eq!(holds(Cause::StateFull, room), [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_jump_of_the_wall_clock_holds_for_a_while_in_either_direction() {
    for jump in [2_500_000_000, -2_500_000_000] {
        let set = |second, readings: &mut Readings| {
            if let (true, Ok(clocks)) = (second >= 4, &mut readings.clocks) {
                clocks.wall += jump;
            }
        };
        assert_eq!(holds(Cause::Clock, set), [4, 5, 6, 7], "{jump}");
    }
    let slewed = |second, readings: &mut Readings| {
        if let Ok(clocks) = &mut readings.clocks {
            clocks.wall += second as i64 * 1_900_000_000;
        }
    };
    assert!(holds(Cause::Clock, slewed).is_empty());
}

#[test]
fn a_sleep_is_told_from_a_jump_and_a_late_tick_is_neither() {
    let mut judge = Judge::new(bounds());
    let mut text = |at_s: i64, slept_s: i64| {
        let ns = 1_000_000_000;
        let mut readings = calm(0);
        readings.clocks = Ok(Clocks {
            monotonic: at_s * ns,
            boot: (at_s + slept_s) * ns,
            wall: (at_s + slept_s + 1_700_000_000) * ns,
        });
        let found = judge.tick(Timestamp(at_s as u64 * 1_000_000_000), &readings);
        let clock = found.into_iter().find(|found| found.cause == Cause::Clock);
        clock.map(|found| (found.active, found.text)).unwrap()
    };
    assert!(!text(0, 0).0);
    assert!(!text(60, 0).0, "a tick that was late by a minute");
    let (active, what) = text(61, 600);
    assert!(active && what == "the machine slept for 600.0 s", "{what}");
    let (active, what) = text(70, 600);
    assert!(active, "calm begins now");
    assert!(what.starts_with("last: the machine slept"), "{what}");
    assert!(!text(73, 600).0);
}

#[test]
fn losses_count_by_the_tick_and_a_count_that_began_anew_is_no_loss() {
    let lost = |second, readings: &mut Readings| {
        readings.lost = Ok(match second {
            0..=1 => 5000,
            2 => 5101,
            3 => 5160,
            _ => 5210,
        });
    };
    // 101 at second 2, 59 at 3 is more than half of the bound, 50 at 4 is not.
    assert_eq!(holds(Cause::Lost, lost), [2, 3, 4, 5, 6]);
    let anew = |second, readings: &mut Readings| {
        readings.lost = Ok(if second < 3 { 5000 } else { 0 });
    };
    assert!(holds(Cause::Lost, anew).is_empty());
}

#[test]
fn a_scheduler_of_its_own_holds_while_it_is_there() {
    let attached = |second, readings: &mut Readings| {
        readings.sched_ext = (second < 2).then(|| "rusty".to_owned());
    };
    assert_eq!(holds(Cause::SchedExt, attached), [0, 1, 2, 3, 4]);
}

#[test]
fn what_cannot_be_seen_begins_nothing_and_says_so() {
    let blind = |readings: &mut Readings| {
        let why = || "no such file".to_owned();
        readings.memory_full = Err(why());
        readings.io_full = Err(why());
        readings.state_free = Err(why());
        readings.clocks = Err(why());
        readings.lost = Err(why());
    };
    let mut judge = Judge::new(bounds());
    let mut readings = calm(0);
    blind(&mut readings);
    for found in judge.tick(Timestamp(0), &readings) {
        assert!(!found.active, "{found:?}");
        if found.cause != Cause::SchedExt {
            let expected = (Health::Unsupported, "no such file");
            assert_eq!((found.state, found.text.as_str()), expected);
        }
    }
    // Trouble that cannot be seen any more goes on.
    let then_blind = |second, readings: &mut Readings| match second {
        2 => readings.memory_full = Ok(0.9),
        3.. => readings.memory_full = Err("gone".to_owned()),
        _ => {}
    };
    let held = holds(Cause::MemoryPressure, then_blind);
    assert_eq!(held, (2..12).collect::<Vec<_>>());
}

#[test]
fn a_bound_of_zero_is_not_looked_at() {
    let none = Bounds {
        memory_pressure: None,
        io_pressure: None,
        state_free: None,
        clock_jump_s: None,
        lost_per_tick: None,
        ..bounds()
    };
    let everything = |second: u64, readings: &mut Readings| {
        readings.memory_full = Ok(1.0);
        readings.io_full = Ok(1.0);
        readings.state_free = Ok(0);
        readings.lost = Ok(second * 1_000_000);
        if let Ok(clocks) = &mut readings.clocks {
            clocks.wall += second as i64 * 60_000_000_000;
        }
    };
    assert!(run(none.clone(), 12, everything).iter().all(Vec::is_empty));
    let found = Judge::new(none).tick(Timestamp(0), &calm(0));
    let off = found.iter().filter(|found| found.state == Health::Off);
    assert_eq!(off.count(), 5);
}
