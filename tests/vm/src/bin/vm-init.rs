//! The first process of a test machine: mounts what a system has, runs the scenario, ends.

use std::process::{Command, ExitStatus};

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};

/// Source, target, type.
const MOUNTS: [(&str, &str, &str); 8] = [
    ("proc", "/proc", "proc"),
    ("sysfs", "/sys", "sysfs"),
    ("devtmpfs", "/dev", "devtmpfs"),
    ("tmpfs", "/run", "tmpfs"),
    ("tmpfs", "/tmp", "tmpfs"),
    ("cgroup2", "/sys/fs/cgroup", "cgroup2"),
    ("bpf", "/sys/fs/bpf", "bpf"),
    ("tracefs", "/sys/kernel/tracing", "tracefs"),
];

fn main() {
    match work() {
        Ok(status) => println!("init: the scenario ended with {status}"),
        Err(error) => println!("init: {error:#}"),
    }
    if std::fs::read_to_string("/proc/cmdline").is_ok_and(|line| line.contains("llmos.keep")) {
        println!("init: a shell; `exit` switches the machine off");
        // A shell that cannot start leaves nothing to do but to end.
        let _ = Command::new("/bin/busybox")
            .args(["setsid", "-c", "/bin/sh"])
            .status();
    }
    // The emulator takes a restart as the end.
    let error = reboot(RebootMode::RB_AUTOBOOT);
    println!("init: cannot restart: {error:?}");
}

fn work() -> Result<ExitStatus> {
    for (source, target, kind) in MOUNTS {
        mount(
            Some(source),
            target,
            Some(kind),
            MsFlags::empty(),
            None::<&str>,
        )
        .with_context(|| format!("cannot mount {target}"))?;
    }
    busybox(&["--install", "-s", "/bin"])?;
    busybox(&["ip", "link", "set", "lo", "up"])?;
    Command::new("/bin/vm-scenario")
        .env("PATH", "/bin")
        .env("RUST_BACKTRACE", "1")
        .status()
        .context("cannot start the scenario")
}

fn busybox(args: &[&str]) -> Result<()> {
    let status = Command::new("/bin/busybox")
        .args(args)
        .status()
        .context("cannot start busybox")?;
    anyhow::ensure!(status.success(), "busybox {args:?} ended with {status}");
    Ok(())
}
