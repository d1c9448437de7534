//! What a holder of the journal does beside keeping originals: looks at the fence before it writes,
//! renews its lease, and begins anew after its limits were taken over. See `takeover` for why.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use super::lease::{Held, Lease, now_ns};
use super::lock::{Lock, TAKEOVER};
use super::store::Store;
use super::{Chosen, Journal, JournalError, RestoreReport, fence, restore};

/// The fence of a state directory; a damaged one is replaced. Only while the takeover lock is held.
pub(super) fn current_epoch(state_dir: &Path, boot: &str) -> Result<u64, JournalError> {
    match fence::read(state_dir, boot)? {
        Some(fence) => Ok(fence.epoch),
        None => fence::raise(state_dir, boot),
    }
}

/// A look at the fence under which a journal was opened.
#[derive(Debug, Clone)]
pub struct FenceView<'a> {
    state_dir: Cow<'a, Path>,
    boot: Cow<'a, str>,
    epoch: u64,
}

impl FenceView<'_> {
    /// The same, to be kept.
    #[must_use]
    pub fn into_owned(self) -> FenceView<'static> {
        FenceView {
            state_dir: Cow::Owned(self.state_dir.into_owned()),
            boot: Cow::Owned(self.boot.into_owned()),
            epoch: self.epoch,
        }
    }

    /// May a limit still be set? The last thing to ask before that.
    ///
    /// # Errors
    /// [`JournalError::Fenced`] when somebody took the limits over.
    pub fn check(&self) -> Result<(), JournalError> {
        let by = match fence::read(&self.state_dir, &self.boot)? {
            Some(fence) if fence.epoch == self.epoch => return Ok(()),
            Some(fence) => fence.by,
            None => "?".to_owned(),
        };
        Err(JournalError::Fenced {
            state_dir: self.state_dir.clone().into_owned(),
            by,
        })
    }
}

impl Journal {
    /// Sets how long limits may stand without [`Journal::renew`]; ten seconds unless it is set.
    pub fn set_lease(&mut self, duration: Duration) {
        self.lease_for = duration;
    }

    /// Renews the lease if originals are kept. To be called well within each lease.
    ///
    /// # Errors
    /// [`JournalError::Fenced`] when somebody put the limits back meanwhile: then nothing may be
    /// written before [`Journal::reopen`]. Others when the lease cannot be written.
    pub fn renew(&mut self) -> Result<(), JournalError> {
        self.check_fence()?;
        if self.is_empty() {
            return Ok(());
        }
        self.write_lease(self.epoch)
    }

    /// The same before limits are put back, which needs no lease: on a full disk there may be no room
    /// for one, and whoever finds it run out puts back the same originals.
    pub(super) fn renew_to_restore(&mut self) -> Result<(), JournalError> {
        match self.renew() {
            Err(error @ JournalError::Fenced { .. }) => Err(error),
            _ => Ok(()),
        }
    }

    /// Begins anew after a takeover: reads the journal again, puts back all that is still in it (a
    /// late write of ours too), answers the fence and takes a new lease. Waits as long as `wait` for
    /// one who is just restoring. Units of systemd are left to the caller.
    ///
    /// # Errors
    /// When somebody else still restores, or files cannot be read or written.
    pub fn reopen(&mut self, root: &Path, wait: Duration) -> Result<RestoreReport, JournalError> {
        let _takeover = Lock::take(&self.state_dir, TAKEOVER, wait)?;
        let (store, damage) = Store::open(&self.state_dir)?;
        self.store = store;
        self.damage.clone_from(&damage);
        let epoch = current_epoch(&self.state_dir, &self.boot)?;
        self.lease = Held::default();
        self.write_lease(epoch)?;
        // Only now: without the answer on disk others go on restoring.
        self.epoch = epoch;
        let mut report = self.put_back(root, &Chosen::Files(None), &restore::nobody_elses)?;
        report.damage = damage;
        Ok(report)
    }

    /// May a limit be written now? The last thing to ask before a write.
    pub(crate) fn check_fence(&self) -> Result<(), JournalError> {
        self.fence().check()
    }

    /// The fence as it is now, to be looked at by somebody else who writes for us.
    pub(crate) fn fence(&self) -> FenceView<'_> {
        FenceView {
            state_dir: Cow::Borrowed(&self.state_dir),
            boot: Cow::Borrowed(&self.boot),
            epoch: self.epoch,
        }
    }

    /// Makes sure of fence and lease before anything is changed.
    pub(crate) fn hold(&mut self) -> Result<(), JournalError> {
        self.check_fence()?;
        let left = self.lease.until_ns().saturating_sub(now_ns()?);
        if u128::from(left) <= self.lease_for.as_nanos() / 2 {
            self.write_lease(self.epoch)?;
        }
        Ok(())
    }

    pub(super) fn write_lease(&mut self, epoch: u64) -> Result<(), JournalError> {
        let nanos = u64::try_from(self.lease_for.as_nanos()).unwrap_or(u64::MAX);
        let lease = Lease {
            boot: self.boot.clone(),
            epoch,
            until_ns: now_ns()?.saturating_add(nanos),
            pid: std::process::id(),
        };
        self.lease.write(&self.state_dir, &lease)
    }
}
