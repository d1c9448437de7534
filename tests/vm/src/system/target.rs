//! The workloads of the scenario: each in a cgroup as a service manager or a container runtime makes it.

use std::any::Any;
use std::fs;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use super::image;
use super::unit::{PATIENCE, say, systemctl};
use crate::cgroup::{Group, LIMITS};
use crate::clock::wait_for;
use crate::scenario::Load;

/// MiB that each takes; its original limits are far above.
const STEADY: [&str; 2] = ["steady", "24"];
const MEMORY_MAX: &str = "419430400";
const CPU_MAX: &str = "150000 100000";

/// Who a workload is, as the agent has to say it; what is absent has to be absent there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Identity {
    /// E.g. `containerd`.
    pub runtime: Option<&'static str>,
    /// Number of the container in this scenario, of which its id is made.
    pub container: Option<u8>,
    /// Number of the pod in this scenario, of which its uid is made.
    pub pod: Option<u8>,
    /// `guaranteed`, `burstable` or `besteffort`.
    pub qos: Option<&'static str>,
    /// `systemd` or `cgroupfs`.
    pub driver: Option<&'static str>,
}

/// One workload.
pub struct Target {
    /// For people.
    pub name: &'static str,
    /// Its cgroup.
    pub group: Group,
    /// May the agent write its limits?
    pub opted_in: bool,
    /// Who it is.
    pub identity: Identity,
    /// Content of [`LIMITS`] before any agent ran.
    pub originals: [String; 3],
    /// Ended with the scenario, where it is not a service's or a container's.
    _process: Option<Process>,
}

/// Whatever ends a process when it is dropped.
type Process = Box<dyn Any>;

struct Scope(Child);

impl Drop for Scope {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A container's id: 64 hexadecimal digits.
#[must_use]
pub fn container_id(number: u8) -> String {
    format!("{number:02x}5eed0123456789").repeat(4)
}

/// A pod's uid as Kubernetes writes it.
#[must_use]
pub fn pod_uid(number: u8) -> String {
    format!("6c6c6d6f-7300-4000-8000-0000000000{number:02x}")
}

impl Target {
    /// Its limits now; a file that is not there is `absent`.
    #[must_use]
    pub fn limits(&self) -> [String; 3] {
        LIMITS.map(|file| {
            self.group
                .read(file)
                .unwrap_or_else(|_| "absent".to_owned())
        })
    }

    /// The name of the unit of systemd that it may be.
    #[must_use]
    pub fn unit(&self) -> Option<&str> {
        let name = self.group.name.rsplit('/').next()?;
        (name.ends_with(".service") || name.ends_with(".scope")).then_some(name)
    }

    /// The limits that differ from the originals, in words.
    #[must_use]
    pub fn differing(&self) -> Vec<String> {
        let limits = LIMITS.iter().zip(&self.originals).zip(self.limits());
        limits
            .filter(|((_, original), now)| **original != *now)
            .map(|((file, original), now)| format!("{}/{file}: {now}, was {original}", self.name))
            .collect()
    }

    fn new(
        name: &'static str,
        cgroup: &str,
        identity: Identity,
        process: Option<Process>,
    ) -> Result<Self> {
        let group = Group::existing(cgroup);
        let alive = || {
            group
                .read("cgroup.procs")
                .is_ok_and(|list| !list.is_empty())
        };
        wait_for(PATIENCE, alive).with_context(|| format!("{name}: no process in {cgroup}"))?;
        let mut target = Self {
            name,
            group,
            opted_in: true,
            identity,
            originals: Default::default(),
            _process: process,
        };
        target.originals = target.limits();
        Ok(target)
    }
}

/// Starts all of them.
///
/// # Errors
/// When one cannot be made as it has to be.
pub fn start_all() -> Result<Vec<Target>> {
    image::import(image::WORKLOAD).context("make an image")?;
    // Its name is not what the rule names.
    let mut other = service("other", "CPUAccounting=yes")?;
    other.opted_in = false;
    Ok(vec![
        service("llmos-test-limited", "CPUQuota=150%\nMemoryMax=400M")?,
        service("llmos-test-bare", "")?,
        other,
        scope_of_a_pod()?,
        scope_of_docker()?,
        container_by_systemd()?,
        container_by_cgroupfs()?,
        group_of_a_pod()?,
    ])
}

/// A service with these settings. Without any, it has the controllers that others in its slice asked for.
fn service(name: &'static str, settings: &str) -> Result<Target> {
    let unit = format!("{name}.service");
    let args = STEADY.join(" ");
    let text = format!("[Service]\nExecStart=/usr/bin/vm-workload - {args}\n{settings}\n");
    fs::create_dir_all("/run/systemd/system")?;
    fs::write(format!("/run/systemd/system/{unit}"), text)?;
    systemctl(&["daemon-reload"])?;
    systemctl(&["start", &unit])?;
    Target::new(
        name,
        &format!("system.slice/{unit}"),
        Identity::default(),
        None,
    )
}

/// The names that the kubelet and containerd give with the systemd driver.
fn scope_of_a_pod() -> Result<Target> {
    let (id, pod) = (container_id(1), pod_uid(1).replace('-', "_"));
    let slice = format!("kubepods-burstable-pod{pod}.slice");
    let unit = format!("cri-containerd-{id}.scope");
    let cgroup = format!("kubepods.slice/kubepods-burstable.slice/{slice}/{unit}");
    let identity = Identity {
        runtime: Some("containerd"),
        container: Some(1),
        pod: Some(1),
        qos: Some("burstable"),
        driver: Some("systemd"),
    };
    let scope = scope(&slice, &unit)?;
    Target::new("pod scope", &cgroup, identity, Some(scope))
}

fn scope_of_docker() -> Result<Target> {
    let unit = format!("docker-{}.scope", container_id(2));
    let identity = Identity {
        runtime: Some("docker"),
        container: Some(2),
        driver: Some("systemd"),
        ..Identity::default()
    };
    let scope = scope("system.slice", &unit)?;
    let cgroup = format!("system.slice/{unit}");
    Target::new("docker scope", &cgroup, identity, Some(scope))
}

fn scope(slice: &str, unit: &str) -> Result<Process> {
    let child = Command::new("systemd-run")
        .args(["--scope", "--quiet", "--slice", slice, "--unit", unit])
        .args([
            "--property",
            "CPUQuota=150%",
            "--property",
            "MemoryMax=400M",
        ])
        .args(["vm-workload", "-"])
        .args(STEADY)
        .stdin(Stdio::null())
        .spawn()
        .context("cannot start systemd-run")?;
    Ok(Box::new(Scope(child)))
}

/// A container whose cgroup systemd makes, in a pod of the lowest class.
fn container_by_systemd() -> Result<Target> {
    let (id, pod) = (container_id(3), pod_uid(3).replace('-', "_"));
    let slice = format!("kubepods-besteffort-pod{pod}.slice");
    let path = format!("{slice}:cri-containerd:{id}");
    container(&id, &["--runc-systemd-cgroup", "--cgroup", &path])?;
    let identity = Identity {
        runtime: Some("containerd"),
        container: Some(3),
        pod: Some(3),
        qos: Some("besteffort"),
        driver: Some("systemd"),
    };
    let above = format!("kubepods.slice/kubepods-besteffort.slice/{slice}");
    let cgroup = format!("{above}/cri-containerd-{id}.scope");
    Target::new("container (systemd)", &cgroup, identity, None)
}

/// A container whose cgroup runc makes.
fn container_by_cgroupfs() -> Result<Target> {
    let id = container_id(4);
    let cgroup = format!("kubepods/burstable/pod{}/{id}", pod_uid(4));
    container(&id, &["--cgroup", &format!("/{cgroup}")])?;
    let identity = Identity {
        runtime: None,
        container: Some(4),
        pod: Some(4),
        qos: Some("burstable"),
        driver: Some("cgroupfs"),
    };
    Target::new("container (cgroupfs)", &cgroup, identity, None)
}

fn container(id: &str, placed: &[&str]) -> Result<()> {
    let mut args = vec!["run", "--detach", "--null-io"];
    args.extend(["--memory-limit", MEMORY_MAX]);
    args.extend(["--cpu-quota", "150000", "--cpu-period", "100000"]);
    args.extend(placed);
    let image::Image { name, program } = image::WORKLOAD;
    args.extend([name, id, program, "-"]);
    args.extend(STEADY);
    say("ctr", &args)?;
    Ok(())
}

/// The highest class with the cgroupfs driver, made by hand.
fn group_of_a_pod() -> Result<Target> {
    let cgroup = format!("kubepods/pod{}/{}", pod_uid(5), container_id(5));
    let group = Group::create(&cgroup)?;
    group.write("cpu.max", CPU_MAX)?;
    group.write("memory.max", MEMORY_MAX)?;
    let load = Load::start(group.path(), &STEADY)?;
    let identity = Identity {
        runtime: None,
        container: Some(5),
        pod: Some(5),
        qos: Some("guaranteed"),
        driver: Some("cgroupfs"),
    };
    Target::new("pod group", &cgroup, identity, Some(Box::new(load)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_as_long_as_real_ones() {
        assert_eq!(container_id(3).len(), 64);
        assert_eq!(pod_uid(255).len(), 36);
    }
}
