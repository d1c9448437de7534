//! The first process of a test machine: mounts what a system has, runs the program that the kernel's
//! command line names, ends.

use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::resource::{Resource, setrlimit};

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

const DESCRIPTORS: u64 = 1 << 20;

fn main() {
    match work() {
        Ok(status) => println!("init: the program ended with {status}"),
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
    // As container runtimes and service managers set it.
    setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS, DESCRIPTORS).context("open files")?;
    busybox(&["--install", "-s", "/bin"])?;
    busybox(&["ip", "link", "set", "lo", "up"])?;
    // The agent switches these on and off, for which the kernel patches its code on all CPUs while
    // they run. QEMU 7.2 may then keep an old translation with the breakpoint of the patch in it, at
    // which both CPUs turn for ever (seen with a debugger in bpf_trace_run). Here they stay on.
    std::fs::write("/proc/sys/kernel/bpf_stats_enabled", "1").context("bpf_stats_enabled")?;
    let cmdline = std::fs::read_to_string("/proc/cmdline")?;
    let (program, args) = asked_for(&cmdline);
    Command::new(Path::new("/bin").join(program))
        .args(args)
        .env("PATH", "/bin")
        .env("RUST_BACKTRACE", "1")
        .status()
        .with_context(|| format!("cannot start {program}"))
}

/// The program and its arguments after `llmos.run=`, with commas between them.
fn asked_for(cmdline: &str) -> (&str, Vec<&str>) {
    let mut words = cmdline
        .split_whitespace()
        .find_map(|word| word.strip_prefix("llmos.run="))
        .unwrap_or("vm-scenario")
        .split(',');
    (words.next().unwrap_or_default(), words.collect())
}

fn busybox(args: &[&str]) -> Result<()> {
    let status = Command::new("/bin/busybox")
        .args(args)
        .status()
        .context("cannot start busybox")?;
    anyhow::ensure!(status.success(), "busybox {args:?} ended with {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::asked_for;

    #[test]
    fn the_command_line_names_the_program() {
        let line = "console=ttyS0 llmos.run=vm-peers,1000,60 psi=1\n";
        assert_eq!(asked_for(line), ("vm-peers", vec!["1000", "60"]));
        assert_eq!(asked_for("quiet"), ("vm-scenario", Vec::new()));
    }
}
