//! The kernel side's counts beside the truth, as relative errors.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use llmos_agent::probes::{Health, Probes, Wanted};
use llmos_cgroupfs::Root;
use llmos_common::counters::NetCounters;
use llmos_engine::units::CgroupId;

use crate::cgroup::TestCgroup;
use crate::load::Load;

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// What was compared.
    pub what: &'static str,
    /// What the kernel side counted: nanoseconds or bytes.
    pub counted: u64,
    /// What is true: `cpu.stat`, or the bytes that were sent.
    pub truth: u64,
}

impl Compared {
    /// Relative error in percent.
    #[must_use]
    pub fn error_pct(&self) -> f64 {
        (self.counted as f64 - self.truth as f64).abs() / (self.truth.max(1) as f64) * 100.0
    }
}

/// What keeps these measurements from running here; `None` when they can run.
#[must_use]
pub fn obstacle() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("it needs root".to_owned());
    }
    Root::find().err().map(|error| error.to_string())
}

/// CPU time of a busy loop and of a task that sleeps often, both at once for `seconds`.
///
/// # Errors
/// When the probe cannot run or a load fails.
pub fn cpu(load: &Path, seconds: f64) -> Result<Vec<Compared>> {
    let root = Root::find()?;
    let wanted = Wanted {
        cpu: true,
        network: false,
        events: false,
        bpf_log: false,
    };
    let mut probes = load_probes(wanted, &root)?;
    let seconds = seconds.to_string();
    let busy = TestCgroup::make(&root, "busy")?;
    let sleeper = TestCgroup::make(&root, "sleeper")?;
    let mut running = [
        Load::start(load, &busy, &["busy", &seconds])?,
        Load::start(load, &sleeper, &["sleeper", &seconds])?,
    ];
    let both = [("busy loop", &busy), ("task that sleeps often", &sleeper)];
    let mut before = Vec::new();
    for (_, cgroup) in &both {
        before.push((ebpf_cpu(&mut probes, cgroup.id()?)?, cgroup.cpu_ns()?));
    }
    for load in &mut running {
        load.begin()?;
    }
    for load in running {
        load.finish()?;
    }
    let mut compared = Vec::new();
    for ((what, cgroup), (counted, truth)) in both.into_iter().zip(before) {
        compared.push(Compared {
            what,
            counted: ebpf_cpu(&mut probes, cgroup.id()?)? - counted,
            truth: cgroup.cpu_ns()? - truth,
        });
    }
    Ok(compared)
}

/// A transfer of `bytes` over loopback from one cgroup to another.
///
/// # Errors
/// When the probe cannot run or a load fails.
pub fn network(load: &Path, bytes: u64) -> Result<Vec<Compared>> {
    let root = Root::find()?;
    let wanted = Wanted {
        cpu: false,
        network: true,
        events: false,
        bpf_log: false,
    };
    let mut probes = load_probes(wanted, &root)?;
    let (from, to) = (
        TestCgroup::make(&root, "send")?,
        TestCgroup::make(&root, "receive")?,
    );
    let mut receiver = Load::start(load, &to, &["receive"])?;
    receiver.begin()?;
    let port = receiver.detail().to_owned();
    let mut sender = Load::start(load, &from, &["send", &port, &bytes.to_string()])?;
    sender.begin()?;
    sender.finish()?;
    receiver.finish()?;
    let sent = ebpf_net(&mut probes, from.id()?)?.tx_bytes;
    let received = ebpf_net(&mut probes, to.id()?)?.rx_bytes;
    Ok(vec![
        Compared {
            what: "bytes sent",
            counted: sent,
            truth: bytes,
        },
        Compared {
            what: "bytes received",
            counted: received,
            truth: bytes,
        },
    ])
}

fn load_probes(wanted: Wanted, root: &Root) -> Result<Probes> {
    let probes = Probes::load(wanted, Some(root.path()));
    for health in &probes.health {
        if !matches!(health.state, Health::Healthy | Health::Off) {
            bail!("{} is {:?}: {}", health.name, health.state, health.cause);
        }
    }
    Ok(probes)
}

fn ebpf_cpu(probes: &mut Probes, id: CgroupId) -> Result<u64> {
    let reader = probes.cpu.as_mut().context("no CPU counters")?;
    Ok(reader.read()?.get(&id).copied().unwrap_or(0))
}

fn ebpf_net(probes: &mut Probes, id: CgroupId) -> Result<NetCounters> {
    let reader = probes.network.as_mut().context("no network counters")?;
    Ok(reader.read()?.get(&id).copied().unwrap_or_default())
}
