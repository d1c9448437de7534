//! Programs that come as Debian packages.

use std::process::Command;

use anyhow::Result;

use crate::{apt, cmd};

/// Chromium under the names that distributions give it.
const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// Says when there is no C compiler.
pub fn compiler_missing() -> Option<String> {
    lacking(&["cc", "strip"])
}

/// Installs a C compiler and binutils.
pub fn get_compiler() -> Result<()> {
    apt::install(&["gcc", "libc6-dev", "binutils"])
}

/// Says which program for the virtual machines is not there.
pub fn vm_missing() -> Option<String> {
    lacking(&["qemu-system-x86_64", "busybox", "dpkg-deb"])
}

/// Installs the emulator and the virtual machine's shell.
pub fn get_vm() -> Result<()> {
    apt::install(&["qemu-system-x86", "seabios", "busybox-static"])
}

/// Says when there is no bus for tests.
pub fn bus_missing() -> Option<String> {
    lacking(&["dbus-daemon"])
}

/// Installs the bus; it is not started as a service.
pub fn get_bus() -> Result<()> {
    // Its own package since Debian 12; in `dbus` before.
    apt::install(&["dbus-daemon"]).or_else(|_| apt::install(&["dbus"]))
}

/// Says when Python or its venv module is not there.
pub fn python_missing() -> Option<String> {
    if cmd::succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        return None;
    }
    Some("no python3 with venv".to_owned())
}

/// Installs Python with venv.
pub fn get_python() -> Result<()> {
    apt::install(&["python3", "python3-venv"])
}

/// Says when the browser tests lack node, npm or a browser.
pub fn browser_missing() -> Option<String> {
    lacking(&["node", "npm"]).or_else(|| {
        let none = BROWSERS.iter().all(|name| cmd::find(name).is_none());
        none.then(|| "no chromium".to_owned())
    })
}

/// Installs what the browser tests lack; a node that is already there is kept.
pub fn get_browser() -> Result<()> {
    let mut packages = Vec::new();
    if lacking(&["node", "npm"]).is_some() {
        packages.extend(["nodejs", "npm"]);
    }
    if BROWSERS.iter().all(|name| cmd::find(name).is_none()) {
        packages.extend(["chromium", "fonts-dejavu-core"]);
    }
    apt::install(&packages)
}

fn lacking(programs: &[&str]) -> Option<String> {
    let absent: Vec<&str> = programs
        .iter()
        .copied()
        .filter(|program| cmd::find(program).is_none())
        .collect();
    (!absent.is_empty()).then(|| format!("no {}", absent.join(", no ")))
}
