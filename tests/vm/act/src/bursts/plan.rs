//! Which bursts there are: the same for every controller and in every run.

use std::time::Duration;

/// CPU time of a burst in milliseconds, from and below.
const CPU_MS: (f64, f64) = (60.0, 400.0);
/// Rest before a burst in seconds, from and below.
const REST_S: (f64, f64) = (1.0, 3.0);
/// Bursts take turns: one thread, and one for each CPU of the machine.
const THREADS: [u32; 2] = [1, 2];
const SEED: u64 = 0x6c6c_6d6f_7361_6374;

/// One burst.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burst {
    /// How long nothing but a little load comes before it.
    pub rest: Duration,
    /// CPU time of all its threads together, in milliseconds.
    pub cpu_ms: f64,
    /// Threads that share it.
    pub threads: u32,
}

/// The first `count` bursts.
pub fn bursts(count: u32) -> Vec<Burst> {
    let mut state = SEED;
    let mut between = |(from, to): (f64, f64)| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        from + (to - from) * ((state >> 33) as f64 / f64::from(1_u32 << 31))
    };
    (0..count)
        .zip(THREADS.into_iter().cycle())
        .map(|(_, threads)| Burst {
            rest: Duration::from_secs_f64(between(REST_S)),
            cpu_ms: between(CPU_MS),
            threads,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_are_the_same_each_time_and_within_bounds() {
        let all = bursts(200);
        assert_eq!(all[..40], bursts(40));
        let single = all.iter().filter(|burst| burst.threads == 1).count();
        assert_eq!(single, 100);
        for burst in &all {
            assert!((CPU_MS.0..CPU_MS.1).contains(&burst.cpu_ms));
            assert!((REST_S.0..REST_S.1).contains(&burst.rest.as_secs_f64()));
        }
        let mean = all.iter().map(|burst| burst.cpu_ms).sum::<f64>() / 200.0;
        assert!((200.0..260.0).contains(&mean), "{mean}");
    }
}
