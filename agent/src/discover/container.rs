//! Which container and pod a cgroup belongs to, read from its path alone. Pure.
//!
//! The kubelet, container runtimes and systemd name cgroups by rules (docs/containers.md). What a path
//! does not say is absent: a pod's cgroup made by runc itself does not tell the runtime's name.

use std::borrow::Cow;

use llmos_proto::status::Container;

/// Hexadecimal digits in a container's id.
const ID: usize = 64;
/// Length of a pod's uid; static pods have a hash without dashes.
const UID: [usize; 2] = [36, 32];
/// Who names its containers by which prefix. The runtimes' monitors (`conmon`) are not in it.
const RUNTIMES: [(&str, &str); 6] = [
    ("cri-containerd", "containerd"),
    ("nerdctl", "containerd"),
    ("crio", "cri-o"),
    ("docker", "docker"),
    ("libpod", "podman"),
    ("libpod-payload", "podman"),
];

/// What makes the cgroups.
const SYSTEMD: &str = "systemd";
const CGROUPFS: &str = "cgroupfs";

/// The container and the pod of the cgroup at `path`; none where it is neither's.
#[must_use]
pub fn container(path: &str) -> Option<Container> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    // The last: with a cluster in a container a pod lies within another container.
    let pod = (0..parts.len())
        .rev()
        .find_map(|at| Some((at, pod(&parts, at)?)));
    let first = pod.as_ref().map_or(0, |(at, _)| at + 1);
    // From the leaf up, for a container may have cgroups of its own.
    let container = (first..parts.len()).rev().find_map(|at| {
        let (runtime, id) = named(parts[at])?;
        // Where cgroups have bare ids, Docker's lie in a folder of its name.
        let above = at.checked_sub(1).and_then(|above| parts.get(above));
        let runtime = runtime.or_else(|| above.filter(|part| **part == "docker").map(|_| "docker"));
        Some((runtime, id, parts[at].ends_with(".scope")))
    });
    if pod.is_none() && container.is_none() {
        return None;
    }
    let (runtime, id, scope) = match container {
        Some((runtime, id, scope)) => (runtime, Some(id.to_owned()), Some(scope)),
        None => (None, None, None),
    };
    let (uid, qos, slice) = match pod {
        Some((_, pod)) => (Some(pod.uid), pod.qos, Some(pod.slice)),
        None => (None, None, None),
    };
    let by_systemd = slice.or(scope);
    Some(Container {
        container_id: id,
        runtime: runtime.map(Cow::Borrowed),
        pod_uid: uid,
        qos_class: qos.map(Cow::Borrowed),
        driver: by_systemd.map(|yes| Cow::Borrowed(if yes { SYSTEMD } else { CGROUPFS })),
    })
}

/// A pod's cgroup.
struct Pod {
    uid: String,
    qos: Option<&'static str>,
    /// A slice of systemd's.
    slice: bool,
}

/// The pod whose cgroup is `parts[at]`, if it is one's.
fn pod(parts: &[&str], at: usize) -> Option<Pod> {
    let part = parts[at];
    if let Some(stem) = part.strip_suffix(".slice") {
        // A dash stands for a level in the name of a slice, so those of the uid are underscores.
        let (above, uid) = stem.rsplit_once("-pod")?;
        let uid = is_uid(uid, '_').then(|| uid.replace('_', "-"))?;
        let qos = match above.rsplit_once("kubepods")?.1 {
            "" => Some("guaranteed"),
            "-burstable" => Some("burstable"),
            "-besteffort" => Some("besteffort"),
            _ => None,
        };
        return Some(Pod {
            uid,
            qos,
            slice: true,
        });
    }
    let uid = part.strip_prefix("pod").filter(|uid| is_uid(uid, '-'))?;
    let qos = match *parts.get(at.checked_sub(1)?)? {
        "kubepods" => Some("guaranteed"),
        "burstable" => Some("burstable"),
        "besteffort" => Some("besteffort"),
        _ => None,
    };
    Some(Pod {
        uid: uid.to_owned(),
        qos,
        slice: false,
    })
}

/// The runtime, where the name tells it, and the container's id.
fn named(part: &str) -> Option<(Option<&'static str>, &str)> {
    let stem = part.strip_suffix(".scope").unwrap_or(part);
    let at = stem.len().checked_sub(ID)?;
    let (prefix, id) = (stem.get(..at)?, stem.get(at..)?);
    if !is_hex(id) {
        return None;
    }
    if prefix.is_empty() {
        return Some((None, id));
    }
    // Some versions of containerd set a colon.
    let prefix = prefix.strip_suffix(['-', ':'])?;
    // The monitor of a container is not the container.
    if prefix.ends_with("conmon") {
        return None;
    }
    let known = RUNTIMES.iter().find(|(name, _)| *name == prefix);
    Some((known.map(|(_, runtime)| *runtime), id))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_uid(text: &str, dash: char) -> bool {
    UID.contains(&text.len()) && text.chars().all(|c| c.is_ascii_hexdigit() || c == dash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "6c6c6d6f-7300-4000-8000-000000000001";
    const SLICED: &str = "6c6c6d6f_7300_4000_8000_000000000001";

    fn id() -> String {
        "0123456789abcdef".repeat(4)
    }

    /// Runtime, pod, class, driver.
    fn said(path: &str) -> [Option<String>; 4] {
        let found = container(path).unwrap();
        assert_eq!(found.container_id, Some(id()), "{path}");
        [
            found.runtime.map(Cow::into_owned),
            found.pod_uid,
            found.qos_class.map(Cow::into_owned),
            found.driver.map(Cow::into_owned),
        ]
    }

    fn of(words: [&str; 4]) -> [Option<String>; 4] {
        words.map(|word| (!word.is_empty()).then(|| word.to_owned()))
    }

    #[test]
    fn pods_of_the_systemd_driver() {
        let id = id();
        for (above, class) in [("-burstable", "burstable"), ("-besteffort", "besteffort")] {
            let slices = format!("kubepods.slice/kubepods{above}.slice");
            let pod = format!("{slices}/kubepods{above}-pod{SLICED}.slice");
            let path = format!("{pod}/cri-containerd-{id}.scope");
            assert_eq!(said(&path), of(["containerd", UID, class, "systemd"]));
        }
        let pod = format!("kubepods.slice/kubepods-pod{SLICED}.slice");
        let crio = format!("/{pod}/crio-{id}.scope/container");
        assert_eq!(said(&crio), of(["cri-o", UID, "guaranteed", "systemd"]));
        let docker = format!("{pod}/docker-{id}.scope");
        assert_eq!(said(&docker), of(["docker", UID, "guaranteed", "systemd"]));
        let colon = format!("{pod}/cri-containerd:{id}.scope");
        assert_eq!(
            said(&colon),
            of(["containerd", UID, "guaranteed", "systemd"])
        );
    }

    #[test]
    fn pods_of_the_cgroupfs_driver() {
        let id = id();
        let path = format!("kubepods/burstable/pod{UID}/{id}");
        assert_eq!(said(&path), of(["", UID, "burstable", "cgroupfs"]));
        let path = format!("kubepods/pod{UID}/crio-{id}");
        assert_eq!(said(&path), of(["cri-o", UID, "guaranteed", "cgroupfs"]));
    }

    #[test]
    fn pods_of_a_cluster_in_a_container() {
        let (id, outer) = (id(), "f".repeat(64));
        let slices = format!("kubelet-kubepods-burstable-pod{SLICED}.slice");
        let path = format!(
            "system.slice/docker-{outer}.scope/kubelet.slice/kubelet-kubepods.slice/\
             kubelet-kubepods-burstable.slice/{slices}/cri-containerd-{id}.scope"
        );
        assert_eq!(said(&path), of(["containerd", UID, "burstable", "systemd"]));
        let path = format!("docker/{outer}/kubelet/kubepods/besteffort/pod{UID}/{id}");
        assert_eq!(said(&path), of(["", UID, "besteffort", "cgroupfs"]));
    }

    #[test]
    fn containers_without_a_pod() {
        let id = id();
        let docker = format!("system.slice/docker-{id}.scope");
        assert_eq!(said(&docker), of(["docker", "", "", "systemd"]));
        let inner = format!("system.slice/docker-{id}.scope/init.scope");
        assert_eq!(said(&inner), of(["docker", "", "", "systemd"]));
        let podman = format!("machine.slice/libpod-{id}.scope/container");
        assert_eq!(said(&podman), of(["podman", "", "", "systemd"]));
        assert_eq!(
            said(&format!("docker/{id}")),
            of(["docker", "", "", "cgroupfs"])
        );
        assert_eq!(said(&format!("default/{id}")), of(["", "", "", "cgroupfs"]));
    }

    #[test]
    fn a_pod_without_a_container_is_still_a_pod() {
        let static_pod = "0123456789abcdef".repeat(2);
        let path = format!("kubepods.slice/kubepods-burstable-pod{static_pod}.slice");
        let found = container(&path).unwrap();
        assert_eq!(found.pod_uid, Some(static_pod));
        assert_eq!((found.container_id, found.runtime), (None, None));
    }

    #[test]
    fn what_is_no_container_is_none() {
        let id = id();
        for path in [
            "",
            "system.slice/ssh.service",
            "kubepods.slice/kubepods-burstable.slice",
            "kubepods/burstable/podcast",
            "user.slice/user-pod.slice",
            &format!("machine.slice/libpod-conmon-{id}.scope"),
            &format!("system.slice/crio-conmon-{id}.scope"),
            &format!("system.slice/x{id}.scope"),
            &format!("system.slice/docker-{}.scope", &id[1..]),
            "system.slice/docker-äöü.scope",
        ] {
            assert_eq!(container(path), None, "{path}");
        }
    }
}
