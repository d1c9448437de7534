//! cgroups of this program's own in this machine's v2 tree, removed when dropped, and the removal
//! of what a killed run left behind.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result};
use llmos_cgroupfs::Root;
use llmos_engine::units::CgroupId;
use nix::unistd::Pid;

/// How the name of each cgroup made here begins.
const PREFIX: &str = "llmos-native-";
/// A killed task leaves its cgroup a little after it is gone for its parent.
const REMOVE_ATTEMPTS: u32 = 200;
const REMOVE_PAUSE: Duration = Duration::from_millis(10);

/// A cgroup made for a test.
#[derive(Debug)]
pub struct TestCgroup {
    dir: PathBuf,
}

impl TestCgroup {
    /// Makes `llmos-native-PID-NUMBER-NAME` below the root of the v2 tree.
    ///
    /// # Errors
    /// When there is no v2 tree or the directory cannot be made (not root).
    pub fn make(root: &Root, name: &str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        let dir = root.path().join(format!("{PREFIX}{pid}-{number}-{name}"));
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

    /// Moves a process into it.
    ///
    /// # Errors
    /// When the process or the cgroup is gone.
    pub fn take_in(&self, process: Pid) -> Result<()> {
        move_to(&self.dir, process)
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
        remove(&self.dir);
    }
}

/// Moves a process into the cgroup at `dir`.
///
/// # Errors
/// When the process or the cgroup is gone.
pub fn move_to(dir: &Path, process: Pid) -> Result<()> {
    let procs = dir.join("cgroup.procs");
    fs::write(&procs, process.to_string()).with_context(|| procs.display().to_string())
}

/// Kills what is in a cgroup and removes it with all below it. Says so when it cannot: a directory
/// that stays is removed by the next run.
pub fn remove(dir: &Path) {
    // Absent before 5.14; then the loads have been waited for.
    let _ = fs::write(dir.join("cgroup.kill"), "1");
    if let Err(error) = remove_tree(dir) {
        eprintln!("{} stays: {error}", dir.display());
    }
}

fn remove_tree(dir: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    let mut left = REMOVE_ATTEMPTS;
    loop {
        match fs::remove_dir(dir) {
            Err(error) if error.raw_os_error() == Some(nix::libc::EBUSY) && left > 0 => {
                left -= 1;
                sleep(REMOVE_PAUSE);
            }
            other => return other,
        }
    }
}

/// Removes what this process made, when a signal ends it.
pub fn remove_own(root: &Root) {
    remove_of(root, |pid| pid == std::process::id());
}

/// Removes what processes made that are gone; they were killed.
pub fn remove_left_behind(root: &Root) {
    remove_of(root, |pid| !Path::new(&format!("/proc/{pid}")).exists());
}

fn remove_of(root: &Root, whose: impl Fn(u32) -> bool) {
    let Ok(entries) = fs::read_dir(root.path()) else {
        return;
    };
    for entry in entries.flatten() {
        if maker(&entry.file_name().to_string_lossy()).is_some_and(&whose) {
            remove(&entry.path());
        }
    }
}

/// The process that made a cgroup of this name, if it is one of ours.
fn maker(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_have_a_maker() {
        assert_eq!(maker("llmos-native-77-0-busy"), Some(77));
        assert_eq!(maker("llmos-native-busy"), None);
        assert_eq!(maker("system.slice"), None);
    }
}
