//! What goes wrong on real machines, made to go wrong on purpose and often: `vm-act chaos CASE RUNS`.
//! After each run the originals of all limits have to be back. Everything that is under test is seen
//! from outside: files are read, and each write of the machine is traced.

pub mod churn;
mod clock_jump;
mod damage;
mod disk;
mod disk_full;
mod kill9;
mod kill_between;
mod lane;
mod maps_full;
mod other_writer;
mod reboot;
mod sigstop;
mod subject;
mod tally;
mod way;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use llmos_vm_tests::clock::wait_for;
use llmos_vm_tests::report::Report;
use serde_json::{Value, json};

use lane::{Kind, Lane, Place};
use llmos_vm_tests::tracer::Tracer;
use way::Way;

/// Between two looks of people at the progress.
const TOLD_EACH: usize = 10;
/// A lane in which so many runs could not be made is given up.
const GIVEN_UP: usize = 5;
/// Start of an agent and its first writes, in an emulated machine with other agents in it.
const CHANGED: Duration = Duration::from_secs(60);

/// What a lane does.
trait Work {
    /// How many runs all lanes make together; as many as were asked for unless it says otherwise.
    fn runs(&mut self, asked: u32) -> u32 {
        asked
    }

    /// One run, from originals to originals; what was seen of it.
    fn one(&mut self, lane: &mut Lane, at: u32) -> Result<Value>;
}

/// How a case is run.
struct Case {
    name: &'static str,
    lanes: u32,
    place: Place,
    kind: Kind,
    /// What is done once, before there are lanes.
    before: fn() -> Result<()>,
    make: fn(&mut Lane) -> Result<Box<dyn Work>>,
}

const fn case(
    name: &'static str,
    lanes: u32,
    place: Place,
    make: fn(&mut Lane) -> Result<Box<dyn Work>>,
) -> Case {
    Case {
        name,
        lanes,
        place,
        kind: Kind::Fast,
        before: || Ok(()),
        make,
    }
}

const CASES: [Case; 9] = [
    case("kill9", 6, Place::Memory, |_| Ok(Box::new(kill9::Kill9))),
    case("kill_between", 6, Place::Disk, |_| {
        Ok(Box::new(kill_between::KillBetween))
    }),
    case("disk_full", 6, Place::Tiny, |_| {
        Ok(Box::new(disk_full::DiskFull))
    }),
    case("journal_damage", 4, Place::Memory, |lane| {
        Ok(Box::new(damage::Damaged::make(lane)?))
    }),
    case("churn", 2, Place::Memory, |lane| {
        Ok(Box::new(churn::Churn::start(lane.number)?))
    }),
    case("sigstop", 8, Place::Memory, |_| {
        Ok(Box::new(sigstop::Stopped))
    }),
    case("another_writer", 6, Place::Memory, |_| {
        Ok(Box::new(other_writer::OtherWriter))
    }),
    case("clock_jump", 6, Place::Memory, |_| {
        Ok(Box::new(clock_jump::Jump))
    }),
    Case {
        kind: Kind::Large,
        before: maps_full::fill,
        ..case("maps_full", 1, Place::Memory, |_| {
            Ok(Box::new(maps_full::MapsFull))
        })
    },
];

/// Runs a case and reports a record of each run.
///
/// # Errors
/// When the case is not known, or writes cannot be traced.
pub fn run(report: &mut Report, name: &str, asked: u32) -> Result<()> {
    if name == "reboot" {
        return reboot::run(report, asked);
    }
    let Some(case) = CASES.iter().find(|case| case.name == name) else {
        let known: Vec<&str> = CASES.iter().map(|case| case.name).collect();
        bail!("no case {name}; there are: {}, reboot", known.join(", "));
    };
    let tracer = Arc::new(Tracer::start()?);
    (case.before)()?;
    lane::top()?;
    let (tell, told) = channel();
    std::thread::scope(|scope| {
        for number in 0..case.lanes.min(asked) {
            let (tell, tracer) = (tell.clone(), Arc::clone(&tracer));
            scope.spawn(move || {
                if let Err(error) = lane(case, number, asked, tracer, &tell) {
                    let why = format!("lane {number} ended: {error:#}");
                    // Nobody listens any more only when all is over.
                    let _ = tell.send(json!({ "failed": why }));
                }
            });
        }
        drop(tell);
        follow(report, name, &told);
    });
    Ok(())
}

fn lane(
    case: &Case,
    number: u32,
    asked: u32,
    tracer: Arc<Tracer>,
    tell: &Sender<Value>,
) -> Result<()> {
    let mut lane = Lane::build(number, case.place, case.kind, tracer)?;
    let mut work = (case.make)(&mut lane)?;
    let lanes = case.lanes.min(asked) as usize;
    let mut failed = 0;
    for at in (number..work.runs(asked)).step_by(lanes) {
        lane.originals(at)?;
        let mut members = match work.one(&mut lane, at) {
            Ok(members) => members,
            Err(error) => {
                failed += 1;
                // What it may have left behind is not to be seen in the next run.
                way::command(&lane)?;
                json!({ "failed": format!("{error:#}") })
            }
        };
        lane.judge(at, &mut members)?;
        members["lane"] = json!(number);
        members["run"] = json!(at);
        tell.send(members).context("nobody listens")?;
        if failed == GIVEN_UP {
            bail!("{failed} runs could not be made");
        }
    }
    Ok(())
}

/// Hands on what lanes tell, until all are done.
fn follow(report: &mut Report, name: &str, told: &Receiver<Value>) {
    let (mut done, mut bad) = (0, 0);
    for mut members in told {
        done += 1;
        let wrong = wrong(&members);
        bad += usize::from(wrong.is_some());
        if let Some(wrong) = wrong {
            report.event(&format!("{name}: run {}: {wrong}", members["run"]));
        }
        if done % TOLD_EACH == 0 {
            report.event(&format!("{name}: {done} runs, {bad} with something wrong"));
        }
        members["case"] = json!(name);
        report.record("run", members);
    }
    report.event(&format!("{name}: {done} runs, {bad} with something wrong"));
}

/// What is wrong with a run, for people.
fn wrong(members: &Value) -> Option<String> {
    if let Some(failed) = members["failed"].as_str() {
        return Some(failed.to_owned());
    }
    let lists = ["left", "below_floor", "unopted", "left_while_full", "wrong"];
    let some = lists.into_iter().find_map(|key| {
        let first = members[key].as_array()?.first()?.as_str()?;
        Some(format!("{key}: {first}"))
    });
    some.map(|some| format!("{some} ({})", members["way"]))
}

/// Waits until the lane's agent has changed a limit.
fn changed(lane: &Lane) -> Result<()> {
    let waited = wait_for(CHANGED, || lane.changed() > 0);
    waited.with_context(|| format!("no limit was changed within {} s", CHANGED.as_secs()))?;
    Ok(())
}

/// Lets originals come back, and what was said unless all are.
fn undone(way: Way, lane: &Lane) -> Result<String> {
    let said = way.back(lane)?;
    Ok(if lane.differing().is_empty() {
        String::new()
    } else {
        said
    })
}
