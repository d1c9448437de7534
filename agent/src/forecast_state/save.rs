//! One save: some series a tick are encoded and handed to the thread that writes.

use std::path::Path;

use llmos_engine::forecast::{Numbers as _, SeriesForecaster, SeriesKey};
use llmos_engine::units::Timestamp;

use super::header::Header;
use super::numbers::Out;
use super::write::Writer;
use super::{MAX_BYTES, record};

/// Series that are encoded in one tick: a fraction of a millisecond, and some 200 KiB on the way.
const PER_TICK: usize = 32;
/// Room for the last record.
const ROOM: u64 = 64;

/// A save that is under way.
#[derive(Debug)]
pub(super) struct Save {
    writer: Writer,
    /// Encoded, but the writer is not ready for it.
    waiting: Vec<u8>,
    /// The series that was encoded last.
    after: Option<SeriesKey>,
    series: u64,
    bytes: u64,
    /// All is encoded.
    complete: bool,
}

impl Save {
    /// Begins to write.
    ///
    /// # Errors
    /// Why that cannot be, in one line.
    pub(super) fn begin(dir: &Path, header: &Header) -> Result<Self, String> {
        let mut first = Vec::new();
        record::append(&mut first, record::HEADER, |body| header.encode(body));
        let bytes = first.len() as u64;
        let mut writer = Writer::start(dir)?;
        writer.send(first, false);
        Ok(Self {
            writer,
            bytes,
            waiting: Vec::new(),
            after: None,
            series: 0,
            complete: false,
        })
    }

    /// Encodes the next series, unless the writer is behind.
    pub(super) fn go_on(&mut self, now: Timestamp, series: &mut SeriesForecaster) {
        if self.waiting.is_empty() {
            if self.complete {
                return;
            }
            self.encode(PER_TICK, now, series);
        }
        let whole = std::mem::take(&mut self.waiting);
        self.waiting = self.writer.offer(whole, self.complete).unwrap_or_default();
    }

    /// Encodes all that is left and waits for the writer.
    pub(super) fn all(&mut self, now: Timestamp, series: &mut SeriesForecaster) {
        while !self.complete {
            self.encode(PER_TICK, now, series);
            let whole = std::mem::take(&mut self.waiting);
            self.writer.send(whole, self.complete);
        }
    }

    /// Has the writer ended, well or not?
    pub(super) fn is_done(&self) -> bool {
        self.writer.is_done()
    }

    /// Waits for the writer; how many series were saved.
    ///
    /// # Errors
    /// Why they were not, in one line.
    pub(super) fn wait(self) -> Result<u64, String> {
        self.writer.wait()?;
        Ok(self.series)
    }

    /// Ends it; the file of before stays.
    pub(super) fn give_up(self) {
        // That it did not end well is what was asked for.
        drop(self.writer.wait());
    }

    fn encode(&mut self, most: usize, now: Timestamp, series: &mut SeriesForecaster) {
        for _ in 0..most {
            let before = self.waiting.len();
            let next = record::append(&mut self.waiting, record::SERIES, |body| {
                one(body, self.after, now, series)
            });
            let grown = (self.waiting.len() - before) as u64;
            let Some((key, believed)) = next else {
                self.waiting.truncate(before);
                return self.end();
            };
            self.after = Some(key);
            if !believed {
                self.waiting.truncate(before);
                continue;
            }
            if self.bytes + grown + ROOM > MAX_BYTES {
                self.waiting.truncate(before);
                return self.end();
            }
            self.series += 1;
            self.bytes += grown;
        }
    }

    fn end(&mut self) {
        record::append(&mut self.waiting, record::END, |_| ());
        self.complete = true;
    }
}

/// The body of the next series: its key, now, and its numbers. Tells whether they could be put back.
fn one(
    body: &mut Vec<u8>,
    after: Option<SeriesKey>,
    now: Timestamp,
    series: &mut SeriesForecaster,
) -> Option<(SeriesKey, bool)> {
    let key = series.next_key(after)?;
    let mut out = Out::new(body);
    for number in [key.0.0, key.1 as u64, now.0] {
        out.whole(&mut { number });
    }
    series.take_out(key, &mut out);
    Some((key, out.believed()))
}
