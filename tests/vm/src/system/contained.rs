//! The agent in a container: the root file system read-only, containerd's default seccomp filter, and no
//! capability but those that it names. It does all that it does as a service.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Stage;
use super::image;
use super::limits::{self, CHANGED};
use super::service::AGENT;
use super::unit::{PATIENCE, say, systemctl};
use crate::agent;
use crate::clock::wait_for;
use crate::report::Report;

/// Name of the container.
const ID: &str = "llmos-agent-contained";
/// What its unit names, as numbers of `capabilities(7)`.
const CAPABILITIES: [(&str, u32); 3] =
    [("CAP_NET_ADMIN", 12), ("CAP_PERFMON", 38), ("CAP_BPF", 39)];
/// What containerd gives a container that asks for nothing.
const DEFAULTS: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];
/// Folders of the machine that it needs, and whether it writes to them.
const MOUNTS: [(&str, bool); 8] = [
    ("/sys/fs/cgroup", true),
    ("/sys/kernel/tracing", false),
    ("/run/llmos", true),
    ("/run/systemd", true),
    ("/run/dbus", true),
    ("/var/lib/llmos", true),
    ("/etc/llmos", false),
    ("/usr/share/llmos", false),
];

/// In the place of the service, which is there again afterwards.
pub fn run(report: &mut Report, stage: &Stage) -> Result<()> {
    image::import(image::AGENT).context("make the image of the agent")?;
    let as_a_service = states()?;
    systemctl(&["stop", AGENT])?;
    for (folder, _) in MOUNTS {
        fs::create_dir_all(folder)?;
    }
    start()?;
    let answers = wait_for(PATIENCE, || agent::get("/v1/status").is_ok());
    if answers.is_none() {
        let said = say("journalctl", &["-b", "--no-pager", "-n", "20", "-o", "cat"]);
        report.event(&format!("the machine says: {}", said?));
    }
    report.check("contained_answers", answers.is_some(), "its status socket");
    confined(report)?;
    let same = wait_for(PATIENCE, || states().is_ok_and(|now| now == as_a_service));
    let now = states()?;
    let other = now.iter().filter(|part| !as_a_service.contains(part));
    let other: Vec<String> = other
        .map(|(name, state)| format!("{name} is {state}: {}", agent::part(name).1))
        .collect();
    report.check("contained_parts", same.is_some(), &other.join("; "));
    let took = wait_for(CHANGED, || stage.all_changed());
    report.number("contained_limits_written_s", took);
    report.check(
        "contained_writes",
        took.is_some(),
        &stage.unchanged().join(", "),
    );
    say("ctr", &["task", "kill", "--signal", "SIGTERM", ID])?;
    let ended = wait_for(PATIENCE, || {
        task().is_none_or(|(_, state)| state == "STOPPED")
    });
    limits::back(
        report,
        "contained_restored",
        took.is_some() && ended.is_some(),
        stage,
    );
    // One that is gone already is as it should be.
    let _ = say("ctr", &["task", "delete", "--force", ID]);
    say("ctr", &["container", "delete", ID])?;
    systemctl(&["start", AGENT])?;
    Ok(())
}

/// Each part of the agent and how it is.
fn states() -> Result<Vec<(String, String)>> {
    let status = agent::get("/v1/status")?;
    let parts = status["components"].as_array().context("no components")?;
    let word = |part: &Value, key: &str| part[key].as_str().unwrap_or_default().to_owned();
    Ok(parts
        .iter()
        .map(|part| (word(part, "name"), word(part, "state")))
        .collect())
}

fn start() -> Result<()> {
    let mut args: Vec<String> = ["run", "--detach", "--read-only", "--seccomp"]
        .map(str::to_owned)
        .into();
    for name in DEFAULTS {
        args.extend(["--cap-drop".to_owned(), name.to_owned()]);
    }
    for (name, _) in CAPABILITIES {
        args.extend(["--cap-add".to_owned(), name.to_owned()]);
    }
    for (folder, writes) in MOUNTS {
        let how = if writes { "rw" } else { "ro" };
        let mount = format!("type=bind,src={folder},dst={folder},options=rbind:{how}");
        args.extend(["--mount".to_owned(), mount]);
    }
    // Processes and links are seen as the machine has them.
    for space in ["pid:/proc/1/ns/pid", "network:/proc/1/ns/net"] {
        args.extend(["--with-ns".to_owned(), space.to_owned()]);
    }
    args.extend([image::AGENT.name, ID, image::AGENT.program].map(str::to_owned));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    say("ctr", &args)?;
    Ok(())
}

/// Process id and state of the container's task.
fn task() -> Option<(u32, String)> {
    let list = say("ctr", &["task", "list"]).ok()?;
    let line = list.lines().find(|line| line.starts_with(ID))?;
    let mut words = line.split_whitespace().skip(1);
    Some((words.next()?.parse().ok()?, words.next()?.to_owned()))
}

/// Has the process what it was to have, and no more?
fn confined(report: &mut Report) -> Result<()> {
    let (pid, _) = task().context("no task of the agent")?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::trim).unwrap_or_default().to_owned()
    };
    let effective = u64::from_str_radix(&field("CapEff:"), 16)?;
    let named = CAPABILITIES.iter().fold(0, |all, (_, bit)| all | 1 << bit);
    let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo"))?;
    let root = mounts
        .lines()
        .find(|line| line.split(' ').nth(4) == Some("/"));
    let root = root
        .and_then(|line| line.split(' ').nth(5))
        .unwrap_or_default();
    let read_only = root.split(',').any(|option| option == "ro");
    let filtered = field("Seccomp:") == "2";
    report.check(
        "contained_confined",
        effective == named && read_only && filtered,
        &format!(
            "capabilities {effective:#x} of {named:#x}, root {root}, seccomp {}",
            field("Seccomp:")
        ),
    );
    Ok(())
}
