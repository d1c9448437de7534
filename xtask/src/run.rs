//! `cargo xtask run`: coordinator and agent on this machine, in observe mode.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::build::{self, wait_for};
use crate::step::Steps;
use crate::tied::tied;
use crate::{cmd, paths};

/// Where to listen and for how long.
#[derive(clap::Args)]
pub struct Args {
    /// Port of the dashboard; the agents' port is the next free one (default: 7780, or any free)
    #[arg(long)]
    port: Option<u16>,
    /// Ends by itself after this many seconds
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u64>,
}

const PREFERRED: u16 = 7780;
const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(10);

/// Sets up, builds, starts both programs, waits for ctrl-c and stops them.
pub fn run(args: &Args) -> Result<()> {
    let mut steps = Steps::new();
    build::run(false, &mut steps)?;
    // Before anything is started, so that no ctrl-c leaves a program behind.
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot catch ctrl-c")?;
    }
    let mut system = steps.run("start coordinator and agent", || {
        System::start(args.port, false)
    })?;
    system.invite();
    let end = args
        .seconds
        .map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut died = None;
    while !stop.load(Ordering::Relaxed) && end.is_none_or(|end| Instant::now() < end) {
        if let Some(name) = system.dead()? {
            died = Some(name);
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let stopped = system.stop();
    if let Some(name) = died {
        bail!(
            "{name} ended by itself; its log ends:\n{}",
            system.tail(name)
        );
    }
    stopped
}

/// Both programs and their addresses.
pub struct System {
    children: Vec<Program>,
    /// Address of the dashboard.
    pub http: String,
    /// The agent's status socket.
    pub socket: PathBuf,
    sudo: bool,
}

struct Program {
    name: &'static str,
    child: Child,
    log: PathBuf,
    status: Option<ExitStatus>,
}

impl System {
    /// Starts both and returns when both answer.
    pub fn start(port: Option<u16>, release: bool) -> Result<Self> {
        Self::start_in(&paths::target().join("run"), port, release)
    }

    /// Starts both with logs, socket and state in a folder of their own, beside another pair.
    pub fn start_in(folder: &Path, port: Option<u16>, release: bool) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let http = format!("127.0.0.1:{}", free_port(port, PREFERRED)?);
        let grpc = format!("127.0.0.1:{}", free_port(None, PREFERRED + 1)?);
        // Kernel programs need root; where sudo asks for a password the agent runs without them.
        let sudo = !nix::unistd::geteuid().is_root()
            && cmd::succeeds(Command::new("sudo").args(["-n", "true"]));
        let mut system = Self {
            children: Vec::new(),
            http,
            socket: folder.join("agent.sock"),
            sudo,
        };
        let started = system.start_both(folder, &grpc, release);
        if started.is_err() {
            // The first error is the one to tell.
            let _ = system.stop();
        }
        started.map(|()| system)
    }

    fn start_both(&mut self, folder: &Path, grpc: &str, release: bool) -> Result<()> {
        let mut coordinator = Command::new(paths::binary("llmos-coordinator", release));
        coordinator.args(["--http", &self.http, "--grpc", grpc]);
        self.spawn("coordinator", coordinator, folder)?;
        let http = self.http.clone();
        self.ready("coordinator", || TcpStream::connect(&http).is_ok())?;

        let program = paths::binary("llmos-agent", release);
        let mut agent = if self.sudo {
            let mut sudo = Command::new("sudo");
            sudo.arg("-n").arg(program);
            sudo
        } else {
            Command::new(program)
        };
        agent.args([
            "--mode",
            "observe",
            "--coordinator",
            &format!("http://{grpc}"),
        ]);
        agent
            .arg("--socket")
            .arg(&self.socket)
            .arg("--state-dir")
            .arg(folder.join("state"));
        agent.arg("--model").arg(default_model()?);
        self.spawn("agent", agent, folder)?;
        let socket = self.socket.clone();
        self.ready("agent", || answers(&socket))
    }

    fn spawn(&mut self, name: &'static str, mut command: Command, folder: &Path) -> Result<()> {
        let log = folder.join(format!("{name}.log"));
        let file = std::fs::File::create(&log)?;
        // A group of its own: ctrl-c on the terminal reaches this task alone, which then stops
        // both in order.
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let child = tied(&mut command)
            .spawn()
            .with_context(|| format!("cannot start {}", cmd::shown(&command)))?;
        self.children.push(Program {
            name,
            child,
            log,
            status: None,
        });
        Ok(())
    }

    fn ready(&mut self, name: &str, probe: impl Fn() -> bool) -> Result<()> {
        let mut dead = None;
        let waited = wait_for(START, || {
            dead = self.dead().ok().flatten();
            dead.is_some() || probe()
        });
        if let Some(name) = dead {
            bail!("{name} ended at once; its log ends:\n{}", self.tail(name));
        }
        if waited.is_none() {
            bail!(
                "{name} is not ready after {} s; its log ends:\n{}",
                START.as_secs(),
                self.tail(name)
            );
        }
        Ok(())
    }

    /// The agent's process, while it runs.
    pub fn agent_pid(&mut self) -> Result<u32> {
        if let Some(name) = self.dead()? {
            bail!("{name} ended by itself; its log ends:\n{}", self.tail(name));
        }
        let agent = self.children.iter().find(|program| program.name == "agent");
        Ok(agent.context("no agent was started")?.child.id())
    }

    /// The name of a program that ended, if any.
    fn dead(&mut self) -> Result<Option<&'static str>> {
        for program in &mut self.children {
            if program.status.is_none() {
                program.status = program.child.try_wait()?;
            }
            if program.status.is_some() {
                return Ok(Some(program.name));
            }
        }
        Ok(None)
    }

    /// Asks both to end, the agent first so that it can say goodbye, and waits for them.
    pub fn stop(&mut self) -> Result<()> {
        let sudo = self.sudo;
        let mut bad = Vec::new();
        for program in self.children.iter_mut().rev() {
            if program.status.is_none() {
                end(program.child.id(), sudo && program.name == "agent");
                wait_for(STOP, || {
                    program.status = program.child.try_wait().ok().flatten();
                    program.status.is_some()
                });
            }
            let Some(status) = program.status else {
                program.child.kill()?;
                program.status = Some(program.child.wait()?);
                bad.push(format!(
                    "{} did not end within {} s and was killed",
                    program.name,
                    STOP.as_secs()
                ));
                continue;
            };
            println!("{} ended with {status}", program.name);
            if !status.success() {
                bad.push(format!("{} ended with {status}", program.name));
            }
        }
        if !bad.is_empty() {
            bail!("{}", bad.join("; "));
        }
        Ok(())
    }

    fn invite(&self) {
        let ctl = paths::shown(&paths::binary("llmosctl", false));
        let socket = paths::shown(&self.socket);
        let sudo = if self.sudo { "sudo " } else { "" };
        println!("\n  dashboard   http://{}", self.http);
        println!("  terminal    {sudo}{ctl} --socket {socket} top");
        println!("  why         {sudo}{ctl} --socket {socket} explain WORKLOAD");
        println!(
            "  logs        {}",
            paths::shown(&paths::target().join("run"))
        );
        if !nix::unistd::geteuid().is_root() && !self.sudo {
            println!("  not root: the kernel probes are off, numbers come from cgroup files");
        }
        println!("\nobserving only: no limit is changed. ctrl-c ends both.");
        let _ = std::io::stdout().flush();
    }

    fn tail(&self, name: &str) -> String {
        let log = self
            .children
            .iter()
            .find(|program| program.name == name)
            .map(|p| &p.log);
        let text = log
            .and_then(|log| std::fs::read_to_string(log).ok())
            .unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

impl Drop for System {
    fn drop(&mut self) {
        // Stopped already, except where an error on the way led here.
        if self.children.iter().any(|program| program.status.is_none())
            && let Err(error) = self.stop()
        {
            println!("{error:#}");
        }
    }
}

/// SIGTERM, through sudo where the program belongs to root and we do not.
fn end(pid: u32, sudo: bool) {
    if sudo {
        cmd::succeeds(Command::new("sudo").args(["-n", "kill", "-TERM", &pid.to_string()]));
    } else if let Ok(pid) = i32::try_from(pid) {
        // It may have ended by itself in this moment.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
}

/// The port that was asked for, else the usual one, else any that is free.
fn free_port(asked: Option<u16>, usual: u16) -> Result<u16> {
    if let Some(port) = asked {
        TcpListener::bind(("127.0.0.1", port))
            .with_context(|| format!("port {port} is taken; leave --port out to get a free one"))?;
        return Ok(port);
    }
    let listener = TcpListener::bind(("127.0.0.1", usual))
        .or_else(|_| TcpListener::bind(("127.0.0.1", 0)))
        .context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// True when the agent's socket takes connections; a file left by an earlier run does not.
fn answers(socket: &Path) -> bool {
    // A socket of root's agent is closed to others, and being refused is an answer, too.
    match UnixStream::connect(socket) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
    }
}

/// The released model: the only folder with a contract, or the first by name.
fn default_model() -> Result<PathBuf> {
    let folder = paths::root().join("models/artifacts");
    let mut models: Vec<PathBuf> = std::fs::read_dir(&folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.join("contract.json").is_file())
        .collect();
    models.sort();
    models
        .into_iter()
        .next()
        .with_context(|| format!("no model in {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_refused_by_name_and_avoided_by_default() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = free_port(Some(port), PREFERRED).unwrap_err();
        assert!(error.to_string().contains(&port.to_string()));
        assert_ne!(free_port(None, port).unwrap(), port);
    }

    #[test]
    fn a_left_over_socket_does_not_count_as_an_answer() {
        let path = std::env::temp_dir().join(format!("llmos-xtask-{}.sock", std::process::id()));
        // Not a listener: a program that another test starts holds its descriptors from fork to
        // exec, and a listener would be answered there meanwhile.
        drop(std::os::unix::net::UnixDatagram::bind(&path).unwrap());
        assert!(!answers(&path));
        let _ = std::fs::remove_file(&path);
    }
}
