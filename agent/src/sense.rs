//! One reading of everything: counters of the kernel side over the files of each cgroup.

use llmos_cgroupfs::{Layout, Outcome, Root, Scratch, WalkError};
use llmos_common::counters::NetCounters;
use llmos_common::lost::Lost;
use llmos_engine::sample::{Limits, RawSample};
use llmos_engine::units::{CgroupId, Timestamp};

use crate::discover::{Known, Tree};
use crate::host::facts;
use crate::host::resident::ResidentMemory;
use crate::probes::{CpuReader, KernelEvent, NetReader, ProbeHealth, Probes};

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
    controllers: Vec<ProbeHealth>,
    events_work: bool,
    last_scan: Option<Timestamp>,
    lost_events: u64,
    oom_kills: u64,
    ticks: u64,
    /// Are the maps to be compared with the tree after the next reading?
    sweep: bool,
}

impl Sensor {
    /// Over the tree at `root`; its readers keep at most `open_files` files open.
    #[must_use]
    pub fn new(root: &Root, probes: Probes, open_files: usize) -> Self {
        let resident =
            (!root.controllers().memory).then(|| ResidentMemory::new(root.path().to_owned()));
        Self {
            events_work: probes.events_announce_cgroups(),
            probes,
            tree: Tree::new(root.path().to_owned(), open_files),
            resident,
            scratch: Scratch::default(),
            controllers: controllers(root),
            last_scan: None,
            lost_events: 0,
            oom_kills: 0,
            ticks: 0,
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

    /// How each source is.
    #[must_use]
    pub fn health(&self) -> Vec<ProbeHealth> {
        let workloads = self.tree.len();
        let discovery = if self.events_work {
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

    /// Scans the tree when it is due: at the start, now and then, and after lost events.
    ///
    /// # Errors
    /// When the root of the tree cannot be listed; what is known stays.
    pub fn scan_if_due(&mut self, now: Timestamp) -> Result<(), WalkError> {
        let lost = self
            .probes
            .lost()
            .into_iter()
            .find_map(|(reason, count)| (reason == Lost::EventRing).then_some(count))
            .unwrap_or(0);
        let every = if self.events_work {
            SLOW_SCAN_S
        } else {
            FAST_SCAN_S
        };
        let due = self
            .last_scan
            .is_none_or(|last| now.seconds_since(last) >= every);
        if !due && lost == self.lost_events {
            return Ok(());
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
        Ok(())
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
            KernelEvent::NearQuota { .. } => {}
        }
    }

    /// Reads all workloads; those that are gone leave.
    pub fn sense(&mut self, now: Timestamp) -> Vec<Sensed> {
        self.ticks += 1;
        let lost = self.probes.lost();
        let overflow = |wanted| {
            lost.iter()
                .any(|(reason, count)| *reason == wanted && *count > 0)
        };
        let (cpu_overflow, net_overflow) = (overflow(Lost::CpuMap), overflow(Lost::NetMap));
        let cpu = read_or_log(self.probes.cpu.as_mut().map(CpuReader::read), "cpu");
        let net = read_or_log(self.probes.network.as_mut().map(NetReader::read), "network");

        let mut sensed = Vec::with_capacity(self.tree.len());
        let mut gone = Vec::new();
        for known in self.tree.iter_mut() {
            let Outcome::Read(reading) = known.reader.read(&mut self.scratch) else {
                gone.push(known.id);
                continue;
            };
            log_first_problem(known, &reading.problems);
            let mut sample = reading.raw_sample(now);
            if let Some(total) = cpu {
                // A cgroup without an entry ran nothing, unless the map was full.
                let ran = total.get(&known.id).copied();
                sample.cpu_ns = ran.map(|c| c.run_ns).or(if cpu_overflow { sample.cpu_ns } else { Some(0) });
            }
            if let Some(total) = net {
                let zero = (!net_overflow).then(NetCounters::default);
                if let Some(counters) = total.get(&known.id).copied().or(zero) {
                    sample.rx_bytes = Some(counters.rx_bytes);
                    sample.tx_bytes = Some(counters.tx_bytes);
                    sample.rx_packets = Some(counters.rx_packets);
                    sample.tx_packets = Some(counters.tx_packets);
                }
            }
            if sample.memory_current.is_none()
                && let Some(resident) = &mut self.resident
            {
                sample.memory_current = resident.of(known.id, &known.path, self.ticks);
            }
            let (id, first_seen) = (known.id, known.first_seen);
            sensed.push(Sensed {
                id,
                first_seen,
                sample,
                limits: reading.limits(),
            });
        }
        for id in gone {
            self.tree.removed(id, None);
            self.forget(id);
        }
        if std::mem::take(&mut self.sweep) {
            self.forget_strangers();
        }
        sensed
    }

    /// Frees map entries of cgroups that the scan just before did not find: a socket or a dying
    /// process may have been counted after its cgroup went.
    fn forget_strangers(&mut self) {
        let tree = &self.tree;
        let mut strangers: Vec<CgroupId> = Vec::new();
        if let Some(total) = read_or_log(self.probes.cpu.as_mut().map(CpuReader::read), "cpu") {
            strangers.extend(total.keys().filter(|id| tree.get(**id).is_none()));
        }
        let net = self.probes.network.as_mut().map(NetReader::read);
        if let Some(total) = read_or_log(net, "network") {
            strangers.extend(total.keys().filter(|id| tree.get(**id).is_none()));
        }
        for id in strangers {
            self.forget(id);
        }
    }

    /// Frees what is kept of a cgroup outside the tree.
    fn forget(&mut self, id: CgroupId) {
        if let Some(cpu) = &mut self.probes.cpu {
            cpu.forget(id);
        }
        if let Some(network) = &mut self.probes.network {
            network.forget(id);
        }
        if let Some(resident) = &mut self.resident {
            resident.forget(id);
        }
    }
}

/// The values of a map, or none with a line in the log.
fn read_or_log<T>(read: Option<Result<T, aya::maps::MapError>>, map: &str) -> Option<T> {
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

/// What the hierarchy lets the agent read and write.
fn controllers(root: &Root) -> Vec<ProbeHealth> {
    let why = match root.layout() {
        Layout::Hybrid => "version 1 hierarchies hold the controllers of this machine",
        Layout::Unified | Layout::Given => "the root of the hierarchy does not offer it",
    };
    let cpu = if root.controllers().cpu {
        ProbeHealth::healthy("cgroup.cpu", "cpu.max and throttling")
    } else {
        ProbeHealth::unsupported("cgroup.cpu", format!("no cpu.max: {why}"))
    };
    let memory = if root.controllers().memory {
        ProbeHealth::healthy("cgroup.memory", "memory.current, memory.high, memory.max")
    } else {
        let instead = "resident memory of the processes summed instead, shared pages once for each";
        ProbeHealth::degraded(
            "cgroup.memory",
            format!("no memory files: {why}; {instead}"),
        )
    };
    vec![cpu, memory]
}
