//! A strict reader of what the exposition writes.

use std::collections::{BTreeMap, BTreeSet};

/// One line of the exposition.
pub struct Series {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// A strict reader of the OpenMetrics text format, as far as this exposition uses it. It fails on
/// anything that the format does not allow.
pub fn parse(text: &str) -> Vec<Series> {
    let mut types = BTreeMap::new();
    let mut family = String::new();
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    let body = text.strip_suffix("# EOF\n").expect("ends with # EOF");
    for line in body.lines() {
        if let Some(meta) = line.strip_prefix("# ") {
            let (kind, rest) = meta.split_once(' ').expect("a kind");
            let (name, rest) = rest.split_once(' ').expect("a name");
            match kind {
                "TYPE" => {
                    let again = types.insert(name.to_owned(), rest.to_owned());
                    assert_eq!(again, None, "{name} stands twice");
                }
                "HELP" => family = name.to_owned(),
                "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let end = line.find(['{', ' ']).expect("labels or a value");
        let (name, rest) = line.split_at(end);
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest),
            None => (BTreeMap::new(), rest),
        };
        let kind = &types[&family];
        let suffix = match kind.as_str() {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        assert_eq!(name, format!("{family}{suffix}"), "{line}");
        assert!(
            seen.insert((name.to_owned(), labels.clone())),
            "twice: {line}"
        );
        all.push(Series {
            name: name.to_owned(),
            labels,
            value: value.trim().parse().expect("a number"),
        });
    }
    all
}

/// Labels up to the closing brace, and what follows.
fn labels(mut rest: &str) -> (BTreeMap<String, String>, &str) {
    let mut labels = BTreeMap::new();
    while !rest.starts_with('}') {
        rest = rest.trim_start_matches(',');
        let (name, after) = rest.split_once("=\"").expect("a label");
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().expect("a closing quote") {
                (at, '"') => break at + 1,
                (_, '\\') => match chars.next().expect("an escaped character").1 {
                    'n' => value.push('\n'),
                    c @ ('\\' | '"') => value.push(c),
                    c => panic!("bad escape {c}"),
                },
                (_, c) => value.push(c),
            }
        };
        assert_eq!(labels.insert(name.to_owned(), value), None);
        rest = &after[end..];
    }
    (labels, &rest[1..])
}
