//! Prints the effective configuration for `--check-config`.

use std::fmt::Write as _;
use std::path::Path;

use llmos_engine::policy::Mode;

use crate::origin::{Origin, Origins};
use crate::{Config, freeze, policy};

pub(crate) fn config(config: &Config) -> String {
    let mut page = Page {
        text: String::new(),
        origins: &config.origins,
    };
    let mode = match config.mode {
        Mode::Observe => "observe",
        Mode::Enforce => "enforce",
    };
    page.line("", "mode", Some(quoted(mode)));
    page.line("", "tick_ms", Some(config.tick.as_millis().to_string()));
    page.line("", "node_name", Some(quoted(&config.node_name)));
    page.line("", "cgroup_root", config.cgroup_root.as_deref().map(path));
    page.line("", "state_dir", Some(path(&config.state_dir)));
    page.line("", "socket", Some(path(&config.socket)));
    page.line("", "log", Some(quoted(&config.log)));
    page.line("", "bpf_log", Some(config.bpf_log.to_string()));
    page.section("[coordinator]");
    page.line(
        "coordinator.",
        "address",
        config.coordinator.address.as_deref().map(quoted),
    );
    page.line(
        "coordinator.",
        "queue_reports",
        Some(config.coordinator.queue_reports.to_string()),
    );
    page.section("[metrics]");
    page.line(
        "metrics.",
        "listen",
        config.metrics.listen.map(|at| quoted(&at.to_string())),
    );
    page.section("[model]");
    page.line("model.", "dir", config.model.dir.as_deref().map(path));
    page.line("model.", "enabled", Some(config.model.enabled.to_string()));
    page.section("[forecast]");
    let save_every = config.forecast.save_every.unwrap_or_default();
    page.line(
        "forecast.",
        "save_every_s",
        Some(save_every.as_secs().to_string()),
    );
    page.section("[enforce]");
    page.line(
        "enforce.",
        "lease_s",
        Some(float(config.enforce.lease.as_secs_f64())),
    );
    let systemd = config.enforce.systemd.to_string();
    page.line("enforce.", "systemd", Some(systemd));
    page.section("[probes]");
    let probes = &config.probes;
    for (key, on) in [
        ("cpu", probes.cpu),
        ("network", probes.network),
        ("tcp", probes.tcp),
        ("reclaim", probes.reclaim),
        ("events", probes.events),
        ("facts", probes.facts),
    ] {
        page.line("probes.", key, Some(on.to_string()));
    }
    page.line(
        "probes.",
        "near_quota_share",
        Some(float(probes.near_quota_share)),
    );
    page.section("[budget]");
    page.line("budget.", "cpu_cores", Some(float(config.budget.cpu_cores)));
    page.section("[fast]");
    page.line("fast.", "cpu", Some(config.fast.cpu.to_string()));
    page.line("fast.", "memory", Some(config.fast.memory.to_string()));
    page.section("[freeze]");
    for (key, value) in freeze::printed(&config.freeze) {
        page.line("freeze.", key, Some(value));
    }
    page.section("[node]");
    let node = &config.node;
    page.line("node.", "cpu_reserve", Some(float(node.cpu_reserve)));
    page.line("node.", "memory_reserve", Some(float(node.memory_reserve)));
    page.line("node.", "lease_s", Some(float(node.lease_s)));
    page.section("[policy]");
    page.line(
        "policy.",
        "preset",
        Some(quoted(config.rules.base_preset().name())),
    );
    for (key, value) in policy::printed(config.rules.base()) {
        page.line("policy.", key, value);
    }
    for (at, rule) in config.rules.all().iter().enumerate() {
        page.section("[[workload]]");
        let place = format!("workload[{at}].");
        page.line(&place, "match", Some(quoted(&rule.pattern)));
        page.line(&place, "enforce", Some(rule.enforce.to_string()));
        let canary = rule.policy.canary.is_some().to_string();
        page.line(&place, "canary", Some(canary));
        if let Some(preset) = rule.preset {
            page.line(&place, "preset", Some(quoted(preset.name())));
        }
        for (key, value) in policy::printed(&rule.policy) {
            if *config.origins.of(&format!("{place}{key}")) != Origin::Default {
                page.line(&place, key, value);
            }
        }
    }
    page.text
}

struct Page<'a> {
    text: String,
    origins: &'a Origins,
}

impl Page<'_> {
    fn section(&mut self, header: &str) {
        self.text.push('\n');
        self.text.push_str(header);
        self.text.push('\n');
    }

    fn line(&mut self, prefix: &str, key: &str, value: Option<String>) {
        let line = match value {
            Some(value) => format!("{key} = {value}"),
            None => format!("# {key} is not set"),
        };
        let written = match self.origins.of(&format!("{prefix}{key}")) {
            Origin::Default => writeln!(self.text, "{line}"),
            origin => writeln!(self.text, "{line:<40} # {origin}"),
        };
        // Writing to a String cannot fail.
        debug_assert!(written.is_ok());
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// A number that TOML reads as a float.
fn float(value: f64) -> String {
    format!("{value:?}")
}
