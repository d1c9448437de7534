//! The limits that a controller sets on one series.

/// Limits in the engine's unit: cores or bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// `cpu.max` or `memory.max`; infinite for none.
    pub max: f64,
    /// `memory.high`; infinite for none, and for CPU.
    pub high: f64,
    /// `cpu.max.burst` in seconds of CPU time.
    pub burst_s: f64,
}

impl Bounds {
    /// No limit at all: what everybody begins with.
    pub const NONE: Self = Self {
        max: f64::INFINITY,
        high: f64::INFINITY,
        burst_s: 0.0,
    };

    /// One hard limit and nothing else.
    #[must_use]
    pub const fn hard(max: f64) -> Self {
        Self { max, ..Self::NONE }
    }

    /// What is kept ready for the workload: the hard limit, or the soft one where that is all.
    #[must_use]
    pub fn reserved(&self) -> f64 {
        if self.max.is_finite() {
            self.max
        } else {
            self.high
        }
    }
}
