//! The event loop over a closed set of events. Everything that happens to the agent is an
//! [`Event`]; nothing else changes its state.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::freeze::Switch;
use crate::host::systemd;
use crate::node::Node;
use crate::probes::{EventSource, KernelEvent, LogSource, decode};
use crate::watch::{WatchEvent, Watches};

/// Records taken from the ring per wake, so that a storm of events cannot starve the tick.
const RECORDS_PER_WAKE: usize = 1024;

/// Everything that can happen.
#[derive(Debug)]
pub enum Event {
    /// Time for a tick.
    Tick,
    /// What the fast path has raised may be over.
    LeaseOver,
    /// The kernel side reported something.
    Kernel(Vec<KernelEvent>),
    /// The kernel announced something through a file.
    Watch(WatchEvent),
    /// The event ring cannot be read any more, for this cause.
    RingFailed(String),
    /// Somebody asked to freeze all limits, or to unfreeze them, by the signal of this name.
    Switch {
        /// Freeze, or unfreeze?
        freeze: bool,
        /// `SIGUSR1` or `SIGUSR2`.
        signal: &'static str,
    },
    /// Somebody asked the agent to stop, by the signal of this name.
    Stop(&'static str),
}

/// The signals that stop (`SIGTERM`, `SIGINT`), freeze (`SIGUSR1`) and unfreeze (`SIGUSR2`).
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    freeze: Signal,
    unfreeze: Signal,
}

impl Signals {
    /// Takes them over; those that come are kept until the loop runs.
    ///
    /// # Errors
    /// When signal handlers cannot be installed.
    pub fn install() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            freeze: signal(SignalKind::user_defined1())?,
            unfreeze: signal(SignalKind::user_defined2())?,
        })
    }
}

/// Where events come from.
pub struct Events {
    ticker: Interval,
    kernel: Option<EventSource>,
    kernel_log: Option<LogSource>,
    watches: Watches,
    signals: Signals,
}

impl Events {
    /// Ticks of this length, the ring buffer, files to watch, and signals.
    #[must_use]
    pub fn new(
        tick: Duration,
        kernel: Option<EventSource>,
        kernel_log: Option<LogSource>,
        watches: Watches,
        signals: Signals,
    ) -> Self {
        let mut ticker = interval(tick);
        // A late tick is not made up for: the next one sees the sum anyway.
        ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self {
            ticker,
            kernel,
            kernel_log,
            watches,
            signals,
        }
    }

    /// Waits for the next event. A tick that is due comes before kernel events. `lease_end` is how
    /// long the first raise of the fast path still holds.
    pub async fn next(&mut self, lease_end: Option<Duration>) -> Event {
        let lease_over = after(lease_end);
        tokio::pin!(lease_over);
        loop {
            tokio::select! {
                biased;
                _ = self.signals.terminate.recv() => return Event::Stop("SIGTERM"),
                _ = self.signals.interrupt.recv() => return Event::Stop("SIGINT"),
                _ = self.signals.freeze.recv() => return Event::Switch {
                    freeze: true,
                    signal: "SIGUSR1",
                },
                _ = self.signals.unfreeze.recv() => return Event::Switch {
                    freeze: false,
                    signal: "SIGUSR2",
                },
                _ = self.ticker.tick() => return Event::Tick,
                events = drain(&mut self.kernel) => return match events {
                    Ok(events) => Event::Kernel(events),
                    Err(cause) => {
                        self.kernel = None;
                        Event::RingFailed(cause)
                    }
                },
                () = &mut lease_over => return Event::LeaseOver,
                event = self.watches.next() => return Event::Watch(event),
                () = flush(&mut self.kernel_log) => {}
            }
        }
    }
}

/// Runs the loop until somebody stops it; the signal's name.
pub async fn until_stopped(events: &mut Events, node: &mut Node) -> &'static str {
    loop {
        match events.next(node.until_lease_end()).await {
            Event::Tick => {
                node.tick();
                node.choose_watches(&mut events.watches);
                systemd::alive();
            }
            Event::Kernel(kernel) => {
                // Most kernels do not tell a watch that its cgroup is gone.
                for event in &kernel {
                    if let KernelEvent::CgroupRemoved { id, .. } = event {
                        events.watches.remove(*id);
                    }
                }
                node.kernel_events(&kernel);
            }
            Event::LeaseOver => node.end_leases(),
            Event::Watch(event) => node.announced(&event),
            Event::RingFailed(cause) => node.ring_failed(&cause),
            Event::Switch { freeze, signal } => {
                tracing::info!(signal, freeze, "asked by a signal");
                throw(node.freeze.switch(), freeze, signal);
            }
            Event::Stop(signal) => return signal,
        }
    }
}

/// Waits so long; for ever without a time.
async fn after(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Freezes at once; the disk, which the loop must not wait for, follows.
fn throw(switch: &Arc<Switch>, freeze: bool, signal: &str) {
    if freeze {
        switch.freeze(Some(format!("by signal {signal}")));
    } else {
        switch.unfreeze();
    }
    let switch = Arc::clone(switch);
    // Its outcome is in the status, and in the log where it went wrong.
    drop(tokio::task::spawn_blocking(move || switch.settle()));
}

/// Waits for records and decodes them; never ends when there is no ring.
async fn drain(source: &mut Option<EventSource>) -> Result<Vec<KernelEvent>, String> {
    let Some(ring) = source else {
        return std::future::pending().await;
    };
    let mut guard = match ring.readable_mut().await {
        Ok(guard) => guard,
        Err(error) => return Err(format!("the event ring failed: {error}")),
    };
    let mut events = Vec::new();
    let mut drained = false;
    for _ in 0..RECORDS_PER_WAKE {
        let Some(record) = guard.get_inner_mut().next() else {
            drained = true;
            break;
        };
        events.extend(decode(Bytes::copy_from_slice(&record)));
    }
    if drained {
        guard.clear_ready();
    }
    Ok(events)
}

/// Passes debug logs of the kernel side on; never ends when they are not wanted.
async fn flush(log: &mut Option<LogSource>) {
    let Some(source) = log else {
        return std::future::pending().await;
    };
    match source.readable_mut().await {
        Ok(mut guard) => {
            guard.get_inner_mut().flush();
            guard.clear_ready();
        }
        Err(error) => {
            tracing::warn!(%error, "the debug log of the kernel side ended");
            *log = None;
        }
    }
}
