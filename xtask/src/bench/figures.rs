//! What each figure of a bench means, which limit it has, and the table at the end.

use super::Numbers;

/// What a figure may be at most or at least.
#[derive(Clone, Copy)]
pub enum Limit {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
    /// Less than this.
    Below(f64),
    /// Shown to be compared, without a limit.
    None,
}

/// A figure that the file always has.
#[derive(Clone, Copy)]
pub struct Figure {
    /// The part that measures it.
    pub part: &'static str,
    /// Its name in the file.
    pub key: &'static str,
    /// What it may be.
    pub limit: Limit,
    /// What it is, for people.
    pub what: &'static str,
}

/// A figure of a table.
pub const fn figure(
    part: &'static str,
    key: &'static str,
    limit: Limit,
    what: &'static str,
) -> Figure {
    Figure {
        part,
        key,
        limit,
        what,
    }
}

use Limit::{AtLeast, AtMost, Below};

/// Gives each figure of a part that is not there yet its reason.
pub fn fill(figures: &[Figure], part: &str, reason: &str, numbers: &mut Numbers) {
    for figure in figures.iter().filter(|figure| figure.part == part) {
        if !numbers.has(figure.key) {
            numbers.put_or(figure.key, None, reason);
        }
    }
}

/// Prints the figures of these parts with their limits, then every other figure.
pub fn print(figures: &[Figure], parts: &[&str], numbers: &Numbers) {
    println!(
        "\n{:<30} {:>10}  {:<9} {:<7}",
        "figure", "value", "limit", "within"
    );
    for figure in figures.iter().filter(|f| parts.contains(&f.part)) {
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
        if figures.iter().all(|figure| figure.key != name) {
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
        let figures = [
            figure("cost", "agent_cpu_pct_100", AtMost(1.0), "at 100"),
            figure("cost", "agent_cpu_pct_1000", AtMost(3.0), "at 1,000"),
            figure("switch", "probe_ns_per_switch", AtMost(150.0), "a switch"),
        ];
        fill(&figures, "cost", "the agent ended", &mut numbers);
        assert_eq!(numbers.get("agent_cpu_pct_100"), Some(0.5));
        assert_eq!(
            numbers.reason("agent_cpu_pct_1000"),
            Some("the agent ended")
        );
        assert!(!numbers.has("probe_ns_per_switch"));
    }
}
