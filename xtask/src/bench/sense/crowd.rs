//! Many cgroups with a small process each, held by a program of their own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::paths;
use crate::tied::tied;

/// The cgroups; dropping it removes them.
pub struct Crowd {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Crowd {
    /// Makes so many and returns when all are there.
    pub fn make(groups: usize) -> Result<Self> {
        let mut command = Command::new(paths::binary("native-bench", false));
        command
            .args(["crowd", &groups.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = tied(&mut command)
            .spawn()
            .context("cannot start native-bench")?;
        let stdout = child.stdout.take().context("no output of native-bench")?;
        let mut crowd = Self {
            child,
            output: BufReader::new(stdout),
        };
        crowd.expect("ready")?;
        Ok(crowd)
    }

    /// Makes sure that each process still runs, and removes all.
    pub fn finish(mut self) -> Result<()> {
        let input = self.child.stdin.as_mut();
        input
            .context("no input of native-bench")?
            .write_all(b"check\n")?;
        self.expect("done")?;
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        ensure!(status.success(), "native-bench ended with {status}");
        Ok(())
    }

    fn expect(&mut self, word: &str) -> Result<()> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(
            line.starts_with(word),
            "native-bench said {:?} instead of {word}",
            line.trim()
        );
        Ok(())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // The end of its input makes it tidy up and end.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
