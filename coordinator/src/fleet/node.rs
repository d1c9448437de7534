//! One node: who it is, how it is, its workloads and its last decisions.

use std::collections::{BTreeMap, VecDeque};

use super::bounds::Bounds;
use super::health::{Health, Now};
use super::report::{Component, Decision, NodeInfo, Report, WorkloadSample};
use super::workload::Workload;
use super::{Ingested, Series};

/// Ticks without a sample after which a line is broken and a workload counts as gone.
const GAP_TICKS: u64 = 3;
/// As for staleness: a shorter silence is jitter, however short the tick.
const GAP_MIN_MS: u64 = 1_000;
/// A node time that is further back than this is a clock that was set back, not an old report.
const CLOCK_SET_BACK_MS: u64 = 60_000;

/// A node of the fleet.
#[derive(Debug)]
pub struct Node {
    info: NodeInfo,
    last_seen: Now,
    at_unix_ms: u64,
    sequence: u64,
    reports: u64,
    workloads_left_out: usize,
    workloads: BTreeMap<u64, Workload>,
    decisions: VecDeque<Decision>,
    components: Vec<Component>,
    told_health: Health,
}

impl Node {
    pub(super) fn new(info: NodeInfo, now: Now) -> Self {
        Self {
            info,
            last_seen: now,
            at_unix_ms: 0,
            sequence: 0,
            reports: 0,
            workloads_left_out: 0,
            workloads: BTreeMap::new(),
            decisions: VecDeque::new(),
            components: Vec::new(),
            told_health: Health::Live,
        }
    }

    /// Takes in a report; at most `room` workloads that are new.
    pub(super) fn ingest(
        &mut self,
        report: Report,
        now: Now,
        bounds: &Bounds,
        room: usize,
    ) -> Ingested {
        let mut done = Ingested::default();
        self.last_seen = now;
        self.told_health = Health::Live;
        self.reports += 1;
        if report.at_unix_ms <= self.at_unix_ms
            && self.at_unix_ms - report.at_unix_ms < CLOCK_SET_BACK_MS
        {
            done.duplicate = true;
            return done;
        }
        if report.at_unix_ms < self.at_unix_ms {
            // Points of two clocks on one axis would be a lie.
            self.workloads.clear();
            self.decisions.clear();
        }
        self.info = report.node;
        self.at_unix_ms = report.at_unix_ms;
        self.sequence = report.sequence;
        self.components = report.components;
        let mut room = room;
        for sample in report.workloads {
            if !self.push(sample, bounds, &mut room) {
                done.workloads_refused += 1;
            }
        }
        self.workloads_left_out = done.workloads_refused;
        for decision in report.decisions {
            if self.decisions.len() >= bounds.max_decisions {
                self.decisions.pop_front();
            }
            self.decisions.push_back(decision);
        }
        done
    }

    fn push(&mut self, sample: WorkloadSample, bounds: &Bounds, room: &mut usize) -> bool {
        let (id, at, gap_ms) = (sample.cgroup_id, self.at_unix_ms, self.gap_ms());
        // The kernel may give the id of a removed cgroup to a new one.
        if self
            .workloads
            .get(&id)
            .is_some_and(|known| known.latest().cgroup != sample.cgroup)
        {
            self.workloads.remove(&id);
            *room += 1;
        }
        if let Some(known) = self.workloads.get_mut(&id) {
            known.push(sample, at, gap_ms, bounds);
            return true;
        }
        if *room == 0 || self.workloads.len() >= bounds.max_workloads_per_node {
            let Some(gone) = self.longest_gone() else {
                return false;
            };
            self.workloads.remove(&gone);
            *room += 1;
        }
        *room -= 1;
        let mut workload = Workload::new(sample.clone(), at);
        workload.push(sample, at, gap_ms, bounds);
        self.workloads.insert(id, workload);
        true
    }

    /// The workload that makes room for a new one: of those that are gone, the one gone longest.
    fn longest_gone(&self) -> Option<u64> {
        let gone = self
            .workloads
            .iter()
            .filter(|(_, workload)| !self.is_present(workload));
        gone.min_by_key(|(_, workload)| workload.at_unix_ms())
            .map(|(id, _)| *id)
    }

    pub(super) fn drop_gone_workloads(&mut self, gone_ms: u64) {
        let at = self.at_unix_ms;
        self.workloads
            .retain(|_, workload| at.saturating_sub(workload.at_unix_ms()) <= gone_ms);
    }

    /// The health, if it differs from the one told last.
    pub(super) fn health_change(&mut self, now: Now) -> Option<Health> {
        let health = self.health(now);
        let changed = health != self.told_health;
        self.told_health = health;
        changed.then_some(health)
    }

    fn gap_ms(&self) -> u64 {
        (GAP_TICKS * u64::from(self.info.tick_ms)).max(GAP_MIN_MS)
    }

    /// Who it is.
    pub fn info(&self) -> &NodeInfo {
        &self.info
    }

    /// When the last report came.
    pub fn last_seen(&self) -> Now {
        self.last_seen
    }

    /// Node time of the last report, milliseconds since 1970.
    pub fn at_unix_ms(&self) -> u64 {
        self.at_unix_ms
    }

    /// Number of the last report that was stored.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Reports taken in, duplicates included.
    pub fn reports(&self) -> u64 {
        self.reports
    }

    /// Workloads of the last report that were left out because a bound was reached.
    pub fn workloads_left_out(&self) -> usize {
        self.workloads_left_out
    }

    /// Milliseconds since the last report.
    pub fn silent_ms(&self, now: Now) -> u64 {
        now.mono_ms.saturating_sub(self.last_seen.mono_ms)
    }

    /// Live, stale or lost.
    pub fn health(&self, now: Now) -> Health {
        Health::after_silence(self.silent_ms(now), self.info.tick_ms)
    }

    /// Workloads by cgroup id, those that are gone for a short time included.
    pub fn workloads(&self) -> impl Iterator<Item = (u64, &Workload)> {
        self.workloads.iter().map(|(id, workload)| (*id, workload))
    }

    /// One workload.
    pub fn workload(&self, cgroup_id: u64) -> Option<&Workload> {
        self.workloads.get(&cgroup_id)
    }

    /// Whether the workload was in the last reports.
    pub fn is_present(&self, workload: &Workload) -> bool {
        self.at_unix_ms.saturating_sub(workload.at_unix_ms()) <= self.gap_ms()
    }

    /// Number of workloads remembered.
    pub fn workload_count(&self) -> usize {
        self.workloads.len()
    }

    /// The last decisions, newest first.
    pub fn decisions(&self) -> impl Iterator<Item = &Decision> {
        self.decisions.iter().rev()
    }

    /// Parts of the agent.
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    pub(super) fn series_bytes(&self) -> usize {
        self.workloads
            .values()
            .map(Workload::series)
            .map(Series::heap_bytes)
            .sum()
    }
}
