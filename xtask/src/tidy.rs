//! `cargo xtask tidy`: house rules that no compiler checks.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{cmd, paths};

/// Longer than this, a file does more than one thing.
const LONGEST: usize = 500;
/// Files that may be longer, each with its reason.
const LONG: &[(&str, &str)] = &[];
/// Folders that belong to one machine or one person and mean nothing to others.
const PRIVATE: &[&str] = &["/work/", "/root/", "/home/"];
/// Pages whose `Invariant:` lines and links are promises.
const PAGES: &[&str] = &["README.md", "ARCHITECTURE.md"];

/// Fails with every rule that is broken, and where.
pub fn run() -> Result<()> {
    let mut wrong = Vec::new();
    for file in tracked()? {
        let Ok(text) = std::fs::read_to_string(paths::root().join(&file)) else {
            // Binary, or deleted and not committed yet.
            continue;
        };
        let name = file.display().to_string();
        if file.extension().is_some_and(|end| end == "rs") {
            wrong.extend(source(&name, &text));
        }
        if file.ends_with("Cargo.toml")
            && text.contains("[package]")
            && !name.starts_with("agent-ebpf")
        {
            wrong.extend(manifest(&name, &text));
        }
        wrong.extend(private_paths(&name, &text));
    }
    wrong.extend(engine_lints()?);
    for page in PAGES {
        wrong.extend(links(page)?);
    }
    if !read("ARCHITECTURE.md")?.contains("Invariant:") {
        wrong.push("ARCHITECTURE.md: no line says `Invariant:`".to_owned());
    }
    if !wrong.is_empty() {
        bail!("house rules are broken\n  {}", wrong.join("\n  "));
    }
    Ok(())
}

/// Files that belong to the repository, also those that are not committed yet.
fn tracked() -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(paths::root());
    let list = ["ls-files", "--cached", "--others", "--exclude-standard"];
    Ok(cmd::output(git.args(list))?
        .lines()
        .map(PathBuf::from)
        .collect())
}

fn source(name: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if !text.starts_with("//!") {
        wrong.push(format!(
            "{name}: the first line does not say what the file owns (`//!`)"
        ));
    }
    let length = text.lines().position(|line| line.trim() == "#[cfg(test)]");
    let length = length.unwrap_or_else(|| text.lines().count());
    let is_test = name.contains("/tests/");
    if length > LONGEST && !is_test && !LONG.iter().any(|(long, _)| *long == name) {
        wrong.push(format!("{name}: {length} lines, at most {LONGEST}"));
    }
    // Put together here, so that this file does not break its own rule.
    if text.contains(&format!("#[{}", "ignore")) {
        wrong.push(format!("{name}: an ignored test proves nothing"));
    }
    wrong
}

fn manifest(name: &str, text: &str) -> Vec<String> {
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return vec![format!("{name}: {error}")],
    };
    let shared = table
        .get("lints")
        .and_then(|lints| lints.get("workspace")?.as_bool());
    if shared == Some(true) {
        return Vec::new();
    }
    vec![format!("{name}: no `[lints] workspace = true`")]
}

fn private_paths(name: &str, text: &str) -> Vec<String> {
    if name == "xtask/src/tidy.rs" {
        return Vec::new();
    }
    text.lines()
        .enumerate()
        .filter(|(_, line)| PRIVATE.iter().any(|path| mentions(line, path)))
        .map(|(number, _)| format!("{name}:{}: a path of one machine", number + 1))
        .collect()
}

/// True when the line names an absolute path that starts with `path`; `a/work/b` does not.
fn mentions(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"._-}/$*~".contains(c))
    })
}

/// A crate's own clippy.toml replaces the root's, so its lines have to be repeated.
fn engine_lints() -> Result<Vec<String>> {
    let (root, engine) = (read("clippy.toml")?, read("engine/clippy.toml")?);
    Ok(root
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .filter(|line| !engine.lines().any(|other| other == *line))
        .map(|line| format!("engine/clippy.toml: lacks the root's `{line}`"))
        .collect())
}

/// Links to files of the repository that are not there.
fn links(page: &str) -> Result<Vec<String>> {
    let text = read(page)?;
    Ok(targets(&text)
        .filter(|target| !paths::root().join(target).exists())
        .map(|target| format!("{page}: links to {target}, which is not there"))
        .collect())
}

fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#', ' ']).next())
        .filter(|target| !target.is_empty() && !target.contains("://"))
}

fn read(name: impl AsRef<Path>) -> Result<String> {
    let path = paths::root().join(name);
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", paths::shown(&path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_rules_catch_what_they_are_for() {
        assert!(source("a.rs", "//! Owns a.\nfn main() {}\n").is_empty());
        assert_eq!(source("a.rs", "fn main() {}\n").len(), 1);
        let long = format!("//! Long.\n{}", "\n".repeat(LONGEST + 1));
        assert_eq!(source("a.rs", &long).len(), 1);
        let tested = format!("//! Short.\n#[cfg(test)]\n{}", "\n".repeat(LONGEST + 1));
        assert!(source("a.rs", &tested).is_empty());
        assert_eq!(
            source("a.rs", &format!("//! A.\n#[{}]\n", "ignore")).len(),
            1
        );
    }

    #[test]
    fn manifests_without_shared_lints_are_found() {
        assert!(manifest("Cargo.toml", "[package]\n[lints]\nworkspace = true\n").is_empty());
        assert_eq!(manifest("Cargo.toml", "[package]\nname = \"a\"\n").len(), 1);
    }

    #[test]
    fn paths_of_one_machine_are_found_and_others_are_not() {
        assert!(mentions("see /work/main", "/work/"));
        assert!(mentions("\"/root/.cargo\"", "/root/"));
        assert!(!mentions("tests/work/a", "/work/"));
        assert!(!mentions("https://a.example/home/b", "/home/"));
    }

    #[test]
    fn links_to_files_are_told_from_addresses() {
        let text = "[a](b.md) [c](https://d.example) [e](f.md#g) [h](#i)";
        assert_eq!(targets(text).collect::<Vec<_>>(), ["b.md", "f.md"]);
    }
}
