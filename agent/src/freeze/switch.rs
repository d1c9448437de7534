//! The switch that people freeze all limits with. It is a file: whoever may make it freezes, with or
//! without the socket, and it outlasts the agent. Socket and signals make and remove the same file.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::libc;

/// Most characters of a cause.
const LONGEST: usize = 200;
/// As many bytes of the file are read; four for each character suffice.
const READ_BYTES: u64 = 4 * LONGEST as u64 + 4;
const NO_CAUSE: &str = "no cause given";

/// Why all limits are frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// In the words of who froze; one line.
    pub cause: String,
    /// Why it does not survive a restart of the agent, if it does not.
    pub not_kept: Option<String>,
}

/// The file could not be made or removed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {}: {source}", path.display())]
pub struct SwitchError {
    path: PathBuf,
    step: &'static str,
    source: io::Error,
}

/// See the module.
#[derive(Debug)]
pub struct Switch {
    file: PathBuf,
    state: Mutex<State>,
    /// Held by who works on the file.
    disk: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// What was asked for and is not on disk yet, and how much was asked for so far.
    asked: Option<Ask>,
    asks: u64,
    /// Frozen although the file could not be made.
    not_kept: Option<Frozen>,
}

#[derive(Debug, Clone)]
enum Ask {
    Freeze(String),
    Unfreeze,
}

impl Switch {
    /// The switch at this path.
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        Self {
            file,
            state: Mutex::default(),
            disk: Mutex::default(),
        }
    }

    /// The file that freezes while it is there.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Why all limits are frozen, if they are. One look at the file system when they are not.
    #[must_use]
    pub fn frozen(&self) -> Option<Frozen> {
        {
            let state = self.state();
            if let Some(Ask::Freeze(cause)) = &state.asked {
                return Some(Frozen {
                    cause: cause.clone(),
                    not_kept: Some("it is not on disk yet".to_owned()),
                });
            }
            if let Some(frozen) = &state.not_kept {
                return Some(frozen.clone());
            }
        }
        let kept = |cause| Frozen {
            cause,
            not_kept: None,
        };
        cause_in(&self.file).map(kept)
    }

    /// Freezes from now on. [`Switch::settle`] makes that last.
    pub fn freeze(&self, cause: Option<String>) {
        self.ask(Ask::Freeze(cause.unwrap_or_else(|| NO_CAUSE.to_owned())));
    }

    /// Asks to unfreeze; [`Switch::settle`] does it.
    pub fn unfreeze(&self) {
        self.ask(Ask::Unfreeze);
    }

    fn ask(&self, ask: Ask) {
        let mut state = self.state();
        state.asked = Some(ask);
        state.asks += 1;
    }

    /// Makes the file as was asked for last, synced. May wait for the disk.
    ///
    /// # Errors
    /// When it cannot be made, in which case limits are frozen until the agent stops; when it
    /// cannot be removed, in which case they stay frozen.
    pub fn settle(&self) -> Result<(), SwitchError> {
        let _disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        let (ask, number) = {
            let state = self.state();
            (state.asked.clone(), state.asks)
        };
        let (not_kept, result) = match ask {
            None => return Ok(()),
            Some(Ask::Freeze(cause)) => {
                let result = self.make(&cause);
                let not_kept = result.as_ref().err().map(|error| Frozen {
                    cause,
                    not_kept: Some(error.to_string()),
                });
                (not_kept, result)
            }
            Some(Ask::Unfreeze) => (None, self.remove()),
        };
        if let Err(error) = &result {
            tracing::error!(%error, "the freeze switch is not as it was asked to be on disk");
        }
        let mut state = self.state();
        state.not_kept = not_kept;
        if state.asks == number {
            state.asked = None;
        }
        result
    }

    /// The file is there before it is full: on a disk without room it freezes all the same.
    fn make(&self, cause: &str) -> Result<(), SwitchError> {
        let dir = self.dir();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(self.failed("make the directory of"))?;
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(&self.file)
            .map_err(self.failed("make"))?;
        writeln!(file, "{cause}")
            .and_then(|()| file.sync_all())
            .map_err(self.failed("write"))?;
        self.sync(dir)
    }

    fn remove(&self) -> Result<(), SwitchError> {
        match fs::remove_file(&self.file) {
            Ok(()) => self.sync(self.dir()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(self.failed("remove")(error)),
        }
    }

    fn sync(&self, dir: &Path) -> Result<(), SwitchError> {
        File::open(dir)
            .and_then(|dir| dir.sync_all())
            .map_err(self.failed("sync the directory of"))
    }

    fn dir(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }

    fn failed(&self, step: &'static str) -> impl Fn(io::Error) -> SwitchError {
        let path = self.file.clone();
        move |source| SwitchError {
            path: path.clone(),
            step,
            source,
        }
    }

    // What stands in it is whole between any two statements.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A cause as somebody sends it, without the space around it; `None` when it is empty.
///
/// # Errors
/// What was expected, when it is too long or more than a line.
pub fn cause(text: &str) -> Result<Option<String>, String> {
    let text = text.trim();
    if text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        return Err(format!(
            "expected a cause of one line and at most {LONGEST} characters"
        ));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// The cause in the file; `None` when it is not there. Whatever it is, it freezes, and so does one of
/// which nobody can tell.
fn cause_in(file: &Path) -> Option<String> {
    match file.symlink_metadata() {
        Err(error) if is_absent(&error) => return None,
        Err(error) => {
            return Some(format!(
                "cannot tell whether {} is there: {error}",
                file.display()
            ));
        }
        Ok(_) => {}
    }
    Some(match first_line(file) {
        Ok(line) if line.is_empty() => NO_CAUSE.to_owned(),
        Ok(line) => line,
        Err(error) => format!("{NO_CAUSE} ({} cannot be read: {error})", file.display()),
    })
}

/// Does not wait, as on a pipe that nobody writes to.
fn first_line(file: &Path) -> io::Result<String> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(file)?;
    if !opened.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    opened.take(READ_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().next().unwrap_or_default();
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let line: String = line.chars().map(plain).take(LONGEST).collect();
    Ok(line.trim().to_owned())
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests;
