//! Takes events of the ring as the agent does: a thread that sleeps on the ring's descriptor.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use llmos_agent::probes::{EventSource, KernelEvent, Probe, Probes, Wanted, decode};
use llmos_engine::units::CgroupId;
use llmos_vm_tests::cgroup;
use tokio::runtime::{Builder, Runtime};

use crate::burst::{now_ns, nr_throttled};

/// An event that a quota is nearly used up, as user space got it.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// When the kernel side sent it, on the monotonic clock.
    pub at_ns: u64,
    /// When it was in user space.
    pub arrived_ns: u64,
    /// Throttled periods of the cgroup at that moment.
    pub throttled: u64,
}

/// What the thread and its owner share.
#[derive(Default)]
struct Shared {
    watched: HashMap<u64, PathBuf>,
    told: Vec<Told>,
}

/// The loaded probe and the thread that listens.
pub struct Watcher {
    probes: Probes,
    shared: Arc<Mutex<Shared>>,
}

impl Watcher {
    /// Loads the events and begins to listen.
    pub fn start() -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let wanted = Wanted {
            events: true,
            ..Wanted::none()
        };
        let mut probes = {
            let _inside = runtime.enter();
            Probes::load(wanted, Some(Path::new(cgroup::ROOT)))
        };
        if !probes.runs(Probe::NearQuota) {
            let name = Probe::NearQuota.name();
            let health = probes.health.iter().find(|health| health.name == name);
            bail!(
                "{name} does not run: {}",
                health.map_or("?", |health| &health.cause)
            );
        }
        let ring = probes.events.take().context("there is no event ring")?;
        let shared = Arc::new(Mutex::new(Shared::default()));
        let theirs = Arc::clone(&shared);
        std::thread::spawn(move || listen(&runtime, ring, &theirs));
        Ok(Self { probes, shared })
    }

    /// Asks for events of a cgroup.
    pub fn watch(&mut self, id: u64, path: &Path, used_share: f64) -> Result<()> {
        let quota = self.probes.quota.as_mut().context("no thresholds")?;
        quota.set(CgroupId(id), used_share)?;
        lock(&self.shared).watched.insert(id, path.to_path_buf());
        Ok(())
    }

    /// No more events of a cgroup.
    pub fn forget(&mut self, id: u64) {
        if let Some(quota) = &mut self.probes.quota {
            quota.remove(CgroupId(id));
        }
        lock(&self.shared).watched.remove(&id);
    }

    /// What came since the last call.
    pub fn told(&self) -> Vec<Told> {
        std::mem::take(&mut lock(&self.shared).told)
    }
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends with the process.
fn listen(runtime: &Runtime, mut ring: EventSource, shared: &Mutex<Shared>) {
    // As the agent does.
    if let Err(error) = llmos_agent::host::priority::raise() {
        println!("near-quota: ordinary priority: {error}");
    }
    runtime.block_on(async {
        while let Ok(mut guard) = ring.readable_mut().await {
            while let Some(record) = guard.get_inner_mut().next() {
                if let Some(event) = decode(Bytes::copy_from_slice(&record)) {
                    take(&event, shared);
                }
            }
            guard.clear_ready();
        }
        println!("near-quota: the ring failed");
    });
}

fn take(event: &KernelEvent, shared: &Mutex<Shared>) {
    let KernelEvent::NearQuota { id, at, .. } = event else {
        return;
    };
    let arrived_ns = now_ns();
    let mut shared = lock(shared);
    let Some(throttled) = shared
        .watched
        .get(&id.0)
        .and_then(|path| nr_throttled(path))
    else {
        return;
    };
    shared.told.push(Told {
        at_ns: at.0,
        arrived_ns,
        throttled,
    });
}
