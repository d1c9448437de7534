//! Reasons as sentences for people, with numbers and units.

use super::{Knob, Reason};
use crate::units::{Bytes, Cores};

impl Reason {
    /// One plain sentence. `knob` gives the unit of the values: cores or bytes.
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
                "the {source} expects a peak of {} in the next {horizon_ticks} ticks (quantile {q})",
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
            Self::Margin { fraction, value } => {
                format!(
                    "a margin of {} makes it {}",
                    percent(fraction),
                    amount(value)
                )
            }
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
            Self::Cooldown { left_s } => {
                format!("raised not long ago: no lowering for another {left_s:.1} s")
            }
            Self::Warmup { left_s } => {
                format!("still new: no lowering for another {left_s:.1} s")
            }
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
        Knob::MemoryHigh | Knob::MemoryMax => Bytes(value.max(0.0) as u64).to_string(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            source: "model",
        };
        assert_eq!(
            reason.describe(Knob::CpuMax),
            "the model expects a peak of 1.23 cores in the next 5 ticks (quantile 0.95)"
        );
    }
}
