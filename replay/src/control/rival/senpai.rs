//! Meta's Senpai, which finds out how little memory is enough by the pressure that less makes.
//!
//! Source: `senpai.py` of facebookincubator/senpai with its defaults: each second the stall time
//! (`memory.pressure`, some) is added up. More than 10 ms: `memory.high` grows by (stall / 10 ms /
//! 20)^2, at most by 1. Else, after 6 seconds: it shrinks by 0.01 * (10 ms / stall / 10)^2, at most by
//! 0.01. It starts at the use, and stays between 100 MiB and 100 GiB. There is no `memory.max`.
//!
//! It is written in ticks of its own of a second: a longer tick is one of these, with the stall of a
//! second of it.

use super::{Rival, Seen};
use crate::control::Bounds;

const INTERVAL: u32 = 6;
const PRESSURE_US: f64 = 10_000.0;
const MOST_PROBE: f64 = 0.01;
const MOST_BACKOFF: f64 = 1.0;
const PROBE: f64 = 10.0;
const BACKOFF: f64 = 20.0;
const LEAST: f64 = 100.0 * 1_048_576.0;
const MOST: f64 = 100.0 * 1_073_741_824.0;
const MICROSECONDS: f64 = 1e6;

/// See the module.
#[derive(Debug, Clone)]
pub struct Senpai {
    high: Option<f64>,
    stall_us: f64,
    grace: u32,
}

impl Default for Senpai {
    fn default() -> Self {
        Self {
            high: None,
            stall_us: 0.0,
            grace: INTERVAL,
        }
    }
}

impl Senpai {
    /// The change of the limit as a fraction, if it is time for one.
    fn change(&mut self) -> Option<f64> {
        let change = if self.stall_us > PRESSURE_US {
            let error = self.stall_us / PRESSURE_US / BACKOFF;
            (error.powi(2) * MOST_BACKOFF).min(MOST_BACKOFF)
        } else if self.grace > 0 {
            self.grace -= 1;
            return None;
        } else {
            let error = PRESSURE_US / self.stall_us.max(1.0) / PROBE;
            -(error.powi(2) * MOST_PROBE).min(MOST_PROBE)
        };
        self.grace = INTERVAL - 1;
        self.stall_us = 0.0;
        Some(change)
    }
}

impl Rival for Senpai {
    fn decide(&mut self, seen: &Seen) -> Bounds {
        let Some(used) = seen.used else {
            return Bounds {
                high: self.high.unwrap_or(f64::INFINITY),
                ..Bounds::NONE
            };
        };
        let high = match self.high {
            None => used,
            Some(high) => {
                self.stall_us += seen.stalled_share * seen.step_s.min(1.0) * MICROSECONDS;
                high * (1.0 + self.change().unwrap_or(0.0))
            }
        };
        let high = high.clamp(LEAST, MOST);
        self.high = Some(high);
        Bounds {
            high,
            ..Bounds::NONE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{calm, near};
    use super::*;

    const GIB: f64 = 1_073_741_824.0;

    fn stalled(share: f64) -> Seen {
        Seen {
            stalled_share: share,
            ..calm(1.0, GIB)
        }
    }

    #[test]
    fn quiet_seconds_take_a_hundredth_each_six() {
        let mut senpai = Senpai::default();
        assert!(
            near(senpai.decide(&calm(1.0, GIB)).high, GIB),
            "begins at the use"
        );
        let high: Vec<f64> = (0..13)
            .map(|_| senpai.decide(&calm(1.0, GIB)).high / GIB)
            .collect();
        assert!(near(high[5], 1.0) && near(high[6], 0.99), "{high:?}");
        assert!(
            near(high[11], 0.99) && near(high[12], 0.99 * 0.99),
            "{high:?}"
        );
    }

    #[test]
    fn pressure_gives_back_by_the_square_of_the_excess() {
        let mut senpai = Senpai::default();
        senpai.decide(&stalled(0.0));
        // 100 ms are ten times the target, half of what would double the limit.
        assert!(near(senpai.decide(&stalled(0.1)).high, 1.25 * GIB));
        assert!(near(senpai.decide(&stalled(0.9)).high, 2.5 * GIB));
        assert!(senpai.decide(&stalled(0.9)).max.is_infinite());
    }

    #[test]
    fn little_pressure_shrinks_less() {
        let mut senpai = Senpai::default();
        senpai.decide(&stalled(0.0));
        for _ in 0..6 {
            senpai.decide(&stalled(0.0));
        }
        // 5 ms are half of the target: 0.01 * (2 / 10)^2.
        assert!(near(
            senpai.decide(&stalled(0.005)).high,
            GIB * (1.0 - 0.0004)
        ));
    }
}
