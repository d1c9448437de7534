//! `llmosctl explain`: one workload, and for each of its limits what it is, what it should be, and
//! why.

mod standing;

use llmos_proto::status::{Container, Decision, Forecast, Usage, Workload, WorkloadDetail};

use super::{print_json, print_lines};
use crate::cli::ExplainArgs;
use crate::client::Client;
use crate::error::CtlError;
use crate::find;
use crate::style::{Paint, Style};
use crate::time;
use crate::units::{ABSENT, bytes, cores, duration, percent, plain, rate, whole_bytes};

/// Changes that are shown; `--json` has all.
const CHANGES: usize = 10;

/// Runs the command.
pub fn run(client: &Client, json: bool, args: &ExplainArgs) -> Result<(), CtlError> {
    let all = client.workloads()?.workloads;
    let id = &find::workload(&all, &args.workload)?.id;
    if json {
        return print_json(&client.raw(&format!("/v1/workloads/{id}"))?);
    }
    let status = client.status()?;
    let detail = client.workload(id)?;
    let style = Style::of_stdout();
    print_lines(lines(&detail, status.tick_ms, time::now_ms(), style))
}

fn lines(detail: &WorkloadDetail, tick_ms: u64, now_ms: u64, style: Style) -> Vec<String> {
    let workload = &detail.workload;
    let mut lines = about(workload, tick_ms, style);
    if detail.current.is_empty() {
        lines.push(String::new());
        lines.push("no decision yet".to_owned());
    }
    for decision in &detail.current {
        lines.push(String::new());
        lines.extend(decided(decision, style));
    }
    lines.push(String::new());
    lines.push(style.paint(Paint::Bold, "last changes"));
    if detail.changes.is_empty() {
        lines.push("  none".to_owned());
    }
    for change in detail.changes.iter().take(CHANGES) {
        lines.push(changed(change, now_ms));
        lines.extend(
            change
                .reasons
                .first()
                .map(|why| format!("    {}", plain(why))),
        );
    }
    let hidden = detail.changes.len().saturating_sub(CHANGES);
    if hidden > 0 {
        lines.push(format!("  {hidden} older ones with --json"));
    }
    lines
}

fn about(workload: &Workload, tick_ms: u64, style: Style) -> Vec<String> {
    let managed = if workload.managed {
        "managed"
    } else {
        "not managed: LLMOS never writes its limits"
    };
    let limits = &workload.limits;
    let mut facts = vec![
        ("cgroup", format!("/{}", plain(&workload.cgroup))),
        ("id", plain(&workload.id)),
    ];
    facts.extend(
        workload
            .container
            .iter()
            .map(|c| ("container", container(c))),
    );
    facts.extend([
        ("seen for", duration(workload.seen_s)),
        ("set by", set_by(workload)),
        ("use", used(&workload.usage)),
        (
            "limits",
            format!(
                "cpu.max {}, memory.high {}, memory.max {}",
                limit(cores(limits.cpu_cores), " cores"),
                limit(whole_bytes(limits.memory_high_bytes), ""),
                limit(whole_bytes(limits.memory_max_bytes), ""),
            ),
        ),
    ]);
    for (name, forecast, number) in [
        (
            "cpu",
            &workload.cpu_forecast,
            (|q| format!("{} cores", cores(Some(q)))) as fn(f64) -> String,
        ),
        ("memory", &workload.memory_forecast, |q| bytes(Some(q))),
        ("network", &workload.network_forecast, |q| rate(Some(q))),
    ] {
        if let Some(forecast) = forecast {
            facts.push(("forecast", foreseen(name, forecast, tick_ms, number)));
            facts.extend(standing::lines(forecast).map(|line| ("", line)));
        }
    }
    let heading = format!("{} ({managed})", plain(&workload.name));
    std::iter::once(style.paint(Paint::Bold, &heading))
        .chain(facts.iter().map(|(name, text)| format!("{name:<9} {text}")))
        .collect()
}

/// The actuator; also what an agent without this field says.
fn set_by(workload: &Workload) -> String {
    match workload.actuator.as_ref() {
        "systemd" => "cgroup files at once, then systemd, so that limits last".to_owned(),
        "cgroupfs" => "cgroup files".to_owned(),
        "" => ABSENT.to_owned(),
        other => plain(other),
    }
}

/// `0123456789ab by containerd, pod 6c6c6d6f-... (burstable), cgroup by systemd`: what is known of it.
fn container(container: &Container) -> String {
    // Twelve digits, as the runtimes' own tools show ids.
    let short = |id: &String| plain(&id.chars().take(12).collect::<String>());
    let runtime = container.runtime.as_deref();
    let parts = [
        match (container.container_id.as_ref().map(short), runtime) {
            (Some(id), Some(runtime)) => Some(format!("{id} by {}", plain(runtime))),
            (Some(id), None) => Some(id),
            (None, _) => None,
        },
        container.pod_uid.as_ref().map(|uid| {
            let class = container.qos_class.as_deref();
            let class = class.map_or_else(String::new, |class| format!(" ({})", plain(class)));
            format!("pod {}{class}", plain(uid))
        }),
        container
            .driver
            .as_deref()
            .map(|driver| format!("cgroup by {}", plain(driver))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn used(usage: &Usage) -> String {
    let mut parts = vec![
        format!("cpu {} cores", cores(usage.cpu_cores)),
        format!("memory {}", whole_bytes(usage.memory_bytes)),
        format!("in {}", rate(usage.rx_bytes_per_s)),
        format!("out {}", rate(usage.tx_bytes_per_s)),
    ];
    let more = [
        usage
            .throttled_share
            .map(|s| format!("throttled in {} of periods", percent(Some(s)))),
        usage
            .working_set_bytes
            .map(|b| format!("working set {}", whole_bytes(Some(b)))),
        usage
            .memory_stall_share
            .map(|s| format!("stalled for memory {}", percent(Some(s)))),
        usage
            .oom_kills
            .filter(|n| *n > 0)
            .map(|n| format!("{n} OOM kills")),
    ];
    parts.extend(more.into_iter().flatten());
    parts.join(", ")
}

fn foreseen(name: &str, forecast: &Forecast, tick_ms: u64, number: fn(f64) -> String) -> String {
    let horizons: Vec<String> = forecast
        .horizons
        .iter()
        .map(|h| {
            let seconds = f64::from(h.ticks) * tick_ms as f64 / 1000.0;
            format!("{} in {seconds} s", number(h.q95))
        })
        .collect();
    format!(
        "{name} peak (95 %): {}, by the {}",
        horizons.join(", "),
        plain(&forecast.source)
    )
}

fn decided(decision: &Decision, style: Style) -> Vec<String> {
    let heading = format!("{} {}", plain(&decision.knob), moved(decision));
    let mut lines = vec![style.paint(Paint::Bold, &heading)];
    let reasons = (1..).zip(&decision.reasons);
    lines.extend(reasons.map(|(number, why)| format!("  {number}. {}", plain(why))));
    lines
}

fn changed(change: &Decision, now_ms: u64) -> String {
    format!(
        "  {} ({})  {} {}",
        time::of_day(change.at_unix_ms),
        time::ago(change.at_unix_ms, now_ms),
        plain(&change.knob),
        moved(change)
    )
}

/// `1.00 -> 1.50 cores, raise, applied`.
fn moved(decision: &Decision) -> String {
    let (show, unit): (fn(Option<f64>) -> String, &str) = match decision.knob.as_str() {
        "cpu.max.burst" => (whole, " us"),
        "cpu.weight" => (whole, ""),
        knob if knob.starts_with("cpu") => (cores, " cores"),
        _ => (bytes, ""),
    };
    format!(
        "{} -> {}{unit}, {}, {}",
        limit(show(decision.from), ""),
        show(Some(decision.to)),
        plain(&decision.action),
        plain(&decision.outcome)
    )
}

fn whole(value: Option<f64>) -> String {
    value.map_or_else(|| ABSENT.to_owned(), |value| format!("{value:.0}"))
}

/// A limit that is absent is `max` or unreadable; the status says which.
fn limit(text: String, unit: &str) -> String {
    if text == ABSENT {
        "none".to_owned()
    } else {
        text + unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_of_a_container_is_said() {
        let mut known = Container {
            container_id: Some("0123456789abcdef".repeat(4)),
            pod_uid: Some("6c6c6d6f-7300".to_owned()),
            driver: Some("cgroupfs".into()),
            ..Container::default()
        };
        assert_eq!(
            container(&known),
            "0123456789ab, pod 6c6c6d6f-7300, cgroup by cgroupfs"
        );
        known.runtime = Some("docker".into());
        known.qos_class = Some("burstable".into());
        assert_eq!(
            container(&known),
            "0123456789ab by docker, pod 6c6c6d6f-7300 (burstable), cgroup by cgroupfs"
        );
        assert_eq!(container(&Container::default()), "");
    }
}
