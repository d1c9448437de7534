//! One reading of everything: counters of the kernel side over the files of each cgroup.

mod controllers;
mod convert;
mod files;
mod finish;
mod rows;

use std::collections::{HashMap, HashSet};

use llmos_cgroupfs::{Outcome, Root, Scratch, WalkError};
use llmos_common::facts::{CgroupFacts, HAS_CPU};
use llmos_common::lost::Lost;
use llmos_engine::sample::{Limits, RawSample};
use llmos_engine::units::{CgroupId, Timestamp};

use crate::discover::{Known, Tree};
use crate::host::facts;
use crate::host::resident::ResidentMemory;
use crate::host::self_cost;
use crate::probes::{
    CpuReader, FactsReader, KernelEvent, NetReader, Probe, ProbeHealth, Probes, RareReader,
};

use convert::Counting;
use files::Allowance;
pub use files::FileFacts;
use finish::Finish;
use rows::Rows;

/// Seconds between scans of the whole tree while events tell of changes.
const SLOW_SCAN_S: f64 = 60.0;
/// Seconds between scans while they do not.
const FAST_SCAN_S: f64 = 5.0;

/// A workload's reading of this tick.
#[derive(Debug, Clone, Copy)]
pub struct Sensed {
    /// Which cgroup.
    pub id: CgroupId,
    /// When the agent first saw it.
    pub first_seen: Timestamp,
    /// Its counters.
    pub sample: RawSample,
    /// The limits in force.
    pub limits: Limits,
}

/// Reads all workloads of the node.
pub struct Sensor {
    /// The kernel side.
    pub probes: Probes,
    tree: Tree,
    resident: Option<ResidentMemory>,
    scratch: Scratch,
    /// Room for the order of a walk's rows.
    order: Vec<(CgroupId, usize)>,
    controllers: Vec<ProbeHealth>,
    last_scan: Option<Timestamp>,
    /// What the kernel side lost, as of this tick.
    lost: Vec<(Lost, u64)>,
    lost_events: u64,
    oom_kills: u64,
    near_quota: HashMap<CgroupId, u64>,
    near_quota_share: f64,
    ticks: u64,
    page: u64,
    /// Did the CPU time of the last tick come from the kernel side?
    counted_cpu: bool,
    /// Are the maps to be compared with the tree after the next reading?
    sweep: bool,
}

impl Sensor {
    /// Over the tree at `root`; its readers keep at most `open_files` files open. The near-quota
    /// event is asked for at this share of the quota.
    #[must_use]
    pub fn new(root: &Root, probes: Probes, open_files: usize, near_quota_share: f64) -> Self {
        let resident =
            (!root.controllers().memory).then(|| ResidentMemory::new(root.path().to_owned()));
        Self {
            probes,
            tree: Tree::new(root.path().to_owned(), open_files),
            resident,
            scratch: Scratch::default(),
            order: Vec::new(),
            controllers: controllers::health(root),
            last_scan: None,
            lost: Vec::new(),
            lost_events: 0,
            oom_kills: 0,
            near_quota: HashMap::new(),
            near_quota_share,
            ticks: 0,
            page: self_cost::page_bytes(),
            counted_cpu: true,
            sweep: false,
        }
    }

    /// The workloads.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// OOM kills that events told of.
    #[must_use]
    pub fn oom_kills(&self) -> u64 {
        self.oom_kills
    }

    /// What the kernel side lost, as of the last tick.
    #[must_use]
    pub fn lost(&self) -> &[(Lost, u64)] {
        &self.lost
    }

    /// How each source is.
    #[must_use]
    pub fn health(&self) -> Vec<ProbeHealth> {
        let workloads = self.tree.len();
        let discovery = if self.probes.events_announce_cgroups() {
            ProbeHealth::healthy("discovery", format!("{workloads} workloads, by events"))
        } else {
            let cause = format!("{workloads} workloads, by a scan each {FAST_SCAN_S} s");
            ProbeHealth::degraded("discovery", cause)
        };
        [
            self.probes.health.clone(),
            self.controllers.clone(),
            vec![discovery],
        ]
        .concat()
    }

    /// Scans the tree when it is due: at the start, now and then, and after lost events. Was it?
    ///
    /// # Errors
    /// When the root of the tree cannot be listed; what is known stays.
    pub fn scan_if_due(&mut self, now: Timestamp) -> Result<bool, WalkError> {
        self.lost = self.probes.lost();
        let ring = |(reason, count): &(Lost, u64)| (*reason == Lost::EventRing).then_some(*count);
        let lost = self.lost.iter().find_map(ring).unwrap_or(0);
        let every = if self.probes.events_announce_cgroups() {
            SLOW_SCAN_S
        } else {
            FAST_SCAN_S
        };
        let due = self
            .last_scan
            .is_none_or(|last| now.seconds_since(last) >= every);
        if !due && lost == self.lost_events {
            return Ok(false);
        }
        self.lost_events = lost;
        self.last_scan = Some(now);
        self.sweep = true;
        let changes = self.tree.scan(now)?;
        if changes.added + changes.removed > 0 {
            tracing::debug!(
                added = changes.added,
                removed = changes.removed,
                "tree scanned"
            );
        }
        Ok(true)
    }

    /// Takes in an event of the kernel side.
    pub fn event(&mut self, event: &KernelEvent, now: Timestamp) {
        match event {
            KernelEvent::CgroupCreated { id, path } => {
                if self.tree.created(*id, path, now) {
                    tracing::debug!(cgroup = path, "created");
                }
            }
            KernelEvent::CgroupRemoved { id, path } => {
                if self.tree.removed(*id, Some(path)) {
                    self.forget(*id);
                    tracing::debug!(cgroup = path, "removed");
                }
            }
            KernelEvent::OomKill { id, pid, .. } => {
                self.oom_kills += 1;
                let path = match id.and_then(|id| self.tree.get(id)) {
                    Some(known) => known.path.clone(),
                    None => {
                        facts::cgroup_of(&pid.to_string()).unwrap_or_else(|| "unknown".to_owned())
                    }
                };
                tracing::warn!(
                    cgroup = path,
                    pid,
                    "the kernel kills a process: out of memory"
                );
            }
            KernelEvent::NearQuota { id, .. } => {
                *self.near_quota.entry(*id).or_default() += 1;
            }
        }
    }

    /// Reads the files of one cgroup now, between two ticks; `None` when it is gone or not known.
    pub fn read_now(&mut self, id: CgroupId, now: Timestamp) -> Option<(RawSample, Limits)> {
        let known = self.tree.get_mut(id)?;
        match known.reader.read(&mut self.scratch) {
            Outcome::Read(reading) => Some((reading.raw_sample(now), reading.limits())),
            Outcome::Gone => None,
        }
    }

    /// Asks for the near-quota event of a cgroup at this share of its quota, again in this period
    /// too; `None` is the usual share.
    pub fn tell_at(&mut self, id: CgroupId, used_share: Option<f64>) {
        let Some(quota) = self.probes.quota.as_mut() else {
            return;
        };
        if let Err(error) = quota.move_to(id, used_share) {
            tracing::warn!(%error, "the threshold of a cgroup's near-quota event stays as it was");
        }
    }

    /// Reads all workloads into `sensed`, in the order of their ids; those that are gone leave. What it
    /// held before goes, and its memory serves again.
    pub fn sense(&mut self, now: Timestamp, sensed: &mut Vec<Sensed>) {
        self.ticks += 1;
        sensed.clear();
        sensed.reserve(self.tree.len());
        let counting = self.counting();
        // Facts that did not fit are missing without a word: then the files must do.
        let complete = !self.has_lost(Lost::Facts);
        // Taken out, so that its rows can be read while the rest changes.
        let mut walk = self.probes.facts.take();
        let rows = walk.as_mut().filter(|_| complete).map(FactsReader::read);
        let gone = match read_or_log(rows, "facts") {
            Some(rows) => self.sense_walk(now, rows, counting, sensed),
            None => self.sense_files(now, counting, sensed),
        };
        self.probes.facts = walk;
        for id in gone {
            self.tree.removed(id, None);
            self.forget(id);
        }
        if std::mem::take(&mut self.sweep) {
            self.forget_strangers();
        }
        self.counted_cpu = counting.cpu;
    }

    fn has_lost(&self, wanted: Lost) -> bool {
        self.lost
            .iter()
            .any(|(reason, n)| *reason == wanted && *n > 0)
    }

    /// Which counters can be trusted: their probe runs and their map has room.
    fn counting(&self) -> Counting {
        let probes = &self.probes;
        let cpu = probes.runs(Probe::Cpu) && !self.has_lost(Lost::CpuMap);
        let rare = !self.has_lost(Lost::RareMap);
        Counting {
            cpu,
            wait: cpu && probes.runs(Probe::Scheduling),
            network: probes.runs(Probe::Network) && !self.has_lost(Lost::NetMap),
            tcp: probes.runs(Probe::Tcp) && rare,
            accept_queue: probes.runs(Probe::AcceptQueue) && rare,
            reclaim: probes.runs(Probe::Reclaim) && rare,
        }
    }

    /// The quick way: everything but `memory.stat` and pressure is in the walk.
    fn sense_walk(
        &mut self,
        now: Timestamp,
        rows: &[CgroupFacts],
        counting: Counting,
        sensed: &mut Vec<Sensed>,
    ) -> Vec<CgroupId> {
        self.watch_quotas(rows);
        let mut rows = Rows::sort(rows, &mut self.order);

        let mut left = Allowance::default();
        let turn = self.tree.turn(self.ticks);
        for known in self.tree.iter_from(turn) {
            if left.is_used_up() {
                break;
            }
            if let Some(row) = rows.of(known.id) {
                let scratch = &mut self.scratch;
                let problems = known
                    .files
                    .read(row, now, &mut known.reader, scratch, &mut left);
                log_first_problem(known, &problems);
            }
        }

        let mut rest = Finish {
            quota: self.probes.quota.as_ref(),
            near_quota: &self.near_quota,
            resident: self.resident.as_mut(),
            ticks: self.ticks,
            counted_cpu: self.counted_cpu,
        };
        let mut gone = Vec::new();
        for known in self.tree.iter_mut() {
            let Some(row) = rows.of(known.id) else {
                gone.push(known.id);
                continue;
            };
            // Filled where it stays: it is too large to be handed on.
            let made = sensed.push_mut(Sensed {
                id: known.id,
                first_seen: known.first_seen,
                sample: RawSample::default(),
                limits: convert::limits(row, self.page),
            });
            let sample = &mut made.sample;
            convert::fill(sample, row, now, self.page, counting);
            known.files.complete(sample);
            if !counting.cpu {
                let mut problems = Vec::new();
                let usage = known
                    .reader
                    .read_cpu_usage(&mut self.scratch, &mut problems);
                sample.cpu_ns = usage.map(|us| us.saturating_mul(1_000));
                log_first_problem(known, &problems);
            }
            rest.finish(known, sample, counting);
        }
        gone
    }

    /// The slow way: all files of each cgroup, and the counters map by map.
    fn sense_files(
        &mut self,
        now: Timestamp,
        counting: Counting,
        sensed: &mut Vec<Sensed>,
    ) -> Vec<CgroupId> {
        let probes = &mut self.probes;
        let cpu = read_or_log(probes.cpu.as_mut().map(CpuReader::read), "cpu");
        let net = read_or_log(probes.network.as_mut().map(NetReader::read), "network");
        let rare = read_or_log(
            probes.rare.as_mut().map(RareReader::read),
            "tcp and reclaim",
        );
        let counting = Counting {
            cpu: counting.cpu && cpu.is_some(),
            network: counting.network && net.is_some(),
            tcp: counting.tcp && rare.is_some(),
            accept_queue: counting.accept_queue && rare.is_some(),
            reclaim: counting.reclaim && rare.is_some(),
            ..counting
        };
        let mut rest = Finish {
            quota: probes.quota.as_ref(),
            near_quota: &self.near_quota,
            resident: self.resident.as_mut(),
            ticks: self.ticks,
            counted_cpu: self.counted_cpu,
        };
        let mut gone = Vec::new();
        for known in self.tree.iter_mut() {
            let Outcome::Read(reading) = known.reader.read(&mut self.scratch) else {
                gone.push(known.id);
                continue;
            };
            log_first_problem(known, &reading.problems);
            let mut sample = reading.raw_sample(now);
            // A cgroup without an entry did nothing.
            let cpu = cpu
                .and_then(|all| all.get(&known.id))
                .copied()
                .unwrap_or_default();
            let net = net
                .and_then(|all| all.get(&known.id))
                .copied()
                .unwrap_or_default();
            let rare = rare
                .and_then(|all| all.get(&known.id))
                .copied()
                .unwrap_or_default();
            convert::add_counters(&mut sample, &cpu, &net, &rare, counting);
            rest.finish(known, &mut sample, counting);
            sensed.push(Sensed {
                id: known.id,
                first_seen: known.first_seen,
                sample,
                limits: reading.limits(),
            });
        }
        gone
    }

    /// Sets a threshold for each cgroup that has a quota, the inner ones too: theirs throttles all
    /// below them.
    fn watch_quotas(&mut self, rows: &[CgroupFacts]) {
        let Some(quota) = &mut self.probes.quota else {
            return;
        };
        let mut refused = None;
        for row in rows {
            let id = CgroupId(row.id);
            let limited = row.flags & HAS_CPU != 0 && row.quota_ns != u64::MAX;
            if limited {
                // Where credit is saved up, less left than that means that it is being spent.
                let credit = row.burst_ns as f64 / row.quota_ns.max(1) as f64;
                let share = self.near_quota_share.min(1.0 - credit).max(0.0);
                refused = quota.set(id, share).err().or(refused);
            } else if quota.has(id) {
                quota.remove(id);
            }
        }
        if let Some(error) = refused {
            tracing::warn!(%error, "no near-quota event for some cgroups");
        }
    }

    /// Frees map entries of cgroups that the scan just before did not find: a socket or a dying
    /// process may have been counted after its cgroup went.
    fn forget_strangers(&mut self) {
        let probes = &self.probes;
        let ids = [
            read_or_log(probes.cpu.as_ref().map(CpuReader::ids), "cpu"),
            read_or_log(probes.network.as_ref().map(NetReader::ids), "network"),
            read_or_log(probes.rare.as_ref().map(RareReader::ids), "tcp and reclaim"),
        ];
        let tree = &self.tree;
        let strangers: HashSet<CgroupId> = ids
            .into_iter()
            .flatten()
            .flatten()
            .filter(|id| tree.get(*id).is_none())
            .collect();
        for id in strangers {
            self.forget(id);
        }
    }

    /// Frees what is kept of a cgroup outside the tree.
    fn forget(&mut self, id: CgroupId) {
        let probes = &mut self.probes;
        if let Some(cpu) = &mut probes.cpu {
            cpu.forget(id);
        }
        if let Some(network) = &mut probes.network {
            network.forget(id);
        }
        if let Some(rare) = &mut probes.rare {
            rare.forget(id);
        }
        if let Some(quota) = &mut probes.quota {
            quota.remove(id);
        }
        self.near_quota.remove(&id);
        if let Some(resident) = &mut self.resident {
            resident.forget(id);
        }
    }
}

/// The values of a map, or none with a line in the log.
fn read_or_log<T, E: std::fmt::Display>(read: Option<Result<T, E>>, map: &str) -> Option<T> {
    match read? {
        Ok(values) => Some(values),
        Err(error) => {
            tracing::warn!(map, %error, "the counters cannot be read this tick");
            None
        }
    }
}

/// Says once per cgroup that a file of it could not be understood.
fn log_first_problem(known: &mut Known, problems: &[llmos_cgroupfs::FileProblem]) {
    if known.problem_logged {
        return;
    }
    if let Some(problem) = problems.first() {
        known.problem_logged = true;
        tracing::warn!(cgroup = known.path, "{problem}; its metric is absent");
    }
}
