//! Demand as both laws see it: the forecast peak, or the peak just seen where that was higher.

use super::Reason;
use crate::forecast::{Forecast, HORIZONS};
use crate::sample::PeakWindow;
use crate::units::Timestamp;

/// How far demand looks, ahead and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Index of the forecast's horizon.
    pub horizon: usize,
    /// Ticks of the past whose peak counts; more than the window has are all.
    pub past: usize,
}

/// The higher of the forecast peak at quantile `q` and the recent peak, in the unit of the series, with
/// the reasons.
pub(super) fn demand<const N: usize>(
    now: Timestamp,
    recent: &PeakWindow<N>,
    forecast: Option<&Forecast>,
    Span { horizon, past }: Span,
    q: f64,
    reasons: &mut Vec<Reason>,
) -> f64 {
    let expected = forecast.map_or(0.0, |forecast| {
        reasons.push(forecast_reason(forecast, horizon, q));
        forecast.at(horizon, q)
    });
    let (peak, seconds) = recent.max_of_last(past, now).unwrap_or((0.0, 0.0));
    if peak > expected {
        let value = peak;
        reasons.push(Reason::RecentPeak { value, seconds });
    }
    expected.max(peak)
}

/// What a forecast says at a quantile over the horizon of this index.
pub(super) fn forecast_reason(forecast: &Forecast, horizon: usize, q: f64) -> Reason {
    Reason::Forecast {
        q,
        horizon_ticks: HORIZONS[horizon],
        value: forecast.at(horizon, q),
        source: forecast.source,
    }
}
