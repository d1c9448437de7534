//! The programs that are measured: how each is started, and where its metrics are.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::clock::wait_for;
use crate::{agent, http};

/// A program to measure.
pub struct Subject {
    /// Name in reports.
    pub name: &'static str,
    /// Does it tell cgroups apart at all?
    pub sees_cgroups: bool,
    /// A metric whose samples say when they were read.
    pub stamped: Option<&'static str>,
    /// The first that is in this machine is taken.
    ways: &'static [Way],
    /// Configuration: a path and its content.
    config: Option<(&'static str, &'static str)>,
    address: &'static str,
    path: &'static str,
}

/// A program and its arguments.
struct Way {
    program: &'static str,
    args: &'static [&'static str],
}

/// The agent as all its turns start it.
const AGENT: &[Way] = &[Way {
    program: "llmos-agent",
    args: &[
        "--config",
        "/etc/peers.toml",
        "--mode",
        "observe",
        "--metrics",
        "127.0.0.1:9464",
        "--socket",
        agent::SOCKET,
        "--state-dir",
        agent::STATE,
    ],
}];

/// All of them. Intervals are one second where there is one to set.
pub const SUBJECTS: [Subject; 5] = [
    Subject {
        name: "llmos",
        sees_cgroups: true,
        stamped: None,
        ways: AGENT,
        config: Some(("/etc/peers.toml", include_str!("llmos.toml"))),
        address: "127.0.0.1:9464",
        path: "/metrics",
    },
    Subject {
        name: "llmos-sensing",
        sees_cgroups: true,
        stamped: None,
        ways: AGENT,
        config: Some(("/etc/peers.toml", include_str!("llmos-sensing.toml"))),
        address: "127.0.0.1:9464",
        path: "/metrics",
    },
    Subject {
        name: "cadvisor",
        sees_cgroups: true,
        stamped: Some("container_cpu_usage_seconds_total{"),
        ways: &[
            Way {
                program: "cadvisor",
                args: &[
                    "--listen=127.0.0.1:8080",
                    "--housekeeping_interval=1s",
                    "--max_housekeeping_interval=1s",
                    "--allow_dynamic_housekeeping=false",
                ],
            },
            Way {
                program: "cadvisor-debian",
                args: &[
                    "--listen_ip=127.0.0.1",
                    "--port=8080",
                    "--housekeeping_interval=1s",
                    "--max_housekeeping_interval=1s",
                    "--allow_dynamic_housekeeping=false",
                ],
            },
        ],
        config: None,
        address: "127.0.0.1:8080",
        path: "/metrics",
    },
    Subject {
        name: "rezolus",
        sees_cgroups: true,
        stamped: None,
        ways: &[Way {
            program: "rezolus",
            args: &["/etc/rezolus.toml"],
        }],
        config: Some(("/etc/rezolus.toml", include_str!("rezolus.toml"))),
        address: "127.0.0.1:4241",
        path: "/metrics/binary",
    },
    Subject {
        name: "node-exporter",
        sees_cgroups: false,
        stamped: None,
        ways: &[Way {
            program: "prometheus-node-exporter",
            args: &["--web.listen-address=127.0.0.1:9100"],
        }],
        config: None,
        address: "127.0.0.1:9100",
        path: "/metrics",
    },
];

impl Subject {
    /// Starts it.
    ///
    /// # Errors
    /// When it is not in this machine.
    pub fn start(&'static self) -> Result<Running> {
        let way = self
            .ways
            .iter()
            .find(|way| Path::new("/bin").join(way.program).is_file())
            .with_context(|| format!("{} is not in this machine", self.name))?;
        if let Some((path, content)) = self.config {
            std::fs::write(path, content).with_context(|| path.to_owned())?;
        }
        if let Some(folder) = Path::new(agent::SOCKET).parent() {
            std::fs::create_dir_all(folder)?;
        }
        let log = PathBuf::from(format!("/tmp/{}.log", self.name));
        let output = File::create(&log)?;
        let child = Command::new(way.program)
            .args(way.args)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {}", way.program))?;
        Ok(Running {
            subject: self,
            program: way.program,
            child,
            log,
        })
    }

    /// Its metrics.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn fetch(&self) -> Result<Vec<u8>> {
        http::fetch(self.address, self.path)
    }
}

/// A subject that runs.
pub struct Running {
    subject: &'static Subject,
    program: &'static str,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status, when it ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// The end of what it logged.
    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(4)..].join(" | ")
    }

    /// What it calls its own version; the image says which one it is where it does not.
    pub fn version(&self) -> Option<String> {
        let out = Command::new(self.program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let first = text.lines().next()?.trim().to_owned();
        (out.status.success() && !first.is_empty()).then_some(first)
    }

    /// Of our own agent, what it says of its ticks.
    pub fn status(&self) -> Value {
        if self.program != "llmos-agent" {
            return Value::Null;
        }
        let status = http::get(Path::new(agent::SOCKET), "/v1/status").unwrap_or_default();
        json!({
            "tick_work_ms_p50": status["tick_work_ms_p50"],
            "missed_ticks": status["missed_ticks"],
            "workloads": status["workloads"],
        })
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(mut self) -> Result<()> {
        self.end(Signal::SIGTERM, Duration::from_secs(15))
            .or_else(|| self.end(Signal::SIGKILL, Duration::from_secs(15)))
            .with_context(|| format!("{} did not end", self.subject.name))
    }

    fn end(&mut self, signal: Signal, patience: Duration) -> Option<()> {
        kill(Pid::from_raw(i32::try_from(self.child.id()).ok()?), signal).ok()?;
        wait_for(patience, || self.ended().is_some()).map(|_| ())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended in the normal case; both calls are then refused, which is fine.
        if self.ended().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
