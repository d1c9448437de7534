//! Demand as both laws see it: the forecast peak, or the peak just seen where that was higher.

use super::Reason;
use crate::forecast::{Forecast, HORIZONS};
use crate::sample::PeakWindow;
use crate::units::Timestamp;

/// The higher of the forecast peak at quantile `q` over the horizon of this index and the recent
/// peak, in the unit of the series, with the reasons.
pub(super) fn demand(
    now: Timestamp,
    recent: &PeakWindow,
    forecast: Option<&Forecast>,
    horizon: usize,
    q: f64,
    reasons: &mut Vec<Reason>,
) -> f64 {
    let expected = forecast.map_or(0.0, |forecast| {
        reasons.push(forecast_reason(forecast, horizon, q));
        forecast.at(horizon, q)
    });
    let peak = recent.max().unwrap_or(0.0);
    if peak > expected {
        reasons.push(Reason::RecentPeak {
            value: peak,
            seconds: recent.span_s(now),
        });
    }
    expected.max(peak)
}

/// What a forecast says at a quantile over the horizon of this index.
pub(super) fn forecast_reason(forecast: &Forecast, horizon: usize, q: f64) -> Reason {
    Reason::Forecast {
        q,
        horizon_ticks: HORIZONS[horizon],
        value: forecast.at(horizon, q),
        source: forecast.source.name(),
    }
}
