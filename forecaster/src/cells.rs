//! What the outputs of a windowed model mean, and how they fill the cells that the engine wants:
//! one for each horizon and quantile.

use std::str::FromStr;

use llmos_engine::forecast::{HORIZONS, OUTPUTS, QUANTILES};

/// One output of a windowed model, in units of the row's scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// A quantile of the peak: places in [`HORIZONS`] and [`QUANTILES`]. `h5_q0.95`.
    Quantile(usize, usize),
    /// The peak as one number, such as its mean: place in [`HORIZONS`]. `h5_point`.
    Point(usize),
    /// The value of the next tick as one number. `next`.
    Next,
}

impl FromStr for Output {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        if name == "next" {
            return Ok(Self::Next);
        }
        let (horizon, what) = name.split_once('_').ok_or(())?;
        let at = HORIZONS.iter().position(|h| format!("h{h}") == horizon);
        let horizon = at.ok_or(())?;
        if what == "point" {
            return Ok(Self::Point(horizon));
        }
        let at = QUANTILES.iter().position(|q| format!("q{q}") == what);
        Ok(Self::Quantile(horizon, at.ok_or(())?))
    }
}

/// All names that an output may have.
pub(crate) fn names() -> Vec<String> {
    let quantiles = HORIZONS
        .iter()
        .flat_map(|h| QUANTILES.map(|q| format!("h{h}_q{q}")));
    let points = HORIZONS.iter().map(|h| format!("h{h}_point"));
    quantiles.chain(points).chain(["next".to_owned()]).collect()
}

/// For each cell the place of the output that fills it; `outputs` is not empty.
///
/// A cell that the model does not give takes the nearest that it does: the next lower quantile of
/// its horizon, else the next higher one, else the horizon's point, else what the other horizon
/// has, else the next value. Only calibration makes such a cell mean what it should.
pub(crate) fn filled(outputs: &[Output]) -> [usize; OUTPUTS] {
    std::array::from_fn(|cell| {
        let (horizon, quantile) = (cell / QUANTILES.len(), cell % QUANTILES.len());
        let distance = |output: &Output| match *output {
            Output::Quantile(h, q) => (
                usize::from(h != horizon),
                0,
                usize::from(q > quantile),
                q.abs_diff(quantile),
            ),
            Output::Point(h) => (usize::from(h != horizon), 1, 0, 0),
            Output::Next => (2, 0, 0, 0),
        };
        let nearest = outputs
            .iter()
            .enumerate()
            .min_by_key(|(_, output)| distance(output));
        nearest.map_or(0, |(at, _)| at)
    })
}

/// Which cells the model gives itself.
pub(crate) fn given(outputs: &[Output]) -> [bool; OUTPUTS] {
    std::array::from_fn(|cell| {
        let own = Output::Quantile(cell / QUANTILES.len(), cell % QUANTILES.len());
        outputs.contains(&own)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(names: &[&str]) -> Vec<Output> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn every_name_is_read_and_no_other() {
        let all: Vec<Output> = names().iter().map(|name| name.parse().unwrap()).collect();
        assert_eq!(all.len(), OUTPUTS + HORIZONS.len() + 1);
        for wrong in [
            "",
            "h5",
            "h5_q0.9500",
            "h6_q0.5",
            "h5_q0.8",
            "point",
            "h5_point_",
        ] {
            assert_eq!(wrong.parse::<Output>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn a_full_model_fills_each_cell_itself() {
        let all = outputs(&[
            "h30_q0.5",
            "h30_q0.9",
            "h30_q0.95",
            "h30_q0.99",
            "h5_q0.5",
            "h5_q0.9",
            "h5_q0.95",
            "h5_q0.99",
        ]);
        assert_eq!(filled(&all), [4, 5, 6, 7, 0, 1, 2, 3]);
        assert_eq!(given(&all), [true; OUTPUTS]);
    }

    #[test]
    fn a_point_fills_everything_and_claims_nothing() {
        assert_eq!(filled(&outputs(&["next"])), [0; OUTPUTS]);
        assert_eq!(given(&outputs(&["next"])), [false; OUTPUTS]);
    }

    #[test]
    fn the_nearest_output_fills_a_cell() {
        let some = outputs(&["next", "h30_point", "h5_q0.9", "h5_q0.99"]);
        assert_eq!(filled(&some), [2, 2, 2, 3, 1, 1, 1, 1]);
        let mut own = [false; OUTPUTS];
        (own[1], own[3]) = (true, true);
        assert_eq!(given(&some), own);
    }
}
