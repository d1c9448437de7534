//! How the watches are, in words.

use super::Coverage;
use super::limit_files::LimitFiles;
use super::memory_events::Refusal;
use super::pressure::{Resource, Triggers};
use super::settings::Trigger;
use crate::probes::ProbeHealth;

const PRESSURE: &str = "watch.pressure";
const MEMORY_EVENTS: &str = "watch.memory-events";
const LIMITS: &str = "watch.limits";

/// A cap is a choice, so what it leaves out is told but is no fault; what a kernel refuses is.
pub(super) fn pressure(triggers: &Triggers, coverage: Coverage, cap: usize) -> ProbeHealth {
    let (node, cgroups) = (triggers.of_node(), triggers.of_cgroups());
    if node.is_empty() && cgroups.is_empty() {
        return ProbeHealth::off(PRESSURE);
    }
    let refusal = triggers
        .last_refusal()
        .map(ToString::to_string)
        .unwrap_or_default();
    if triggers.none() && !refusal.is_empty() {
        return ProbeHealth::unsupported(PRESSURE, format!("{refusal}; read at the tick"));
    }
    let mut parts = Vec::new();
    if !node.is_empty() {
        parts.push(format!("the node ({})", words(node)));
    }
    if !cgroups.is_empty() {
        let over = over(coverage.no_room, cap);
        parts.push(format!(
            "{} cgroups ({}){over}",
            coverage.held,
            words(cgroups)
        ));
    }
    let mut faults = Vec::new();
    if triggers.widened() {
        faults.push("windows made multiples of 2 s for want of CAP_SYS_RESOURCE".to_owned());
    }
    if !triggers.node_complete() {
        faults.push(format!("not all on the node: {refusal}"));
    }
    if coverage.refused > 0 {
        faults.push(format!("{} cgroups without: {refusal}", coverage.refused));
    }
    state(PRESSURE, parts.join(", "), &faults)
}

fn words(triggers: &[(Resource, Trigger)]) -> String {
    let each = triggers
        .iter()
        .map(|(resource, trigger)| format!("{} {trigger}", resource.name()));
    each.collect::<Vec<_>>().join(", ")
}

/// What there is to say of the watches on `memory.events`.
pub(super) struct Events<'a> {
    pub(super) wanted: bool,
    pub(super) cap: usize,
    pub(super) failure: Option<&'a str>,
    pub(super) refusal: Option<&'a Refusal>,
    pub(super) coverage: Coverage,
}

pub(super) fn memory_events(events: &Events<'_>) -> ProbeHealth {
    let Coverage {
        held,
        no_room,
        refused,
    } = events.coverage;
    if !events.wanted {
        return ProbeHealth::off(MEMORY_EVENTS);
    }
    if let Some(failure) = events.failure {
        return ProbeHealth::unsupported(MEMORY_EVENTS, format!("{failure}; read at the tick"));
    }
    let cause = events.refusal.map(ToString::to_string).unwrap_or_default();
    if held == 0 && refused > 0 {
        return ProbeHealth::unsupported(MEMORY_EVENTS, cause);
    }
    let mut text = format!("{held} cgroups, by inotify");
    let mut faults = Vec::new();
    match events.refusal {
        Some(Refusal::NoRoom) if no_room > 0 => {
            faults.push(format!("{no_room} cgroups without: {cause}"));
        }
        // Cgroups whose parent does not hand the controller on are as people wanted them.
        Some(Refusal::Absent) if refused > 0 => {
            text.push_str(&format!(", {refused} without a memory controller"));
        }
        Some(Refusal::Other(_)) if refused > 0 => {
            faults.push(format!("{refused} cgroups without: {cause}"));
        }
        _ => {}
    }
    if faults.is_empty() {
        text.push_str(&over(no_room, events.cap));
    }
    state(MEMORY_EVENTS, text, &faults)
}

/// The walk of each tick sees the same changes, a moment later.
pub(super) fn limits(files: &LimitFiles, cap: usize) -> ProbeHealth {
    if let Some(failure) = files.failure() {
        return ProbeHealth::degraded(LIMITS, format!("{failure}; changes are seen at the tick"));
    }
    let Coverage {
        held,
        no_room,
        refused,
    } = files.coverage();
    let mut text = format!("{held} limit files, by inotify");
    let mut faults = Vec::new();
    match files.refusal() {
        Some(refusal) if no_room + refused > 0 => {
            faults.push(format!("{} without: {refusal}", no_room + refused));
        }
        _ => text.push_str(&over(no_room, cap)),
    }
    if files.overflows() > 0 {
        text.push_str(&format!(", queue too short {} times", files.overflows()));
    }
    state(LIMITS, text, &faults)
}

fn over(no_room: usize, cap: usize) -> String {
    match no_room {
        0 => String::new(),
        _ => format!(", {no_room} more than the cap of {cap}"),
    }
}

fn state(name: &'static str, text: String, faults: &[String]) -> ProbeHealth {
    match faults {
        [] => ProbeHealth::healthy(name, text),
        _ => ProbeHealth::degraded(name, format!("{text}; {}", faults.join("; "))),
    }
}
