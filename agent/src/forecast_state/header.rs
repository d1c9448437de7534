//! The header: which format the file has, and whose state it holds.

use std::time::Duration;

use llmos_engine::forecast::{LAYOUT, Numbers as _};
use llmos_engine::units::Timestamp;

use super::numbers::{In, Out};
use super::{ModelId, Owner};

const MAGIC: [u8; 8] = *b"llmos-fs";
/// Version of header and records.
const VERSION: u64 = 1;
/// Older state says little of what will be.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// What the first record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    version: u64,
    layout: u64,
    boot_id: String,
    tick_ns: u64,
    /// When it was begun, on the monotonic clock.
    at_ns: u64,
    /// Empty without a model.
    model: ModelId,
    /// Numbers of the model's state per series.
    pub(super) width: u64,
}

impl Header {
    /// Of state that belongs to `owner` and, as far as it is the model's, to the model of this name.
    pub(super) fn of(owner: &Owner, state_of: (&str, usize), now: Timestamp) -> Self {
        let (name, width) = state_of;
        let model = owner.model.as_ref().filter(|model| model.name == name);
        Self {
            version: VERSION,
            layout: LAYOUT,
            boot_id: owner.boot_id.clone(),
            tick_ns: nanos(owner.tick),
            at_ns: now.0,
            width: model.map_or(0, |_| width as u64),
            model: model.cloned().unwrap_or_default(),
        }
    }

    pub(super) fn encode(&self, to: &mut Vec<u8>) {
        to.extend(MAGIC);
        for number in [
            self.version,
            self.layout,
            self.tick_ns,
            self.at_ns,
            self.width,
        ] {
            Out::new(to).whole(&mut { number });
        }
        for text in [&self.boot_id, &self.model.name, &self.model.sha256] {
            Out::new(to).whole(&mut { text.len() as u64 });
            to.extend(text.as_bytes());
        }
    }

    /// The header of a record, or what is wrong with it.
    pub(super) fn decode(body: &[u8]) -> Result<Self, String> {
        let mut from = In::new(body);
        if from.next() != Some(MAGIC) {
            return Err("no forecasting state".to_owned());
        }
        let mut numbers = [0; 5];
        numbers.iter_mut().for_each(|number| from.whole(number));
        let [version, layout, tick_ns, at_ns, width] = numbers;
        if (version, layout) != (VERSION, LAYOUT) {
            return Err(format!(
                "format {version}.{layout}, expected {VERSION}.{LAYOUT}"
            ));
        }
        let mut text = || {
            let text = from.text().ok_or("a header that is no header")?;
            Ok::<_, String>(text.to_owned())
        };
        let (boot_id, name, sha256) = (text()?, text()?, text()?);
        Ok(Self {
            version,
            layout,
            boot_id,
            tick_ns,
            at_ns,
            model: ModelId { name, sha256 },
            width,
        })
    }

    /// Can its state go on under this owner?
    ///
    /// # Errors
    /// Why not, in a few words.
    pub(super) fn fits(&self, owner: &Owner, now: Timestamp) -> Result<(), String> {
        if self.boot_id != owner.boot_id {
            return Err("of another boot".to_owned());
        }
        if self.tick_ns != nanos(owner.tick) {
            return Err(format!(
                "for ticks of {:?}, expected {:?}",
                Duration::from_nanos(self.tick_ns),
                owner.tick
            ));
        }
        let age = Duration::from_nanos(now.0.saturating_sub(self.at_ns));
        if age > MAX_AGE {
            return Err(format!("{} hours old", age.as_secs() / 3600));
        }
        Ok(())
    }

    /// The model whose recurrent state it holds, if that is the one of this owner.
    pub(super) fn same_model(&self, owner: &Owner) -> Option<&str> {
        let same = self.width > 0 && owner.model.as_ref() == Some(&self.model);
        same.then_some(self.model.name.as_str())
    }
}

pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
