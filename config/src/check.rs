//! From what is written down to what is right: defaults and bounds.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::Uri;
use llmos_engine::policy::Mode;
use tracing_subscriber::EnvFilter;

use crate::error::ConfigError;
use crate::freeze;
use crate::node;
use crate::origin::Origins;
use crate::raw::Raw;
use crate::rules::Rules;
use crate::{Budget, Config, Coordinator, Enforce, Fast, Forecast, Metrics, Model, Probes};

/// The lease in seconds, when none is set: many ticks, and time for a busy machine.
const LEASE_S: f64 = 10.0;
const LEASE_TICKS: f64 = 5.0;
/// The shortest that may be set, in seconds and in ticks. Putting limits back takes some seconds.
const SHORTEST_S: f64 = 5.0;
const SHORTEST_TICKS: f64 = 2.0;

pub(crate) fn config(raw: Raw, origins: Origins) -> Result<Config, ConfigError> {
    let wrong = |key: &str, value: String, expected: &str| ConfigError::Invalid {
        key: key.to_owned(),
        value,
        origin: origins.of(key).clone(),
        expected: expected.to_owned(),
    };
    let mode = match raw.mode.as_deref() {
        None | Some("observe") => Mode::Observe,
        Some("enforce") => Mode::Enforce,
        Some(other) => {
            return Err(wrong(
                "mode",
                format!("{other:?}"),
                "\"observe\" or \"enforce\"",
            ));
        }
    };
    let tick_ms = raw.tick_ms.unwrap_or(1000);
    if !(100..=60_000).contains(&tick_ms) {
        return Err(wrong(
            "tick_ms",
            tick_ms.to_string(),
            "100 to 60000 milliseconds",
        ));
    }
    let node_name = match raw.node_name {
        Some(name) if name.is_empty() || name.len() > 253 || name.contains(char::is_whitespace) => {
            let expected = "a name of 1 to 253 characters without spaces";
            return Err(wrong("node_name", format!("{name:?}"), expected));
        }
        Some(name) => name,
        None => hostname().ok_or_else(|| {
            wrong(
                "node_name",
                "\"\"".to_owned(),
                "a name: there is no hostname",
            )
        })?,
    };
    let absolute = |key: &str, path: Option<PathBuf>| match path {
        Some(path) if !path.is_absolute() => Err(wrong(
            key,
            format!("{:?}", path.display().to_string()),
            "an absolute path",
        )),
        other => Ok(other),
    };
    let cgroup_root = absolute("cgroup_root", raw.cgroup_root)?;
    let state_dir = anchored(raw.state_dir.unwrap_or_else(|| "/var/lib/llmos".into()));
    let socket = anchored(raw.socket.unwrap_or_else(|| "/run/llmos/agent.sock".into()));
    // The kernel's struct sockaddr_un has room for 108 bytes with the final zero.
    if socket.as_os_str().len() > 107 {
        let value = format!("{:?}", socket.display().to_string());
        return Err(wrong("socket", value, "a path of at most 107 bytes"));
    }
    let log = raw.log.unwrap_or_else(|| "info".to_owned());
    if let Err(error) = EnvFilter::try_new(&log) {
        let expected = format!("a filter such as \"info,llmos_agent=debug\" ({error})");
        return Err(wrong("log", format!("{log:?}"), &expected));
    }
    let address = raw.coordinator.address;
    if let Some(address) = &address
        && !is_http(address)
    {
        let expected = "a URL such as \"http://coordinator:7781\"";
        return Err(wrong(
            "coordinator.address",
            format!("{address:?}"),
            expected,
        ));
    }
    let queue = raw.coordinator.queue_reports.unwrap_or(600);
    if !(1..=100_000).contains(&queue) {
        return Err(wrong(
            "coordinator.queue_reports",
            queue.to_string(),
            "1 to 100000 reports",
        ));
    }
    let listen = raw.metrics.listen.map(|text| {
        text.parse::<SocketAddr>().map_err(|_| {
            let expected = "an address and port such as \"127.0.0.1:9464\"";
            wrong("metrics.listen", format!("{text:?}"), expected)
        })
    });
    let listen = listen.transpose()?;
    let save_every_s = raw.forecast.save_every_s.unwrap_or(300);
    if save_every_s != 0 && !(10..=86_400).contains(&save_every_s) {
        return Err(wrong(
            "forecast.save_every_s",
            save_every_s.to_string(),
            "10 to 86400 seconds, or 0 for never",
        ));
    }
    let tick_s = tick_ms as f64 / 1e3;
    let lease_s = raw
        .enforce
        .lease_s
        .unwrap_or(LEASE_S.max(LEASE_TICKS * tick_s));
    let shortest_s = SHORTEST_S.max(SHORTEST_TICKS * tick_s);
    if !(shortest_s..=3600.0).contains(&lease_s) {
        let expected = format!("{shortest_s} to 3600 seconds with ticks of {tick_ms} ms");
        return Err(wrong("enforce.lease_s", lease_s.to_string(), &expected));
    }
    let near_quota_share = raw.probes.near_quota_share.unwrap_or(0.5);
    if !(0.125..=1.0).contains(&near_quota_share) {
        return Err(wrong(
            "probes.near_quota_share",
            near_quota_share.to_string(),
            "0.125 to 1, a share of the quota",
        ));
    }
    let cpu_cores = raw.budget.cpu_cores.unwrap_or(0.1);
    if !(0.001..=1024.0).contains(&cpu_cores) {
        return Err(wrong(
            "budget.cpu_cores",
            cpu_cores.to_string(),
            "0.001 to 1024 cores",
        ));
    }
    let freeze = freeze::checked(raw.freeze, &state_dir, &origins)?;
    let node = node::checked(&raw.node, &origins)?;
    let mut errors = Vec::new();
    let rules = Rules::new(&raw.policy, &raw.workload, &origins, &mut errors);
    if let Some(first) = errors.into_iter().next() {
        return Err(first);
    }
    Ok(Config {
        mode,
        tick: Duration::from_millis(tick_ms),
        node_name,
        cgroup_root,
        state_dir,
        socket,
        log,
        bpf_log: raw.bpf_log.unwrap_or(false),
        coordinator: Coordinator {
            address,
            queue_reports: usize::try_from(queue).unwrap_or(usize::MAX),
        },
        metrics: Metrics { listen },
        model: Model {
            dir: raw.model.dir,
            enabled: raw.model.enabled.unwrap_or(true),
        },
        forecast: Forecast {
            save_every: (save_every_s > 0).then(|| Duration::from_secs(save_every_s)),
        },
        enforce: Enforce {
            lease: Duration::from_secs_f64(lease_s),
            systemd: raw.enforce.systemd.unwrap_or(true),
        },
        probes: Probes {
            cpu: raw.probes.cpu.unwrap_or(true),
            network: raw.probes.network.unwrap_or(true),
            tcp: raw.probes.tcp.unwrap_or(true),
            reclaim: raw.probes.reclaim.unwrap_or(true),
            events: raw.probes.events.unwrap_or(true),
            facts: raw.probes.facts.unwrap_or(true),
            near_quota_share,
        },
        budget: Budget { cpu_cores },
        fast: Fast {
            cpu: raw.fast.cpu.unwrap_or(true),
            memory: raw.fast.memory.unwrap_or(true),
        },
        freeze,
        node,
        rules,
        origins,
    })
}

/// A relative path counts from where the program was started, also if it moves later.
pub(crate) fn anchored(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

fn is_http(address: &str) -> bool {
    address.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
    })
}

fn hostname() -> Option<String> {
    let name = std::fs::read_to_string(Path::new("/proc/sys/kernel/hostname")).ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}
