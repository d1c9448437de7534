//! Putting limits back for a writer that does not answer: the watchdog's work and `llmosctl restore`.
//!
//! The writer may be gone, hang, or be stopped at any instruction and go on at any time. So:
//!
//! 1. While it keeps originals it renews the lease. One that has run out is overdue.
//! 2. Who restores takes `takeover.lock` and looks again. If the journal's lock is free, the writer
//!    is gone: the journal is opened, restored and cleared, as at the start of an agent.
//! 3. Else it raises the fence and only then reads the journal. It restores from that and changes
//!    nothing in it, because the writer may be about to append.
//! 4. The writer looks at the fence before each write, after its original is in the journal. One
//!    that finds it raised writes nothing. It reopens the journal under `takeover.lock`, answers with
//!    a lease that bears the fence's number, and puts back what the journal still holds.
//! 5. A writer that was stopped between its look and its write makes that one write when it goes on.
//!    Its original is in the journal. So as long as the fence is not answered, limits stay overdue
//!    and are restored again; and when the writer answers or dies, 4 or 2 undoes it as well.
//!
//! `takeover.lock` also covers opening the journal, so that an agent that starts waits for one who
//! restores. It is always taken before the journal's lock, and nobody waits for that one.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use llmos_systemd::Host;

use super::lease::{self, Found, now_ns};
use super::lock::{Lock, TAKEOVER};
use super::restore::Place;
use super::store::peek;
use super::{Chosen, Done, Journal, JournalError, PATIENT, RestoreReport, boot_id, fence, restore};

/// How the limits of a state directory stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// There is no state directory.
    NoStateDir,
    /// No original is kept, so nothing is to be put back.
    Nothing,
    /// Limits are in force under a lease that lasts this long from now on.
    Held(Duration),
    /// Originals are kept and nobody answers for the limits.
    Overdue(Overdue),
}

/// Why limits are overdue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overdue {
    /// The process with this number has not renewed its lease.
    RanOut(u32),
    /// The limits were taken over from this process, which has not answered yet.
    Unanswered(u32),
    /// There is no lease.
    Missing,
    /// The lease cannot be read, and why.
    Unreadable(String),
    /// The lease is of another boot.
    OtherBoot,
}

impl Overdue {
    /// Is it sure that the writer had its time? If not, one that lives will mend it at its next tick.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        matches!(self, Self::RanOut(_) | Self::Unanswered(_))
    }
}

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RanOut(pid) => write!(f, "process {pid} has not renewed its lease"),
            Self::Unanswered(pid) => write!(f, "process {pid} has not answered the fence"),
            Self::Missing => f.write_str("limits are in the journal, but there is no lease"),
            Self::Unreadable(why) => write!(f, "the lease cannot be read ({why})"),
            Self::OtherBoot => f.write_str("the lease is of another boot"),
        }
    }
}

/// Looks at lease and journal, and changes nothing. Cheap while a lease holds.
///
/// # Errors
/// When the state directory or its journal cannot be read.
pub fn standing(state_dir: &Path) -> Result<Standing, JournalError> {
    let failed = |source| JournalError::Io {
        path: state_dir.to_owned(),
        source,
    };
    match state_dir.metadata() {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(failed(io::ErrorKind::NotADirectory.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Standing::NoStateDir),
        Err(error) => return Err(failed(error)),
    }
    let overdue = match look(state_dir, &boot_id()?)? {
        Ok(left) => return Ok(Standing::Held(left)),
        Err(overdue) => overdue,
    };
    // Damage may hide an original, so it has to be told.
    Ok(if peek(state_dir)?.is_empty() {
        Standing::Nothing
    } else {
        Standing::Overdue(overdue)
    })
}

/// How long the lease lasts, or why it does not.
fn look(state_dir: &Path, boot: &str) -> Result<Result<Duration, Overdue>, JournalError> {
    let lease = match lease::read(state_dir) {
        Found::Lease(lease) => lease,
        Found::Missing => return Ok(Err(Overdue::Missing)),
        Found::Unreadable(why) => return Ok(Err(Overdue::Unreadable(why))),
    };
    if lease.boot != boot {
        return Ok(Err(Overdue::OtherBoot));
    }
    // A damaged fence stops the writer too, so it is none that was answered.
    if fence::read(state_dir, boot)?.is_none_or(|fence| fence.epoch != lease.epoch) {
        return Ok(Err(Overdue::Unanswered(lease.pid)));
    }
    let left = lease.until_ns.saturating_sub(now_ns()?);
    Ok(if left == 0 {
        Err(Overdue::RanOut(lease.pid))
    } else {
        Ok(Duration::from_nanos(left))
    })
}

/// Puts all originals of a state directory back: what the watchdog and `llmosctl restore` do. From a
/// writer that lives but does not answer they are taken over. A state directory or journal that
/// does not exist means that there is nothing to restore.
///
/// # Errors
/// [`JournalError::InUse`] when a writer holds the journal under a lease that holds. Others when the
/// journal cannot be read or written.
pub fn restore_all(state_dir: &Path, root: &Path) -> Result<RestoreReport, JournalError> {
    restore_all_on(state_dir, root, &Host::default())
}

/// The same with systemd in another place.
///
/// # Errors
/// As [`restore_all`].
pub fn restore_all_on(
    state_dir: &Path,
    root: &Path,
    host: &Host,
) -> Result<RestoreReport, JournalError> {
    restore_chosen(state_dir, root, host, &Chosen::All)
}

/// The same for one cgroup: its path below the root, without a leading slash, or its inode, or the name
/// of its unit.
///
/// # Errors
/// As [`restore_all`].
pub fn restore_workload(
    state_dir: &Path,
    root: &Path,
    workload: &str,
) -> Result<RestoreReport, JournalError> {
    let wanted = workload.trim_matches('/').to_owned();
    restore_chosen(state_dir, root, &Host::default(), &Chosen::Named(wanted))
}

fn restore_chosen(
    state_dir: &Path,
    root: &Path,
    host: &Host,
    chosen: &Chosen,
) -> Result<RestoreReport, JournalError> {
    match state_dir.join("journal").symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(RestoreReport::default());
        }
        Err(source) => {
            return Err(JournalError::Io {
                path: state_dir.to_owned(),
                source,
            });
        }
        Ok(_) => {}
    }
    let boot = boot_id()?;
    let _takeover = Lock::take(state_dir, TAKEOVER, PATIENT)?;
    let in_use = match Journal::under_takeover(state_dir, boot.clone()) {
        Ok(mut journal) => {
            journal.set_host(host.clone());
            let mut report = journal.put_back(root, chosen, &restore::nobody_elses)?;
            report.damage = journal.damage;
            return Ok(report);
        }
        Err(error @ JournalError::InUse { .. }) => error,
        Err(error) => return Err(error),
    };
    // A writer that holds nothing needs no lease and is left in peace.
    if peek(state_dir)?.is_empty() {
        return Ok(RestoreReport::default());
    }
    let overdue = match look(state_dir, &boot)? {
        Ok(_) => return Err(in_use),
        Err(overdue) => overdue,
    };
    if !matches!(overdue, Overdue::Unanswered(_)) || fence::read(state_dir, &boot)?.is_none() {
        fence::raise(state_dir, &boot)?;
    }
    // Read after the fence is up: what was appended before is in it.
    let journal = peek(state_dir)?;
    let work = chosen.of(&journal.live, &journal.units);
    let place = Place {
        root,
        host,
        boot: &boot,
        // What a writer that hangs last wrote only it knows.
        theirs: &restore::nobody_elses,
    };
    let Done { mut report, .. } = restore::restore(&work, &place, restore::PATIENCE);
    report.damage = journal.damage;
    if let JournalError::InUse { holder, .. } = in_use {
        report.fenced = Some(holder);
    }
    Ok(report)
}
