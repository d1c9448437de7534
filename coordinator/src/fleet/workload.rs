//! One workload: its latest sample and its last hour.

use super::bounds::Bounds;
use super::columns::{Column, Quantile, Resource, Row, SLOTS};
use super::report::{Forecast, WorkloadSample};
use super::series::{Pushed, Series};

/// A workload of a node.
#[derive(Debug)]
pub struct Workload {
    latest: WorkloadSample,
    at_unix_ms: u64,
    first_unix_ms: u64,
    /// Lengths in ticks of the horizons in each slot, by resource.
    horizons: [[u32; SLOTS]; 3],
    series: Series,
}

impl Workload {
    pub(super) fn new(sample: WorkloadSample, at_unix_ms: u64) -> Self {
        Self {
            latest: sample,
            at_unix_ms,
            first_unix_ms: at_unix_ms,
            horizons: [[0; SLOTS]; 3],
            series: Series::default(),
        }
    }

    pub(super) fn push(&mut self, sample: WorkloadSample, at: u64, gap_ms: u64, bounds: &Bounds) {
        let row = self.row(&sample);
        if self.series.push(at, row, gap_ms, bounds) == Pushed::Stored {
            self.latest = sample;
            self.at_unix_ms = at;
        }
    }

    fn row(&mut self, sample: &WorkloadSample) -> Row {
        let (usage, limits, targets) = (&sample.usage, &sample.limits, &sample.targets);
        let bytes = |value: Option<u64>| value.map(|value| value as f64);
        let mut row = Row::gap();
        row.set(Column::Cpu, usage.cpu_cores);
        row.set(Column::Memory, bytes(usage.memory_bytes));
        row.set(Column::WorkingSet, bytes(usage.working_set_bytes));
        row.set(Column::Rx, usage.rx_bytes_per_s);
        row.set(Column::Tx, usage.tx_bytes_per_s);
        row.set(Column::Throttled, usage.throttled_share);
        row.set(Column::MemoryStall, usage.memory_stall_share);
        row.set(Column::CpuLimit, limits.cpu_cores);
        row.set(Column::MemoryHigh, bytes(limits.memory_high_bytes));
        row.set(Column::MemoryMax, bytes(limits.memory_max_bytes));
        row.set(Column::CpuTarget, targets.cpu_cores);
        row.set(Column::MemoryHighTarget, bytes(targets.memory_high_bytes));
        row.set(Column::MemoryMaxTarget, bytes(targets.memory_max_bytes));
        self.set_forecast(&mut row, Resource::Cpu, sample.cpu_forecast.as_ref());
        self.set_forecast(&mut row, Resource::Memory, sample.memory_forecast.as_ref());
        self.set_forecast(
            &mut row,
            Resource::Network,
            sample.network_forecast.as_ref(),
        );
        row
    }

    fn set_forecast(&mut self, row: &mut Row, resource: Resource, forecast: Option<&Forecast>) {
        let Some(forecast) = forecast else { return };
        for (slot, horizon) in forecast.horizons.iter().take(SLOTS).enumerate() {
            let quantiles = [
                (Quantile::Q50, horizon.q50),
                (Quantile::Q95, horizon.q95),
                (Quantile::Q99, horizon.q99),
            ];
            let known = &mut self.horizons[resource as usize][slot];
            if *known != horizon.ticks {
                // Old values would be drawn at the wrong target time.
                *known = horizon.ticks;
                for (quantile, _) in quantiles {
                    self.series
                        .clear_column(Column::Forecast(resource, slot, quantile));
                }
            }
            for (quantile, value) in quantiles {
                row.set(Column::Forecast(resource, slot, quantile), Some(value));
            }
        }
    }

    /// The last sample.
    pub fn latest(&self) -> &WorkloadSample {
        &self.latest
    }

    /// Node time of the last sample, milliseconds since 1970.
    pub fn at_unix_ms(&self) -> u64 {
        self.at_unix_ms
    }

    /// Node time of the first sample that this coordinator saw, milliseconds since 1970.
    pub fn first_unix_ms(&self) -> u64 {
        self.first_unix_ms
    }

    /// Length in ticks of the horizon in a slot; `None` when it was never forecast.
    pub fn horizon_ticks(&self, resource: Resource, slot: usize) -> Option<u32> {
        let ticks = *self.horizons[resource as usize].get(slot)?;
        (ticks > 0).then_some(ticks)
    }

    /// The last hour.
    pub fn series(&self) -> &Series {
        &self.series
    }
}
