//! Pressure triggers: the kernel wakes the agent when tasks stalled for longer than a threshold.
//!
//! A trigger is written to a pressure file, yet it is no setting of the cgroup: it belongs to the
//! open descriptor, limits nothing, is seen by nobody else, and closing the descriptor removes it.
//! So triggers are used in `observe` as well, and need no journal.
//!
//! Each descriptor waits in the event loop by itself. One epoll for all of them inside the event
//! loop's own would be fewer registrations, but it loses events: the outer epoll asks the file
//! whether something happened, and that question takes the event away (a trial saw each wake of
//! the outer one and none of the inner one).

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use futures_util::future::AbortHandle;
use futures_util::stream::{Abortable, SelectAll, Stream, StreamExt as _, abortable, unfold};
use llmos_engine::units::CgroupId;
use nix::libc;
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};

use super::closer::Closer;
use super::settings::{Settings, Trigger};

/// Where the kernel gives the pressure of the whole node.
const NODE: &str = "/proc/pressure";

/// What tasks stall for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Waiting for a CPU: in a run queue, or throttled.
    Cpu,
    /// Waiting for memory: reclaim, refaults, swap.
    Memory,
}

impl Resource {
    /// As the kernel names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }
}

/// Whose pressure: a cgroup's, or the node's.
pub(super) type Place = Option<CgroupId>;

/// What a trigger told.
#[derive(Debug)]
pub(super) enum Woke {
    /// The threshold was reached.
    Stalled(Place, Resource),
    /// The file went: the cgroup was removed, or its pressure is not accounted any more.
    Gone(Place, Resource),
}

/// Why a trigger could not be placed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("no {0}: pressure is not accounted (boot parameter psi=1, or cgroup.pressure is 0)")]
    Absent(PathBuf),
    #[error("pressure is not accounted: the boot parameter psi=1 is missing")]
    Off,
    #[error("not permitted: run as root or with CAP_SYS_RESOURCE")]
    NotPermitted,
    #[error("{0} cannot be opened for a trigger: mounted read-only")]
    ReadOnly(PathBuf),
    #[error("the kernel does not take a trigger of {0}")]
    NotTaken(Trigger),
    #[error("{0}")]
    Other(String),
}

type Source = Abortable<Pin<Box<dyn Stream<Item = Woke> + Send>>>;

/// A trigger's hold in the event loop, which it leaves when this is dropped.
#[derive(Debug)]
struct Hold(AbortHandle);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// All triggers.
pub(super) struct Triggers {
    node: Vec<(Resource, Trigger)>,
    cgroups: Vec<(Resource, Trigger)>,
    closer: Closer,
    sources: SelectAll<Source>,
    holds: HashMap<Place, Vec<Hold>>,
    /// Had a window to be made wider for want of a privilege?
    widened: bool,
    last_refusal: Option<Refusal>,
}

impl Triggers {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            node: settings.node.wanted(),
            cgroups: settings.cgroups.wanted(),
            closer: Closer::default(),
            sources: SelectAll::new(),
            holds: HashMap::new(),
            widened: false,
            last_refusal: None,
        }
    }

    /// Triggers that cgroups are to have.
    pub(super) fn of_cgroups(&self) -> &[(Resource, Trigger)] {
        &self.cgroups
    }

    /// Triggers that the node is to have.
    pub(super) fn of_node(&self) -> &[(Resource, Trigger)] {
        &self.node
    }

    /// Cgroups with at least one trigger.
    pub(super) fn cgroups(&self) -> usize {
        self.holds.len() - usize::from(self.holds.contains_key(&None))
    }

    /// Does the node have all its triggers?
    pub(super) fn node_complete(&self) -> bool {
        self.holds.get(&None).map_or(0, Vec::len) == self.node.len()
    }

    /// Is there no trigger at all?
    pub(super) fn none(&self) -> bool {
        self.holds.is_empty()
    }

    /// Had a window to be made wider for want of a privilege?
    pub(super) fn widened(&self) -> bool {
        self.widened
    }

    /// Why the last one that was refused was.
    pub(super) fn last_refusal(&self) -> Option<&Refusal> {
        self.last_refusal.as_ref()
    }

    /// Triggers on the whole node; false when not all could be placed.
    pub(super) fn place_on_node(&mut self) -> bool {
        let wanted = self.node.clone();
        self.place(None, &wanted, |resource| {
            Path::new(NODE).join(resource.name())
        })
    }

    /// Triggers on the cgroup at `dir`; false when not all could be placed.
    pub(super) fn place_on(&mut self, id: CgroupId, dir: &Path) -> bool {
        let wanted = self.cgroups.clone();
        self.place(Some(id), &wanted, |resource| {
            dir.join(format!("{}.pressure", resource.name()))
        })
    }

    /// Removes the triggers of a place. Their descriptors close at the next [`Triggers::next`].
    pub(super) fn remove(&mut self, place: Place) {
        self.holds.remove(&place);
    }

    /// Waits for the next wake; never ends when nothing is placed. Can be dropped at any time.
    pub(super) async fn next(&mut self) -> Woke {
        match self.sources.next().await {
            Some(woke) => woke,
            None => std::future::pending().await,
        }
    }

    fn place(
        &mut self,
        place: Place,
        wanted: &[(Resource, Trigger)],
        file: impl Fn(Resource) -> PathBuf,
    ) -> bool {
        let mut holds = Vec::with_capacity(wanted.len());
        for (resource, trigger) in wanted.iter().copied() {
            let path = file(resource);
            match open(&path, trigger).and_then(|(file, real)| Ok((wait(file)?, real))) {
                Ok((waiting, real)) => {
                    self.widened |= real != trigger;
                    let placed = Placed {
                        file: Some(waiting),
                        closer: self.closer.clone(),
                    };
                    let (source, handle) = abortable(source(placed, place, resource));
                    self.sources.push(source);
                    holds.push(Hold(handle));
                }
                Err(refusal) => self.last_refusal = Some(refusal),
            }
        }
        let all = holds.len() == wanted.len();
        if !holds.is_empty() {
            self.holds.insert(place, holds);
        }
        all
    }
}

/// A trigger in the event loop. Its file is closed beside the loop, since that waits.
struct Placed {
    file: Option<AsyncFd<File>>,
    closer: Closer,
}

impl Drop for Placed {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            self.closer.close(file.into_inner());
        }
    }
}

/// A trigger's wakes, until its file goes.
fn source(
    placed: Placed,
    place: Place,
    resource: Resource,
) -> Pin<Box<dyn Stream<Item = Woke> + Send>> {
    Box::pin(unfold(placed, move |mut placed| async move {
        let file = placed.file.as_ref()?;
        loop {
            let ready = match file.ready(Interest::PRIORITY | Interest::ERROR).await {
                Ok(mut guard) => {
                    let ready = guard.ready();
                    guard.clear_ready();
                    ready
                }
                Err(_) => Ready::ERROR,
            };
            if ready.is_error() {
                // The kernel has removed the trigger: closing the rest takes no time.
                drop(placed.file.take());
                return Some((Woke::Gone(place, resource), placed));
            }
            if ready.is_priority() {
                return Some((Woke::Stalled(place, resource), placed));
            }
        }
    }))
}

/// Opens a pressure file and places the trigger, with a wider window where the kernel asks for it.
fn open(path: &Path, trigger: Trigger) -> Result<(File, Trigger), Refusal> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(|error| refusal(&error, path, trigger))?;
    let mut write = |trigger: Trigger| file.write(trigger.text().as_bytes());
    let placed = match (write(trigger), trigger.widened()) {
        (Ok(_), _) => trigger,
        (Err(error), Some(wide)) if error.raw_os_error() == Some(libc::EINVAL) => {
            write(wide).map_err(|error| refusal(&error, path, wide))?;
            wide
        }
        (Err(error), _) => return Err(refusal(&error, path, trigger)),
    };
    Ok((file, placed))
}

/// Registers a descriptor with the event loop. Errors are reported without being asked for;
/// asking would register for reading, which these files are always ready for.
fn wait(file: File) -> Result<AsyncFd<File>, Refusal> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(Refusal::Other("no event loop runs".to_owned()));
    }
    // SAFETY: the file owns its descriptor and nobody replaces or closes it while `AsyncFd` owns
    // the file.
    unsafe { AsyncFd::register_with_interest(file, Interest::PRIORITY) }
        .map_err(|error| Refusal::Other(format!("a trigger cannot be waited for: {error}")))
}

fn refusal(error: &io::Error, path: &Path, trigger: Trigger) -> Refusal {
    match error.raw_os_error() {
        Some(libc::ENOENT) => Refusal::Absent(path.to_owned()),
        Some(libc::EOPNOTSUPP) => Refusal::Off,
        Some(libc::EPERM | libc::EACCES) => Refusal::NotPermitted,
        Some(libc::EROFS) => Refusal::ReadOnly(path.to_owned()),
        Some(libc::EINVAL) => Refusal::NotTaken(trigger),
        _ => Refusal::Other(format!("{}: {error}", path.display())),
    }
}
