//! What the writer knows of systemd's units: what it holds of one, what systemd would write, and what
//! is noted of it in the journal. It makes no call itself.

use std::collections::BTreeMap;

use llmos_engine::decide::Knob;
use llmos_systemd::{Original, Properties, Property, UNSET, UnitName};

use super::value::Content;
use super::{Held, LimitWriter, SetError};
use crate::dir::CgroupRef;
use crate::journal::{FenceView, JournalError, UnitOriginal};
use crate::parse::{CpuMax, MemoryLimit};

/// Microseconds in a second.
const SECOND_US: u64 = 1_000_000;
/// What systemd takes when a unit has no period or weight of its own.
const DEFAULT_PERIOD_US: u64 = 100_000;
const DEFAULT_WEIGHT: u64 = 100;
/// The files that systemd writes, in an order that kills nothing. It does not know the burst credit.
const WRITTEN: [Knob; 4] = [
    Knob::CpuMax,
    Knob::CpuWeight,
    Knob::MemoryMax,
    Knob::MemoryHigh,
];

impl LimitWriter {
    /// All limits of a cgroup that were written, as properties of its unit.
    #[must_use]
    pub fn properties(&self, id: u64) -> Properties {
        let files = self.cgroups.get(&id).map(|touched| &touched.files);
        let files = files.into_iter().flatten();
        files
            .flat_map(|(knob, held)| to_properties(*knob, held.last))
            .collect()
    }

    /// Takes note of what systemd holds for a cgroup that was written to: when a file holds that
    /// again it is nobody else's change.
    pub fn expect(&mut self, id: u64, properties: &Properties) {
        if let Some(touched) = self.cgroups.get_mut(&id) {
            touched.word = contents(properties);
        }
    }

    /// Takes note of what systemd is asked for, before it answers: it writes that in between. Where it
    /// gives no answer, that may also be much later.
    pub fn ask(&mut self, id: u64, properties: &Properties) {
        if let Some(touched) = self.cgroups.get_mut(&id) {
            touched.asked.note(properties.clone());
        }
    }

    /// systemd has confirmed what it was asked for last; it answers in order.
    pub fn confirmed(&mut self, id: u64) {
        if let Some(touched) = self.cgroups.get_mut(&id) {
            touched.asked.confirmed();
        }
    }

    /// Has systemd written all files of this cgroup from what it holds, after a `daemon-reload` or
    /// because somebody set a property, so that a later write of ours is lost? `found` tells what
    /// a file holds now, in the knob's unit.
    pub fn is_reset(&self, id: u64, found: impl Fn(Knob) -> Option<f64>) -> bool {
        let Some(touched) = self.cgroups.get(&id) else {
            return false;
        };
        let mut lost = false;
        for (knob, word) in &touched.word {
            let Some(Held { last, .. }) = touched.files.get(knob) else {
                continue;
            };
            let Some(now) = found(*knob).and_then(|value| last.with_value(value, self.page)) else {
                return false;
            };
            if !word.is_near(now, self.page) {
                return false;
            }
            lost |= !last.is_near(now, self.page);
        }
        lost
    }

    /// Writes our limits again where systemd has put others in their place.
    ///
    /// # Errors
    /// The first error; the other files are written all the same.
    pub fn write_again(&mut self, cgroup: CgroupRef<'_>) -> Result<(), SetError> {
        let mut first = Ok(());
        for knob in WRITTEN {
            if let Some(value) = self.last_written(cgroup.id, knob) {
                first = first.and(self.set(cgroup, knob, value).map(drop));
            }
        }
        first
    }

    /// The units that have, or are about to get, properties of ours.
    pub fn units(&self) -> impl Iterator<Item = (&UnitName, &UnitOriginal)> {
        self.journal.units()
    }

    /// What is noted of a unit.
    #[must_use]
    pub fn unit(&self, name: &UnitName) -> Option<&UnitOriginal> {
        self.journal.unit(name)
    }

    /// Makes what a unit was safe on disk. To be called before anything of it is set.
    ///
    /// # Errors
    /// When the limits were taken over, or the journal cannot be written.
    pub fn keep_unit(
        &mut self,
        cgroup: CgroupRef<'_>,
        name: UnitName,
        original: Original,
    ) -> Result<(), JournalError> {
        self.journal.hold()?;
        self.journal.keep_unit(cgroup, name, original)
    }

    /// Notes what systemd is about to be asked for, so that who restores in our place leaves what others
    /// have set. To be called after [`LimitWriter::keep_unit`] and before the call.
    ///
    /// # Errors
    /// When the limits were taken over, or the journal cannot be written.
    pub fn note_asked(&mut self, name: &UnitName, asked: &Properties) -> Result<(), JournalError> {
        self.journal.check_fence()?;
        self.journal.note_asked(name, asked)
    }

    /// The unit has nothing of ours any more.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn unit_done(&mut self, name: &UnitName) -> Result<(), JournalError> {
        self.journal.check_fence()?;
        self.journal.unit_done(name)
    }

    /// The fence, for whoever sets a unit's properties for us.
    #[must_use]
    pub fn fence(&self) -> FenceView<'static> {
        self.journal.fence().into_owned()
    }
}

fn to_properties(knob: Knob, content: Content) -> Vec<(Property, u64)> {
    let memory = |limit: MemoryLimit| match limit {
        MemoryLimit::Bytes(bytes) => bytes,
        MemoryLimit::Max => UNSET,
    };
    match (knob, content) {
        (Knob::CpuMax, Content::Cpu(max)) => {
            let period = u128::from(max.period_us.max(1));
            let per_second = |quota: u64| u128::from(quota) * u128::from(SECOND_US) / period;
            let quota = max.quota_us.map(per_second);
            let quota = quota.map_or(UNSET, |us| u64::try_from(us).unwrap_or(UNSET));
            vec![
                (Property::CpuQuota, quota),
                (Property::CpuPeriod, max.period_us),
            ]
        }
        (Knob::CpuWeight, Content::Weight(weight)) => vec![(Property::CpuWeight, weight)],
        (Knob::MemoryHigh, Content::Memory(limit)) => vec![(Property::MemoryHigh, memory(limit))],
        (Knob::MemoryMax, Content::Memory(limit)) => vec![(Property::MemoryMax, memory(limit))],
        // systemd has no property for the burst credit.
        _ => Vec::new(),
    }
}

/// What systemd writes from these, by file.
fn contents(properties: &Properties) -> BTreeMap<Knob, Content> {
    let written = WRITTEN.into_iter();
    written
        .filter_map(|knob| Some((knob, to_content(knob, properties)?)))
        .collect()
}

/// What systemd writes to the file of a knob.
pub(super) fn to_content(knob: Knob, properties: &Properties) -> Option<Content> {
    let set = |property| properties.get(property);
    let memory = |bytes| match bytes {
        UNSET => MemoryLimit::Max,
        bytes => MemoryLimit::Bytes(bytes),
    };
    Some(match knob {
        Knob::CpuMax => {
            let period = set(Property::CpuPeriod).filter(|period| *period != UNSET);
            let period_us = period.unwrap_or(DEFAULT_PERIOD_US);
            let quota = set(Property::CpuQuota)?;
            let in_period = u128::from(quota) * u128::from(period_us) / u128::from(SECOND_US);
            let quota_us = u64::try_from(in_period).ok().filter(|_| quota != UNSET);
            Content::Cpu(CpuMax {
                quota_us,
                period_us,
            })
        }
        Knob::CpuBurst => return None,
        Knob::CpuWeight => Content::Weight(match set(Property::CpuWeight)? {
            UNSET => DEFAULT_WEIGHT,
            weight => weight,
        }),
        Knob::MemoryHigh => Content::Memory(memory(set(Property::MemoryHigh)?)),
        Knob::MemoryMax => Content::Memory(memory(set(Property::MemoryMax)?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(knob: Knob, text: &str) -> Content {
        let content = Content::parse(knob, text).unwrap();
        let properties = to_properties(knob, content).into_iter().collect();
        to_content(knob, &properties).unwrap()
    }

    #[test]
    fn files_and_properties_say_the_same() {
        for (knob, text) in [
            (Knob::CpuMax, "max 100000"),
            (Knob::CpuMax, "50000 100000"),
            (Knob::CpuMax, "10000 20000"),
            (Knob::CpuMax, "33000 100000"),
            (Knob::CpuWeight, "250"),
            (Knob::MemoryHigh, "max"),
            (Knob::MemoryMax, "67108864"),
        ] {
            let content = Content::parse(knob, text).unwrap();
            assert_eq!(there_and_back(knob, text), content, "{text}");
        }
    }

    #[test]
    fn a_unit_without_anything_of_its_own_has_the_kernels_defaults() {
        let unset = Property::ALL.map(|property| (property, UNSET));
        let unset: Properties = unset.into_iter().collect();
        let text = |knob| to_content(knob, &unset).map(super::super::text);
        assert_eq!(text(Knob::CpuMax).as_deref(), Some("max 100000"));
        assert_eq!(text(Knob::CpuWeight).as_deref(), Some("100"));
        assert_eq!(text(Knob::MemoryMax).as_deref(), Some("max"));
        assert_eq!(text(Knob::CpuBurst), None);
    }
}
