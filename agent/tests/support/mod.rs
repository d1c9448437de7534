//! Runs the agent's binary in a folder of its own and talks to its socket.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// Generous: emulated and busy machines are slow.
const PATIENCE: Duration = Duration::from_secs(60);
/// A user without any right.
const NOBODY: u32 = 65534;

/// A folder with everything that an agent needs.
pub struct Site {
    dir: TempDir,
}

impl Site {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn socket(&self) -> PathBuf {
        self.path("agent.sock")
    }

    pub fn write_config(&self, text: &str) {
        fs::write(self.path("agent.toml"), text).unwrap();
    }

    fn command(&self, program: &Path, args: &[&str]) -> Command {
        let config = self.path("agent.toml");
        if !config.exists() {
            fs::write(&config, "").unwrap();
        }
        let mut command = Command::new(program);
        command
            .env_clear()
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .arg("--config")
            .arg(config)
            .arg("--socket")
            .arg(self.socket());
        if !args.contains(&"--state-dir") {
            command.arg("--state-dir").arg(self.path("state"));
        }
        command.args(args);
        command
    }
}

/// How a run ended.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A running agent; killed when dropped.
pub struct Agent {
    child: Option<Child>,
    socket: PathBuf,
    log: PathBuf,
}

impl Agent {
    /// Starts it and waits until its socket answers.
    pub fn start(site: &Site, args: &[&str]) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_llmos-agent"));
        Self::spawn(site, site.command(program, args))
    }

    /// Starts it as a user without rights; `None` when this test has no right to do that.
    pub fn start_unprivileged(site: &Site, args: &[&str]) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            return None;
        }
        // The binary may lie where that user cannot reach it.
        let program = site.path("llmos-agent");
        fs::copy(env!("CARGO_BIN_EXE_llmos-agent"), &program).unwrap();
        fs::set_permissions(site.dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let mut command = site.command(&program, args);
        command.current_dir(site.dir.path()).uid(NOBODY).gid(NOBODY);
        Some(Self::spawn(site, command))
    }

    /// Starts it inside a cgroup.
    pub fn start_in(site: &Site, cgroup: &Path, args: &[&str]) -> Self {
        let agent = site.command(Path::new(env!("CARGO_BIN_EXE_llmos-agent")), args);
        let mut shell = Command::new("/bin/sh");
        shell
            .env_clear()
            .current_dir(site.dir.path())
            .args(["-c", "echo $$ > \"$0\" && exec \"$@\""])
            .arg(cgroup.join("cgroup.procs"))
            .arg(agent.get_program())
            .args(agent.get_args());
        Self::spawn(site, shell)
    }

    /// Starts it and waits for nothing but that it can be stopped in order.
    pub fn begin(site: &Site, args: &[&str]) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_llmos-agent"));
        let agent = Self::launch(site, site.command(program, args));
        agent.wait_until("handler of SIGTERM", |agent| {
            let id = agent.child.as_ref().unwrap().id();
            let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
            caught & (1 << (Signal::SIGTERM as u32 - 1)) != 0
        });
        agent
    }

    fn spawn(site: &Site, command: Command) -> Self {
        let agent = Self::launch(site, command);
        agent.wait_until("the socket", |agent| {
            request(&agent.socket, "/v1/health").is_ok()
        });
        agent
    }

    fn launch(site: &Site, mut command: Command) -> Self {
        let log = site.path("agent.log");
        let file = fs::File::create(&log).unwrap();
        let child = command.stdout(Stdio::null()).stderr(file).spawn().unwrap();
        Self {
            child: Some(child),
            socket: site.socket(),
            log,
        }
    }

    /// Runs it until it ends by itself.
    pub fn run_to_end(site: &Site, args: &[&str]) -> Ended {
        let program = Path::new(env!("CARGO_BIN_EXE_llmos-agent"));
        let out = site
            .command(program, args)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Ended {
            code: out.status.code(),
            stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        }
    }

    pub fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.get_text(path)).unwrap()
    }

    pub fn get_text(&self, path: &str) -> String {
        request(&self.socket, path).unwrap_or_else(|error| {
            panic!("GET {path}: {error}; the agent said:\n{}", self.said());
        })
    }

    /// Waits until something holds.
    pub fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(
                Instant::now() < end,
                "no {what}; the agent said:\n{}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().unwrap().id();
        kill(Pid::from_raw(i32::try_from(id).unwrap()), signal).unwrap();
    }

    /// Sends a signal and waits for the end.
    pub fn stop(mut self, signal: Signal) -> Ended {
        self.signal(signal);
        let mut child = self.child.take().unwrap();
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(
                Instant::now() < end,
                "it does not stop; it said:\n{}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(20));
        };
        Ended {
            code: status.code(),
            stdout: String::new(),
            stderr: self.said(),
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The body of an answer 200.
fn request(socket: &Path, path: &str) -> Result<String, String> {
    let text = |e: std::io::Error| e.to_string();
    let mut stream = UnixStream::connect(socket).map_err(text)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(text)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(text)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(text)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or("no header in the answer")?;
    if head.starts_with("HTTP/1.1 200 ") {
        Ok(body.to_owned())
    } else {
        Err(head.to_owned())
    }
}
