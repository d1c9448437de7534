//! One file of a cgroup that is read again and again, kept open while the budget allows.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::libc;

use crate::dir::{Dir, is_gone};
use crate::parse::Garbage;

/// A file that is there but did not give its metric.
#[derive(Debug, thiserror::Error)]
pub enum FileProblem {
    /// The read failed.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The content is not what the format allows.
    #[error("{path}: {garbage}")]
    Garbage {
        /// Which file.
        path: PathBuf,
        /// What was expected and found.
        garbage: Garbage,
    },
}

/// How many files all readers together may keep open. Clones share the count.
#[derive(Debug, Clone)]
pub struct FileBudget {
    left: Arc<AtomicUsize>,
}

impl FileBudget {
    /// A budget of `files` open files.
    #[must_use]
    pub fn new(files: usize) -> Self {
        Self {
            left: Arc::new(AtomicUsize::new(files)),
        }
    }

    /// How many more files may be kept open.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }

    fn take(&self) -> Option<Share> {
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok()
            .then(|| Share {
                left: Arc::clone(&self.left),
            })
    }
}

/// One open file's part of the budget; given back when the file is closed.
#[derive(Debug)]
pub(super) struct Share {
    left: Arc<AtomicUsize>,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }
}

/// The buffer that all reads share. It grows to the largest file seen.
#[derive(Debug)]
pub struct Scratch {
    bytes: Vec<u8>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            bytes: vec![0; 4096],
        }
    }
}

impl Scratch {
    /// Reads the whole file. A read that does not fill the buffer has reached the end: the kernel
    /// makes the text of a cgroup file in one piece.
    fn fill(&mut self, file: &File) -> io::Result<&str> {
        loop {
            let length = file.read_at(&mut self.bytes, 0)?;
            if length < self.bytes.len() {
                return std::str::from_utf8(&self.bytes[..length])
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error));
            }
            self.bytes.resize(self.bytes.len() * 2, 0);
        }
    }
}

/// What the files of one read share.
pub(super) struct Pass<'a> {
    pub(super) dir: &'a Dir,
    pub(super) budget: &'a FileBudget,
    pub(super) scratch: &'a mut Scratch,
    pub(super) problems: &'a mut Vec<FileProblem>,
    /// Look again for files that were absent: a controller may have been switched on.
    pub(super) retry_absent: bool,
}

/// A file's state between reads.
#[derive(Debug, Default)]
pub(super) enum Slot {
    /// Not opened yet, or opened anew for each read.
    #[default]
    Closed,
    /// Kept open.
    Open(
        File,
        #[expect(dead_code, reason = "held for its drop")] Share,
    ),
    /// Not there when last looked.
    Absent,
}

impl Slot {
    /// Reads and parses the file; `None` when it is absent or bad.
    pub(super) fn read<T>(
        &mut self,
        name: &str,
        pass: &mut Pass<'_>,
        parse: impl FnOnce(&str) -> Result<T, Garbage>,
    ) -> Option<T> {
        let once;
        let file = match self {
            Self::Absent if !pass.retry_absent => return None,
            Self::Open(file, _) => &*file,
            Self::Absent | Self::Closed => match pass.dir.open_file(name) {
                Ok(file) => match pass.budget.take() {
                    Some(share) => {
                        *self = Self::Open(file, share);
                        let Self::Open(file, _) = self else {
                            return None;
                        };
                        &*file
                    }
                    None => {
                        *self = Self::Closed;
                        once = file;
                        &once
                    }
                },
                Err(error) => {
                    *self = Self::Absent;
                    return report(error, name, pass);
                }
            },
        };
        match pass.scratch.fill(file) {
            Ok(text) => match parse(text) {
                Ok(value) => Some(value),
                Err(garbage) => {
                    let path = pass.dir.display(name);
                    pass.problems.push(FileProblem::Garbage { path, garbage });
                    None
                }
            },
            Err(error) => {
                // The controller was switched off, or the cgroup is gone.
                *self = Self::Absent;
                report(error, name, pass)
            }
        }
    }
}

/// An absent file is no problem, nor is pressure accounting that is off (`psi=0`).
fn report<T>(source: io::Error, name: &str, pass: &mut Pass<'_>) -> Option<T> {
    if !is_gone(&source) && source.raw_os_error() != Some(libc::EOPNOTSUPP) {
        pass.problems.push(FileProblem::Read {
            path: pass.dir.display(name),
            source,
        });
    }
    None
}
