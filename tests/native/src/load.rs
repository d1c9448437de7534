//! Starts the load program in a cgroup and talks to it: it says `ready`, and begins on a line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::cgroup::TestCgroup;

/// A load that waits to begin or runs.
#[derive(Debug)]
pub struct Load {
    child: Child,
    output: BufReader<ChildStdout>,
    ready: String,
}

impl Load {
    /// Starts `program ARGS` inside the cgroup and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started or does not get ready.
    pub fn start(program: &Path, cgroup: &TestCgroup, args: &[&str]) -> Result<Self> {
        let mut child = Command::new(program)
            .arg("--cgroup")
            .arg(cgroup.dir())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let stdout = child.stdout.take().context("no standard output")?;
        let mut load = Self {
            child,
            output: BufReader::new(stdout),
            ready: String::new(),
        };
        load.ready = load.line()?;
        ensure!(
            load.ready.starts_with("ready"),
            "the load said {:?}",
            load.ready
        );
        Ok(load)
    }

    /// What it said after `ready`, e.g. its port.
    #[must_use]
    pub fn detail(&self) -> &str {
        self.ready.trim_start_matches("ready").trim()
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

    /// Waits until it ends well.
    ///
    /// # Errors
    /// When it fails.
    pub fn finish(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        ensure!(status.success(), "the load ended with {status}");
        Ok(())
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().to_owned())
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
