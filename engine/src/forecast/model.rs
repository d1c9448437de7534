//! The seam between the pure engine and whatever runs a model.

use super::{HORIZONS, QUANTILES};

/// Numbers per row that a model returns: horizons times quantiles, horizon-major.
pub const OUTPUTS: usize = HORIZONS.len() * QUANTILES.len();

/// Why a model could not give a forecast this tick. The baseline takes over for the tick.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// The run time refused the step or failed inside it.
    #[error("the model failed: {0}")]
    Failed(String),
    /// The model gave a number that is not finite.
    #[error("the model gave a number that is not finite in row {row}")]
    NotFinite {
        /// Row of the batch.
        row: usize,
    },
}

/// Recurrent state of all rows of a batch: `rows x width`, row-major, the layers of a row
/// concatenated. A new row starts at zero.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StateRows {
    /// Numbers per row.
    pub width: usize,
    /// Hidden state, `rows * width`.
    pub h: Vec<f32>,
    /// Cell state, `rows * width`.
    pub c: Vec<f32>,
}

/// A streaming model: `(y_t, state_t) = f(x_t, state_{t-1})` for any number of rows at once.
pub trait Model {
    /// Name for people, e.g. `lstm-64-32`.
    fn name(&self) -> &str;

    /// Width of the recurrent state per row.
    fn state_width(&self) -> usize;

    /// Which outputs of a row the model forecasts itself, in their order. The others hold the
    /// nearest of these, or a point forecast: they mean what they should only once calibrated.
    fn given(&self) -> [bool; OUTPUTS] {
        [true; OUTPUTS]
    }

    /// One step of all rows. `features` is `rows x features::COUNT`, `state` is updated in
    /// place, `outputs` becomes `rows x OUTPUTS` in units of each row's scale.
    ///
    /// # Errors
    /// On an error neither `state` nor `outputs` can be trusted; the caller resets them.
    fn step(
        &mut self,
        rows: usize,
        features: &[f32],
        state: &mut StateRows,
        outputs: &mut Vec<f32>,
    ) -> Result<(), ModelError>;
}
