//! How far the demand for memory looks, ahead and back.

use super::MemoryInput;
use crate::decide::demand::Span;
use crate::forecast::HORIZONS;

/// Ticks of the recent past whose peak is kept.
pub(super) const PEAK_TICKS: usize = 10;
/// Memory once cut is slow to give back, so the long horizon drives, and all of the recent past.
pub(super) const LONG: Span = Span {
    horizon: 1,
    past: PEAK_TICKS,
};
/// On long ticks, where the fast path gives it back within milliseconds.
const SHORT: Span = Span {
    horizon: 0,
    past: 3,
};
/// What demand looks ahead at least, in seconds, so that limits follow what lasts and not each move.
const STEADY_S: f64 = 30.0;

/// The span for a workload on ticks of this length.
pub(super) fn span(input: &MemoryInput<'_>) -> Span {
    let ahead_s = HORIZONS[SHORT.horizon] as f64 * input.tick_s;
    if input.served && ahead_s >= STEADY_S {
        SHORT
    } else {
        LONG
    }
}
