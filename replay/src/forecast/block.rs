//! Some series side by side, as the workloads of one node: rows of one batch.

use llmos_engine::forecast::{Model, ModelError, Observation, SeriesForecaster};

use super::alone::Alone;
use super::lane::Lane;
use crate::score::SeriesScore;

/// Ticks between two words to `progress`.
const NOTE_TICKS: usize = 64;

/// Runs lanes on ticks of one length from their first tick to their last; the longest come first.
/// `progress` hears of values that are done.
pub fn run(
    mut lanes: Vec<Lane<'_>>,
    model: Option<&mut dyn Model>,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<SeriesScore>, ModelError> {
    let Some(first) = lanes.first() else {
        return Ok(Vec::new());
    };
    let mut forecaster = SeriesForecaster::with_statements(first.tick_s());
    let mut alone = model.map(Alone::new);
    let mut observations: Vec<Observation> = Vec::with_capacity(lanes.len());
    let mut values = Vec::with_capacity(lanes.len());
    let mut done = 0;
    for tick in 0..first.len() {
        // The forecaster forgets what is no longer observed: the lanes that are over.
        let alive = lanes.partition_point(|lane| lane.len() > tick);
        let here = &mut lanes[..alive];
        observations.clear();
        observations.extend(here.iter().map(|lane| lane.observation(tick)));
        if let Some(alone) = &mut alone {
            values.clear();
            values.extend(here.iter().map(|lane| (lane.key().1, lane.value(tick))));
            forecaster.tick(&observations, Some(alone.model()))?;
            alone.tick(&values)?;
        } else {
            forecaster.tick(&observations, None)?;
        }
        for (row, lane) in here.iter_mut().enumerate() {
            let (id, resource) = lane.key();
            let model = alone.as_ref().and_then(|alone| alone.forecast(row));
            let system = forecaster.forecast(id, resource);
            lane.heard(tick, system, model, forecaster.statements(id, resource));
        }
        done += alive as u64;
        if tick % NOTE_TICKS == 0 {
            progress(std::mem::take(&mut done));
        }
    }
    progress(done);
    Ok(lanes.into_iter().map(Lane::finish).collect())
}
