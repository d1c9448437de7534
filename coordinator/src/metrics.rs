//! The coordinator's own metrics, for Prometheus.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::fleet::{Fleet, Health, Now};

/// Why a report was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A value was out of its range.
    Invalid,
    /// The message was larger than is taken from the wire.
    TooLarge,
    /// A bound on the fleet was reached.
    NoRoom,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HealthLabel {
    health: &'static str,
}

/// Counters and gauges that tasks change as they go.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Reports taken in.
    pub reports: Counter,
    /// Reports that were taken in before.
    pub duplicates: Counter,
    /// Samples of workloads taken in.
    pub samples: Counter,
    /// Decisions taken in.
    pub decisions: Counter,
    /// Streams of agents that are open.
    pub streams: Gauge,
    /// Pages that listen to events.
    pub pages: Gauge,
    refused: Family<RefusalLabel, Counter>,
}

impl Metrics {
    /// Counts a refused report.
    pub fn refused(&self, reason: Refusal) {
        let reason = match reason {
            Refusal::Invalid => "invalid",
            Refusal::TooLarge => "too_large",
            Refusal::NoRoom => "no_room",
        };
        self.refused.get_or_create(&RefusalLabel { reason }).inc();
    }

    /// All metrics in the OpenMetrics text format.
    ///
    /// # Errors
    /// When the text cannot be written, which a `String` never refuses.
    pub fn encode(&self, fleet: &Fleet, now: Now) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::with_prefix("llmos_coordinator");
        registry.register("reports", "Reports taken in", self.reports.clone());
        registry.register(
            "reports_duplicate",
            "Reports taken in before",
            self.duplicates.clone(),
        );
        registry.register(
            "reports_refused",
            "Reports refused, by reason",
            self.refused.clone(),
        );
        registry.register(
            "samples",
            "Samples of workloads taken in",
            self.samples.clone(),
        );
        registry.register("decisions", "Decisions taken in", self.decisions.clone());
        registry.register(
            "agent_streams",
            "Open streams of agents",
            self.streams.clone(),
        );
        registry.register("pages", "Pages that listen to events", self.pages.clone());
        let nodes = Family::<HealthLabel, Gauge>::default();
        for health in [Health::Live, Health::Stale, Health::Lost] {
            // Made now, so that a health that no node has is shown as 0.
            drop(nodes.get_or_create(&HealthLabel {
                health: health.as_str(),
            }));
        }
        for (_, node) in fleet.nodes() {
            nodes
                .get_or_create(&HealthLabel {
                    health: node.health(now).as_str(),
                })
                .inc();
        }
        registry.register("nodes", "Nodes by health", nodes);
        registry.register(
            "workloads",
            "Workloads remembered",
            gauge(fleet.workload_count()),
        );
        let left_out: Counter = Counter::default();
        left_out.inc_by(fleet.workloads_refused());
        registry.register("samples_refused", "Samples left out at a bound", left_out);
        registry.register_with_unit(
            "series",
            "Heap that the series take, about",
            Unit::Bytes,
            gauge(fleet.series_bytes()),
        );
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

fn gauge(value: usize) -> Gauge {
    let gauge: Gauge = Gauge::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    gauge
}
