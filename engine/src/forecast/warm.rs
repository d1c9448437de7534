//! Takes the model through the recent history of rows whose recurrent state is new although their
//! series is not: it was just loaded or exchanged, or it failed and its state was dropped.

use super::features::{self, FeatureRow};
use super::row::Row;
use super::{Model, ModelError, OUTPUTS, StateRows};

/// Rows that are warmed up in one tick at most: what it costs must not hold up the tick.
const ROWS: usize = 256;

/// One row that is warmed up.
struct Cold {
    /// Its place among the rows.
    at: usize,
    /// Ticks that it is taken through.
    ticks: usize,
    features: FeatureRow,
}

/// Warms up some rows, in one batch. Allocates nothing when no row needs it.
///
/// # Errors
/// When the model fails; the state of the rows is as it was.
pub fn warm_up(
    rows: &mut [Row],
    state: &mut StateRows,
    model: &mut dyn Model,
) -> Result<(), ModelError> {
    let cold = rows.iter().enumerate().filter_map(|(at, row)| {
        let ticks = row.lacks()?;
        Some(Cold {
            at,
            ticks,
            features: row.features_before(ticks),
        })
    });
    let mut cold: Vec<Cold> = cold.take(ROWS).collect();
    let Some(most) = cold.iter().map(|one| one.ticks).max() else {
        return Ok(());
    };
    let width = state.width;
    let mut own = StateRows {
        width,
        h: vec![0.0; cold.len() * width],
        c: vec![0.0; cold.len() * width],
    };
    let (mut inputs, mut outputs) = (Vec::with_capacity(cold.len() * features::COUNT), Vec::new());
    for back in (1..=most).rev() {
        inputs.clear();
        for (place, one) in cold.iter_mut().enumerate() {
            if back > one.ticks {
                inputs.extend([0.0; features::COUNT]);
                continue;
            }
            if back == one.ticks {
                // What it was fed before its first tick leaves no trace.
                own.h[place * width..(place + 1) * width].fill(0.0);
                own.c[place * width..(place + 1) * width].fill(0.0);
            }
            inputs.extend(one.features.step(rows[one.at].back(back)));
        }
        step(model, cold.len(), &inputs, &mut own, &mut outputs)?;
    }
    for (place, one) in cold.iter().enumerate() {
        let (from, to) = (place * width, one.at * width);
        state.h[to..to + width].copy_from_slice(&own.h[from..from + width]);
        state.c[to..to + width].copy_from_slice(&own.c[from..from + width]);
        rows[one.at].warmed_up(one.ticks);
    }
    Ok(())
}

/// One step of the model, with as many numbers out as there should be.
///
/// # Errors
/// When the model fails, or gives another number of them.
pub fn step(
    model: &mut dyn Model,
    rows: usize,
    inputs: &[f32],
    state: &mut StateRows,
    outputs: &mut Vec<f32>,
) -> Result<(), ModelError> {
    let numbers = rows * state.width;
    model.step(rows, inputs, state, outputs)?;
    let left = (state.h.len(), state.c.len());
    if outputs.len() == rows * OUTPUTS && left == (numbers, numbers) {
        return Ok(());
    }
    Err(ModelError::Failed(format!(
        "{} outputs and {}+{} state numbers for {rows} rows, expected {} and {numbers} twice",
        outputs.len(),
        left.0,
        left.1,
        rows * OUTPUTS,
    )))
}
