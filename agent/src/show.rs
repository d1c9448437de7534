//! From the engine's types to what people see: the status JSON. The engine stays free of wire
//! formats, so the change of clothes happens here.

use std::borrow::Cow;

use llmos_engine::decide::{Action, Decision, Knob};
use llmos_engine::forecast::{Forecast, HORIZONS, Source, Standing};
use llmos_engine::sample::{Limits, RawSample, Usage};
use llmos_engine::units::Bytes;
use llmos_proto::status;

/// A forecast in the unit of its resource, and what is behind it.
#[must_use]
pub fn forecast(forecast: &Forecast, standing: Option<&Standing>) -> status::Forecast {
    let source = match forecast.source {
        Source::Model => "model",
        Source::Baseline => "baseline",
    };
    let horizons = HORIZONS
        .iter()
        .zip(&forecast.horizons)
        .map(|(ticks, [q50, q90, q95, q99])| status::HorizonForecast {
            ticks: u32::try_from(*ticks).unwrap_or(u32::MAX),
            q50: *q50,
            q90: *q90,
            q95: *q95,
            q99: *q99,
        })
        .collect();
    status::Forecast {
        source: source.to_owned(),
        horizons,
        driver: standing.map(|s| Cow::Borrowed(s.driver.name())),
        model_share: standing.map(|s| s.model_share as f32),
        skill: standing.and_then(|s| s.skill).map(|skill| skill as f32),
        model_skill: standing
            .and_then(|s| s.model_skill)
            .map(|skill| skill as f32),
        copier: standing.map(|s| s.copier),
        coverage: standing
            .and_then(|s| s.coverage)
            .map(|shares| shares.map(|share| share as f32))
            .map(|[q50, q90, q95, q99]| status::Coverage { q50, q90, q95, q99 }),
    }
}

/// Use over the last tick.
#[must_use]
pub fn usage(usage: &Usage, sample: &RawSample, limits: &Limits) -> status::Usage {
    let bytes = |b: Option<Bytes>| b.map(|b| b.0);
    let headroom = |max: Bytes| {
        let used = usage.memory?;
        (max.0 != u64::MAX).then(|| max.0.saturating_sub(used.0))
    };
    status::Usage {
        cpu_cores: usage.cpu.map(|c| c.0),
        throttled_share: usage.throttled_share,
        memory_bytes: usage.memory.map(|b| b.0),
        working_set_bytes: usage.working_set.map(|b| b.0),
        memory_stall_share: usage.memory_stall_share,
        rx_bytes_per_s: usage.rx.map(|r| r.0),
        tx_bytes_per_s: usage.tx.map(|r| r.0),
        rx_packets_per_s: usage.rx_packets_per_s,
        tx_packets_per_s: usage.tx_packets_per_s,
        oom_kills: sample.oom_kills,
        context_switches_per_s: usage.switches_per_s,
        run_queue_wait: usage.run_queue_wait,
        run_queue_wait_us_p50: usage.wait_p50_us,
        run_queue_wait_us_p99: usage.wait_p99_us,
        cpu_stall_share: usage.cpu_stall_share,
        throttled: usage.throttled,
        burst_share: usage.burst_share,
        burst: usage.burst,
        near_quota_events: usage.near_quota_new,
        anon_bytes: bytes(usage.anon),
        file_bytes: bytes(usage.file),
        kernel_bytes: bytes(usage.kernel),
        swap_bytes: bytes(usage.swap),
        memory_headroom_bytes: limits.memory_max.and_then(headroom),
        memory_slope_bytes_per_s: usage.memory_slope,
        minor_faults_per_s: usage.minor_faults_per_s,
        major_faults_per_s: usage.major_faults_per_s,
        refaults_per_s: usage.refaults_per_s,
        reclaim_stall: usage.reclaim,
        memory_full_stall_share: usage.memory_full_stall_share,
        memory_high_events: usage.memory_high_new,
        memory_max_events: usage.memory_max_new,
        oom_events: usage.oom_new,
        tcp_opened_per_s: usage.tcp_opened_per_s,
        tcp_accepted_per_s: usage.tcp_accepted_per_s,
        tcp_retransmits_per_s: usage.tcp_retransmits_per_s,
        tcp_rtt_us: usage.rtt_us,
        accept_queue_share: usage.accept_queue_share,
    }
}

/// Limits in force; `max` is absent.
#[must_use]
pub fn limits(limits: &Limits) -> status::Limits {
    let bytes = |b: Option<Bytes>| b.map(|b| b.0).filter(|b| *b != u64::MAX);
    status::Limits {
        cpu_cores: limits.cpu.map(|c| c.0).filter(|c| c.is_finite()),
        cpu_period_us: limits.cpu_period_us,
        cpu_burst_us: limits.cpu_burst_us,
        cpu_weight: limits.cpu_weight,
        memory_high_bytes: bytes(limits.memory_high),
        memory_max_bytes: bytes(limits.memory_max),
    }
}

/// The limits that the decisions of one workload want.
#[must_use]
pub fn targets(decisions: &[Decision]) -> status::Limits {
    let of = |knob| {
        decisions
            .iter()
            .find(|d| d.knob == knob)
            .map(|d| d.to)
            .filter(|to| to.is_finite())
    };
    // Whole bytes, microseconds and weights: that is what the laws work in.
    let whole = |knob| of(knob).map(|to| to as u64).filter(|to| *to != u64::MAX);
    status::Limits {
        cpu_cores: of(Knob::CpuMax),
        cpu_period_us: None,
        cpu_burst_us: whole(Knob::CpuBurst),
        cpu_weight: whole(Knob::CpuWeight),
        memory_high_bytes: whole(Knob::MemoryHigh),
        memory_max_bytes: whole(Knob::MemoryMax),
    }
}

/// What to do with a limit, as readers and metrics know it.
#[must_use]
pub fn action(action: Action) -> &'static str {
    match action {
        Action::Raise => "raise",
        Action::Lower => "lower",
        Action::Hold => "hold",
    }
}

/// A decision with its outcome in words.
#[must_use]
pub fn decision(
    decision: &Decision,
    cgroup: &str,
    at_unix_ms: u64,
    outcome: String,
) -> status::Decision {
    status::Decision {
        at_unix_ms,
        workload: decision.workload.0.to_string(),
        cgroup: cgroup.to_owned(),
        knob: decision.knob.file().to_owned(),
        action: action(decision.action).to_owned(),
        from: decision.from.filter(|from| from.is_finite()),
        to: decision.to,
        reasons: decision
            .reasons
            .iter()
            .map(|r| r.describe(decision.knob))
            .collect(),
        outcome,
    }
}

#[cfg(test)]
mod tests {
    use llmos_engine::forecast::expert::Expert;
    use llmos_engine::units::{CgroupId, Cores, Timestamp};

    use super::*;

    #[test]
    fn unlimited_and_unknown_are_absent() {
        let shown = limits(&Limits {
            cpu: Some(Cores(f64::INFINITY)),
            memory_high: Some(Bytes(u64::MAX)),
            ..Limits::default()
        });
        assert_eq!(shown, status::Limits::default());
    }

    #[test]
    fn a_standing_is_shown_and_what_is_unknown_of_it_is_absent() {
        let made = Forecast {
            source: Source::Baseline,
            horizons: [[1.0; 4]; 2],
        };
        let standing = Standing {
            driver: Expert::RecentMax,
            model_share: 0.25,
            copier: false,
            coverage: Some([0.5, 0.875, 0.9375, 1.0]),
            skill: None,
            model_skill: Some(-0.5),
        };
        let shown = forecast(&made, Some(&standing));
        assert_eq!(shown.driver.as_deref(), Some("recent-max"));
        assert_eq!((shown.skill, shown.model_skill), (None, Some(-0.5)));
        assert_eq!(shown.coverage.map(|c| c.q90), Some(0.875));
        let shown = forecast(&made, None);
        assert_eq!((shown.driver, shown.model_share), (None, None));
    }

    #[test]
    fn a_decision_keeps_its_numbers() {
        let made = Decision {
            workload: CgroupId(u64::MAX),
            knob: Knob::CpuMax,
            at: Timestamp(0),
            from: Some(f64::INFINITY),
            to: 0.5,
            action: Action::Lower,
            reasons: Vec::new(),
        };
        let shown = decision(&made, "a/b", 7, "observed".to_owned());
        assert_eq!(shown.workload, u64::MAX.to_string());
        assert_eq!(
            (shown.from, shown.to, shown.action.as_str()),
            (None, 0.5, "lower")
        );
        let burst = Decision {
            knob: Knob::CpuBurst,
            to: 20_000.0,
            ..made.clone()
        };
        let weight = Decision {
            knob: Knob::CpuWeight,
            to: 400.0,
            ..made.clone()
        };
        let shown = targets(&[made, burst, weight]);
        assert_eq!(shown.cpu_cores, Some(0.5));
        assert_eq!(
            (shown.cpu_burst_us, shown.cpu_weight),
            (Some(20_000), Some(400))
        );
    }
}
