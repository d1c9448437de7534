//! What each figure means, which limit it has, and the table at the end.

use super::Numbers;

/// What a figure may be at most or at least.
#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
    Below(f64),
    /// Shown to be compared, without a limit.
    None,
}

/// A figure that the file always has.
struct Figure {
    part: &'static str,
    key: &'static str,
    limit: Limit,
    what: &'static str,
}

const fn figure(part: &'static str, key: &'static str, limit: Limit, what: &'static str) -> Figure {
    Figure {
        part,
        key,
        limit,
        what,
    }
}

use Limit::{AtLeast, AtMost, Below};

const FIGURES: [Figure; 17] = [
    figure(
        "accuracy",
        "cpu_err_pct_max",
        AtMost(1.0),
        "CPU time and switches, worst error against the kernel's accounts",
    ),
    figure(
        "accuracy",
        "net_err_pct_max",
        AtMost(1.0),
        "bytes and packets, worst error against the namespace's counters",
    ),
    figure(
        "accuracy",
        "wait_err_pct_max",
        AtMost(1.0),
        "run-queue wait, worst error against schedstat",
    ),
    figure(
        "switch",
        "probe_ns_per_switch",
        AtMost(150.0),
        "all scheduler programs a context switch, by BPF statistics, clock reads included",
    ),
    figure(
        "switch",
        "switch_slowdown_ratio",
        Limit::None,
        "context switch over pipes with probes on, times that with probes off",
    ),
    figure(
        "cost",
        "agent_cpu_pct_100",
        AtMost(1.0),
        "agent at 100 cgroups, % of a core",
    ),
    figure(
        "cost",
        "agent_cpu_pct_1000",
        AtMost(3.0),
        "agent at 1,000 cgroups, % of a core",
    ),
    figure(
        "cost",
        "agent_rss_mib_1000",
        AtMost(40.0),
        "agent's resident memory at 1,000 cgroups",
    ),
    figure(
        "cost",
        "tick_read_ms_1000",
        AtMost(2.0),
        "reading step of a tick at 1,000 cgroups",
    ),
    figure(
        "churn",
        "churn_10k_rss_growth_mib",
        AtMost(1.0),
        "agent's memory after 10,000 cgroups came and went",
    ),
    figure(
        "churn",
        "churn_10k_fds_growth",
        AtMost(0.0),
        "agent's open files after the same",
    ),
    figure(
        "churn",
        "churn_10k_stale_map_entries",
        AtMost(0.0),
        "entries of the agent's maps for cgroups that are gone, after the same",
    ),
    figure(
        "machine",
        "cpu_ratio_vs_cadvisor",
        Below(1.0),
        "agent's CPU over cAdvisor's",
    ),
    figure(
        "machine",
        "rss_ratio_vs_cadvisor",
        Below(1.0),
        "agent's memory over cAdvisor's",
    ),
    figure(
        "machine",
        "cpu_ratio_vs_rezolus",
        Below(1.0),
        "agent's CPU over rezolus'",
    ),
    figure(
        "machine",
        "rss_ratio_vs_rezolus",
        Below(1.0),
        "agent's memory over rezolus'",
    ),
    figure(
        "machine",
        "near_quota_early_share",
        AtLeast(0.95),
        "bursts whose event came before the first throttled period",
    ),
];

/// Gives each figure of a part that is not there yet its reason.
pub fn fill(part: &str, reason: &str, numbers: &mut Numbers) {
    for figure in FIGURES.iter().filter(|figure| figure.part == part) {
        if !numbers.has(figure.key) {
            numbers.put_or(figure.key, None, reason);
        }
    }
}

/// Prints the figures of these parts with their limits, then every other figure.
pub fn print(parts: &[&str], numbers: &Numbers) {
    println!(
        "\n{:<30} {:>10}  {:<9} {:<7}",
        "figure", "value", "limit", "within"
    );
    for figure in FIGURES.iter().filter(|f| parts.contains(&f.part)) {
        let (limit, within) = judge(figure.limit, numbers.get(figure.key));
        println!(
            "{:<30} {:>10}  {limit:<9} {within:<7} {}",
            figure.key,
            shown(numbers.get(figure.key)),
            figure.what
        );
        if let Some(reason) = numbers.reason(figure.key) {
            println!("{:<30} {:>10}  not measured: {reason}", "", "");
        }
    }
    println!("\nsingle figures");
    for (name, value) in numbers.iter() {
        if FIGURES.iter().all(|figure| figure.key != name) {
            println!("  {name:<44} {value}");
        }
    }
}

/// The limit in words, and whether a value keeps it.
fn judge(limit: Limit, value: Option<f64>) -> (String, &'static str) {
    let (text, kept): (String, fn(f64, f64) -> bool) = match limit {
        AtMost(max) => (format!("<= {max}"), |value, max| value <= max),
        AtLeast(min) => (format!(">= {min}"), |value, min| value >= min),
        Below(max) => (format!("< {max}"), |value, max| value < max),
        Limit::None => return ("-".to_owned(), "-"),
    };
    let (AtMost(bound) | AtLeast(bound) | Below(bound)) = limit else {
        return (text, "-");
    };
    let within = match value {
        Some(value) if kept(value, bound) => "yes",
        Some(_) => "NO",
        None => "?",
    };
    (text, within)
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| format!("{value:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_kept_or_not_and_unknown_is_neither() {
        assert_eq!(judge(AtMost(1.0), Some(1.0)).1, "yes");
        assert_eq!(judge(AtMost(1.0), Some(1.001)).1, "NO");
        assert_eq!(judge(AtLeast(0.95), Some(0.94)).1, "NO");
        assert_eq!(judge(Below(1.0), Some(1.0)).1, "NO");
        assert_eq!(judge(AtMost(1.0), None).1, "?");
        assert_eq!(judge(Limit::None, Some(2.0)).1, "-");
    }

    #[test]
    fn a_part_that_failed_leaves_reasons_and_keeps_what_it_had() {
        let mut numbers = Numbers::default();
        numbers.put("agent_cpu_pct_100", Some(0.5));
        fill("cost", "the agent ended", &mut numbers);
        assert_eq!(numbers.get("agent_cpu_pct_100"), Some(0.5));
        assert_eq!(
            numbers.reason("agent_cpu_pct_1000"),
            Some("the agent ended")
        );
        assert!(!numbers.has("probe_ns_per_switch"));
    }
}
