//! What quota was held over time: a thread that looks at `cpu.max` and adds up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use llmos_vm_tests::cgroup::{self, Group};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// What was held from the start to the end.
#[derive(Debug, Default)]
pub struct Sums {
    /// Length of the time.
    pub seconds: f64,
    /// Quota in cores times seconds; what is above the CPUs of the machine counts as these.
    pub core_seconds: f64,
    /// How often a look found another quota than the one before.
    pub changes: u64,
}

/// The thread.
pub struct Held {
    stop: Arc<AtomicBool>,
    /// The bits of the quota that was seen last.
    now: Arc<AtomicU64>,
    thread: JoinHandle<Sums>,
}

impl Held {
    /// Begins to look at a cgroup of a machine with so many CPUs.
    pub fn start(group: Group, cpus: f64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let now = Arc::new(AtomicU64::new(f64::NAN.to_bits()));
        let (stopped, seen) = (Arc::clone(&stop), Arc::clone(&now));
        let thread = std::thread::spawn(move || look(&group, cpus, &stopped, &seen));
        Self { stop, now, thread }
    }

    /// The quota in cores at the last look; nothing before the first.
    pub fn now(&self) -> Option<f64> {
        let cores = f64::from_bits(self.now.load(Ordering::Relaxed));
        (!cores.is_nan()).then_some(cores)
    }

    /// Ends the thread.
    pub fn stop(self) -> Sums {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

fn look(group: &Group, cpus: f64, stop: &AtomicBool, now: &AtomicU64) -> Sums {
    let begun = Instant::now();
    let mut sums = Sums::default();
    let mut last: Option<(f64, f64)> = None;
    loop {
        let at = begun.elapsed().as_secs_f64();
        let text = group.read("cpu.max").unwrap_or_default();
        if let Some(cores) = cgroup::cores(&text) {
            let cores = cores.min(cpus);
            now.store(cores.to_bits(), Ordering::Relaxed);
            if let Some((then, before)) = last {
                // A change was somewhere between the two looks.
                sums.core_seconds += (at - then) * f64::midpoint(cores, before);
                sums.changes += u64::from(cores.to_bits() != before.to_bits());
            }
            last = Some((at, cores));
            sums.seconds = at;
        }
        if stop.load(Ordering::Relaxed) {
            return sums;
        }
        std::thread::sleep(LOOK);
    }
}
