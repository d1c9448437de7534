//! The kernel side's object: opened with the constants of the running kernel set, its programs
//! attached one by one.

use std::fs::File;

use aya::maps::{Map, MapData};
use aya::programs::cgroup_skb::CgroupSkbLink;
use aya::programs::fentry::FEntryLink;
use aya::programs::tp_btf::BtfTracePointLink;
use aya::programs::{
    BtfTracePoint, CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, FEntry, Iter, Program,
    ProgramError, ProgramFd,
};
use aya::{Btf, Ebpf, EbpfLoader};
use llmos_common::facts::{HAS_CPU, HAS_MEMORY, HAS_PSI, HAS_RUN};
use llmos_common::globals;
use llmos_common::limits::MAX_ITERATED_CPUS;

use super::catalog::{Hook, Part};
use super::offsets::{Group, Offsets};
use super::refusal::{chain, refusal};
use crate::host::btf::KernelTypes;

/// The kernel side's object file; absent when the agent was built without bpf-linker.
#[cfg(llmos_probes_built_in)]
static OBJECT: Option<&[u8]> = Some(aya::include_bytes_aligned!(concat!(
    env!("OUT_DIR"),
    "/llmos-probes"
)));
#[cfg(not(llmos_probes_built_in))]
static OBJECT: Option<&[u8]> = None;

/// An attached program; dropping it detaches the program.
#[derive(Debug)]
pub(super) enum Link {
    Tracepoint(#[expect(dead_code, reason = "held for its drop")] BtfTracePointLink),
    Entry(#[expect(dead_code, reason = "held for its drop")] FEntryLink),
    Packets(#[expect(dead_code, reason = "held for its drop")] CgroupSkbLink),
}

/// The opened object with what is known of the kernel.
pub(super) struct Object {
    pub(super) ebpf: Ebpf,
    pub(super) offsets: Offsets,
    /// The kernel's types, several MiB, until all programs are loaded.
    btf: Option<Btf>,
    oom_takes_task: Option<bool>,
    has_accept: bool,
}

impl Object {
    pub(super) fn open(bpf_log: bool) -> Result<Self, String> {
        let bytes = OBJECT.ok_or("the agent was built without bpf-linker")?;
        let types = KernelTypes::of_running_kernel().map_err(|e| e.to_string())?;
        let offsets = Offsets::find(&types);
        offsets.have(Group::Base)?;
        let oom_takes_task = types.tracepoint_takes_pointer("mark_victim");
        let has_accept = types.has_function("inet_csk_complete_hashdance");
        drop(types);

        let part = |group, flag| if offsets.have(group).is_ok() { flag } else { 0 };
        let facts_enabled: u32 = HAS_RUN
            | part(Group::FactsMemory, HAS_MEMORY)
            | part(Group::FactsCpu, HAS_CPU)
            | part(Group::FactsPsi, HAS_PSI);
        let wait_enabled = u8::from(offsets.have(Group::Wait).is_ok());
        let quota_enabled = u8::from(offsets.have(Group::Quota).is_ok());
        let log_enabled = u8::from(bpf_log);
        // Without a count no CPU is added up, and the walk is not used.
        let cpus = possible_cpus().unwrap_or(0);

        let btf = Btf::from_sys_fs().map_err(|e| format!("the kernel's types: {}", chain(&e)))?;
        let mut loader = EbpfLoader::new();
        loader
            .btf(Some(&btf))
            .override_global(globals::LOG_ENABLED, &log_enabled, true)
            .override_global(globals::WAIT_ENABLED, &wait_enabled, true)
            .override_global(globals::QUOTA_ENABLED, &quota_enabled, true)
            .override_global(globals::FACTS_ENABLED, &facts_enabled, true)
            .override_global(globals::CPU_COUNT, &cpus, true);
        for (name, value) in &offsets.values {
            loader.override_global(name, value, true);
        }
        let ebpf = loader.load(bytes).map_err(|e| refusal(&e))?;
        drop(loader);
        Ok(Self {
            ebpf,
            offsets,
            btf: Some(btf),
            oom_takes_task,
            has_accept,
        })
    }

    /// Loads and attaches one program; one that was loaded before is only attached.
    pub(super) fn attach(
        &mut self,
        part: Part,
        root: Option<&File>,
    ) -> Result<Option<Link>, String> {
        let (name, hook) = self.variant(part)?;
        let Self { ebpf, btf, .. } = self;
        let btf = btf.as_ref();
        let said = |e: ProgramError| refusal(&e);
        Ok(match hook {
            Hook::Tracepoint(tracepoint) => {
                let program: &mut BtfTracePoint = find(ebpf, name)?;
                load(btf, |btf| program.load(tracepoint, btf))?;
                let id = program.attach().map_err(said)?;
                Some(Link::Tracepoint(program.take_link(id).map_err(said)?))
            }
            Hook::Entry(function) => {
                let program: &mut FEntry = find(ebpf, name)?;
                load(btf, |btf| program.load(function, btf))?;
                let id = program.attach().map_err(said)?;
                Some(Link::Entry(program.take_link(id).map_err(said)?))
            }
            Hook::Ingress | Hook::Egress => {
                let cgroup = root.ok_or("no cgroup v2 tree is mounted")?;
                let direction = match hook {
                    Hook::Ingress => CgroupSkbAttachType::Ingress,
                    _ => CgroupSkbAttachType::Egress,
                };
                let program: &mut CgroupSkb = find(ebpf, name)?;
                load(btf, |_| program.load())?;
                // A link always lets others count or filter here as well; 6.1 and 6.12 among
                // others refuse the flag that would ask for it.
                let id = program
                    .attach(cgroup, direction, CgroupAttachMode::Single)
                    .map_err(said)?;
                Some(Link::Packets(program.take_link(id).map_err(said)?))
            }
            Hook::Iterator => {
                if possible_cpus().is_none_or(|cpus| cpus > MAX_ITERATED_CPUS) {
                    return Err(format!(
                        "more than {MAX_ITERATED_CPUS} CPUs or an unknown count"
                    ));
                }
                let program: &mut Iter = find(ebpf, name)?;
                load(btf, |btf| program.load("cgroup", btf))?;
                None
            }
            Hook::With(_) => None,
        })
    }

    /// Frees what only loading needs.
    pub(super) fn loaded(&mut self) {
        self.btf = None;
    }

    /// The descriptor of a loaded program.
    pub(super) fn program(&self, name: &str) -> Option<&ProgramFd> {
        let program = self.ebpf.program(name)?;
        match program {
            Program::BtfTracePoint(p) => p.fd(),
            Program::FEntry(p) => p.fd(),
            Program::CgroupSkb(p) => p.fd(),
            Program::Iter(p) => p.fd(),
            _ => return None,
        }
        .ok()
    }

    pub(super) fn take<T>(&mut self, name: &str) -> Result<T, String>
    where
        T: TryFrom<Map>,
        T::Error: std::error::Error + 'static,
    {
        let map = self
            .ebpf
            .take_map(name)
            .ok_or_else(|| format!("the object has no map {name}"))?;
        map.try_into().map_err(|e| chain(&e))
    }

    /// The bare map, to be mapped into memory.
    pub(super) fn take_array(&mut self, name: &str) -> Result<MapData, String> {
        match self.ebpf.take_map(name) {
            Some(Map::Array(data)) => Ok(data),
            _ => Err(format!("the object has no array {name}")),
        }
    }

    /// The program that this kernel calls for.
    fn variant(&self, part: Part) -> Result<Part, String> {
        match part {
            ("oom_task", hook) => match self.oom_takes_task {
                Some(true) => Ok(part),
                // Older kernels pass the pid.
                Some(false) => Ok(("oom_pid", hook)),
                None => Err("this kernel has no tracepoint mark_victim".to_owned()),
            },
            (_, Hook::Entry(function)) if !self.has_accept => Err(format!(
                "this kernel has no function {function} to attach to"
            )),
            _ => Ok(part),
        }
    }
}

/// Loads a program. Without the types it was loaded before, and can only be attached.
fn load(
    btf: Option<&Btf>,
    load: impl FnOnce(&Btf) -> Result<(), ProgramError>,
) -> Result<(), String> {
    match btf.map(load) {
        None | Some(Ok(()) | Err(ProgramError::AlreadyLoaded)) => Ok(()),
        Some(Err(error)) => Err(refusal(&error)),
    }
}

fn possible_cpus() -> Option<u32> {
    u32::try_from(aya::util::nr_cpus().ok()?).ok()
}

fn find<'a, P>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut P, String>
where
    &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
{
    let program = ebpf
        .program_mut(name)
        .ok_or_else(|| format!("no program {name}"))?;
    program.try_into().map_err(|e| chain(&e))
}
