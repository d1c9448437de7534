//! Demand of a synthetic workload as a function of time, so that the future can be asked too.

/// How a workload behaves.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Lowest demand.
    pub base: f64,
    /// Height of the slow wave.
    pub wave: f64,
    /// Length of the slow wave in seconds.
    pub period_s: f64,
    /// Height of bursts.
    pub burst: f64,
    /// Seconds from burst to burst.
    pub burst_every_s: f64,
    /// Length of a burst in seconds.
    pub burst_s: f64,
    /// Relative noise.
    pub noise: f64,
    /// Makes workloads differ.
    pub seed: u64,
}

impl Shape {
    /// Demand at a time in seconds.
    pub fn at(&self, t: f64) -> f64 {
        let phase = self.seed as f64 * 37.0;
        let wave = 0.5 - 0.5 * ((t + phase) / self.period_s * std::f64::consts::TAU).cos();
        let in_burst = (t + phase * 3.0).rem_euclid(self.burst_every_s);
        let burst = match in_burst / self.burst_s {
            part if part < 1.0 => (part * std::f64::consts::PI).sin().sqrt(),
            _ => 0.0,
        };
        let clean = self.base + self.wave * wave + self.burst * burst;
        (clean * (1.0 + self.noise * (noise(self.seed, t) - 0.5))).max(0.0)
    }

    /// Greatest demand in the `seconds` after `t`.
    pub fn peak(&self, t: f64, seconds: u32) -> f64 {
        (1..=seconds)
            .map(|ahead| self.at(t + f64::from(ahead)))
            .fold(0.0, f64::max)
    }
}

/// A number from 0 to 1 that depends on seed and second only (splitmix64).
pub fn noise(seed: u64, t: f64) -> f64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (t.max(0.0) as u64);
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}
