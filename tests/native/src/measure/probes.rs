//! The kernel side with the probes that a measurement needs.

use anyhow::{Context as _, Result, bail};
use llmos_agent::probes::{Probe, Probes, Wanted};
use llmos_cgroupfs::Root;
use llmos_common::counters::CpuCounters;
use tokio::runtime::{Builder, Runtime};

use crate::cgroup::TestCgroup;
use crate::net::Traffic;

/// The loaded kernel side and the tree that it counts.
pub struct Kernel {
    /// The cgroup v2 tree.
    pub root: Root,
    probes: Probes,
    /// The ring of events is registered with it; nothing here waits for one.
    _runtime: Runtime,
}

impl Kernel {
    /// Loads probes.
    ///
    /// # Errors
    /// When one of those that are `needed` cannot run here. Others may be missing.
    pub fn load(wanted: Wanted, needed: &[Probe]) -> Result<Self> {
        let root = Root::find()?;
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let probes = {
            let _inside = runtime.enter();
            Probes::load(wanted, Some(root.path()))
        };
        let kernel = Self {
            root,
            probes,
            _runtime: runtime,
        };
        for probe in needed {
            kernel.need(*probe)?;
        }
        Ok(kernel)
    }

    /// Makes sure that a probe runs.
    ///
    /// # Errors
    /// Why it does not.
    pub fn need(&self, probe: Probe) -> Result<()> {
        if self.probes.runs(probe) {
            return Ok(());
        }
        let all = &self.probes.health;
        let health = all.iter().find(|health| health.name == probe.name());
        let cause = health.map_or("unknown cause", |health| &health.cause);
        bail!("{} does not run: {cause}", probe.name())
    }

    /// What the tasks of a cgroup did since the probes were loaded.
    ///
    /// # Errors
    /// When the counters cannot be read.
    pub fn counts(&mut self, cgroup: &TestCgroup) -> Result<CpuCounters> {
        let reader = self.probes.cpu.as_mut().context("no CPU counters")?;
        let all = reader.read()?;
        Ok(all.get(&cgroup.id()?).copied().unwrap_or_default())
    }

    /// The traffic of a cgroup's sockets since the probes were loaded.
    ///
    /// # Errors
    /// When the counters cannot be read.
    pub fn traffic(&mut self, cgroup: &TestCgroup) -> Result<Traffic> {
        let reader = self
            .probes
            .network
            .as_mut()
            .context("no network counters")?;
        let all = reader.read()?;
        let counters = all.get(&cgroup.id()?).copied().unwrap_or_default();
        Ok(Traffic {
            rx_bytes: counters.rx_bytes,
            rx_packets: counters.rx_packets,
            tx_bytes: counters.tx_bytes,
            tx_packets: counters.tx_packets,
        })
    }
}

/// What was added since an earlier reading.
#[must_use]
pub fn since(now: &CpuCounters, before: &CpuCounters) -> CpuCounters {
    let mut wait_buckets = now.wait_buckets;
    for (bucket, before) in wait_buckets.iter_mut().zip(&before.wait_buckets) {
        *bucket = bucket.wrapping_sub(*before);
    }
    CpuCounters {
        run_ns: now.run_ns - before.run_ns,
        switches: now.switches - before.switches,
        wait_ns: now.wait_ns - before.wait_ns,
        waits: now.waits - before.waits,
        wait_buckets,
    }
}
