//! An inotify descriptor that the event loop waits for.

use std::os::fd::{AsFd as _, AsRawFd, RawFd};

use nix::errno::Errno;
use nix::sys::inotify::{InitFlags, Inotify, InotifyEvent};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Reads of the queue per wake, each of up to 4 KiB.
const READS_PER_WAKE: usize = 8;

/// inotify as something with a raw descriptor.
#[derive(Debug)]
struct Raw(Inotify);

impl AsRawFd for Raw {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Source(AsyncFd<Raw>);

impl Source {
    /// A descriptor without watches, or why there is none.
    pub(super) fn new() -> Result<Self, String> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err("no event loop runs".to_owned());
        }
        let inotify =
            Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(|errno| {
                match errno {
                    Errno::EMFILE => {
                        "the bound fs.inotify.max_user_instances is reached".to_owned()
                    }
                    other => format!("inotify cannot be used: {other}"),
                }
            })?;
        // SAFETY: the source owns its descriptor and nobody replaces or closes it while `AsyncFd`
        // owns the source.
        unsafe { AsyncFd::register_with_interest(Raw(inotify), Interest::READABLE) }
            .map(Self)
            .map_err(|error| format!("inotify cannot be waited for: {error}"))
    }

    /// To add and remove watches.
    pub(super) fn inotify(&self) -> &Inotify {
        &self.0.get_ref().0
    }

    /// A bounded number of announcements, and why there will be no more. Dropping the future loses
    /// nothing.
    async fn announced(&self) -> (Vec<InotifyEvent>, Option<String>) {
        let mut events = Vec::new();
        let mut guard = match self.0.readable().await {
            Ok(guard) => guard,
            Err(error) => return (events, Some(error.to_string())),
        };
        for _ in 0..READS_PER_WAKE {
            match guard.get_inner().0.read_events() {
                Ok(more) => events.extend(more),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    guard.clear_ready();
                    break;
                }
                Err(errno) => return (events, Some(errno.to_string())),
            }
        }
        (events, None)
    }
}

/// Waits for announcements; for ever where there is no source. One that fails is given up, and `then` says
/// in the log what becomes of what it told. Dropping the future loses nothing.
pub(super) async fn collect(source: &mut Result<Source, String>, then: &str) -> Vec<InotifyEvent> {
    let Ok(working) = source else {
        return std::future::pending().await;
    };
    let (events, failed) = working.announced().await;
    if let Some(error) = failed {
        tracing::error!(error, "inotify failed; {then}");
        *source = Err(format!("inotify failed: {error}"));
    }
    events
}
