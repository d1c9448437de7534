//! The dashboard's browser tests: their packages and how they are run.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{cmd, paths};

/// The folder with the page's `package.json`.
pub fn folder() -> PathBuf {
    paths::root().join("coordinator/dashboard")
}

/// Says when the node packages are not there or not those of the lock file.
pub fn missing() -> Option<String> {
    let lock = folder().join("package-lock.json");
    let wanted = match std::fs::read_to_string(&lock) {
        Ok(text) => text,
        Err(error) => return Some(format!("{}: {error}", paths::shown(&lock))),
    };
    let installed = std::fs::read_to_string(stamp()).unwrap_or_default();
    (installed != wanted).then(|| format!("{} changed", paths::shown(&lock)))
}

/// Installs the node packages of the lock file.
pub fn get() -> Result<()> {
    let mut npm = Command::new("npm");
    npm.current_dir(folder())
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    cmd::run(npm.args(["ci", "--no-audit", "--no-fund"]))?;
    std::fs::copy(folder().join("package-lock.json"), stamp())?;
    Ok(())
}

/// The test files.
pub fn tests() -> Result<Vec<PathBuf>> {
    let tests = folder().join("tests");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&tests)
        .with_context(|| format!("cannot read {}", paths::shown(&tests)))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.to_string_lossy().ends_with(".test.js"))
        .collect();
    files.sort();
    Ok(files)
}

/// npm empties the folder on `npm ci`, and with it the mark that says what is in it.
fn stamp() -> PathBuf {
    folder().join("node_modules/installed-lock.json")
}
