//! What the parts of the engine's forecaster say by themselves: the one place that asks for it.

use llmos_engine::forecast::Quantiles;
use llmos_engine::forecast::expert::{ALL, COUNT, Expert, Statements};

/// Names of the experts in scores: none is the same as a yardstick's.
const NAMES: [&str; COUNT] = [
    "expert_model",
    "expert_model_errors",
    "expert_decayed_peaks",
    "expert_long_peaks",
    "expert_last",
    "expert_recent_max",
    "expert_ewma",
    "expert_season",
    "expert_ar12",
];

/// Name and forecast of each expert that says something and is no model; the model is scored apart,
/// from its first tick on.
pub fn said(statements: &Statements) -> impl Iterator<Item = (&'static str, &Quantiles)> {
    let all = ALL.into_iter().zip(NAMES).zip(statements);
    all.filter(|((expert, _), _)| *expert != Expert::Model)
        .filter_map(|((_, name), said)| Some((name, said.as_ref()?)))
}
