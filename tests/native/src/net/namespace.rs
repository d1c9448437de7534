//! A network namespace without a name: it lives as long as its descriptor or a process in it, so
//! nothing of it can be left behind.

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sched::{CloneFlags, setns, unshare};

use super::Traffic;

/// The namespace of the calling thread; `/proc/self` would be that of the first thread.
const OWN: &str = "/proc/thread-self/ns/net";
/// What IPv6 would do by itself on a new link: find duplicates, look for routers, make an address
/// and announce it late. Each is a packet of nobody in the counters.
const QUIET: [(&str, &str); 4] = [
    ("accept_dad", "0"),
    ("router_solicitations", "0"),
    ("addr_gen_mode", "1"),
    ("mldv2_unsolicited_report_interval", "1"),
];
const QUIET_FOR: Duration = Duration::from_millis(300);
const QUIET_WITHIN: Duration = Duration::from_secs(10);

/// A network namespace.
#[derive(Debug)]
pub struct Netns {
    file: File,
}

impl Netns {
    /// A new one, empty but for a loopback device that is down.
    ///
    /// # Errors
    /// Without the right to make one.
    pub fn new() -> Result<Self> {
        let file = in_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).context("making a network namespace")?;
            for (key, value) in QUIET {
                for links in ["all", "default"] {
                    let path = format!("/proc/sys/net/ipv6/conf/{links}/{key}");
                    fs::write(&path, value).with_context(|| path.clone())?;
                }
            }
            File::open(OWN).context(OWN)
        })?;
        Ok(Self { file })
    }

    /// Runs something inside, on a thread of its own.
    ///
    /// # Errors
    /// When it cannot be entered, and what the work fails with.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        in_thread(|| {
            setns(&self.file, CloneFlags::CLONE_NEWNET).context("entering a namespace")?;
            work()
        })
    }

    /// A path by which other processes can enter it while this process holds it.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        let fd = self.file.as_raw_fd();
        format!("/proc/{}/fd/{fd}", std::process::id()).into()
    }

    /// Its descriptor.
    #[must_use]
    pub fn fd(&self) -> i32 {
        self.file.as_raw_fd()
    }

    /// All traffic in it so far, by the counters of its own IP layer.
    ///
    /// # Errors
    /// When a counter is not there.
    pub fn traffic(&self) -> Result<Traffic> {
        self.inside(Traffic::of_this_namespace)
    }

    /// Waits until nothing moves in it.
    ///
    /// # Errors
    /// When it does not become quiet.
    pub fn settle(&self) -> Result<()> {
        let start = Instant::now();
        let (mut last, mut since) = (self.traffic()?, Instant::now());
        while since.elapsed() < QUIET_FOR {
            ensure!(
                start.elapsed() < QUIET_WITHIN,
                "the new network namespace does not become quiet: {last:?}"
            );
            thread::sleep(Duration::from_millis(20));
            let now = self.traffic()?;
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
        Ok(())
    }
}

/// Runs something on a thread of its own, since a namespace is entered by a thread.
fn in_thread<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| scope.spawn(work).join())
        .ok()
        .context("a thread in a network namespace panicked")?
}
