//! Measures the programs of the kernel side now and then. The kernel's statistics cost a few tens of
//! nanoseconds a run, and to switch them the kernel patches its own code on all CPUs, so they are on
//! for one tick of many.

use std::os::fd::OwnedFd;

use aya::sys::{Stats, enable_stats};
use llmos_engine::units::Timestamp;

use crate::probes::{Probe, Probes, ProgramTotals};

/// Seconds from one measurement to the next, however short the tick is.
const EVERY_S: f64 = 30.0;
/// The first measurement comes this many seconds after the start.
const FIRST_S: f64 = 5.0;

/// What one program costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProgramCost {
    /// Its probe.
    pub probe: Probe,
    /// Its name.
    pub name: &'static str,
    /// Runs per second.
    pub runs_per_s: f64,
    /// Mean time of a run in nanoseconds, that of taking it included.
    pub ns_per_run: f64,
}

impl ProgramCost {
    /// In cores.
    #[must_use]
    pub fn cores(&self) -> f64 {
        self.runs_per_s * self.ns_per_run / 1e9
    }
}

/// A measurement that is under way.
struct Running {
    since: Timestamp,
    before: Vec<ProgramTotals>,
    /// Statistics are on while this is open.
    _on: OwnedFd,
}

/// When the next measurement is due.
#[derive(Debug, Clone, Copy)]
struct Due {
    since: Timestamp,
    after_s: f64,
}

/// Measures the kernel side for one tick, each so many seconds.
#[derive(Default)]
pub struct Sampler {
    due: Option<Due>,
    running: Option<Running>,
    costs: Option<Vec<ProgramCost>>,
    map_bytes: Option<u64>,
    refused: bool,
}

impl Sampler {
    /// One tick; true when new figures are there.
    pub fn tick(&mut self, now: Timestamp, probes: &Probes) -> bool {
        let due = *self.due.get_or_insert(Due {
            since: now,
            after_s: FIRST_S,
        });
        if let Some(running) = self.running.take() {
            let seconds = now.seconds_since(running.since);
            self.costs = Some(costs(&running.before, &probes.program_totals(), seconds));
            self.map_bytes = probes.map_bytes();
            return true;
        }
        if !self.refused && now.seconds_since(due.since) >= due.after_s {
            self.due = Some(Due {
                since: now,
                after_s: EVERY_S,
            });
            match enable_stats(Stats::RunTime) {
                Ok(on) => {
                    self.running = Some(Running {
                        since: now,
                        before: probes.program_totals(),
                        _on: on,
                    });
                }
                Err(error) => {
                    tracing::info!(%error, "the kernel keeps no statistics of its programs");
                    self.refused = true;
                }
            }
        }
        false
    }

    /// The last measurement; `None` before the first.
    #[must_use]
    pub fn programs(&self) -> Option<&[ProgramCost]> {
        self.costs.as_deref()
    }

    /// CPU of all programs in the last measurement, in cores.
    #[must_use]
    pub fn cores(&self) -> Option<f64> {
        Some(self.programs()?.iter().map(ProgramCost::cores).sum())
    }

    /// CPU of one probe in the last measurement, in cores.
    #[must_use]
    pub fn cores_of(&self, probe: Probe) -> Option<f64> {
        let own = self.programs()?.iter().filter(|cost| cost.probe == probe);
        Some(own.map(ProgramCost::cores).sum())
    }

    /// Memory of the maps at the last measurement, in bytes.
    #[must_use]
    pub fn map_bytes(&self) -> Option<u64> {
        self.map_bytes
    }
}

fn costs(before: &[ProgramTotals], after: &[ProgramTotals], seconds: f64) -> Vec<ProgramCost> {
    let same = |one: &ProgramTotals| {
        let then = before.iter().find(|b| b.name == one.name)?;
        let runs = one.runs.checked_sub(then.runs)?;
        let run_ns = one.run_ns.checked_sub(then.run_ns)?;
        (seconds > 0.0).then(|| ProgramCost {
            probe: one.probe,
            name: one.name,
            runs_per_s: runs as f64 / seconds,
            ns_per_run: if runs == 0 {
                0.0
            } else {
                run_ns as f64 / runs as f64
            },
        })
    };
    after.iter().filter_map(same).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_is_runs_times_time_and_needs_both_ends() {
        let at = |runs, run_ns| ProgramTotals {
            probe: Probe::Cpu,
            name: "cpu_switch",
            runs,
            run_ns,
        };
        let found = costs(&[at(100, 1_000)], &[at(2_100, 201_000)], 2.0);
        assert_eq!(found.len(), 1);
        assert!((found[0].cores() - 0.000_1).abs() < 1e-12, "{found:?}");
        assert_eq!(costs(&[], &[at(1, 1)], 1.0), []);
        assert_eq!(costs(&[at(5, 5)], &[at(1, 1)], 1.0), [], "loaded anew");
    }
}
