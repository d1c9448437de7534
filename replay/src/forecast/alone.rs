//! The model by itself, without what the engine makes of it: its own features and state, so that it
//! is measured whatever the engine does with it.

use llmos_engine::forecast::features::{self, FeatureRow};
use llmos_engine::forecast::{
    HORIZONS, Model, ModelError, OUTPUTS, QUANTILES, Quantiles, Resource, StateRows,
};

/// The rows of one batch. They end from the last to the first.
pub struct Alone<'m> {
    model: &'m mut dyn Model,
    rows: Vec<FeatureRow>,
    state: StateRows,
    inputs: Vec<f32>,
    outputs: Vec<f32>,
}

impl<'m> Alone<'m> {
    /// A model and no rows yet.
    pub fn new(model: &'m mut dyn Model) -> Self {
        Self {
            state: StateRows {
                width: model.state_width(),
                ..StateRows::default()
            },
            model,
            rows: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// The model, for somebody else's rows.
    pub fn model(&mut self) -> &mut dyn Model {
        self.model
    }

    /// One tick of the first `values.len()` rows. All rows begin at the first tick, with a value.
    pub fn tick(&mut self, values: &[(Resource, Option<f64>)]) -> Result<(), ModelError> {
        self.inputs.clear();
        if self.rows.is_empty() {
            for (resource, value) in values {
                let (row, input) = FeatureRow::start(*resource, value.unwrap_or(0.0));
                self.rows.push(row);
                self.inputs.extend(input);
            }
        } else {
            self.rows.truncate(values.len());
            let rows = self.rows.iter_mut().zip(values);
            self.inputs
                .extend(rows.flat_map(|(row, (_, value))| row.step(*value)));
        }
        debug_assert_eq!(self.inputs.len(), values.len() * features::COUNT);
        let numbers = self.rows.len() * self.state.width;
        self.state.h.resize(numbers, 0.0);
        self.state.c.resize(numbers, 0.0);
        self.model.step(
            self.rows.len(),
            &self.inputs,
            &mut self.state,
            &mut self.outputs,
        )
    }

    /// What the model says of a row, in the engine's unit.
    pub fn forecast(&self, row: usize) -> Option<Quantiles> {
        let scale = self.rows.get(row)?.scale();
        let outputs = self.outputs.get(row * OUTPUTS..(row + 1) * OUTPUTS)?;
        let mut quantiles = [[0.0; QUANTILES.len()]; HORIZONS.len()];
        for (slot, output) in quantiles.as_flattened_mut().iter_mut().zip(outputs) {
            *slot = f64::from(*output) * scale;
        }
        Some(quantiles)
    }
}
