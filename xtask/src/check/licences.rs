//! Licences and bans of `deny.toml`, for machines without cargo-deny.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use super::metadata::Metadata;
use crate::paths;

/// What `deny.toml` says, as far as it is checked here.
struct Rules {
    allowed: Vec<String>,
    banned: Vec<String>,
}

/// Fails with each package whose licence is not allowed or that is banned.
pub fn run(metadata: &Metadata) -> Result<()> {
    let text = std::fs::read_to_string(paths::root().join("deny.toml"))
        .context("cannot read deny.toml")?;
    let wrong = violations(metadata, &Rules::parse(&text)?);
    if !wrong.is_empty() {
        bail!("not allowed by deny.toml\n  {}", wrong.join("\n  "));
    }
    let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
    for package in metadata.packages.values() {
        *versions.entry(&package.name).or_default() += 1;
    }
    let twice = versions.values().filter(|count| **count > 1).count();
    println!(
        "{} packages, {twice} of them in more than one version",
        metadata.packages.len()
    );
    Ok(())
}

fn violations(metadata: &Metadata, rules: &Rules) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in metadata.packages.values() {
        let who = format!("{} {}", package.name, package.version);
        if rules.banned.contains(&package.name) {
            wrong.push(format!("{who}: banned"));
        }
        match &package.licence {
            None => wrong.push(format!("{who}: no licence")),
            Some(expression) if !allows(expression, &rules.allowed) => {
                wrong.push(format!("{who}: {expression}"));
            }
            Some(_) => {}
        }
    }
    wrong
}

impl Rules {
    fn parse(text: &str) -> Result<Self> {
        let rules: toml::Table = text.parse().context("deny.toml")?;
        let list = |section: &str, key: &str| {
            rules
                .get(section)?
                .as_table()?
                .get(key)?
                .as_array()
                .cloned()
        };
        let allowed = list("licenses", "allow").context("deny.toml has no licenses.allow")?;
        let banned = list("bans", "deny").context("deny.toml has no bans.deny")?;
        Ok(Self {
            allowed: allowed
                .iter()
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect(),
            banned: banned
                .iter()
                .filter_map(|v| v.get("crate")?.as_str().map(str::to_owned))
                .collect(),
        })
    }
}

/// Whether a licence expression can be met with allowed licences alone. AND binds tighter than OR
/// (SPDX specification, annex on licence expressions); old crates write `/` for OR.
fn allows(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    any_of(&words, &mut at, allowed) && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        // Always parsed, so that the position moves on.
        let next = all_of(words, at, allowed);
        met = met || next;
    }
    met
}

fn all_of(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        let next = one(words, at, allowed);
        met = met && next;
    }
    met
}

fn one(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let Some(word) = words.get(*at) else {
        return false;
    };
    *at += 1;
    if *word == "(" {
        let met = any_of(words, at, allowed);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return met && closed;
    }
    let mut licence = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        licence = format!("{licence} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    allowed.contains(&licence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::metadata::tests::small;

    #[test]
    fn expressions_are_read_as_spdx_means_them() {
        let allowed = ["MIT".to_owned(), "Zlib".to_owned(), "A WITH E".to_owned()];
        let yes = [
            "MIT",
            "MIT/GPL",
            "GPL OR MIT",
            "MIT AND Zlib",
            "(GPL OR MIT) AND Zlib",
            "A WITH E",
        ];
        let no = [
            "GPL",
            "MIT AND GPL",
            "A",
            "(MIT",
            "MIT AND (GPL OR X)",
            "MIT )",
            "",
        ];
        for expression in yes {
            assert!(allows(expression, &allowed), "{expression}");
        }
        for expression in no {
            assert!(!allows(expression, &allowed), "{expression}");
        }
        assert!(allows("GPL AND X OR MIT", &allowed));
    }

    #[test]
    fn wrong_missing_and_banned_are_all_named() {
        let rules =
            Rules::parse("[licenses]\nallow = [\"MIT\"]\n[bans]\ndeny = [{ crate = \"d\" }]")
                .unwrap();
        let wrong = violations(&small(), &rules);
        assert_eq!(
            wrong,
            [
                "b 1.0.0: GPL-3.0-only",
                "c 1.0.0: no licence",
                "d 1.0.0: banned"
            ]
        );
    }
}
