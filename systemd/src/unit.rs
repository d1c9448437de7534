//! From the path of a cgroup to the unit that manages it. Pure.

use std::fmt;

/// Longest name of a unit that systemd takes.
const LONGEST: usize = 255;

/// What kind of unit it is; also the D-Bus interface that has its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnitKind {
    /// Processes that systemd starts.
    Service,
    /// Processes that somebody else started, such as those of a container.
    Scope,
    /// A node of the tree that services and scopes hang on.
    Slice,
}

impl UnitKind {
    const ALL: [Self; 3] = [Self::Service, Self::Scope, Self::Slice];

    fn suffix(self) -> &'static str {
        match self {
            Self::Service => ".service",
            Self::Scope => ".scope",
            Self::Slice => ".slice",
        }
    }

    pub(crate) fn interface(self) -> &'static str {
        match self {
            Self::Service => "org.freedesktop.systemd1.Service",
            Self::Scope => "org.freedesktop.systemd1.Scope",
            Self::Slice => "org.freedesktop.systemd1.Slice",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| {
            name.strip_suffix(kind.suffix())
                .is_some_and(|stem| !stem.is_empty())
        })
    }
}

/// Name of a service, scope or slice, of the letters that systemd allows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnitName {
    name: String,
    kind: UnitKind,
}

impl UnitName {
    /// The name, if it is one: also what comes from a file is looked at before it is sent or made
    /// part of a path.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let kind = UnitKind::of(name)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
        (name.len() <= LONGEST && name.chars().all(allowed)).then(|| Self {
            name: name.to_owned(),
            kind,
        })
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// What kind of unit it is.
    #[must_use]
    pub fn kind(&self) -> UnitKind {
        self.kind
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The unit of the system manager that a cgroup belongs to, from its path below the root of the
/// hierarchy, without a leading slash. `None` where systemd does not write: cgroups that are no unit,
/// and all below a service or scope, which is delegated to whoever made it (a container, the manager
/// of a user).
#[must_use]
pub fn unit_of(path: &str) -> Option<UnitName> {
    let mut parent: Option<&str> = None;
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let name = unescaped(part);
        let kind = UnitKind::of(name)?;
        if kind == UnitKind::Slice && slice_above(name) != parent {
            return None;
        }
        if parts.peek().is_none() {
            return UnitName::parse(name);
        }
        if kind != UnitKind::Slice {
            return None;
        }
        parent = name.strip_suffix(kind.suffix());
    }
    None
}

/// systemd puts an underscore before names that would look like a file of the kernel (`cpu.slice`)
/// or that begin with one or with a dot.
fn unescaped(part: &str) -> &str {
    part.strip_prefix('_').unwrap_or(part)
}

/// The slice that a slice hangs on, without its suffix: `a` for `a-b.slice`, as its name says.
fn slice_above(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(".slice")?;
    stem.rsplit_once('-').map(|(above, _)| above)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(path: &str) -> Option<String> {
        unit_of(path).map(|unit| unit.to_string())
    }

    #[test]
    fn units_of_the_system_are_found() {
        for (path, name) in [
            ("system.slice", "system.slice"),
            ("init.scope", "init.scope"),
            ("system.slice/ssh.service", "ssh.service"),
            (
                "system.slice/system-getty.slice/getty@tty1.service",
                "getty@tty1.service",
            ),
            (
                "user.slice/user-1000.slice/session-2.scope",
                "session-2.scope",
            ),
            (
                "user.slice/user-1000.slice/user@1000.service",
                "user@1000.service",
            ),
            (
                "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-ab.scope",
                "cri-containerd-ab.scope",
            ),
            ("system.slice/dev\\x2ddisk.service", "dev\\x2ddisk.service"),
        ] {
            assert_eq!(unit(path).as_deref(), Some(name), "{path}");
        }
    }

    #[test]
    fn what_is_delegated_or_no_unit_is_not_systemds() {
        for path in [
            "",
            "jobs",
            "jobs/a.service",
            "system.slice/ssh.service/payload",
            "system.slice/docker-ab.scope/init.scope",
            "user.slice/user-1000.slice/user@1000.service/app.slice/mail.service",
            "kubepods/burstable/pod12/34",
            "system.slice/boot.mount",
            "system.slice/.service",
            "system.slice//a.service",
        ] {
            assert_eq!(unit(path), None, "{path}");
        }
    }

    #[test]
    fn names_that_look_like_kernel_files_lose_their_underscore() {
        assert_eq!(unit("_cpu.slice").as_deref(), Some("cpu.slice"));
        assert_eq!(
            unit("system.slice/__private.service").as_deref(),
            Some("_private.service")
        );
        assert_eq!(
            unit("_cpu.slice/cpu-batch.slice/a.service").as_deref(),
            Some("a.service")
        );
    }

    #[test]
    fn a_slice_hangs_where_its_name_says() {
        assert_eq!(unit("b.slice/a-b.slice"), None);
        assert_eq!(unit("a-b.slice"), None);
        assert_eq!(unit("system.slice/kubelet.slice"), None);
        assert_eq!(
            unit("a.slice/a-b.slice/a-b-c.slice").as_deref(),
            Some("a-b-c.slice")
        );
    }

    #[test]
    fn letters_that_no_unit_has_are_refused() {
        for name in ["a b.service", "a/b.service", "../a.service", "ä.service"] {
            assert_eq!(UnitName::parse(name), None, "{name}");
        }
        let long = "a".repeat(LONGEST);
        assert_eq!(UnitName::parse(&format!("{long}.service")), None);
        assert_eq!(UnitName::parse("batch.socket"), None);
    }
}
