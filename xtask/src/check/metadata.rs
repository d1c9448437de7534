//! The dependency graph as cargo sees it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cmd;

/// Packages of the workspace and everything they are built from.
pub struct Metadata {
    /// Every package by its id.
    pub packages: BTreeMap<String, Package>,
    /// What each package needs when it is built or run; test-only needs are left out.
    needs: BTreeMap<String, Vec<String>>,
}

/// One package.
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence expression, if it has one.
    pub licence: Option<String>,
}

impl Metadata {
    /// Asks cargo.
    pub fn read() -> Result<Self> {
        let mut cargo = cmd::cargo();
        cargo.args(["metadata", "--format-version", "1", "--locked"]);
        cargo.args(["--filter-platform", "x86_64-unknown-linux-gnu"]);
        Self::parse(&cmd::output(&mut cargo)?)
    }

    fn parse(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text).context("cargo metadata is no JSON")?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut packages = BTreeMap::new();
        for package in list(&value["packages"]) {
            packages.insert(
                text(&package["id"]),
                Package {
                    name: text(&package["name"]),
                    version: text(&package["version"]),
                    licence: package["license"].as_str().map(str::to_owned),
                },
            );
        }
        let mut needs = BTreeMap::new();
        for node in list(&value["resolve"]["nodes"]) {
            let real = list(&node["deps"])
                .iter()
                .filter(|dep| {
                    list(&dep["dep_kinds"])
                        .iter()
                        .any(|kind| kind["kind"] != "dev")
                })
                .map(|dep| text(&dep["pkg"]))
                .collect();
            needs.insert(text(&node["id"]), real);
        }
        Ok(Self { packages, needs })
    }

    /// Names of everything that the package `name` is built from, itself left out.
    pub fn built_from(&self, name: &str) -> Result<BTreeSet<&str>> {
        let (start, _) = self
            .packages
            .iter()
            .find(|(_, package)| package.name == name)
            .with_context(|| format!("the workspace has no package {name}"))?;
        let mut seen = BTreeSet::new();
        let mut open = vec![start.as_str()];
        while let Some(id) = open.pop() {
            for next in self.needs.get(id).into_iter().flatten() {
                if seen.insert(next.as_str()) {
                    open.push(next);
                }
            }
        }
        Ok(seen
            .iter()
            .filter_map(|id| self.packages.get(*id))
            .map(|p| p.name.as_str())
            .collect())
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// `a` is built from `b`, `b` from `c`; `d` is needed by tests of `a` only.
    pub const SMALL: &str = r#"{
        "packages": [
            {"id": "a 1", "name": "a", "version": "1.0.0", "license": "MIT OR Apache-2.0"},
            {"id": "b 1", "name": "b", "version": "1.0.0", "license": "GPL-3.0-only"},
            {"id": "c 1", "name": "c", "version": "1.0.0", "license": null},
            {"id": "d 1", "name": "d", "version": "1.0.0", "license": "MIT"}
        ],
        "resolve": {"nodes": [
            {"id": "a 1", "deps": [
                {"pkg": "b 1", "dep_kinds": [{"kind": null}]},
                {"pkg": "d 1", "dep_kinds": [{"kind": "dev"}]}
            ]},
            {"id": "b 1", "deps": [{"pkg": "c 1", "dep_kinds": [{"kind": "build"}]}]}
        ]}
    }"#;

    pub fn small() -> Metadata {
        Metadata::parse(SMALL).unwrap()
    }

    #[test]
    fn needs_are_followed_and_test_only_needs_are_not() {
        let names: Vec<&str> = small()
            .built_from("a")
            .unwrap()
            .into_iter()
            .map(|n| match n {
                "b" => "b",
                "c" => "c",
                _ => "other",
            })
            .collect();
        assert_eq!(names, ["b", "c"]);
        assert!(small().built_from("nobody").is_err());
    }
}
