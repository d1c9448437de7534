//! What a restore did, for people.

use std::fmt;
use std::path::PathBuf;

use super::Damage;

/// Why an original was dropped and not restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// The cgroup is gone, or another one has its name now.
    Gone,
    /// The machine was booted since; cgroups do not outlive that.
    OtherBoot,
    /// Somebody else has set the file after LLMOS did, and that stays.
    SetByOthers,
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the cgroup is gone",
            Self::OtherBoot => "the machine was booted since",
            Self::SetByOthers => "somebody else has set it since",
        })
    }
}

/// What became of each original. Failed ones stay in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RestoreReport {
    /// Files that hold their original content again.
    pub restored: Vec<PathBuf>,
    /// How many of those, and of the units, did not hold it before.
    pub written: usize,
    /// Units of systemd that have their original properties again.
    pub units: Vec<String>,
    /// What people should know of that, a line each.
    pub notes: Vec<String>,
    /// Files and units that need no restoring any more.
    pub skipped: Vec<(PathBuf, Skip)>,
    /// Files and units that could not be restored, and why.
    pub failed: Vec<(PathBuf, String)>,
    /// Records that were not believed.
    pub damage: Vec<Damage>,
    /// The process that holds the journal but did not answer, so that its limits were taken over;
    /// its process id, or `?`. It writes no limit until it has begun anew.
    pub fenced: Option<String>,
}

impl RestoreReport {
    /// Was there nothing to do?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.restored.is_empty()
            && self.units.is_empty()
            && self.skipped.is_empty()
            && self.failed.is_empty()
            && self.damage.is_empty()
    }
}

impl fmt::Display for RestoreReport {
    /// One line: `3 restored, 1 skipped, 0 failed`, and the counts of units and bad records if there
    /// are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (restored, skipped) = (self.restored.len(), self.skipped.len());
        write!(
            f,
            "{restored} restored, {skipped} skipped, {} failed",
            self.failed.len()
        )?;
        match self.units.len() {
            0 => {}
            1 => f.write_str(", 1 systemd unit restored")?,
            units => write!(f, ", {units} systemd units restored")?,
        }
        if self.damage.is_empty() {
            Ok(())
        } else {
            write!(f, ", {} bad records", self.damage.len())
        }
    }
}
