//! Reasons as sentences for people, with numbers and units.

use super::{Knob, Reason};
use crate::units::{Bytes, Cores};

impl Reason {
    /// One plain sentence. `knob` gives the unit of the values.
    #[must_use]
    pub fn describe(&self, knob: Knob) -> String {
        let amount = |value: f64| amount(knob, value);
        match *self {
            Self::Forecast {
                q,
                horizon_ticks,
                value,
                source,
            } => format!(
                "the {} expects a peak of {} in the next {horizon_ticks} ticks (quantile {q})",
                source.name(),
                amount(value)
            ),
            Self::RecentPeak { value, seconds } => format!(
                "the peak of the last {seconds:.0} s was higher: {}",
                amount(value)
            ),
            Self::Throttled {
                share,
                factor,
                value,
            } => format!(
                "throttled in {} of the periods, so demand is unknown: grow {factor} times to {}",
                percent(share),
                amount(value)
            ),
            Self::Reach {
                covered,
                ticks,
                value,
            } => format!(
                "{} of the last {ticks} ticks went no further beyond what was expected of them: {} for the next",
                percent(covered),
                amount(value)
            ),
            Self::Waiting { cores, value } => format!(
                "work of {} for a tick waits for the quota: {} to catch up",
                Cores(cores),
                amount(value)
            ),
            Self::Margin { fraction, value } => {
                format!(
                    "a margin of {} makes it {}",
                    percent(fraction),
                    amount(value)
                )
            }
            Self::Learned { base, fraction } => format!(
                "what happened here moved the margin from {} to {}",
                percent(base),
                percent(fraction)
            ),
            Self::Share { value, wanted } => format!(
                "the node is short: the fair share of the {} wanted is {}",
                amount(wanted),
                amount(value)
            ),
            Self::Room { room, value } => format!(
                "the node has {} to spare beyond what is in use: not above {}",
                amount(room),
                amount(value)
            ),
            Self::Lease {
                amount: lent,
                left_s,
                value,
            } => format!(
                "the reserve lends {} for {left_s:.1} s: {}",
                amount(lent),
                amount(value)
            ),
            Self::NearQuota { left } => format!(
                "{} of the quota was left, and it would not have lasted for the period",
                percent(left)
            ),
            Self::LeaseOver { value } => format!(
                "what was lent is not needed any more: back to {}",
                amount(value)
            ),
            Self::Tripped { current } => {
                format!("a limit was reached with {} in use", Bytes(current as u64))
            }
            Self::Spread { low, high, value } => format!(
                "peaks lie between {} and {}: a credit of {}",
                Cores(low),
                Cores(high),
                amount(value)
            ),
            Self::Bridge { seconds, value } => format!(
                "a burst is served within {:.1} ms, until then it lives on a credit: {}",
                seconds * 1e3,
                amount(value)
            ),
            Self::Reaction {
                seconds,
                cores,
                value,
            } => format!(
                "until a burst of {} is served, which takes {:.1} ms: at least {}",
                Cores(cores),
                seconds * 1e3,
                amount(value)
            ),
            Self::QuotaPart { fraction, value } => format!(
                "not above {} of the quota: {}",
                percent(fraction),
                amount(value)
            ),
            Self::NoCredit => "the node is short: no burst credit".to_owned(),
            Self::PolicyWeight { value } => format!("policy gives a weight of {}", amount(value)),
            Self::FloorLift { factor, value } => format!(
                "the node is short, and the guaranteed floor needs {factor:.1} times the weight: {}",
                amount(value)
            ),
            Self::Floor { value } => format!("not below the floor of {}", amount(value)),
            Self::Ceiling { value } => format!("not above the ceiling of {}", amount(value)),
            Self::WorkingSet { value } => {
                format!("not below the working set plus room: {}", amount(value))
            }
            Self::OomFloor { value, kills } => format!(
                "not below {}, after {kills} OOM {}",
                amount(value),
                if kills == 1 { "kill" } else { "kills" }
            ),
            Self::MemoryStall { share, value } => format!(
                "tasks stalled for memory {} of the time: raise to {}",
                percent(share),
                amount(value)
            ),
            Self::ReclaimStall { share, value } => format!(
                "tasks spent {} of the time on freeing memory: raise to {}",
                percent(share),
                amount(value)
            ),
            Self::AtLimit { hits, value } => format!(
                "the working set ran into memory.high {hits} {}: raise to {}",
                if hits == 1 { "time" } else { "times" },
                amount(value)
            ),
            Self::ShrinkPending { current, wanted } => format!(
                "memory.max waits to fall to {}: {} is still in use or memory.high is not yet down",
                amount(wanted),
                amount(current)
            ),
            Self::Reverted { value } => {
                format!("lowering it hurt: back to {}", amount(value))
            }
            Self::OnTrial { left_s } => match left_s {
                Some(left_s) => format!(
                    "a few like it were lowered first: no lowering for another {left_s:.1} s"
                ),
                None => "a few like it are lowered first: no lowering before them".to_owned(),
            },
            Self::LikeHurt { left_s } => {
                format!("lowering hurt one like it: no lowering for another {left_s:.1} s")
            }
            Self::AfterHarm { left_s } => {
                format!("lowering it hurt not long ago: no lowering for another {left_s:.1} s")
            }
            Self::Checking { left_s } => {
                format!("memory.max has just been lowered: no lowering for another {left_s:.1} s")
            }
            Self::Cooldown { left_s } => {
                format!("raised not long ago: no lowering for another {left_s:.1} s")
            }
            Self::Warmup { left_s } => {
                format!("still new: no lowering for another {left_s:.1} s")
            }
            Self::Stale { gap_s, left_s } => {
                format!("use was unknown for {gap_s:.1} s: no lowering for another {left_s:.1} s")
            }
            Self::HandsOff => "policy says hands off".to_owned(),
            Self::Hysteresis { change, needed } => format!(
                "a change of {} is too small to make, {} is needed",
                percent(change),
                percent(needed)
            ),
            Self::StepLimit { fraction, value } => format!(
                "lowered by at most {} at a time: {}",
                percent(fraction),
                amount(value)
            ),
            Self::NoData => "use is not known this tick, so nothing changes".to_owned(),
        }
    }
}

/// A value in the knob's unit.
fn amount(knob: Knob, value: f64) -> String {
    if !value.is_finite() {
        return "no limit".to_owned();
    }
    match knob {
        Knob::CpuMax => Cores(value).to_string(),
        Knob::CpuBurst => format!("{:.1} ms", value / 1000.0),
        Knob::CpuWeight => format!("{value:.0}"),
        Knob::MemoryHigh | Knob::MemoryMax => Bytes(value.max(0.0) as u64).to_string(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::Source;

    #[test]
    fn numbers_have_the_unit_of_the_knob() {
        let reason = Reason::Margin {
            fraction: 0.15,
            value: 3.0 * 1_048_576.0,
        };
        assert_eq!(
            reason.describe(Knob::MemoryHigh),
            "a margin of 15.0 % makes it 3.0 MiB"
        );
        let reason = Reason::Ceiling { value: 2.0 };
        assert_eq!(
            reason.describe(Knob::CpuMax),
            "not above the ceiling of 2.00 cores"
        );
    }

    #[test]
    fn credit_is_a_time_and_weight_a_plain_number() {
        let reason = Reason::Spread {
            low: 0.5,
            high: 0.75,
            value: 25_000.0,
        };
        assert_eq!(
            reason.describe(Knob::CpuBurst),
            "peaks lie between 0.50 cores and 0.75 cores: a credit of 25.0 ms"
        );
        assert_eq!(
            Reason::PolicyWeight { value: 400.0 }.describe(Knob::CpuWeight),
            "policy gives a weight of 400"
        );
    }

    #[test]
    fn a_reason_is_small() {
        // A tick writes some twenty for each workload.
        let bytes = size_of::<Reason>();
        assert!(bytes <= 32, "{bytes} bytes");
    }

    #[test]
    fn infinity_reads_as_no_limit() {
        let reason = Reason::Floor {
            value: f64::INFINITY,
        };
        assert_eq!(
            reason.describe(Knob::MemoryMax),
            "not below the floor of no limit"
        );
    }

    #[test]
    fn a_forecast_names_its_source() {
        let reason = Reason::Forecast {
            q: 0.95,
            horizon_ticks: 5,
            value: 1.234,
            source: Source::Model,
        };
        assert_eq!(
            reason.describe(Knob::CpuMax),
            "the model expects a peak of 1.23 cores in the next 5 ticks (quantile 0.95)"
        );
    }
}
