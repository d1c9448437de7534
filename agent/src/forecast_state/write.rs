//! Writes the file beside the one of before, on a thread of its own, and puts it in its place.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};

use super::FILE;

/// Name under which it is written.
const UNFINISHED: &str = "forecasts.new";
/// Parts on the way to the thread at most.
const PARTS: usize = 2;

/// The thread, and the way to it.
#[derive(Debug)]
pub(super) struct Writer {
    to: Option<SyncSender<Part>>,
    thread: JoinHandle<Result<(), String>>,
}

struct Part {
    bytes: Vec<u8>,
    last: bool,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// Why that cannot be, in one line.
    pub(super) fn start(dir: &Path) -> Result<Self, String> {
        let (to, from) = sync_channel(PARTS);
        let dir = dir.to_owned();
        let thread = Builder::new()
            .name("llmos-forecasts".to_owned())
            .spawn(move || write(&dir, &from))
            .map_err(|error| format!("no thread to write it: {error}"))?;
        Ok(Self {
            to: Some(to),
            thread,
        })
    }

    /// Hands over a part if there is room for it, else gives it back. After the last part there is
    /// no way to the thread any more.
    pub(super) fn offer(&mut self, bytes: Vec<u8>, last: bool) -> Option<Vec<u8>> {
        let to = self.to.as_ref()?;
        match to.try_send(Part { bytes, last }) {
            Err(TrySendError::Full(part)) => return Some(part.bytes),
            // A thread that ended early says why when it is waited for.
            Err(TrySendError::Disconnected(_)) => {}
            Ok(()) if !last => return None,
            Ok(()) => {}
        }
        self.to = None;
        None
    }

    /// The same, but waits for room.
    pub(super) fn send(&mut self, bytes: Vec<u8>, last: bool) {
        let sent = self.to.as_ref().map(|to| to.send(Part { bytes, last }));
        if last || !matches!(sent, Some(Ok(()))) {
            self.to = None;
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the thread; without a last part nothing stays of what it wrote.
    ///
    /// # Errors
    /// What went wrong, in one line.
    pub(super) fn wait(self) -> Result<(), String> {
        drop(self.to);
        match self.thread.join() {
            Ok(result) => result,
            Err(_) => Err("the thread that writes it ended early".to_owned()),
        }
    }
}

/// Makes the directory if need be and sees whether a file can be made there.
///
/// # Errors
/// Why not, in one line.
pub(super) fn try_out(dir: &Path) -> Result<(), String> {
    create(dir)?;
    remove(&dir.join(UNFINISHED))
}

fn write(dir: &Path, from: &Receiver<Part>) -> Result<(), String> {
    let path = dir.join(UNFINISHED);
    let result = create(dir).and_then(|file| fill(file, &path, from));
    match result {
        Ok(()) => put_in_place(dir, &path),
        Err(error) => {
            // Nothing is lost when it stays: the next one begins anew.
            drop(remove(&path));
            Err(error)
        }
    }
}

fn create(dir: &Path) -> Result<File, String> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| format!("{}: {error}", dir.display()))?;
    let path = dir.join(UNFINISHED);
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn fill(mut file: File, path: &Path, from: &Receiver<Part>) -> Result<(), String> {
    let failed = |error| format!("{}: {error}", path.display());
    for Part { bytes, last } in from {
        file.write_all(&bytes).map_err(failed)?;
        if last {
            return file.sync_all().map_err(failed);
        }
    }
    Err("given up before its end".to_owned())
}

fn put_in_place(dir: &Path, path: &Path) -> Result<(), String> {
    let place: PathBuf = dir.join(FILE);
    let failed = |error| format!("{}: {error}", place.display());
    fs::rename(path, &place).map_err(failed)?;
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(failed)
}

fn remove(path: &Path) -> Result<(), String> {
    fs::remove_file(path).map_err(|error| format!("{}: {error}", path.display()))
}
