//! Reads the file, a record at a time, and puts the series back.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use llmos_engine::forecast::{Numbers as _, Resource, SeriesForecaster};
use llmos_engine::units::{CgroupId, Timestamp};

use super::header::{Header, nanos};
use super::numbers::In;
use super::{MAX_BYTES, Owner, record};

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Restored {
    /// How many series.
    pub(super) series: u64,
    /// Their recurrent state is of the model that is loaded, or there is no model at all.
    pub(super) same_model: bool,
    /// What is wrong with the record behind them, if one is.
    pub(super) damage: Option<String>,
}

/// Puts back what a file holds; `None` when there is no file.
///
/// # Errors
/// Why nothing of it can be used, in a few words.
pub(super) fn restore(
    path: &Path,
    owner: &Owner,
    now: Timestamp,
    series: &mut SeriesForecaster,
) -> Result<Option<Restored>, String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let kind = file.metadata().map_err(|error| error.to_string())?;
    if !kind.is_file() || kind.len() > MAX_BYTES {
        let len = kind.len();
        return Err(format!(
            "{len} bytes, expected a file of at most {MAX_BYTES}"
        ));
    }
    records(&mut BufReader::new(file), owner, now, series).map(Some)
}

/// Puts back what these records hold.
///
/// # Errors
/// As [`restore`].
pub(super) fn records(
    from: &mut impl Read,
    owner: &Owner,
    now: Timestamp,
    series: &mut SeriesForecaster,
) -> Result<Restored, String> {
    let mut body = Vec::new();
    let header = match record::read(from, &mut body)? {
        record::HEADER => Header::decode(&body)?,
        _ => return Err("no header".to_owned()),
    };
    header.fits(owner, now)?;
    let model = header.same_model(owner);
    if let (Some(name), Ok(width)) = (model, usize::try_from(header.width)) {
        series.expect_state_of(name, width);
    }
    let mut restored = Restored {
        series: 0,
        same_model: model.is_some() || owner.model.is_none(),
        damage: None,
    };
    restored.damage = loop {
        match record::read(from, &mut body) {
            Ok(record::SERIES) => match one(&body, owner, now, series) {
                Ok(()) => restored.series += 1,
                Err(damage) => break Some(damage.to_owned()),
            },
            Ok(record::END) => break None,
            Ok(_) => break Some("a record of an unknown kind".to_owned()),
            Err(damage) => break Some(damage),
        }
    };
    Ok(restored)
}

fn one(
    body: &[u8],
    owner: &Owner,
    now: Timestamp,
    series: &mut SeriesForecaster,
) -> Result<(), &'static str> {
    let mut from = In::new(body);
    let (mut id, mut resource, mut at) = (0, 0, 0);
    for number in [&mut id, &mut resource, &mut at] {
        from.whole(number);
    }
    let resource = usize::try_from(resource).ok();
    let resource = resource.and_then(|place| Resource::ALL.get(place));
    let (Some(resource), true) = (resource, from.believed()) else {
        return Err("a series without a name");
    };
    // The tick that comes now is not missed.
    let tick = nanos(owner.tick).max(1);
    let ticks = now.0.saturating_sub(at).saturating_add(tick / 2) / tick;
    let missed = ticks.saturating_sub(1);
    if series.put_back((CgroupId(id), *resource), missed, &mut from) {
        Ok(())
    } else {
        Err("a series with numbers that cannot be")
    }
}
