//! The probes that run, and what can be asked of them as a whole.

use std::collections::HashMap;
use std::fs::File;

use aya::maps::{MapData, PerCpuArray};
use llmos_common::lost::Lost;

use super::catalog::Probe;
use super::counters::{CpuReader, NetReader, RareReader};
use super::facts::FactsReader;
use super::health::{Health, ProbeHealth};
use super::load::{self, EventSource, LogSource};
use super::object::{Link, Object};
use super::quota::QuotaThresholds;

/// What could be loaded. Dropping it detaches everything.
pub struct Probes {
    /// CPU and scheduling counters, when one of these probes runs.
    pub cpu: Option<CpuReader>,
    /// Traffic counters, when that probe runs.
    pub network: Option<NetReader>,
    /// Connection and reclaim counters, when one of these probes runs.
    pub rare: Option<RareReader>,
    /// The walk over all cgroups, when this kernel has it.
    pub facts: Option<FactsReader>,
    /// Thresholds of the near-quota event, when that probe runs.
    pub quota: Option<QuotaThresholds>,
    /// Events, when at least one of their programs runs.
    pub events: Option<EventSource>,
    /// Debug log of the kernel side, when it is wanted.
    pub log: Option<LogSource>,
    /// How each probe is.
    pub health: Vec<ProbeHealth>,
    pub(super) lost: Option<PerCpuArray<MapData, u64>>,
    pub(super) links: HashMap<Probe, Vec<Link>>,
    pub(super) root: Option<File>,
    pub(super) object: Option<Object>,
    /// Descriptors of the maps, to ask the kernel for their size.
    pub(super) map_fds: Vec<i32>,
}

impl Probes {
    /// Does this probe count now?
    #[must_use]
    pub fn runs(&self, probe: Probe) -> bool {
        self.links.contains_key(&probe)
    }

    /// Do events tell of cgroups made and removed?
    #[must_use]
    pub fn events_announce_cgroups(&self) -> bool {
        // Its health covers the ring as well, which the event loop may have taken already.
        self.health
            .iter()
            .any(|h| h.name == Probe::CgroupEvents.name() && h.state == Health::Healthy)
    }

    /// The ring failed while it ran: its probes are named with the cause.
    pub fn events_failed(&mut self, cause: &str) {
        for probe in [Probe::CgroupEvents, Probe::OomEvents, Probe::NearQuota] {
            if self.links.remove(&probe).is_some() {
                let cause = format!("{cause}; {}", probe.instead());
                let cause = cause.trim_end_matches("; ");
                self.set_health(ProbeHealth::degraded(probe.name(), cause));
            }
        }
    }

    /// Detaches a probe, and those that live on its programs, for a cause that people see.
    pub fn shed(&mut self, probe: Probe, cause: &str) {
        for probe in probe.with_dependents() {
            if self.links.remove(&probe).is_some() {
                let cause = format!("{cause}; {}", probe.instead());
                let cause = cause.trim_end_matches("; ");
                self.set_health(ProbeHealth::degraded(probe.name(), cause));
            }
        }
    }

    /// Attaches again what was shed.
    ///
    /// # Errors
    /// When the kernel refuses it now.
    pub fn restore(&mut self, probe: Probe) -> Result<(), String> {
        for probe in probe.with_dependents() {
            // One that this kernel never had is not to come back as if it had.
            if self
                .health_of(probe)
                .is_some_and(|h| h.state != Health::Degraded)
            {
                continue;
            }
            let object = self
                .object
                .as_mut()
                .ok_or("the kernel side is not loaded")?;
            let links = load::attach(object, probe, self.root.as_ref())?;
            self.links.insert(probe, links);
            self.set_health(ProbeHealth::healthy(probe.name(), probe.gives()));
        }
        Ok(())
    }

    fn health_of(&self, probe: Probe) -> Option<&ProbeHealth> {
        self.health.iter().find(|h| h.name == probe.name())
    }

    fn set_health(&mut self, health: ProbeHealth) {
        if let Some(old) = self.health.iter_mut().find(|h| h.name == health.name) {
            *old = health;
        }
    }

    /// Counts of what the kernel side could not record, by reason.
    #[must_use]
    pub fn lost(&self) -> Vec<(Lost, u64)> {
        let Some(map) = &self.lost else {
            return Vec::new();
        };
        Lost::ALL
            .into_iter()
            .filter_map(|reason| {
                let per_cpu = map.get(&(reason as u32), 0).ok()?;
                Some((reason, per_cpu.iter().sum()))
            })
            .collect()
    }
}
