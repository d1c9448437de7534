//! How the loop keeps time, and what it costs: ticks, lateness, work per tick, CPU use.

use std::collections::VecDeque;
use std::time::Duration;

use llmos_engine::units::Timestamp;

/// Ticks that the median of the work is taken over.
const WORK_TICKS: usize = 128;
/// Ticks that the CPU use is taken over.
const COST_TICKS: usize = 10;

/// Counts and times of the loop.
#[derive(Debug)]
pub struct Pace {
    tick: Duration,
    ticks: u64,
    missed: u64,
    last: Option<Timestamp>,
    work_ms: VecDeque<f64>,
    read_ms: VecDeque<f64>,
    cost: VecDeque<(Timestamp, Duration)>,
}

impl Pace {
    /// For ticks of this length.
    #[must_use]
    pub fn new(tick: Duration) -> Self {
        Self {
            tick,
            ticks: 0,
            missed: 0,
            last: None,
            work_ms: VecDeque::with_capacity(WORK_TICKS),
            read_ms: VecDeque::with_capacity(WORK_TICKS),
            cost: VecDeque::with_capacity(COST_TICKS + 1),
        }
    }

    /// A tick begins. `cpu` is the CPU time of the agent so far.
    pub fn begin(&mut self, now: Timestamp, cpu: Option<Duration>) {
        self.ticks += 1;
        if let Some(last) = self.last {
            let lengths = now.seconds_since(last) / self.tick.as_secs_f64();
            // One length is on time; the second half of the next one counts as a tick missed.
            self.missed += (lengths - 0.5).max(0.0) as u64;
        }
        self.last = Some(now);
        if let Some(cpu) = cpu {
            self.cost.push_back((now, cpu));
            if self.cost.len() > COST_TICKS + 1 {
                self.cost.pop_front();
            }
        }
    }

    /// The tick's work took this long.
    pub fn end(&mut self, work: Duration) {
        keep(&mut self.work_ms, work);
    }

    /// Reading all workloads took this much CPU time.
    pub fn read(&mut self, cpu: Duration) {
        keep(&mut self.read_ms, cpu);
    }

    /// Ticks so far.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        self.ticks
    }

    /// Ticks that did not happen because the one before was late.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Median work of a tick in milliseconds.
    #[must_use]
    pub fn work_ms_p50(&self) -> Option<f64> {
        median(&self.work_ms)
    }

    /// Median CPU time of reading all workloads, in milliseconds.
    #[must_use]
    pub fn read_ms_p50(&self) -> Option<f64> {
        median(&self.read_ms)
    }

    /// CPU use of the agent over the last ticks, in cores.
    #[must_use]
    pub fn cpu_cores(&self) -> Option<f64> {
        let ((from, before), (to, after)) = (self.cost.front()?, self.cost.back()?);
        let seconds = to.seconds_since(*from);
        (seconds > 0.0).then(|| after.saturating_sub(*before).as_secs_f64() / seconds)
    }
}

fn keep(recent: &mut VecDeque<f64>, time: Duration) {
    if recent.len() == WORK_TICKS {
        recent.pop_front();
    }
    recent.push_back(time.as_secs_f64() * 1e3);
}

fn median(recent: &VecDeque<f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = recent.iter().copied().collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp(ms * 1_000_000)
    }

    #[test]
    fn late_ticks_are_counted_as_missed() {
        let mut pace = Pace::new(Duration::from_secs(1));
        for ms in [0, 1_000, 2_010, 5_010] {
            pace.begin(at(ms), None);
        }
        assert_eq!((pace.ticks(), pace.missed()), (4, 2));
    }

    #[test]
    fn cost_is_cpu_time_over_wall_time() {
        let mut pace = Pace::new(Duration::from_secs(1));
        for tick in 0..30 {
            pace.begin(at(tick * 1_000), Some(Duration::from_millis(tick * 20)));
            pace.end(Duration::from_millis(tick));
        }
        let cores = pace.cpu_cores().unwrap();
        assert!((cores - 0.02).abs() < 1e-9, "{cores}");
        assert_eq!(pace.work_ms_p50(), Some(15.0));
    }
}
