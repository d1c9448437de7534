//! One unit of systemd between ticks: what it should have, what it has, and what is under way.

use llmos_cgroupfs::CgroupRef;
use llmos_engine::units::Timestamp;
use llmos_systemd::{Asked, Original, Properties, near};

use super::pace::Pace;

/// Seconds of the first pause after a failure; each further one doubles it.
const FIRST_PAUSE_S: f64 = 2.0;
const LONGEST_PAUSE_S: f64 = 120.0;

/// A cgroup by path and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cgroup {
    pub(super) path: String,
    pub(super) id: u64,
}

impl Cgroup {
    pub(super) fn of(cgroup: CgroupRef<'_>) -> Self {
        Self {
            path: cgroup.path.to_owned(),
            id: cgroup.id,
        }
    }

    pub(super) fn as_ref(&self) -> CgroupRef<'_> {
        CgroupRef {
            path: &self.path,
            id: self.id,
        }
    }
}

/// What is known of one unit.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) cgroup: Cgroup,
    /// What is held by files of its cgroup; empty before the first write.
    pub(super) want: Properties,
    /// What systemd has, once it was asked.
    pub(super) has: Option<Properties>,
    /// What it was asked for since it last confirmed something.
    asked: Asked,
    /// What is to be given back: nothing is held any more.
    pub(super) leaving: bool,
    /// Who comes after that.
    pub(super) next: Option<Cgroup>,
    /// Nobody else changes its files at present.
    pub(super) calm: bool,
    /// Somebody else may have set its properties since they were looked at.
    pub(super) doubt: bool,
    /// A job is under way.
    pub(super) under_way: bool,
    /// Why systemd is not asked for this one.
    pub(super) refused: Option<String>,
    pub(super) pace: Pace,
    pub(super) failures: u32,
    not_before: Option<Timestamp>,
}

impl Unit {
    pub(super) fn new(cgroup: Cgroup, leaving: bool) -> Self {
        Self {
            cgroup,
            want: Properties::default(),
            has: None,
            asked: Asked::default(),
            leaving,
            next: None,
            calm: true,
            doubt: false,
            under_way: false,
            refused: None,
            pace: Pace::default(),
            failures: 0,
            not_before: None,
        }
    }

    /// systemd is being asked for this.
    pub(super) fn asked(&mut self, properties: Properties) {
        self.asked.note(properties);
    }

    /// systemd has confirmed what it was asked for last; it answers in order.
    pub(super) fn confirmed(&mut self, properties: &Properties) {
        self.asked.confirmed();
        self.has.get_or_insert_default().extend(properties);
    }

    /// What systemd has from us or has shown us before, where it has `now`: a call that was not answered may
    /// have gone through all the same.
    pub(super) fn has_from_us(&self, now: &Properties) -> Option<Properties> {
        let mut has = self.has.clone()?;
        for (property, value) in self.asked.iter().flat_map(Properties::iter) {
            let asked = Properties::from_iter([(property, value)]);
            if near(&asked, now) {
                has.set(property, now.get(property).unwrap_or(value));
            }
        }
        Some(has)
    }

    /// A job failed: the next one waits.
    pub(super) fn failed(&mut self, now: Timestamp) {
        let doubled = FIRST_PAUSE_S * f64::from(2_u32.saturating_pow(self.failures.min(16)));
        let nanos = doubled.min(LONGEST_PAUSE_S) * 1e9;
        self.not_before = Some(Timestamp(now.0.saturating_add(nanos as u64)));
        self.failures = self.failures.saturating_add(1);
    }

    /// A job went well.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.not_before = None;
    }

    pub(super) fn rests(&self, now: Timestamp) -> bool {
        self.not_before.is_some_and(|until| now < until)
    }

    /// The full set of a call: what is held, and the originals of what no longer is.
    pub(super) fn full(&self, original: &Original) -> Properties {
        let mut full = original.values.clone();
        full.extend(&self.want);
        full
    }

    /// Is each property that is held in what was noted?
    pub(super) fn is_noted(&self, original: &Original) -> bool {
        let mut wanted = self.want.iter();
        wanted.all(|(property, _)| original.values.get(property).is_some())
    }
}
