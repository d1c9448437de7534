//! Layers, their order, and every kind of mistake.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser as _;
use llmos_engine::policy::{Mode, Policy};
use llmos_engine::units::{Bytes, Cores};
use tempfile::TempDir;

use crate::{Cli, Config, ConfigError, keys};

mod freeze;

struct Home {
    dir: TempDir,
    env: Vec<(OsString, OsString)>,
    args: Vec<String>,
}

impl Home {
    fn new(file: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.toml");
        std::fs::write(&path, file).unwrap();
        let args = vec![
            "llmos-agent".into(),
            "--config".into(),
            path.display().to_string(),
        ];
        Self {
            dir,
            env: Vec::new(),
            args,
        }
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    fn load(&self) -> Result<Config, ConfigError> {
        Config::load(&Cli::try_parse_from(&self.args).unwrap(), self.env.clone())
    }

    /// The error's one line, without the temporary directory.
    fn error(&self) -> String {
        let text = self.load().unwrap_err().to_string();
        assert_eq!(text.lines().count(), 1, "{text}");
        text.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

#[test]
fn the_defaults_observe() {
    let config = Home::new("").load().unwrap();
    assert_eq!(config.mode, Mode::Observe);
    assert_eq!(config.tick.as_millis(), 1000);
    assert!(!config.node_name.is_empty());
    assert_eq!(config.state_dir, Path::new("/var/lib/llmos"));
    assert_eq!(config.coordinator.address, None);
    assert!(config.model.enabled && config.probes.cpu);
    assert_eq!(config.policy_for("any/thing"), (&Policy::default(), false));
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let file = "tick_ms = 200\nnode_name = \"file\"\nlog = \"warn\"\n[model]\nenabled = false\n";
    let config = Home::new(file)
        .env("LLMOS_TICK_MS", "300")
        .env("LLMOS_NODE_NAME", "17")
        .env("LLMOS_PROBES_NETWORK", "false")
        .env("LLMOS_REQUIRE_BPF", "1")
        .env("PATH", "/bin")
        .args(&["--tick-ms", "400", "--metrics", "127.0.0.1:9464"])
        .load()
        .unwrap();
    assert_eq!(config.tick.as_millis(), 400);
    assert_eq!(config.node_name, "17");
    assert_eq!(config.log, "warn");
    assert!(!config.model.enabled && !config.probes.network);
    assert_eq!(
        config.metrics.listen,
        Some("127.0.0.1:9464".parse().unwrap())
    );
    let shown = config.show();
    for (setting, origin) in [
        ("tick_ms = 400", "# --tick-ms"),
        ("node_name = \"17\"", "# LLMOS_NODE_NAME"),
        ("log = \"warn\"", "agent.toml line 3"),
        ("enabled = false", "agent.toml line 5"),
    ] {
        let line = shown
            .lines()
            .find(|line| line.starts_with(setting))
            .unwrap();
        assert!(line.contains(origin), "{line}");
    }
    assert!(
        shown.contains("\nbpf_log = false\n"),
        "defaults carry no origin"
    );
    assert!(shown.contains("# address is not set"));
}

#[test]
fn a_lease_lasts_some_ticks() {
    for (file, seconds) in [
        ("", 10.0),
        ("tick_ms = 60000\n", 300.0),
        ("[enforce]\nlease_s = 5\n", 5.0),
        ("tick_ms = 4000\n[enforce]\nlease_s = 8.5\n", 8.5),
    ] {
        let lease = Home::new(file).load().unwrap().enforce.lease;
        assert_eq!(lease, Duration::from_secs_f64(seconds), "{file}");
    }
    for (file, expected) in [
        (
            "[enforce]\nlease_s = 4\n",
            "5 to 3600 seconds with ticks of 1000 ms",
        ),
        ("tick_ms = 4000\n[enforce]\nlease_s = 7\n", "8 to 3600"),
        ("[enforce]\nlease_s = nan\n", "5 to 3600"),
    ] {
        let error = Home::new(file).error();
        assert!(error.contains("enforce.lease_s = "), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn systemd_is_told_unless_it_is_switched_off() {
    for (file, told) in [("", true), ("[enforce]\nsystemd = false\n", false)] {
        let enforce = Home::new(file).load().unwrap().enforce;
        assert_eq!(enforce.systemd, told, "{file}");
    }
    let error = Home::new("[enforce]\nsystemd = 1\n").error();
    assert!(error.contains("expected a boolean"), "{error}");
}

#[test]
fn workloads_of_a_rule_with_canaries_are_alike_and_no_others() {
    let file = "[[workload]]\nmatch = \"a/*\"\ncanary = false\n\
                [[workload]]\nmatch = \"b/*\"\ncanary = true\n";
    let config = Home::new(file).load().unwrap();
    let canary = |path: &str| config.policy_for(path).0.canary;
    assert_eq!((canary("a/x"), canary("c/x")), (None, None));
    assert!(canary("b/x").is_some() && canary("b/x") == canary("b/y"));
    assert!(config.show().contains("canary = true"));
}

#[test]
fn what_is_shown_is_a_config_file_that_means_the_same() {
    let file = "mode = \"enforce\"\n[policy]\nmemory_floor = 33554432\ncpu_ceiling_cores = 3\n\
                on_foreign_change = \"yield\"\nhand_over_s = inf\n[[workload]]\nmatch = \"a/*\"\nenforce = true\ncpu_margin = 0.5\n";
    let first = Home::new(file).load().unwrap();
    let second = Home::new(&first.show()).load().unwrap();
    let plain = |config: &Config| -> Vec<String> {
        let shown = config.show();
        shown
            .lines()
            .map(|line| line.split(" # ").next().unwrap().trim().to_owned())
            .collect()
    };
    assert_eq!(plain(&first), plain(&second));
    assert_eq!(
        second.policy_for("a/b").0,
        &Policy {
            cpu_margin: 0.5,
            ..second.rules.base().clone()
        }
    );
}

#[test]
fn unknown_keys_are_refused_with_line_and_nearest_name() {
    for (file, expected) in [
        (
            "mode = \"observe\"\ntick = 5\n",
            "agent.toml line 2: unknown key \"tick\", did you mean \"tick_ms\"?",
        ),
        (
            "[policy]\n\ncpu_flor_cores = 1\n",
            "agent.toml line 3: unknown key \"policy.cpu_flor_cores\", did you mean \
             \"cpu_floor_cores\"?",
        ),
        (
            "[cordinator]\naddress = \"x\"\n",
            "agent.toml line 1: unknown key \"cordinator\", did you mean \"coordinator\"?",
        ),
        (
            "[[workload]]\nmatch = \"a\"\n[[workload]]\nmatch = \"b\"\nenforced = true\n",
            "agent.toml line 5: unknown key \"workload[1].enforced\", did you mean \"enforce\"?",
        ),
        ("zzz = 1\n", "agent.toml line 1: unknown key \"zzz\""),
    ] {
        assert_eq!(Home::new(file).error(), expected);
    }
}

#[test]
fn unknown_variables_are_refused_with_the_nearest_name() {
    let error = Home::new("").env("LLMOS_TIK_MS", "5").error();
    let expected = "unknown environment variable LLMOS_TIK_MS, did you mean \"LLMOS_TICK_MS\"?";
    assert_eq!(error, expected);
}

#[test]
fn variables_of_others_are_let_be() {
    let mut home = Home::new("");
    for name in [
        "LLMOS_COORDINATOR_HTTP",
        "LLMOS_COORDINATOR_SERVICE_HOST",
        "LLMOS_COORDINATOR_SERVICE_PORT_GRPC",
        "LLMOS_COORDINATOR_PORT",
        "LLMOS_COORDINATOR_PORT_7781_TCP_ADDR",
    ] {
        home = home.env(name, "tcp://10.0.0.1:7781");
    }
    assert_eq!(home.load().unwrap().coordinator.address, None);
    assert!(home.env("LLMOS_PORT_NAME", "x").load().is_err());
}

#[test]
fn wrong_types_are_told_with_their_place() {
    let error = Home::new("node_name = \"a\"\ntick_ms = \"fast\"\n").error();
    let expected = "agent.toml line 2: invalid type: string \"fast\", expected u64";
    assert_eq!(error, expected);
    let error = Home::new("mode = \n").error();
    assert!(error.starts_with("agent.toml line 1: "), "{error}");
    let error = Home::new("").env("LLMOS_TICK_MS", "fast").error();
    assert!(
        error.starts_with("LLMOS_TICK_MS: \"fast\" does not fit: "),
        "{error}"
    );
    let error = Home::new("[policy]\nmemory_floor = \"64MB\"\n").error();
    let expected = "agent.toml line 2: \"64MB\" is no size, expected a size such as \"64MiB\"";
    assert!(error.starts_with(expected), "{error}");
    let error = Home::new("[[workload]]\nenforce = true\n").error();
    assert!(error.contains("line 1: missing field `match`"), "{error}");
}

#[test]
fn values_out_of_bounds_are_told_with_what_was_expected() {
    for (file, expected) in [
        (
            "tick_ms = 5",
            "tick_ms = 5 (agent.toml line 1): expected 100 to 60000 milliseconds",
        ),
        (
            "mode = \"enforced\"",
            "mode = \"enforced\" (agent.toml line 1): expected \"observe\" or \"enforce\"",
        ),
        (
            "[coordinator]\naddress = \"host:7781\"",
            "coordinator.address = \"host:7781\" (agent.toml line 2): expected a URL such as \
             \"http://coordinator:7781\"",
        ),
        (
            "[metrics]\nlisten = \"9464\"",
            "metrics.listen = \"9464\" (agent.toml line 2): expected an address and port such as \
             \"127.0.0.1:9464\"",
        ),
        (
            "[policy]\nquantile = 0.8",
            "policy.quantile = 0.8 (agent.toml line 2): expected one of 0.5, 0.9, 0.95, 0.99",
        ),
        (
            "[policy]\nmax_step_down = nan",
            "policy.max_step_down = NaN (agent.toml line 2): expected 0.01 to 1",
        ),
        (
            "[[workload]]\nmatch = \"a\"\ncpu_ceiling_cores = 0.02",
            "workload[0].cpu_ceiling_cores = 0.02 (agent.toml line 3): expected at least \
             cpu_floor_cores, which is 0.05",
        ),
        (
            "[policy]\nmemory_floor = \"2GiB\"\nmemory_ceiling = \"1GiB\"",
            "policy.memory_ceiling = \"1GiB\" (agent.toml line 3): expected at least \
             memory_floor, which is \"2GiB\"",
        ),
        (
            "[policy]\non_foreign_change = \"fight\"",
            "policy.on_foreign_change = \"fight\" (agent.toml line 2): expected \"reapply\" or \
             \"yield\"",
        ),
        (
            "[policy]\nhand_over_s = 5",
            "policy.hand_over_s = 5 (agent.toml line 2): expected 60 to inf",
        ),
        (
            "cgroup_root = \"sys\"",
            "cgroup_root = \"sys\" (agent.toml line 1): expected an absolute path",
        ),
        (
            "node_name = \"a b\"",
            "node_name = \"a b\" (agent.toml line 1): expected a name of 1 to 253 characters \
             without spaces",
        ),
    ] {
        assert_eq!(Home::new(file).error(), expected);
    }
    let long = format!("socket = \"/{}\"", "x".repeat(120));
    assert!(
        Home::new(&long)
            .error()
            .ends_with("expected a path of at most 107 bytes")
    );
    let glob = Home::new("[[workload]]\nmatch = \"a[\"").error();
    assert!(glob.starts_with("workload[0].match = \"a[\" (agent.toml line 2): expected a glob"));
    let filter = Home::new("log = \"info,=\"").error();
    assert!(filter.starts_with("log = \"info,=\" (agent.toml line 1): expected a filter"));
    let flag = Home::new("").args(&["--tick-ms", "7"]).error();
    assert!(flag.starts_with("tick_ms = 7 (--tick-ms): "), "{flag}");
}

#[test]
fn a_named_file_must_exist() {
    let home = Home::new("").args(&["--mode", "enforce"]);
    std::fs::remove_file(home.dir.path().join("agent.toml")).unwrap();
    assert!(
        home.error()
            .starts_with("cannot read config file agent.toml: ")
    );
    let by_variable = Config::load(
        &Cli::default(),
        [(
            OsString::from("LLMOS_CONFIG"),
            OsString::from("/no/such.toml"),
        )],
    );
    let error = by_variable.unwrap_err().to_string();
    assert!(
        error.starts_with("cannot read config file /no/such.toml: "),
        "{error}"
    );
}

#[test]
fn the_first_matching_rule_wins() {
    let config = Home::new(
        "[policy]\ncpu_margin = 0.3\n\
         [[workload]]\nmatch = \"llmos-test/quiet\"\nenforce = false\n\
         [[workload]]\nmatch = \"/llmos-test/*\"\nenforce = true\nmemory_floor = \"64MiB\"\n\
         [[workload]]\nmatch = \"**/*.service\"\ncpu_floor_cores = 0.5\n",
    )
    .load()
    .unwrap();
    assert!(!config.policy_for("llmos-test/quiet").1);
    let (policy, enforce) = config.policy_for("llmos-test/bursty");
    assert!(enforce);
    assert_eq!(
        (policy.memory_floor, policy.cpu_margin),
        (Bytes::from_mib(64), 0.3)
    );
    assert!(
        !config.policy_for("llmos-test/bursty/inner").1,
        "* stops at a slash"
    );
    let (policy, enforce) = config.policy_for("system.slice/deep/x.service");
    assert_eq!((policy.cpu_floor, enforce), (Cores(0.5), false));
    assert_eq!(config.policy_for("x.service").0.cpu_floor, Cores(0.5));
    for _ in 0..2 {
        assert!(
            config.policy_for("llmos-test/bursty").1,
            "also from the cache"
        );
    }
}

#[test]
fn relative_paths_count_from_the_start_directory() {
    let config = Home::new("")
        .args(&["--socket", "a.sock", "--state-dir", "s"])
        .load()
        .unwrap();
    let here = std::env::current_dir().unwrap();
    assert_eq!(
        (config.socket, config.state_dir),
        (here.join("a.sock"), here.join("s"))
    );
}

#[test]
fn a_model_directory_that_is_set_is_taken_as_it_is() {
    let config = Home::new("")
        .args(&["--model", "/no/such/model"])
        .load()
        .unwrap();
    assert_eq!(config.model.find(), Some(PathBuf::from("/no/such/model")));
    let off = Home::new("[model]\nenabled = false\ndir = \"/x\"\n")
        .load()
        .unwrap();
    assert_eq!(off.model.find(), None);
}

/// The shipped example with its settings switched on: `#key` becomes `key`.
fn shipped(switched_on: bool) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/agent.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c == '[' || c.is_ascii_lowercase()) => {
            rest.to_owned()
        }
        _ => line.to_owned(),
    };
    let lines: Vec<_> = text
        .lines()
        .map(|line| {
            if switched_on {
                on(line)
            } else {
                line.to_owned()
            }
        })
        .collect();
    lines.join("\n")
}

#[test]
fn the_shipped_file_changes_nothing() {
    let without = Home::new("").load().unwrap().show();
    assert_eq!(Home::new(&shipped(false)).load().unwrap().show(), without);
}

#[test]
fn the_shipped_file_names_every_key_with_its_default() {
    let config = Home::new(&shipped(true)).load().unwrap();
    let rule_keys = keys::WORKLOAD.map(|key| format!("workload[0].{key}"));
    for key in keys::scalars().chain(rule_keys) {
        let origin = config.origins.of(&key).to_string();
        assert!(
            origin.contains("agent.toml line "),
            "deploy/agent.toml does not name {key}"
        );
    }
    let defaults = Home::new("").load().unwrap().show();
    let strip = |text: &str| {
        text.split("  #")
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let shown: Vec<String> = config.show().lines().map(strip).collect();
    for line in defaults.lines().filter(|line| line.contains(" = ")) {
        // The hostname is this machine's.
        let known = shown.iter().any(|other| other == line) || line.starts_with("node_name");
        assert!(known, "deploy/agent.toml shows another default than {line}");
    }
}
