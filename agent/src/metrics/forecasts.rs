//! How well forecasts go, over all workloads: a series for each workload would cost more than it
//! tells, and the status socket has them.

use std::collections::BTreeMap;
use std::fmt;

use llmos_proto::status::{Forecast, Workload};
use prometheus_client::encoding::DescriptorEncoder;

use super::agent::float;
use super::labels::Labels;
use super::names::{self, Metric};

/// The forecasts of one resource.
type Of = fn(&Workload) -> Option<&Forecast>;

const RESOURCES: [(&str, Of); 3] = [
    ("cpu", |w| w.cpu_forecast.as_ref()),
    ("memory", |w| w.memory_forecast.as_ref()),
    ("network", |w| w.network_forecast.as_ref()),
];

/// Writes who leads, how much better than simple rules it is, and whether the quantiles hold.
pub fn encode(to: &mut DescriptorEncoder, all: &[Workload]) -> fmt::Result {
    leaders(to, all)?;
    each(to, &names::COPIERS, all, |forecasts| {
        let known = forecasts.iter().filter_map(|f| f.copier);
        let (mut copiers, mut asked) = (0, 0);
        for copier in known {
            asked += 1;
            copiers += u64::from(copier);
        }
        (asked > 0).then_some(float(copiers))
    })?;
    each(to, &names::MODEL_SHARE, all, |forecasts| {
        mean(forecasts.iter().filter_map(|f| f.model_share))
    })?;
    each(to, &names::SKILL, all, |forecasts| {
        median(forecasts.iter().filter_map(|f| f.skill))
    })?;
    each(to, &names::MODEL_SKILL, all, |forecasts| {
        median(forecasts.iter().filter_map(|f| f.model_skill))
    })?;
    coverage(to, all)
}

fn leaders(to: &mut DescriptorEncoder, all: &[Workload]) -> fmt::Result {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (resource, of) in RESOURCES {
        let drivers = all.iter().filter_map(|w| of(w)?.driver.as_deref());
        drivers.for_each(|driver| *counts.entry((resource, driver)).or_default() += 1);
    }
    let series = counts.iter().map(|((resource, driver), count)| {
        let labels = Labels::two(("resource", resource), ("driver", driver));
        (labels, float(*count))
    });
    names::FORECASTS.write(to, series)
}

/// One series a resource, where there is something to tell.
fn each(
    to: &mut DescriptorEncoder,
    metric: &Metric,
    all: &[Workload],
    value: impl Fn(&[&Forecast]) -> Option<f64>,
) -> fmt::Result {
    let series = RESOURCES.into_iter().filter_map(|(resource, of)| {
        let forecasts: Vec<&Forecast> = all.iter().filter_map(of).collect();
        Some((Labels::one("resource", resource), value(&forecasts)?))
    });
    metric.write(to, series)
}

fn coverage(to: &mut DescriptorEncoder, all: &[Workload]) -> fmt::Result {
    let series = RESOURCES.into_iter().flat_map(|(resource, of)| {
        let known = || all.iter().filter_map(move |w| of(w)?.coverage);
        [
            ("0.5", mean(known().map(|c| c.q50))),
            ("0.9", mean(known().map(|c| c.q90))),
            ("0.95", mean(known().map(|c| c.q95))),
            ("0.99", mean(known().map(|c| c.q99))),
        ]
        .into_iter()
        .filter_map(move |(quantile, share)| {
            let labels = Labels::two(("resource", resource), ("quantile", quantile));
            Some((labels, share?))
        })
    });
    names::COVERAGE.write(to, series)
}

fn mean(values: impl Iterator<Item = f32>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u64);
    for value in values {
        sum += f64::from(value);
        count += 1;
    }
    (count > 0).then(|| sum / float(count))
}

/// The middle one: a skill has no lower bound, so that one workload could spoil a mean.
fn median(values: impl Iterator<Item = f32>) -> Option<f64> {
    let mut values: Vec<f32> = values.collect();
    values.sort_unstable_by(f32::total_cmp);
    values.get(values.len() / 2).copied().map(f64::from)
}
