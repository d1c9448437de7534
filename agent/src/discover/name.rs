//! A short name for people, made of a cgroup's path.

/// The part of a cgroup path that tells a person what runs there: the last component without
/// systemd's suffix, container ids cut to twelve digits as the runtimes show them.
#[must_use]
pub fn short_name(path: &str) -> String {
    let Some(last) = path.rsplit('/').find(|part| !part.is_empty()) else {
        return "/".to_owned();
    };
    let stem = ["service", "scope", "slice", "socket", "mount"]
        .iter()
        .find_map(|suffix| last.strip_suffix(suffix)?.strip_suffix('.'))
        .unwrap_or(last);
    match stem.rsplit_once('-') {
        Some((runtime, id)) if is_container_id(id) => format!("{runtime}-{}", &id[..12]),
        None if is_container_id(stem) => stem[..12].to_owned(),
        _ => stem.to_owned(),
    }
}

/// Container runtimes name containers by 64 hexadecimal digits.
fn is_container_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_telling() {
        let id = "0123456789abcdef".repeat(4);
        assert_eq!(short_name("system.slice/ssh.service"), "ssh");
        assert_eq!(
            short_name(&format!("kubepods.slice/cri-containerd-{id}.scope")),
            "cri-containerd-0123456789ab"
        );
        assert_eq!(short_name(&format!("docker/{id}")), "0123456789ab");
        assert_eq!(short_name("llmos-test/bursty"), "bursty");
        assert_eq!(short_name(""), "/");
    }
}
