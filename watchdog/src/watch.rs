//! The watch: looks at the lease, restores when it is overdue, and says each change once.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use llmos_cgroupfs::{
    JournalError, Overdue, Presence, RestoreReport, Standing, restore_all, standing,
};
use sd_notify::NotifyState;

use crate::patience::Patience;

/// Watches one state directory.
#[derive(Debug)]
pub struct Watch {
    state_dir: PathBuf,
    root: PathBuf,
    poll: Duration,
    patience: Patience,
    presence: Option<Presence>,
    /// The line that was said last, so that it is not said again.
    said: String,
    /// The process whose limits were taken over and that has not answered yet.
    waiting_for: Option<u32>,
}

impl Watch {
    /// A watch over `state_dir` for the hierarchy at `root`.
    pub fn new(state_dir: PathBuf, root: PathBuf, poll: Duration) -> Self {
        Self {
            patience: Patience::new(poll),
            state_dir,
            root,
            poll,
            presence: None,
            said: String::new(),
            waiting_for: None,
        }
    }

    /// Watches until the process is ended.
    ///
    /// # Errors
    /// At the start only: when another watchdog runs, or the state directory cannot be used. Later
    /// errors are said, and the watch goes on.
    pub fn run(mut self) -> Result<Infallible, JournalError> {
        self.announce()?;
        standing(&self.state_dir)?;
        notify(NotifyState::Ready);
        loop {
            if let Err(error) = self.look() {
                self.say(error.to_string());
            }
            notify(NotifyState::Watchdog);
            std::thread::sleep(self.poll);
        }
    }

    /// Says that it watches, to people and to the agent, as soon as there is something to watch.
    fn announce(&mut self) -> Result<(), JournalError> {
        let dir = self.state_dir.display().to_string();
        if !self.state_dir.exists() {
            self.say(format!("{dir} does not exist yet: nothing to watch"));
            return Ok(());
        }
        self.presence = Some(Presence::announce(&self.state_dir)?);
        self.say(format!("watching the limits of {dir}"));
        Ok(())
    }

    fn look(&mut self) -> Result<(), JournalError> {
        let now = Instant::now();
        match standing(&self.state_dir)? {
            Standing::NoStateDir => {
                self.presence = None;
                self.patience.calm();
                self.announce()
            }
            Standing::Nothing | Standing::Held(_) => {
                self.patience.calm();
                if let Some(pid) = self.waiting_for.take() {
                    self.say(format!("process {pid} has begun anew or is gone"));
                }
                self.be_present()
            }
            Standing::Overdue(why) => {
                self.be_present()?;
                let (due, new) = self.patience.overdue(now, &why);
                if new && !why.is_sure() {
                    let dir = self.state_dir.display();
                    self.say(format!("{dir}: {why}; if that stays so, limits go back"));
                }
                if due {
                    self.restore(&why)?;
                }
                Ok(())
            }
        }
    }

    fn be_present(&mut self) -> Result<(), JournalError> {
        if self.presence.is_none() {
            return self.announce();
        }
        Ok(())
    }

    fn restore(&mut self, why: &Overdue) -> Result<(), JournalError> {
        let outcome = restore_all(&self.state_dir, &self.root);
        let report = match outcome {
            Ok(report) => report,
            // It renewed its lease in the last moment.
            Err(JournalError::InUse { .. }) => return Ok(()),
            Err(error) => {
                self.patience.failed(Instant::now());
                return Err(error);
            }
        };
        if report.failed.is_empty() {
            self.patience.done();
        } else {
            self.patience.failed(Instant::now());
        }
        let again = matches!(why, Overdue::Unanswered(_)) && self.waiting_for.is_some();
        if let (Overdue::RanOut(pid) | Overdue::Unanswered(pid), Some(_)) = (why, &report.fenced) {
            self.waiting_for = Some(*pid);
        }
        self.tell(why, &report, again);
        Ok(())
    }

    fn tell(&mut self, why: &Overdue, report: &RestoreReport, again: bool) {
        if again && report.written == 0 && report.failed.is_empty() {
            return;
        }
        let late = if again { " after a late write" } else { "" };
        let fence = match &report.fenced {
            Some(pid) => format!("; process {pid} still holds the journal and is fenced off"),
            None => String::new(),
        };
        self.say(format!("{why}: limits put back{late}: {report}{fence}"));
        let failed = report.failed.iter();
        let failed = failed.map(|(path, why)| format!("{}: {why}", path.display()));
        let damage = report.damage.iter().map(ToString::to_string);
        for line in failed.chain(damage).chain(report.notes.iter().cloned()) {
            eprintln!("llmos-watchdog: {line}");
        }
    }

    fn say(&mut self, line: String) {
        if self.said != line {
            eprintln!("llmos-watchdog: {line}");
            self.said = line;
        }
    }
}

/// The error as exit code (`sysexits.h`).
pub fn exit_code(error: &JournalError) -> u8 {
    match error {
        JournalError::InUse { .. } | JournalError::Fenced { .. } => 75,
        JournalError::Version { .. } => 65,
        JournalError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => 77,
        JournalError::Io { .. } => 74,
    }
}

/// For systemd, which starts a watchdog again that hangs. Without systemd it does nothing.
fn notify(state: NotifyState<'_>) {
    // It runs all the same.
    let _ = sd_notify::notify(&[state]);
}
