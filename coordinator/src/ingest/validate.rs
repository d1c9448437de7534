//! From the wire format to a [`Report`]: what is not finite, negative, too long or too many is
//! refused with its place. Texts stay untrusted: bounded here, escaped where they are shown.

use std::fmt;

use llmos_proto::fleet as wire;

use crate::fleet::{
    Component, Decision, Forecast, Horizon, Limits, NodeInfo, Report, Usage, WorkloadSample,
};

/// Workloads in one report.
pub const MAX_WORKLOADS: usize = 4_096;
/// Decisions in one report.
pub const MAX_DECISIONS: usize = 4_096;
const MAX_COMPONENTS: usize = 128;
const MAX_REASONS: usize = 32;
const MAX_HORIZONS: usize = 8;
const MAX_NAME: usize = 256;
const MAX_CGROUP: usize = 4_096;
const MAX_SENTENCE: usize = 1_024;
/// No quantity of one machine is near this, and f32 can still hold it.
const MAX_NUMBER: f64 = 1e18;
/// Longest tick and longest horizon in ticks that make sense for the last hour.
const MAX_TICK_MS: u32 = 3_600_000;

/// Where in a report a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    list: Option<(&'static str, usize)>,
    field: &'static str,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.list {
            Some((list, index)) => write!(f, "{list}[{index}].{}", self.field),
            None => f.write_str(self.field),
        }
    }
}

/// Why a report is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Invalid {
    /// A message is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A number is NaN, infinite, negative or absurdly large.
    #[error("{place} is {value}, expected a finite number from 0 to 1e18")]
    Number {
        /// Where.
        place: Place,
        /// What it is.
        value: f64,
    },
    /// A text is too long.
    #[error("{place} has {length} bytes, expected at most {most}")]
    Text {
        /// Where.
        place: Place,
        /// Its length in bytes.
        length: usize,
        /// The bound in bytes.
        most: usize,
    },
    /// A list is too long.
    #[error("{place} has {length} entries, expected at most {most}")]
    List {
        /// Where.
        place: Place,
        /// Its length.
        length: usize,
        /// The bound.
        most: usize,
    },
    /// The key of the node cannot be used in an address.
    #[error("node.machine_id is {0:?}, expected 1 to 128 letters, digits, '.', '_' or '-'")]
    MachineId(String),
    /// A length of time in a place where zero or more than an hour has no meaning.
    #[error("{place} is {value}, expected 1 to 3600000")]
    Duration {
        /// Where.
        place: Place,
        /// What it is.
        value: u32,
    },
}

/// Checks and converts one report.
///
/// # Errors
/// [`Invalid`] with the first thing that is wrong and its place.
pub fn report(report: wire::NodeReport) -> Result<Report, Invalid> {
    let at = Entry(None);
    at.list("workloads", &report.workloads, MAX_WORKLOADS)?;
    at.list("decisions", &report.decisions, MAX_DECISIONS)?;
    at.list("components", &report.components, MAX_COMPONENTS)?;
    let workloads = report.workloads.into_iter().enumerate();
    let decisions = report.decisions.into_iter().enumerate();
    let components = report.components.into_iter().enumerate();
    Ok(Report {
        sequence: report.sequence,
        node: node(report.node.ok_or(Invalid::Missing("node"))?)?,
        at_unix_ms: report.at_unix_ms,
        workloads: workloads
            .map(|(i, one)| workload(i, one))
            .collect::<Result<_, _>>()?,
        decisions: decisions
            .map(|(i, one)| decision(i, one))
            .collect::<Result<_, _>>()?,
        components: components
            .map(|(i, one)| component(i, one))
            .collect::<Result<_, _>>()?,
    })
}

/// The message that fields belong to, for the place in errors.
#[derive(Clone, Copy)]
struct Entry(Option<(&'static str, usize)>);

impl Entry {
    fn place(self, field: &'static str) -> Place {
        Place {
            list: self.0,
            field,
        }
    }

    fn number(self, field: &'static str, value: f64) -> Result<f64, Invalid> {
        if (0.0..=MAX_NUMBER).contains(&value) {
            return Ok(value);
        }
        Err(Invalid::Number {
            place: self.place(field),
            value,
        })
    }

    fn maybe(self, field: &'static str, value: Option<f64>) -> Result<Option<f64>, Invalid> {
        value.map(|value| self.number(field, value)).transpose()
    }

    fn text(self, field: &'static str, text: String, most: usize) -> Result<String, Invalid> {
        if text.len() <= most {
            return Ok(text);
        }
        Err(Invalid::Text {
            place: self.place(field),
            length: text.len(),
            most,
        })
    }

    fn list<T>(self, field: &'static str, list: &[T], most: usize) -> Result<(), Invalid> {
        if list.len() <= most {
            return Ok(());
        }
        Err(Invalid::List {
            place: self.place(field),
            length: list.len(),
            most,
        })
    }

    fn duration(self, field: &'static str, value: u32) -> Result<u32, Invalid> {
        if (1..=MAX_TICK_MS).contains(&value) {
            return Ok(value);
        }
        Err(Invalid::Duration {
            place: self.place(field),
            value,
        })
    }
}

fn node(node: wire::Node) -> Result<NodeInfo, Invalid> {
    let at = Entry(None);
    let id = node.machine_id;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    // "." and ".." would be taken for folders by whatever normalises an address.
    if id.len() > 128 || !id.chars().all(allowed) || id.trim_matches('.').is_empty() {
        return Err(Invalid::MachineId(id.chars().take(64).collect()));
    }
    Ok(NodeInfo {
        name: at.text("node.name", node.name, MAX_NAME)?,
        machine_id: id,
        boot_id: at.text("node.boot_id", node.boot_id, MAX_NAME)?,
        agent_version: at.text("node.agent_version", node.agent_version, MAX_NAME)?,
        kernel: at.text("node.kernel", node.kernel, MAX_NAME)?,
        mode: at.text("node.mode", node.mode, MAX_NAME)?,
        cpu_cores: at.number("node.cpu_cores", node.cpu_cores)?,
        memory_bytes: node.memory_bytes,
        tick_ms: at.duration("node.tick_ms", node.tick_ms)?,
        agent_cpu_cores: at.number("node.agent_cpu_cores", node.agent_cpu_cores)?,
        agent_rss_bytes: node.agent_rss_bytes,
        reports_dropped: node.reports_dropped,
        cpu_used_cores: at.maybe("node.cpu_used_cores", node.cpu_used_cores)?,
        memory_used_bytes: node.memory_used_bytes,
    })
}

fn workload(index: usize, one: wire::WorkloadSample) -> Result<WorkloadSample, Invalid> {
    let at = Entry(Some(("workloads", index)));
    Ok(WorkloadSample {
        cgroup_id: one.cgroup_id,
        cgroup: at.text("cgroup", one.cgroup, MAX_CGROUP)?,
        name: at.text("name", one.name, MAX_NAME)?,
        managed: one.managed,
        usage: Usage {
            cpu_cores: at.maybe("cpu_cores", one.cpu_cores)?,
            memory_bytes: one.memory_bytes,
            working_set_bytes: one.working_set_bytes,
            rx_bytes_per_s: at.maybe("rx_bytes_per_s", one.rx_bytes_per_s)?,
            tx_bytes_per_s: at.maybe("tx_bytes_per_s", one.tx_bytes_per_s)?,
            throttled_share: at.maybe("throttled_share", one.throttled_share)?,
            memory_stall_share: at.maybe("memory_stall_share", one.memory_stall_share)?,
            oom_kills: one.oom_kills,
        },
        limits: Limits {
            cpu_cores: at.maybe("cpu_limit_cores", one.cpu_limit_cores)?,
            memory_high_bytes: one.memory_high_bytes,
            memory_max_bytes: one.memory_max_bytes,
        },
        targets: Limits {
            cpu_cores: at.maybe("cpu_target_cores", one.cpu_target_cores)?,
            memory_high_bytes: one.memory_high_target_bytes,
            memory_max_bytes: one.memory_max_target_bytes,
        },
        cpu_forecast: forecast(at, one.cpu_forecast)?,
        memory_forecast: forecast(at, one.memory_forecast)?,
        network_forecast: forecast(at, one.network_forecast)?,
    })
}

fn forecast(at: Entry, one: Option<wire::Forecast>) -> Result<Option<Forecast>, Invalid> {
    let Some(one) = one else { return Ok(None) };
    at.list("forecast.horizons", &one.horizons, MAX_HORIZONS)?;
    let horizons = one.horizons.into_iter().map(|horizon| {
        Ok(Horizon {
            ticks: at.duration("forecast.ticks", horizon.ticks)?,
            q50: at.number("forecast.q50", horizon.q50)?,
            q90: at.number("forecast.q90", horizon.q90)?,
            q95: at.number("forecast.q95", horizon.q95)?,
            q99: at.number("forecast.q99", horizon.q99)?,
        })
    });
    let mut horizons = horizons.collect::<Result<Vec<_>, _>>()?;
    horizons.sort_by_key(|horizon| horizon.ticks);
    Ok(Some(Forecast {
        source: at.text("forecast.source", one.source, MAX_NAME)?,
        horizons,
    }))
}

fn decision(index: usize, one: wire::Decision) -> Result<Decision, Invalid> {
    let at = Entry(Some(("decisions", index)));
    at.list("reasons", &one.reasons, MAX_REASONS)?;
    let reasons = one
        .reasons
        .into_iter()
        .map(|reason| at.text("reasons", reason, MAX_SENTENCE));
    Ok(Decision {
        cgroup_id: one.cgroup_id,
        cgroup: at.text("cgroup", one.cgroup, MAX_CGROUP)?,
        at_unix_ms: one.at_unix_ms,
        knob: at.text("knob", one.knob, MAX_NAME)?,
        action: at.text("action", one.action, MAX_NAME)?,
        from: at.maybe("from", one.from)?,
        to: at.number("to", one.to)?,
        reasons: reasons.collect::<Result<_, _>>()?,
        outcome: at.text("outcome", one.outcome, MAX_SENTENCE)?,
    })
}

fn component(index: usize, one: wire::Component) -> Result<Component, Invalid> {
    let at = Entry(Some(("components", index)));
    Ok(Component {
        name: at.text("name", one.name, MAX_NAME)?,
        state: at.text("state", one.state, MAX_NAME)?,
        cause: at.text("cause", one.cause, MAX_SENTENCE)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> wire::NodeReport {
        let node = wire::Node {
            machine_id: "abc-1".to_owned(),
            tick_ms: 1_000,
            ..Default::default()
        };
        let sample = wire::WorkloadSample {
            cgroup_id: 7,
            cpu_cores: Some(0.5),
            ..Default::default()
        };
        wire::NodeReport {
            sequence: 1,
            node: Some(node),
            at_unix_ms: 1,
            workloads: vec![sample.clone(), sample],
            decisions: vec![wire::Decision::default()],
            components: vec![wire::Component::default()],
        }
    }

    fn refusal(change: impl FnOnce(&mut wire::NodeReport)) -> String {
        let mut bad = good();
        change(&mut bad);
        report(bad).expect_err("the report is bad").to_string()
    }

    #[test]
    fn a_good_report_passes_and_absent_stays_absent() {
        let report = report(good()).unwrap();
        assert_eq!(report.workloads[0].usage.cpu_cores, Some(0.5));
        assert_eq!(report.workloads[0].usage.memory_bytes, None);
    }

    #[test]
    fn horizons_come_out_by_length() {
        let mut wire = good();
        let horizon = |ticks| wire::HorizonForecast {
            ticks,
            ..Default::default()
        };
        wire.workloads[0].cpu_forecast = Some(wire::Forecast {
            horizons: vec![horizon(30), horizon(5)],
            source: String::new(),
        });
        let report = report(wire).unwrap();
        let horizons = &report.workloads[0].cpu_forecast.as_ref().unwrap().horizons;
        assert_eq!(
            horizons.iter().map(|one| one.ticks).collect::<Vec<_>>(),
            [5, 30]
        );
    }

    #[test]
    fn a_number_that_is_not_finite_or_is_negative_is_named_with_its_place() {
        for (value, shown) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (-1.0, "-1")] {
            assert_eq!(
                refusal(|bad| bad.workloads[1].cpu_cores = Some(value)),
                format!(
                    "workloads[1].cpu_cores is {shown}, expected a finite number from 0 to 1e18"
                )
            );
        }
        let bad = refusal(|bad| bad.decisions[0].to = f64::NAN);
        assert!(bad.starts_with("decisions[0].to is NaN"), "{bad}");
        let horizon = wire::HorizonForecast {
            ticks: 5,
            q99: f64::NAN,
            ..Default::default()
        };
        let forecast = wire::Forecast {
            horizons: vec![horizon],
            source: String::new(),
        };
        let bad = refusal(|bad| bad.workloads[0].memory_forecast = Some(forecast));
        assert!(bad.starts_with("workloads[0].forecast.q99 is NaN"), "{bad}");
    }

    #[test]
    fn long_texts_and_lists_are_refused() {
        let long = "x".repeat(MAX_CGROUP + 1);
        let bad = refusal(|bad| bad.workloads[0].cgroup = long);
        assert_eq!(
            bad,
            "workloads[0].cgroup has 4097 bytes, expected at most 4096"
        );
        let bad = refusal(|bad| bad.workloads = vec![wire::WorkloadSample::default(); 4_097]);
        assert_eq!(bad, "workloads has 4097 entries, expected at most 4096");
        let bad = refusal(|bad| bad.decisions[0].reasons = vec![String::new(); 33]);
        assert_eq!(
            bad,
            "decisions[0].reasons has 33 entries, expected at most 32"
        );
    }

    #[test]
    fn a_node_without_a_usable_key_is_refused() {
        assert_eq!(refusal(|bad| bad.node = None), "node is missing");
        for key in ["", ".", "..", "a/b", "a b", "ä", "<b>", &"x".repeat(129)] {
            let bad = refusal(|bad| bad.node.as_mut().unwrap().machine_id = key.to_owned());
            assert!(bad.starts_with("node.machine_id is \""), "{bad}");
        }
    }

    #[test]
    fn a_tick_of_zero_is_refused() {
        let bad = refusal(|bad| bad.node.as_mut().unwrap().tick_ms = 0);
        assert_eq!(bad, "node.tick_ms is 0, expected 1 to 3600000");
    }
}
