//! The metrics in the OpenMetrics text format, made from the board when somebody asks: nothing is
//! kept twice, and a workload that left leaves no series behind.

mod agent;
mod forecasts;
mod labels;
mod names;
#[cfg(test)]
mod tests;
mod workloads;

use std::fmt;
use std::sync::Arc;

use llmos_proto::status::{Status, Workloads};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;

use crate::board::{Board, Totals};

/// Content type of the answer.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of this moment.
pub fn exposition(board: &Board) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix(names::PREFIX);
    registry.register_collector(Box::new(Moment {
        status: board.status(),
        workloads: board.workloads(),
        totals: board.totals(),
    }));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

/// What the board showed at the time of the scrape.
#[derive(Debug)]
struct Moment {
    status: Status,
    workloads: Arc<Workloads>,
    totals: Totals,
}

impl Collector for Moment {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        agent::encode(&mut encoder, &self.status, &self.totals)?;
        forecasts::encode(&mut encoder, &self.workloads.workloads)?;
        workloads::encode(&mut encoder, &self.workloads.workloads, self.status.tick_ms)
    }
}
