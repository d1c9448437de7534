//! Starts the load program in a cgroup and talks to it: it says `ready`, begins on a line, says
//! `done` and stays, so that its tasks can be looked at, until its input ends.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use nix::unistd::Pid;

use crate::cgroup::TestCgroup;
use crate::guard::tie_to_parent;
use crate::net::Netns;

/// A load that waits to begin, runs, or has done its work.
#[derive(Debug)]
pub struct Load {
    child: Child,
    output: BufReader<ChildStdout>,
    ready: String,
}

/// The load program beside the program that runs.
///
/// # Errors
/// When the running program's own path cannot be told.
pub fn beside_this_program() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("no folder beside this program")?;
    Ok(folder.join("native-load"))
}

impl Load {
    /// Starts `program ARGS` inside the cgroup and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started or does not get ready.
    pub fn start(program: &Path, cgroup: &TestCgroup, args: &[&str]) -> Result<Self> {
        Self::start_in(program, cgroup, None, args)
    }

    /// As [`Load::start`], in a network namespace where one is given.
    ///
    /// # Errors
    /// When it cannot be started or does not get ready.
    pub fn start_in(
        program: &Path,
        cgroup: &TestCgroup,
        namespace: Option<&Netns>,
        args: &[&str],
    ) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg("--cgroup").arg(cgroup.dir());
        if let Some(namespace) = namespace {
            command.arg("--netns").arg(namespace.path());
        }
        command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        // SAFETY: it makes system calls only and allocates nothing.
        unsafe { command.pre_exec(tie_to_parent) };
        let mut child = command
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let stdout = child.stdout.take().context("no standard output")?;
        let mut load = Self {
            child,
            output: BufReader::new(stdout),
            ready: String::new(),
        };
        load.ready = load.expect("ready")?;
        Ok(load)
    }

    /// What it said after `ready`, e.g. its port.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.ready
    }

    /// Its process.
    ///
    /// # Errors
    /// When its number is no process id.
    pub fn pid(&self) -> Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.child.id())?))
    }

    /// Lets it begin.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn begin(&mut self) -> Result<()> {
        self.child
            .stdin
            .as_mut()
            .context("no standard input")?
            .write_all(b"go\n")?;
        Ok(())
    }

    /// Waits until its work is done; its tasks are still there then. What it said of its work.
    ///
    /// # Errors
    /// When it ends before.
    pub fn work_done(&mut self) -> Result<String> {
        self.expect("done")
    }

    /// Lets it end and waits until it has ended well.
    ///
    /// # Errors
    /// When it fails.
    pub fn finish(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        ensure!(status.success(), "the load ended with {status}");
        Ok(())
    }

    /// Reads a line that begins with `word`; the rest of it.
    fn expect(&mut self, word: &str) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let line = line.trim();
        let rest = line
            .strip_prefix(word)
            .with_context(|| format!("the load said {line:?} instead of {word}"))?;
        Ok(rest.trim().to_owned())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // Already waited for in the normal case; both calls are then refused, which is fine.
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
