//! Loads and attaches the kernel side, program by program.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use aya::maps::{MapData, PerCpuArray, RingBuf};
use aya::programs::{BtfTracePoint, CgroupAttachMode, CgroupSkb, CgroupSkbAttachType};
use aya::{Btf, Ebpf, EbpfLoader};
use llmos_common::globals;
use llmos_common::lost::Lost;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::counters::{CpuReader, NetReader};
use super::health::{Health, ProbeHealth};
use crate::host::btf::KernelTypes;

/// The kernel side's object file; absent when the agent was built without bpf-linker.
#[cfg(llmos_probes_built_in)]
static OBJECT: Option<&[u8]> = Some(aya::include_bytes_aligned!(concat!(
    env!("OUT_DIR"),
    "/llmos-probes"
)));
#[cfg(not(llmos_probes_built_in))]
static OBJECT: Option<&[u8]> = None;

/// Probes by name, as the socket shows them.
const CPU: &str = "probe.cpu";
const NETWORK: &str = "probe.network";
const CGROUPS: &str = "probe.cgroup-events";
const OOM: &str = "probe.oom-events";

/// Which probes the configuration asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// CPU time per cgroup.
    pub cpu: bool,
    /// Traffic per cgroup.
    pub network: bool,
    /// cgroup and OOM events.
    pub events: bool,
    /// Debug logs of the kernel side.
    pub bpf_log: bool,
}

/// The ring buffer, as something that the event loop can wait for.
pub type EventSource = AsyncFd<RingBuf<MapData>>;

/// The debug log of the kernel side, as something that the event loop can wait for.
pub type LogSource = AsyncFd<aya_log::EbpfLogger<&'static dyn log::Log>>;

/// What could be loaded. Dropping it detaches everything.
pub struct Probes {
    /// CPU counters, when that probe runs.
    pub cpu: Option<CpuReader>,
    /// Traffic counters, when that probe runs.
    pub network: Option<NetReader>,
    /// Events, when at least one of their programs runs.
    pub events: Option<EventSource>,
    /// Debug log of the kernel side, when it is wanted.
    pub log: Option<LogSource>,
    /// How each probe is.
    pub health: Vec<ProbeHealth>,
    lost: Option<PerCpuArray<MapData, u64>>,
    /// Holds the programs and their links.
    _object: Option<Ebpf>,
}

impl Probes {
    /// Loads what is wanted and can be had. `unified` is the root of the cgroup v2 tree.
    #[must_use]
    pub fn load(wanted: Wanted, unified: Option<&Path>) -> Self {
        match Loader::open(wanted) {
            Ok(loader) => loader.attach_all(wanted, unified),
            Err(cause) => Self::without(wanted, &cause),
        }
    }

    /// No kernel side at all, for one cause.
    fn without(wanted: Wanted, cause: &str) -> Self {
        let state = |on: bool, name, instead: &str| match on {
            true if instead.is_empty() => ProbeHealth::unsupported(name, cause),
            true => ProbeHealth::degraded(name, format!("{cause}; {instead}")),
            false => ProbeHealth::off(name),
        };
        Self {
            cpu: None,
            network: None,
            events: None,
            log: None,
            lost: None,
            health: vec![
                state(wanted.cpu, CPU, "cpu.stat instead"),
                state(wanted.network, NETWORK, ""),
                state(wanted.events, CGROUPS, "the tree is scanned instead"),
                state(wanted.events, OOM, "memory.events instead"),
            ],
            _object: None,
        }
    }

    /// Do events tell of cgroups made and removed?
    #[must_use]
    pub fn events_announce_cgroups(&self) -> bool {
        // Its health covers the ring as well, which the event loop may have taken already.
        self.health
            .iter()
            .any(|h| h.name == CGROUPS && h.state == Health::Healthy)
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

/// The opened object with the kernel's types that its programs are checked against.
struct Loader {
    object: Ebpf,
    btf: Btf,
    oom_takes_task: Option<bool>,
}

impl Loader {
    fn open(wanted: Wanted) -> Result<Self, String> {
        if !(wanted.cpu || wanted.network || wanted.events) {
            return Err("no probe is wanted".to_owned());
        }
        let bytes = OBJECT.ok_or("the agent was built without bpf-linker")?;
        let types = KernelTypes::of_running_kernel().map_err(|e| e.to_string())?;
        let offset = |s, m| types.offset(s, m).map_err(|e| e.to_string());
        let (cgroups, dfl_cgrp) = (
            offset("task_struct", "cgroups")?,
            offset("css_set", "dfl_cgrp")?,
        );
        let (kn, id) = (offset("cgroup", "kn")?, offset("kernfs_node", "id")?);
        let tgid = offset("task_struct", "tgid")?;
        let log = u8::from(wanted.bpf_log);
        let oom_takes_task = types.tracepoint_takes_pointer("mark_victim");
        drop(types);

        let btf = Btf::from_sys_fs().map_err(|e| format!("the kernel's types: {}", chain(&e)))?;
        let object = EbpfLoader::new()
            .btf(Some(&btf))
            .override_global(globals::TASK_CGROUPS, &cgroups, true)
            .override_global(globals::CSS_SET_DFL_CGRP, &dfl_cgrp, true)
            .override_global(globals::CGROUP_KN, &kn, true)
            .override_global(globals::KERNFS_NODE_ID, &id, true)
            .override_global(globals::TASK_TGID, &tgid, true)
            .override_global(globals::LOG_ENABLED, &log, true)
            .load(bytes)
            .map_err(|e| refusal(&e))?;
        Ok(Self {
            object,
            btf,
            oom_takes_task,
        })
    }

    fn attach_all(mut self, wanted: Wanted, unified: Option<&Path>) -> Probes {
        let cpu = self.cpu(wanted.cpu);
        let network = self.network(wanted.network, unified);
        let (created, removed, oom) = if wanted.events {
            (
                self.tracepoint("cgroup_created", "cgroup_mkdir"),
                self.tracepoint("cgroup_removed", "cgroup_rmdir"),
                self.oom(),
            )
        } else {
            (Err(String::new()), Err(String::new()), Err(String::new()))
        };
        let any_event = created.is_ok() || removed.is_ok() || oom.is_ok();
        let events = if any_event {
            self.events()
        } else {
            Err(String::new())
        };

        let mut health = vec![
            health(
                wanted.cpu,
                CPU,
                &cpu,
                "run time by sched_stat_runtime",
                "cpu.stat instead",
            ),
            health(
                wanted.network,
                NETWORK,
                &network,
                "cgroup_skb at the root",
                "",
            ),
        ];
        let tree = created
            .and(removed)
            .and(events.as_ref().map(|_| ()).map_err(Clone::clone));
        let oom = oom.and(events.as_ref().map(|_| ()).map_err(Clone::clone));
        let scan = "the tree is scanned instead";
        health.push(self::health(
            wanted.events,
            CGROUPS,
            &tree,
            "created and removed",
            scan,
        ));
        let files = "memory.events instead";
        health.push(self::health(
            wanted.events,
            OOM,
            &oom,
            "kills by mark_victim",
            files,
        ));

        let lost = self
            .object
            .take_map("LOST")
            .and_then(|m| PerCpuArray::try_from(m).ok());
        let log = if wanted.bpf_log { self.log() } else { None };
        Probes {
            cpu: cpu.ok(),
            network: network.ok(),
            events: events.ok(),
            log,
            health,
            lost,
            _object: Some(self.object),
        }
    }

    fn cpu(&mut self, wanted: bool) -> Result<CpuReader, String> {
        if !wanted {
            return Err(String::new());
        }
        self.tracepoint("cpu_runtime", "sched_stat_runtime")?;
        let map = self
            .object
            .take_map("CPU")
            .ok_or("the object has no map CPU")?;
        Ok(CpuReader::new(map.try_into().map_err(|e| chain(&e))?))
    }

    fn network(&mut self, wanted: bool, unified: Option<&Path>) -> Result<NetReader, String> {
        if !wanted {
            return Err(String::new());
        }
        let root = unified.ok_or("no cgroup v2 tree is mounted")?;
        let cgroup = File::open(root).map_err(|e| format!("{}: {e}", root.display()))?;
        let pair = [
            ("net_ingress", CgroupSkbAttachType::Ingress),
            ("net_egress", CgroupSkbAttachType::Egress),
        ];
        for (name, direction) in pair {
            let program: &mut CgroupSkb = self.program(name)?;
            program.load().map_err(|e| refusal(&e))?;
            // A link always lets others count or filter here as well; 6.1 and 6.12 among others
            // refuse the flag that would ask for it.
            program
                .attach(&cgroup, direction, CgroupAttachMode::Single)
                .map_err(|e| refusal(&e))?;
        }
        let map = self
            .object
            .take_map("NET")
            .ok_or("the object has no map NET")?;
        Ok(NetReader::new(map.try_into().map_err(|e| chain(&e))?))
    }

    fn oom(&mut self) -> Result<(), String> {
        match self.oom_takes_task {
            Some(true) => self.tracepoint("oom_task", "mark_victim"),
            Some(false) => self.tracepoint("oom_pid", "mark_victim"),
            None => Err("this kernel has no tracepoint mark_victim".to_owned()),
        }
    }

    fn events(&mut self) -> Result<EventSource, String> {
        let map = self
            .object
            .take_map("EVENTS")
            .ok_or("the object has no map EVENTS")?;
        let ring = RingBuf::try_from(map).map_err(|e| chain(&e))?;
        wait_for(ring).map_err(|e| format!("the event ring cannot be waited for: {e}"))
    }

    fn log(&mut self) -> Option<LogSource> {
        let logger = aya_log::EbpfLogger::init(&mut self.object)
            .map_err(|e| tracing::warn!(error = %chain(&e), "no debug log of the kernel side"))
            .ok()?;
        wait_for(logger)
            .map_err(|error| tracing::warn!(%error, "no debug log of the kernel side"))
            .ok()
    }

    fn tracepoint(&mut self, program: &str, tracepoint: &str) -> Result<(), String> {
        let Self { object, btf, .. } = self;
        let program: &mut BtfTracePoint = find(object, program)?;
        program.load(tracepoint, btf).map_err(|e| refusal(&e))?;
        program.attach().map_err(|e| refusal(&e))?;
        Ok(())
    }

    fn program<'a, P>(&'a mut self, name: &str) -> Result<&'a mut P, String>
    where
        &'a mut P: TryFrom<&'a mut aya::programs::Program, Error = aya::programs::ProgramError>,
    {
        find(&mut self.object, name)
    }
}

/// Registers a descriptor with the event loop, for reading.
fn wait_for<T: AsRawFd>(source: T) -> std::io::Result<AsyncFd<T>> {
    // SAFETY: both sources own their map's descriptor and neither replaces nor closes it while
    // they live; `AsyncFd` owns the source.
    unsafe { Ok(AsyncFd::register_with_interest(source, Interest::READABLE)?) }
}

fn find<'a, P>(object: &'a mut Ebpf, name: &str) -> Result<&'a mut P, String>
where
    &'a mut P: TryFrom<&'a mut aya::programs::Program, Error = aya::programs::ProgramError>,
{
    let program = object
        .program_mut(name)
        .ok_or_else(|| format!("no program {name}"))?;
    program.try_into().map_err(|e| chain(&e))
}

fn health<T>(
    wanted: bool,
    name: &'static str,
    result: &Result<T, String>,
    what: &str,
    instead: &str,
) -> ProbeHealth {
    match result {
        _ if !wanted => ProbeHealth::off(name),
        Ok(_) => ProbeHealth::healthy(name, what),
        Err(cause) if instead.is_empty() => ProbeHealth::unsupported(name, cause),
        Err(cause) => ProbeHealth::degraded(name, format!("{cause}; {instead}")),
    }
}

/// The last words of a refusal: the verifier's log is long, and its end says why.
fn refusal(error: &(dyn std::error::Error + 'static)) -> String {
    let text = chain(error);
    if text.contains("Operation not permitted") || text.contains("os error 1)") {
        return "not permitted: run as root or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN".into();
    }
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    let tail = lines.len().saturating_sub(4);
    lines.get(tail..).unwrap_or_default().join(" | ")
}

/// An error with its causes in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
