//! Limits of systemd's units, told to systemd as well, so that a `daemon-reload` keeps them.
//!
//! A decision is written to its file at once, as for any cgroup. When what is held of a unit has stood
//! for some ticks (`pace`), systemd gets the full set in one call, because it writes all files of a unit
//! at each call. The calls are made by a thread (`worker`); what came of them is taken in at the next
//! tick. What a unit had is in the journal before the first call, and given back when nothing is held
//! of it any more.

mod pace;
#[cfg(test)]
mod tests;
mod unit;
mod which;
mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;

use llmos_cgroupfs::{CgroupRef, LimitWriter};
use llmos_engine::decide::Knob;
use llmos_engine::units::Timestamp;
use llmos_proto::status::{Component, Health};
use llmos_systemd::{BusError, Manager, Original, Properties, Property, UnitName, near};

use unit::{Cgroup, Unit};
pub use which::Which;
use worker::{Answer, Job, Offered, Worker};

/// Name of the component in the status.
const COMPONENT: &str = "systemd";

/// All units with limits of ours.
#[derive(Debug)]
pub(super) struct Units {
    which: Which,
    root: PathBuf,
    worker: Result<Worker, String>,
    units: BTreeMap<UnitName, Unit>,
    /// Calls that set properties, and times that systemd had put its own values back.
    calls: u64,
    resets: u64,
    /// The last failure that was not of the bus.
    failure: Option<String>,
}

impl Units {
    /// `root` is the root of the cgroup hierarchy.
    pub(super) fn new(which: Which, root: PathBuf) -> Self {
        let worker = match which.off() {
            Some((_, why)) => Err(why.to_owned()),
            None => Worker::start(which.host().clone())
                .map_err(|error| format!("no thread to talk to systemd: {error}")),
        };
        Self {
            which,
            root,
            worker,
            units: BTreeMap::new(),
            calls: 0,
            resets: 0,
            failure: None,
        }
    }

    /// The unit of a cgroup, if systemd is told of its limits.
    fn unit_of(&self, path: &str) -> Option<UnitName> {
        self.worker.as_ref().ok()?;
        self.which.unit(path)
    }

    /// The actuator of a cgroup, for the status.
    pub(super) fn actuator(&self, path: &str) -> &'static str {
        let unit = self.unit_of(path);
        let known = unit.as_ref().and_then(|name| self.units.get(name));
        match (unit.is_some(), known) {
            (true, None | Some(Unit { refused: None, .. })) => which::SYSTEMD,
            _ => which::CGROUPFS,
        }
    }

    /// Takes in what came of calls, and makes those that are due. To be called at each tick, before
    /// anything is applied. `still` forbids to set anything; what is given back goes back all the same.
    pub(super) fn tick(&mut self, now: Timestamp, writer: &mut LimitWriter, still: bool) {
        let Ok(worker) = &self.worker else { return };
        for (name, answer) in worker.answers() {
            self.take(now, writer, &name, answer);
        }
        // What a takeover left in the journal.
        for (name, noted) in writer.units() {
            if !self.units.contains_key(name) {
                let path = noted.path().to_owned();
                let left = Unit::new(Cgroup { path, id: 0 }, true);
                self.units.insert(name.clone(), left);
            }
        }
        let names: Vec<UnitName> = self.units.keys().cloned().collect();
        for name in names {
            self.drive(now, writer, &name, still);
        }
    }

    /// Must a cgroup wait, because its unit still has limits of an earlier cgroup, or of an earlier
    /// hold? They would be taken for its originals. When they cannot be taken back it need not.
    pub(super) fn is_stale(&self, cgroup: CgroupRef<'_>) -> bool {
        if self.units.is_empty() {
            return false;
        }
        let unit = self.unit_of(cgroup.path);
        let unit = unit.and_then(|name| self.units.get(&name));
        unit.is_some_and(|unit| {
            let other = unit.leaving || unit.cgroup.id != cgroup.id;
            other && unit.failures == 0
        })
    }

    /// Who waits, so that its unit is given back to it.
    pub(super) fn wait(&mut self, cgroup: CgroupRef<'_>) {
        let name = self.unit_of(cgroup.path);
        if let Some(unit) = name.and_then(|name| self.units.get_mut(&name)) {
            unit.leaving = true;
            unit.next = Some(Cgroup::of(cgroup));
        }
    }

    /// Writes again what systemd has put back to what it holds; true if that was so. `found` tells
    /// what a file holds, in the knob's unit.
    pub(super) fn mend(
        &mut self,
        writer: &mut LimitWriter,
        cgroup: CgroupRef<'_>,
        found: impl Fn(Knob) -> Option<f64>,
    ) -> bool {
        if !writer.is_reset(cgroup.id, found) {
            return false;
        }
        self.resets += 1;
        tracing::info!(
            cgroup = cgroup.path,
            "systemd has put back what it holds for this unit; written again"
        );
        if let Err(error) = writer.write_again(cgroup) {
            tracing::warn!(%error, cgroup = cgroup.path, "a limit could not be set");
        }
        true
    }

    /// Takes note of what is held of a cgroup after a tick has applied its decisions. `calm` says
    /// that nobody else changes its limits: while somebody does, systemd is told nothing.
    pub(super) fn hold(&mut self, writer: &LimitWriter, cgroup: CgroupRef<'_>, calm: bool) {
        let Some(name) = self.unit_of(cgroup.path) else {
            return;
        };
        let held = writer.properties(cgroup.id);
        if held.is_empty() {
            return;
        }
        let unit = self
            .units
            .entry(name)
            .or_insert_with(|| Unit::new(Cgroup::of(cgroup), false));
        if unit.cgroup.id != cgroup.id {
            unit.leaving = true;
            unit.next = Some(Cgroup::of(cgroup));
        } else if !unit.leaving {
            unit.want = held;
            unit.calm = calm;
            unit.doubt |= !calm;
        }
    }

    /// Nothing is held of this cgroup any more.
    pub(super) fn leave(&mut self, id: u64) {
        for unit in self.units.values_mut() {
            if unit.cgroup.id == id {
                unit.leaving = true;
            }
            unit.next.take_if(|next| next.id == id);
        }
    }

    /// The limits were taken over: nothing is known of what was set before.
    pub(super) fn clear(&mut self) {
        self.units.clear();
        if let Ok(worker) = &self.worker {
            worker.clear();
        }
    }

    /// Ends the thread; nothing is set after this. What others have set of a unit since it was last looked
    /// at is noted, so that a restore leaves it.
    pub(super) fn stop(&mut self, now: Timestamp, writer: &mut LimitWriter) {
        let Ok(worker) = &mut self.worker else { return };
        worker.stop();
        for (name, answer) in worker.answers() {
            self.take(now, writer, &name, answer);
        }
        let known = self.units.iter();
        let known: Vec<(&UnitName, &Unit, &Properties)> = known
            .filter_map(|(name, unit)| Some((name, unit, unit.has.as_ref()?)))
            .collect();
        if known.is_empty() {
            return;
        }
        let outcome = Manager::connect(self.which.host()).and_then(|manager| {
            known.into_iter().try_for_each(|(name, unit, has)| {
                let now = manager.values(name, &has.which())?;
                if let Err(why) = note_theirs(unit, writer, name, &now) {
                    tracing::warn!(unit = %name, "{why}");
                }
                Ok(())
            })
        });
        if let Err(error) = outcome {
            tracing::warn!("what others have set of units is not known: {error}");
        }
    }

    /// How it is, for the status.
    pub(super) fn component(&self, held: usize) -> Component {
        let (state, cause) = self.state(held);
        Component {
            name: COMPONENT.to_owned(),
            state,
            cause,
        }
    }

    fn state(&self, held: usize) -> (Health, String) {
        if let Some((state, why)) = self.which.off() {
            return (state, why.to_owned());
        }
        let worker = match &self.worker {
            Ok(worker) => worker,
            Err(why) => return (Health::Degraded, why.clone()),
        };
        let direct = "limits are in cgroup files only, and a daemon-reload resets those of units";
        if let Some(why) = worker.trouble() {
            return (Health::Degraded, format!("{why}: {direct}"));
        }
        let mut cause = format!(
            "{held} units hold limits of ours, {} calls; {} times systemd had put back its own",
            self.calls, self.resets
        );
        let refused = self.units.values().find_map(|unit| unit.refused.as_ref());
        let failing = self.units.values().any(|unit| unit.failures > 0);
        let why = refused.or(self.failure.as_ref().filter(|_| failing));
        if let Some(why) = why {
            cause = format!("{cause}; {why}");
        }
        let state = if failing {
            Health::Degraded
        } else {
            Health::Healthy
        };
        (state, cause)
    }

    /// Offers the job that a unit is in need of.
    fn drive(&mut self, now: Timestamp, writer: &mut LimitWriter, name: &UnitName, still: bool) {
        let (Ok(worker), Some(unit)) = (&self.worker, self.units.get_mut(name)) else {
            return;
        };
        let noted = writer.unit(name).map(|unit| unit.original.clone());
        if unit.leaving && noted.is_none() && !unit.under_way {
            self.gone(name);
            return;
        }
        let cgroup = self.root.join(&unit.cgroup.path);
        let due = match (&unit.has, &noted) {
            (Some(has), Some(noted)) => {
                let full = unit.full(noted);
                let due = unit.pace.tick(now, &full, has);
                Some((full, has.clone(), due))
            }
            _ => None,
        };
        let idle = still || unit.want.is_empty() || unit.refused.is_some() || !unit.calm;
        // While others change its limits nothing is set, but what they set is noted in time.
        let disputed = !still && !unit.calm && due.is_some();
        if unit.rests(now) || idle && !unit.leaving && !disputed {
            return;
        }
        // One call at a time: what comes of it decides the next one. Only giving back does not wait.
        if unit.under_way && !unit.leaving {
            return;
        }
        let job = match (noted, due) {
            (Some(original), _) if unit.leaving => Job::Undo {
                original,
                expected: unit.has.clone().unwrap_or_default(),
                cgroup,
                fence: writer.fence(),
            },
            _ if disputed => Job::Learn,
            (Some(original), Some((properties, has, due)))
                if unit.is_noted(&original) && !unit.doubt =>
            {
                if !due {
                    return;
                }
                let known = original.values.iter();
                let has = |property| Some((property, has.get(property)?));
                Job::Set {
                    properties,
                    expected: known.filter_map(|(property, _)| has(property)).collect(),
                    cgroup,
                    fence: writer.fence(),
                }
            }
            _ if unit.leaving => return,
            _ => Job::Learn,
        };
        let asked = match &job {
            Job::Set { properties, .. } => Some(properties.clone()),
            _ => None,
        };
        // Who restores in our place has to tell it from what others set.
        let noted = asked.as_ref().map(|asked| writer.note_asked(name, asked));
        if let Some(Err(error)) = noted {
            self.fail(now, name, format!("{name} is not set: {error}"));
            return;
        }
        match worker.offer(name, job) {
            Offered::Queued => {
                unit.under_way = true;
                // Files are looked at by this thread, so it comes early enough.
                if let Some(properties) = asked {
                    writer.ask(unit.cgroup.id, &properties);
                    unit.asked(properties);
                }
            }
            Offered::Busy => {}
            Offered::Full => tracing::debug!(unit = %name, "too many units wait for systemd"),
        }
    }

    /// Takes in what came of a job.
    fn take(&mut self, now: Timestamp, writer: &mut LimitWriter, name: &UnitName, answer: Answer) {
        let Some(unit) = self.units.get_mut(name) else {
            return;
        };
        unit.under_way = false;
        match answer {
            Answer::Learnt(_) if unit.leaving => {}
            Answer::Learnt(facts) if !unit.calm && unit.has.is_some() => {
                unit.succeeded();
                if let Err(why) = note_theirs(unit, writer, name, &facts.values) {
                    self.fail(now, name, why);
                }
            }
            Answer::Learnt(facts) => {
                unit.succeeded();
                if facts.cgroup != unit.cgroup.path {
                    let elsewhere = &facts.cgroup;
                    unit.refused = Some(format!("systemd has {name} in {elsewhere:?}"));
                } else if let Err(why) = learnt(unit, writer, name, &facts.values, &facts.drop_ins)
                {
                    self.fail(now, name, why);
                }
            }
            Answer::Set(properties) => {
                unit.succeeded();
                unit.pace.told(now);
                unit.confirmed(&properties);
                if let Some(has) = &unit.has {
                    writer.expect(unit.cgroup.id, has);
                }
                writer.confirmed(unit.cgroup.id);
                self.calls += 1;
            }
            Answer::Changed(properties) => {
                if let Err(why) = learnt(unit, writer, name, &properties, &[]) {
                    self.fail(now, name, why);
                }
            }
            Answer::Undone(note) => {
                if let Some(note) = note {
                    tracing::info!(unit = %name, "{note}");
                }
                match writer.unit_done(name) {
                    Ok(()) => self.gone(name),
                    Err(error) => self.fail(now, name, error.to_string()),
                }
            }
            Answer::NoRoom if unit.leaving => {
                let why = format!("{name}: its own MemoryMax is below the memory in use");
                self.fail(now, name, why);
            }
            // The next tick tries again, and after a takeover begins anew.
            Answer::NoRoom | Answer::Fenced => {}
            Answer::Failed(error @ BusError::NoSuchUnit(_)) if unit.has.is_none() => {
                unit.refused = Some(error.to_string());
            }
            Answer::Failed(BusError::NoSuchUnit(_)) => unit.leaving = true,
            Answer::Failed(error) => self.fail(now, name, error.to_string()),
        }
    }

    /// Nothing of ours is left in a unit; who waited for that is next.
    fn gone(&mut self, name: &UnitName) {
        let next = self.units.remove(name).and_then(|unit| unit.next);
        if let Some(next) = next {
            self.units.insert(name.clone(), Unit::new(next, false));
        }
    }

    fn fail(&mut self, now: Timestamp, name: &UnitName, why: String) {
        if let Some(unit) = self.units.get_mut(name) {
            if unit.failures == 0 {
                tracing::warn!(unit = %name, "{why}");
            }
            unit.failed(now);
        }
        self.failure = Some(why);
    }
}

/// Takes in what systemd says of a unit. What is held and not noted yet is noted as it is; what is not
/// as we left it was set by somebody else, and is what the unit would have without us.
fn learnt(
    unit: &mut Unit,
    writer: &mut LimitWriter,
    name: &UnitName,
    now: &Properties,
    drop_ins: &[Property],
) -> Result<(), String> {
    let noted = writer.unit(name);
    let mut original = noted.map_or_else(Original::default, |unit| unit.original.clone());
    let mut has = unit.has_from_us(now).unwrap_or_default();
    let before = original.clone();
    let changed = take_in(&mut original, &has, now);
    has.extend(&changed);
    if !changed.is_empty() {
        tracing::warn!(unit = %name, found = %changed, "somebody else has set properties");
    }
    for (property, _) in unit.want.iter() {
        if let (None, Some(value)) = (original.values.get(property), now.get(property)) {
            original.add(property, value, !drop_ins.contains(&property));
            has.set(property, value);
        }
    }
    unit.doubt = false;
    writer.expect(unit.cgroup.id, &has);
    unit.has = Some(has);
    if original == before {
        return Ok(());
    }
    let kept = writer.keep_unit(unit.cgroup.as_ref(), name.clone(), original);
    kept.map_err(|error| {
        // Asked again before anything is set.
        unit.has = None;
        format!("{name} is not set, because its original is not safe: {error}")
    })
}

/// Notes what others have set as what the unit would have without us. What systemd writes to the files
/// goes on being seen as theirs.
fn note_theirs(
    unit: &Unit,
    writer: &mut LimitWriter,
    name: &UnitName,
    now: &Properties,
) -> Result<(), String> {
    let (Some(has), Some(noted)) = (unit.has_from_us(now), writer.unit(name)) else {
        return Ok(());
    };
    let mut original = noted.original.clone();
    take_in(&mut original, &has, now);
    if original == noted.original {
        return Ok(());
    }
    let kept = writer.keep_unit(unit.cgroup.as_ref(), name.clone(), original);
    kept.map_err(|error| format!("what somebody else has set of {name} is not noted: {error}"))
}

/// Makes what is not as we left it part of the original.
fn take_in(original: &mut Original, has: &Properties, now: &Properties) -> Properties {
    let changed = not_near(has, now);
    for (property, value) in changed.iter() {
        // Whoever set it has a drop-in for it.
        original.add(property, value, false);
    }
    changed
}

/// What is another value now, up to systemd's rounding.
fn not_near(has: &Properties, now: &Properties) -> Properties {
    let one = |property, value| Properties::from_iter([(property, value)]);
    let changed = has.iter().filter_map(|(property, known)| {
        let value = now.get(property)?;
        (!near(&one(property, known), &one(property, value))).then_some((property, value))
    });
    changed.collect()
}
