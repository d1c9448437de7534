//! Loads what is wanted and can be had, and hands out the readers.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd as _, AsRawFd};
use std::path::Path;

use aya::maps::{MapData, RingBuf};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::catalog::Probe;
use super::counters::{CpuReader, NetReader, RareReader};
use super::facts::FactsReader;
use super::health::ProbeHealth;
use super::object::{Link, Object};
use super::offsets::Group;
use super::quota::QuotaThresholds;
use super::refusal::chain;
use super::set::Probes;
use super::stats::open_maps;
use super::wanted::Wanted;

/// The ring buffer, as something that the event loop can wait for.
pub type EventSource = AsyncFd<RingBuf<MapData>>;

/// The debug log of the kernel side, as something that the event loop can wait for.
pub type LogSource = AsyncFd<aya_log::EbpfLogger<&'static dyn log::Log>>;

impl Probes {
    /// Loads what is wanted and can be had. `unified` is the root of the cgroup v2 tree.
    #[must_use]
    pub fn load(wanted: Wanted, unified: Option<&Path>) -> Self {
        if !Probe::ALL.iter().any(|probe| wanted.has(*probe)) {
            return Self::without(wanted, "");
        }
        match Object::open(wanted.bpf_log) {
            Ok(object) => load(object, wanted, unified),
            Err(cause) => Self::without(wanted, &cause),
        }
    }

    /// No kernel side at all, for one cause.
    fn without(wanted: Wanted, cause: &str) -> Self {
        let health = Probe::ALL.map(|probe| state(probe, wanted, &Err(cause.to_owned())));
        Self {
            cpu: None,
            network: None,
            rare: None,
            facts: None,
            quota: None,
            events: None,
            log: None,
            health: health.into(),
            lost: None,
            links: HashMap::new(),
            root: None,
            object: None,
            map_fds: Vec::new(),
        }
    }
}

/// How the loading went so far.
struct Loading {
    object: Object,
    results: HashMap<Probe, Result<(), String>>,
    links: HashMap<Probe, Vec<Link>>,
}

impl Loading {
    fn runs(&self, probe: Probe) -> bool {
        self.links.contains_key(&probe)
    }

    fn attach(&mut self, probe: Probe, root: Option<&File>) {
        let result = attach(&mut self.object, probe, root).map(|links| {
            self.links.insert(probe, links);
        });
        self.results.insert(probe, result);
    }

    fn fail(&mut self, probe: Probe, cause: &str) {
        if self.links.remove(&probe).is_some() {
            self.results.insert(probe, Err(cause.to_owned()));
        }
    }

    /// What these probes share, where one of them runs. What cannot be had takes them along.
    fn part<T>(
        &mut self,
        of: &[Probe],
        take: impl FnOnce(&mut Object) -> Result<T, String>,
    ) -> Option<T> {
        if !of.iter().any(|probe| self.runs(*probe)) {
            return None;
        }
        match take(&mut self.object) {
            Ok(part) => Some(part),
            Err(cause) => {
                of.iter().for_each(|probe| self.fail(*probe, &cause));
                None
            }
        }
    }
}

fn load(object: Object, wanted: Wanted, unified: Option<&Path>) -> Probes {
    let root = unified.and_then(|path| File::open(path).ok());
    let mut loading = Loading {
        object,
        results: HashMap::new(),
        links: HashMap::new(),
    };
    for probe in Probe::ALL.into_iter().filter(|probe| wanted.has(*probe)) {
        loading.attach(probe, root.as_ref());
    }
    loading.object.loaded();
    if !loading.runs(Probe::Cpu) {
        loading.fail(
            Probe::Scheduling,
            "it comes with probe.cpu, which does not run",
        );
    }
    // Events need their ring; without it their programs would fill it for nobody.
    let of_events = [Probe::CgroupEvents, Probe::OomEvents, Probe::NearQuota];
    let events = loading.part(&of_events, ring);
    let cpu = loading.part(&[Probe::Cpu, Probe::Scheduling], |object| {
        Ok(CpuReader::new(object.take("CPU")?))
    });
    let network = loading.part(&[Probe::Network], |object| {
        Ok(NetReader::new(object.take("NET")?))
    });
    let rare = [Probe::Tcp, Probe::AcceptQueue, Probe::Reclaim];
    let rare = loading.part(&rare, |object| Ok(RareReader::new(object.take("RARE")?)));
    let quota = loading.part(&[Probe::NearQuota], |object| {
        Ok(QuotaThresholds::new(
            object.take("NEAR_QUOTA")?,
            object.take("QUOTAS_WATCHED")?,
        ))
    });
    let facts = loading.part(&[Probe::Facts], |object| facts(object, root.as_ref()));

    let Loading {
        mut object,
        results,
        links,
    } = loading;
    let health = Probe::ALL.map(|probe| match results.get(&probe) {
        Some(Ok(())) if probe == Probe::Facts => facts_health(&object),
        Some(result) => state(probe, wanted, result),
        None => ProbeHealth::off(probe.name()),
    });
    Probes {
        cpu,
        network,
        rare,
        facts,
        quota,
        events,
        log: if wanted.bpf_log {
            log(&mut object)
        } else {
            None
        },
        health: health.into(),
        lost: object.take("LOST").ok(),
        links,
        root,
        object: Some(object),
        map_fds: open_maps(),
    }
}

fn facts(object: &mut Object, root: Option<&File>) -> Result<FactsReader, String> {
    let root = root.ok_or("no cgroup v2 tree is mounted")?;
    let (rows, len) = (object.take_array("FACTS")?, object.take_array("FACTS_LEN")?);
    let program = object
        .program("cgroup_facts")
        .ok_or("the program is not loaded")?;
    FactsReader::open(program.as_fd(), root, rows, &len)
        .map_err(|e| format!("the walk cannot be linked: {e}"))
}

/// Attaches all programs of a probe, or none.
pub(super) fn attach(
    object: &mut Object,
    probe: Probe,
    root: Option<&File>,
) -> Result<Vec<Link>, String> {
    for group in probe.needs() {
        object.offsets.have(*group)?;
    }
    let mut links = Vec::new();
    for part in probe.parts() {
        links.extend(object.attach(*part, root)?);
    }
    Ok(links)
}

fn ring(object: &mut Object) -> Result<EventSource, String> {
    let ring: RingBuf<MapData> = object.take("EVENTS")?;
    wait_for(ring).map_err(|e| format!("the event ring cannot be waited for: {e}"))
}

fn log(object: &mut Object) -> Option<LogSource> {
    let logger = aya_log::EbpfLogger::init(&mut object.ebpf)
        .map_err(|e| tracing::warn!(error = %chain(&e), "no debug log of the kernel side"))
        .ok()?;
    wait_for(logger)
        .map_err(|error| tracing::warn!(%error, "no debug log of the kernel side"))
        .ok()
}

/// Registers a descriptor with the event loop, for reading.
fn wait_for<T: AsRawFd>(source: T) -> std::io::Result<AsyncFd<T>> {
    // SAFETY: both sources own their map's descriptor and neither replaces nor closes it while
    // they live; `AsyncFd` owns the source.
    unsafe { Ok(AsyncFd::register_with_interest(source, Interest::READABLE)?) }
}

/// How a probe is, by how its loading went.
fn state(probe: Probe, wanted: Wanted, result: &Result<(), String>) -> ProbeHealth {
    let (name, instead) = (probe.name(), probe.instead());
    match result {
        _ if !wanted.has(probe) => ProbeHealth::off(name),
        Ok(()) => ProbeHealth::healthy(name, probe.gives()),
        Err(cause) if instead.is_empty() => ProbeHealth::unsupported(name, cause),
        Err(cause) => ProbeHealth::degraded(name, format!("{cause}; {instead}")),
    }
}

/// The walk works, but this kernel may lack members that parts of it read.
fn facts_health(object: &Object) -> ProbeHealth {
    let (name, gives) = (Probe::Facts.name(), Probe::Facts.gives());
    let missing: Vec<String> = [Group::FactsMemory, Group::FactsCpu, Group::FactsPsi]
        .into_iter()
        .filter_map(|group| object.offsets.have(group).err())
        .collect();
    if missing.is_empty() {
        ProbeHealth::healthy(name, gives)
    } else {
        ProbeHealth::degraded(name, format!("{}; files instead", missing.join(", ")))
    }
}
