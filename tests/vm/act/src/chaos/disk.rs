//! The disk that survives a restart of the machine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};

const DEVICE: &str = "/dev/nvme0n1";
const AT: &str = "/run/disk";

/// Where it is mounted, which it is from the first call on.
///
/// # Errors
/// When the machine has none.
pub fn mounted() -> Result<PathBuf> {
    static MOUNTED: std::sync::OnceLock<Result<(), String>> = std::sync::OnceLock::new();
    let done = MOUNTED.get_or_init(|| {
        let mounted = std::fs::create_dir_all(AT).context(AT).and_then(|()| {
            let none = None::<&str>;
            mount(Some(DEVICE), AT, Some("ext4"), MsFlags::empty(), none).context(DEVICE)
        });
        mounted.map_err(|error| format!("{error:#}"))
    });
    match done {
        Ok(()) => Ok(Path::new(AT).to_owned()),
        Err(error) => anyhow::bail!("no disk: {error}"),
    }
}
