//! The first process of a machine that boots from a disk: loads modules, copies what is under test
//! onto the disk, and makes room for the disk's own first process.

use std::ffi::CString;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use llmos_vm_tests::clock;
use nix::kmod::{ModuleInitFlags, finit_module};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::reboot::{RebootMode, reboot};

const DISK: &str = "/dev/vda";
const ROOT: &str = "/disk";
const STAGE: &str = "/stage";
const MODULES: &str = "/modules";
const SYSTEMD: &str = "/lib/systemd/systemd";
const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    let Err(error) = switch();
    println!("switch: {error:#}");
    // The emulator takes a restart as the end.
    let error = reboot(RebootMode::RB_AUTOBOOT);
    println!("switch: cannot restart: {error:?}");
}

fn switch() -> Result<std::convert::Infallible> {
    for (source, target) in [("proc", "/proc"), ("devtmpfs", "/dev")] {
        mount(
            Some(source),
            target,
            Some(source),
            MsFlags::empty(),
            None::<&str>,
        )
        .with_context(|| format!("cannot mount {target}"))?;
    }
    load_modules()?;
    let there = clock::wait_for(PATIENCE, || Path::new(DISK).exists());
    ensure!(there.is_some(), "{DISK} did not appear");
    mount(
        Some(DISK),
        ROOT,
        Some("ext4"),
        MsFlags::empty(),
        None::<&str>,
    )
    .with_context(|| format!("cannot mount {DISK}"))?;
    copy(Path::new(STAGE), Path::new(ROOT))?;
    // As in `vm-init`: an emulator may hang when these are switched while others run.
    fs::write("/proc/sys/kernel/bpf_stats_enabled", "1").context("bpf_stats_enabled")?;
    for target in ["/dev", "/proc"] {
        umount2(target, MntFlags::MNT_DETACH).with_context(|| format!("unmount {target}"))?;
    }
    println!(
        "switch: {:.1} s after the kernel's start",
        clock::now_ms() / 1e3
    );
    // It also gives the memory of this file system back.
    let error = Command::new("/bin/busybox")
        .args(["switch_root", ROOT, SYSTEMD])
        .exec();
    Err(error).context("cannot start busybox switch_root")
}

fn load_modules() -> Result<()> {
    let folder = Path::new(MODULES);
    let order = fs::read_to_string(folder.join("order")).context("no order of modules")?;
    for name in order.lines() {
        let file = File::open(folder.join(name)).with_context(|| name.to_owned())?;
        finit_module(&file, &CString::default(), ModuleInitFlags::empty())
            .with_context(|| format!("cannot load {name}"))?;
    }
    Ok(())
}

/// Copies a folder with everything in it over another; files keep their modes.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let (here, there) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            // What is a link there is a folder in disguise, as /lib is in Debian.
            if !there.is_dir() {
                fs::create_dir(&there).with_context(|| there.display().to_string())?;
            }
            copy(&here, &there)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&here)?, &there).with_context(|| there.display().to_string())?;
        } else {
            fs::copy(&here, &there).with_context(|| there.display().to_string())?;
        }
    }
    Ok(())
}
