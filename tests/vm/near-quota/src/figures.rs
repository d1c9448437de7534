//! What the bursts of one kind show.

use serde_json::{Value, json};

use crate::burst::Burst;
use crate::watcher::Told;

/// A period of all kinds, in nanoseconds.
const PERIOD_NS: u64 = 100_000_000;

/// How one burst went.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Went {
    /// Nothing was throttled, so there was nothing to come before.
    NotThrottled,
    /// The event was there in time; the times are milliseconds.
    Early { lead_ms: Option<f64> },
    /// The event came after the throttling, or too late to find `nr_throttled` as it was.
    Late,
    /// No event.
    Silent,
}

/// When it was throttled first, as well as that is known.
fn throttled(burst: &Burst) -> Option<u64> {
    match &burst.throttled_ns {
        Some(moments) => moments.first().copied(),
        None => burst.seen_ns,
    }
}

/// The event of the very period: one of an earlier period warned of another quota.
fn of_period(burst: &Burst) -> Option<&Told> {
    let throttled = throttled(burst)?;
    burst
        .told
        .iter()
        .rev()
        .find(|told| told.at_ns <= throttled && throttled - told.at_ns < PERIOD_NS)
}

fn went(burst: &Burst) -> Went {
    let Some(throttled) = throttled(burst) else {
        return Went::NotThrottled;
    };
    match of_period(burst) {
        Some(told) if told.arrived_ns < throttled && told.throttled == burst.before => {
            let traced = burst.throttled_ns.is_some();
            Went::Early {
                lead_ms: traced.then(|| ms(told.arrived_ns, throttled)),
            }
        }
        None if burst.told.is_empty() => Went::Silent,
        _ => Went::Late,
    }
}

/// The figures of one kind. Times are milliseconds.
pub fn of(kind: &str, bursts: &[Burst]) -> Value {
    let all: Vec<Went> = bursts.iter().map(went).collect();
    let count = |wanted: fn(&Went) -> bool| all.iter().filter(|went| wanted(went)).count();
    let leads = all.iter().filter_map(|went| match went {
        Went::Early { lead_ms } => *lead_ms,
        _ => None,
    });
    let delivery = bursts
        .iter()
        .flat_map(|burst| &burst.told)
        .map(|told| ms(told.at_ns, told.arrived_ns));
    let sent = bursts
        .iter()
        .filter_map(|burst| Some(ms(of_period(burst)?.at_ns, throttled(burst)?)));
    let counted = bursts.iter().filter_map(|burst| {
        let told = burst.told.first()?;
        Some(ms(told.arrived_ns, burst.seen_ns?))
    });
    json!({
        "kind_of_burst": kind,
        "bursts": bursts.len(),
        "throttled": all.len() - count(|went| *went == Went::NotThrottled),
        "sent_before": bursts.iter().filter(|burst| of_period(burst).is_some()).count(),
        "early": count(|went| matches!(went, Went::Early { .. })),
        "late": count(|went| *went == Went::Late),
        "silent": count(|went| *went == Went::Silent),
        "traced": bursts.iter().all(|burst| burst.throttled_ns.is_some()),
        "kernel_to_arrival_ms": distribution(delivery),
        "kernel_to_throttled_ms": distribution(sent),
        "arrival_to_throttled_ms": distribution(leads),
        "arrival_to_counted_ms": distribution(counted),
    })
}

/// The figures in a line for people.
pub fn told(figures: &Value) -> String {
    let median = |name: &str| figures[name]["p50"].as_f64().unwrap_or(f64::NAN);
    format!(
        "{}: {} bursts, {} throttled; told of before {}, arrived before {}, silent {}; \
         {:.2} ms to arrive, {:.1} ms ahead",
        figures["kind_of_burst"].as_str().unwrap_or_default(),
        figures["bursts"],
        figures["throttled"],
        figures["sent_before"],
        figures["early"],
        figures["silent"],
        median("kernel_to_arrival_ms"),
        median("arrival_to_throttled_ms"),
    )
}

fn ms(from_ns: u64, to_ns: u64) -> f64 {
    (to_ns as f64 - from_ns as f64) / 1e6
}

fn distribution(values: impl Iterator<Item = f64>) -> Value {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let at = |share: f64| sorted.get((share * last as f64).round() as usize);
    json!({
        "count": sorted.len(),
        "min": at(0.0), "p01": at(0.01), "p10": at(0.1), "p50": at(0.5),
        "p90": at(0.9), "p99": at(0.99), "max": at(1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn told(at: u64, arrived: u64, throttled: u64) -> Told {
        Told {
            at_ns: at * MS,
            arrived_ns: arrived * MS,
            throttled,
        }
    }

    fn burst(told: Vec<Told>, throttled: &[u64]) -> Burst {
        Burst {
            told,
            before: 7,
            throttled_ns: Some(throttled.iter().map(|at| at * MS).collect()),
            seen_ns: throttled.first().map(|at| (at + 80) * MS),
        }
    }

    #[test]
    fn an_event_is_early_when_it_arrives_before_the_kernel_throttles() {
        let early = went(&burst(vec![told(10, 11, 7)], &[20, 120]));
        assert_eq!(early, Went::Early { lead_ms: Some(9.0) });
        assert_eq!(went(&burst(vec![told(10, 21, 7)], &[20])), Went::Late);
        assert_eq!(went(&burst(vec![told(10, 11, 8)], &[20])), Went::Late);
        assert_eq!(went(&burst(Vec::new(), &[20])), Went::Silent);
        assert_eq!(went(&burst(Vec::new(), &[])), Went::NotThrottled);
    }

    #[test]
    fn an_event_of_an_earlier_period_does_not_count() {
        assert_eq!(went(&burst(vec![told(10, 11, 7)], &[150])), Went::Late);
        let second = went(&burst(vec![told(10, 11, 7), told(140, 141, 7)], &[150]));
        assert_eq!(second, Went::Early { lead_ms: Some(9.0) });
    }

    #[test]
    fn without_a_trace_the_count_of_the_kernel_decides() {
        let mut untraced = burst(vec![told(10, 11, 7)], &[20]);
        untraced.throttled_ns = None;
        assert_eq!(went(&untraced), Went::Early { lead_ms: None });
    }

    #[test]
    fn figures_add_up() {
        let bursts = [
            burst(vec![told(10, 12, 7)], &[20]),
            burst(vec![told(10, 30, 7)], &[20]),
            burst(Vec::new(), &[]),
        ];
        let figures = of("k", &bursts);
        assert_eq!(
            (&figures["throttled"], &figures["sent_before"]),
            (&json!(2), &json!(2))
        );
        assert_eq!(
            (&figures["early"], &figures["late"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(figures["arrival_to_throttled_ms"]["p50"], 8.0);
        assert_eq!(figures["kernel_to_arrival_ms"]["max"], 20.0);
    }
}
