//! Keeps what is known of each series over a restart of the agent: `STATE_DIR/forecasts`.
//!
//! The file holds one record for each series (see `record`), each with a checksum, behind a header
//! that says whose it is. It is written every few minutes and on stop: some series a tick are
//! encoded by the loop and handed to a thread, which writes to another name and renames at the end,
//! so that there is always one whole file.
//!
//! What does not fit is dropped, with one line in the log:
//!
//! - another format, tick length or boot (cgroup ids are of one boot), or older than a day: all;
//! - another model: its recurrent state and what was known of it; the rest stays;
//! - a record that is damaged: it and all behind it;
//! - a cgroup that is gone: forgotten by the first tick.
//!
//! The time without an agent counts as ticks without a value. After more than thirty of them the
//! recurrent state starts anew.

mod header;
mod numbers;
mod read;
mod record;
mod save;
#[cfg(test)]
mod tests;
mod write;

use std::path::PathBuf;
use std::time::Duration;

use llmos_engine::forecast::SeriesForecaster;
use llmos_engine::units::Timestamp;

use crate::probes::ProbeHealth;
use header::Header;
use read::Restored;
use save::Save;

/// Name of the component in the status.
const NAME: &str = "forecast_state";
/// Name of the file.
const FILE: &str = "forecasts";
/// A larger file is neither written nor read: some ten thousand series.
const MAX_BYTES: u64 = 64 << 20;

/// Whose state it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Id of this boot.
    pub boot_id: String,
    /// Length of a tick.
    pub tick: Duration,
    /// The model that is loaded.
    pub model: Option<ModelId>,
}

/// Which model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelId {
    /// Its name.
    pub name: String,
    /// SHA-256 of its file.
    pub sha256: String,
}

/// Saves the state, and says how that goes.
#[derive(Debug)]
pub struct ForecastState {
    dir: PathBuf,
    owner: Owner,
    /// Time between two saves; `None` is never.
    every: Option<Duration>,
    /// When the last save began, or the agent did.
    last: Timestamp,
    /// The last tick.
    now: Timestamp,
    save: Option<Save>,
    /// What is wrong, if something is.
    trouble: Option<String>,
    restored: Option<u64>,
}

impl ForecastState {
    /// For a directory of state. Nothing is read or written yet.
    #[must_use]
    pub fn new(dir: PathBuf, every: Option<Duration>, owner: Owner) -> Self {
        Self {
            dir,
            owner,
            every,
            last: Timestamp(0),
            now: Timestamp(0),
            save: None,
            trouble: None,
            restored: None,
        }
    }

    /// Puts back what was saved; before the first tick. What cannot be is logged in one line.
    pub fn restore(&mut self, now: Timestamp, series: &mut SeriesForecaster) {
        (self.last, self.now) = (now, now);
        if self.every.is_none() {
            return;
        }
        let path = self.dir.join(FILE);
        match read::restore(&path, &self.owner, now, series) {
            Ok(None) => {}
            Ok(Some(Restored {
                series,
                same_model,
                damage,
            })) => {
                let model = if same_model {
                    ""
                } else {
                    ", without its model's"
                };
                match damage {
                    None => tracing::info!(series, "forecasting state restored{model}"),
                    Some(damage) => tracing::warn!(
                        series,
                        "{}: {damage}; forecasting state before it is restored{model}",
                        path.display()
                    ),
                }
                self.restored = Some(series);
            }
            Err(cause) => {
                tracing::warn!("{}: {cause}; forecasts begin anew", path.display());
            }
        }
        self.trouble = write::try_out(&self.dir).err();
        if let Some(trouble) = &self.trouble {
            tracing::warn!("forecasting state cannot be saved: {trouble}");
        }
    }

    /// Goes on with a save, or begins one when it is time. Call it after each tick of the engine.
    pub fn tick(&mut self, now: Timestamp, series: &mut SeriesForecaster) {
        self.now = now;
        if let Some(save) = &mut self.save {
            save.go_on(now, series);
            self.finish_if_done();
            return;
        }
        let due = |every: Duration| now.seconds_since(self.last) >= every.as_secs_f64();
        if self.every.is_some_and(due) {
            self.begin(now, series);
        }
    }

    /// Saves all at once: the agent stops. A save that is under way is given up for it.
    pub fn stop(&mut self, series: &mut SeriesForecaster) {
        if let Some(save) = self.save.take() {
            save.give_up();
        }
        if self.every.is_none() {
            return;
        }
        self.begin(self.now, series);
        if let Some(mut save) = self.save.take() {
            save.all(self.now, series);
            let result = save.wait();
            self.note(result);
        }
    }

    /// How it is, for the status.
    #[must_use]
    pub fn health(&self) -> ProbeHealth {
        let Some(every) = self.every else {
            return ProbeHealth::off(NAME);
        };
        if let Some(trouble) = &self.trouble {
            let cause = format!("{trouble}; forecasts begin anew after a restart");
            return ProbeHealth::degraded(NAME, cause);
        }
        let mut what = format!(
            "saved every {} s in {}",
            every.as_secs(),
            self.dir.join(FILE).display()
        );
        if let Some(restored) = self.restored {
            what = format!("{what}; {restored} series restored at the start");
        }
        ProbeHealth::healthy(NAME, what)
    }

    fn begin(&mut self, now: Timestamp, series: &SeriesForecaster) {
        self.last = now;
        let header = Header::of(&self.owner, series.state_of(), now);
        match Save::begin(&self.dir, &header) {
            Ok(save) => self.save = Some(save),
            Err(trouble) => self.note(Err(trouble)),
        }
    }

    fn finish_if_done(&mut self) {
        if self.save.as_ref().is_some_and(Save::is_done)
            && let Some(save) = self.save.take()
        {
            let result = save.wait();
            self.note(result);
        }
    }

    fn note(&mut self, result: Result<u64, String>) {
        let trouble = match result {
            Ok(series) => {
                tracing::debug!(series, "forecasting state saved");
                None
            }
            Err(trouble) => Some(trouble),
        };
        if trouble != self.trouble {
            match &trouble {
                Some(trouble) => tracing::warn!("forecasting state cannot be saved: {trouble}"),
                None => tracing::info!("forecasting state can be saved again"),
            }
        }
        self.trouble = trouble;
    }
}
