//! A cgroup of its own in this machine's v2 tree, removed when dropped.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use llmos_cgroupfs::Root;
use llmos_engine::units::CgroupId;

/// A cgroup made for a test.
#[derive(Debug)]
pub struct TestCgroup {
    dir: PathBuf,
}

impl TestCgroup {
    /// Makes `llmos-native-PID-NAME` below the root of the v2 tree.
    ///
    /// # Errors
    /// When there is no v2 tree or the directory cannot be made (not root).
    pub fn make(root: &Root, name: &str) -> Result<Self> {
        let dir = root
            .path()
            .join(format!("llmos-native-{}-{name}", std::process::id()));
        fs::create_dir(&dir).with_context(|| format!("making {}", dir.display()))?;
        Ok(Self { dir })
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its id: the inode of its directory.
    ///
    /// # Errors
    /// When it is gone.
    pub fn id(&self) -> Result<CgroupId> {
        Ok(CgroupId(fs::metadata(&self.dir)?.ino()))
    }

    /// CPU time by the kernel's own account, in nanoseconds.
    ///
    /// # Errors
    /// When `cpu.stat` cannot be read.
    pub fn cpu_ns(&self) -> Result<u64> {
        let path = self.dir.join("cpu.stat");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let usage = text
            .lines()
            .find_map(|line| line.strip_prefix("usage_usec "));
        let micros: u64 = usage.context("cpu.stat has no usage_usec")?.parse()?;
        Ok(micros * 1_000)
    }
}

impl Drop for TestCgroup {
    fn drop(&mut self) {
        // The load in it has been waited for; a directory that stays is seen by the next test run.
        if let Err(error) = fs::remove_dir(&self.dir) {
            eprintln!("{} stays: {error}", self.dir.display());
        }
    }
}
