//! Metrics of the node, the agent and its parts.

use std::fmt;

use llmos_proto::status::{Health, Link, Status};
use prometheus_client::encoding::DescriptorEncoder;

use super::labels::Labels;
use super::names::{self, Source};
use crate::board::Totals;

const STATES: [(Health, &str); 4] = [
    (Health::Healthy, "healthy"),
    (Health::Degraded, "degraded"),
    (Health::Unsupported, "unsupported"),
    (Health::Off, "off"),
];

/// Writes everything that has no workload.
pub fn encode(to: &mut DescriptorEncoder, status: &Status, totals: &Totals) -> fmt::Result {
    names::BUILD.write(to, [(Labels::one("version", &status.agent_version), 1.0)])?;
    let mode = Labels([
        ("node", &status.node),
        ("kernel", &status.kernel),
        ("mode", &status.mode),
    ]);
    names::MODE.write(to, [(mode, 1.0)])?;
    costs(to, status)?;
    links(to, &status.links)?;
    parts(to, status)?;
    names::DECISIONS.write(
        to,
        totals.iter().map(|([knob, action, outcome], count)| {
            let labels = Labels([("resource", knob), ("action", action), ("outcome", outcome)]);
            (labels, float(*count))
        }),
    )
}

fn costs(to: &mut DescriptorEncoder, status: &Status) -> fmt::Result {
    let median = status.tick_work_ms_p50.map(|ms| ms / 1000.0);
    names::TICK_WORK.write(to, median.map(|s| (Labels::one("quantile", "0.5"), s)))?;
    let read = status.tick_read_ms_p50.map(|ms| ms / 1000.0);
    names::TICK_READ.write(to, read.map(|s| (Labels::one("quantile", "0.5"), s)))?;
    let programs = || status.programs.iter();
    names::PROGRAM_RUNS.write(
        to,
        programs().map(|p| (Labels::one("program", &p.name), p.runs_per_s)),
    )?;
    names::PROGRAM_TIME.write(
        to,
        programs().map(|p| (Labels::one("program", &p.name), p.ns_per_run / 1e9)),
    )?;
    let events = status.events.iter();
    names::EVENTS.write(
        to,
        events.map(|e| (Labels::one("kind", &e.kind), float(e.count))),
    )?;
    let changes = status.limit_changes_by_others.iter();
    names::LIMIT_CHANGES.write(
        to,
        changes.map(|c| (Labels::one("class", &c.kind), float(c.count))),
    )?;
    let handed_over = status.handed_over.len() as u64;
    for (metric, value) in [
        (names::HANDED_OVER, Some(float(handed_over))),
        (names::KERNEL_SIDE_CPU, status.kernel_side_cpu_cores),
        (names::MAP_MEMORY, status.map_memory_bytes.map(float)),
        (names::BUDGET, Some(status.budget_cpu_cores)),
        (names::START_TIME, Some(seconds(status.started_unix_ms))),
        (names::TICK_PERIOD, Some(seconds(status.tick_ms))),
        (names::TICKS, Some(float(status.ticks))),
        (names::MISSED_TICKS, Some(float(status.missed_ticks))),
        (names::NODE_CPU, Some(status.node_cpu_cores)),
        (names::NODE_MEMORY, Some(float(status.node_memory_bytes))),
        (names::NODE_CPU_USED, status.node_cpu_used_cores),
        (
            names::NODE_MEMORY_USED,
            status.node_memory_used_bytes.map(float),
        ),
        (names::OOM_KILLS_SEEN, Some(float(status.oom_kills_seen))),
        (names::AGENT_MEMORY, status.agent_rss_bytes.map(float)),
        (names::AGENT_CPU, status.agent_cpu_cores),
        (names::WORKLOADS, Some(float(status.workloads))),
        (names::MANAGED, Some(float(status.managed))),
        (names::LIMITS_HELD, Some(float(status.limits_held))),
    ] {
        metric.write(to, value.map(|value| (Labels::NONE, value)))?;
    }
    Ok(())
}

fn links(to: &mut DescriptorEncoder, links: &[Link]) -> fmt::Result {
    /// A megabit in bytes.
    const MEGABIT: f64 = 125_000.0;
    let values: [Source<Link>; 6] = [
        (names::LINK_UP, |l| Some(f64::from(u8::from(l.up)))),
        (names::LINK_SPEED, |l| {
            l.speed_mbit_per_s.map(|s| float(s) * MEGABIT)
        }),
        (names::LINK_RX, |l| l.rx_bytes.map(float)),
        (names::LINK_TX, |l| l.tx_bytes.map(float)),
        (names::LINK_RX_DROPPED, |l| l.rx_dropped.map(float)),
        (names::LINK_TX_DROPPED, |l| l.tx_dropped.map(float)),
    ];
    for (metric, value) in values {
        let series = links
            .iter()
            .filter_map(|l| Some((Labels::one("link", &l.name), value(l)?)));
        metric.write(to, series)?;
    }
    Ok(())
}

fn parts(to: &mut DescriptorEncoder, status: &Status) -> fmt::Result {
    names::FROZEN.write(
        to,
        status.freeze.iter().map(|freeze| {
            let active = f64::from(u8::from(freeze.active));
            (Labels::one("cause", &freeze.name), active)
        }),
    )?;
    names::LOST.write(
        to,
        status
            .lost
            .iter()
            .map(|lost| (Labels::one("place", &lost.place), float(lost.count))),
    )?;
    names::COMPONENT.write(
        to,
        status.components.iter().flat_map(|part| {
            STATES.map(|(state, name)| {
                let labels = Labels::two(("component", &part.name), ("state", name));
                (labels, f64::from(u8::from(part.state == state)))
            })
        }),
    )
}

fn seconds(ms: u64) -> f64 {
    float(ms) / 1000.0
}

/// Above 2^53 the last digits are rounded, as in every number of this format.
pub fn float(count: u64) -> f64 {
    count as f64
}
