//! A graph made ready for one fixed number of rows.

use llmos_engine::forecast::{OUTPUTS, features};
use tract_onnx::prelude::*;

use crate::graph::{INPUT_NAMES, OUTPUT_NAMES, StreamingGraph, shielded};

/// One optimised plan with its scratch state. It takes up to `rows` rows; the rest is padding.
#[derive(Debug)]
pub(crate) struct Plan {
    rows: usize,
    input_widths: [usize; 3],
    output_widths: [usize; 3],
    state: TypedSimpleState,
}

/// An output whose real shape or type is not the declared one.
#[derive(Debug)]
pub(crate) struct WrongOutput {
    pub output: &'static str,
    pub found: String,
    pub expected: String,
}

impl Plan {
    pub(crate) fn build(graph: &StreamingGraph, rows: usize) -> Result<Self, String> {
        let plan = graph.optimised(rows)?;
        let state = shielded(|| plan.spawn())?;
        let (input_widths, output_widths) = (graph.input_widths(), graph.output_widths());
        Ok(Self {
            rows,
            input_widths,
            output_widths,
            state,
        })
    }

    /// Outputs of the plan that differ from what the contract wants, the first one.
    pub(crate) fn wrong_output(&self) -> Option<WrongOutput> {
        let wanted = OUTPUT_NAMES.into_iter().zip(self.output_widths);
        wanted.enumerate().find_map(|(at, (output, width))| {
            let fact = self.state.model().output_fact(at).ok();
            let found = fact.map_or("without a shape".to_owned(), |fact| {
                let dims: Vec<String> = fact.shape.iter().map(ToString::to_string).collect();
                format!("{:?} [{}]", fact.datum_type, dims.join(", ")).to_lowercase()
            });
            let expected = format!("f32 [{}, {width}]", self.rows);
            (found != expected).then_some(WrongOutput {
                output,
                found,
                expected,
            })
        })
    }

    /// One step of at most `rows` rows. `h` and `c` are updated in place, `y` is appended to.
    pub(crate) fn step(
        &mut self,
        x: &[f32],
        h: &mut [f32],
        c: &mut [f32],
        y: &mut Vec<f32>,
    ) -> Result<(), String> {
        let rows = x.len() / features::COUNT;
        let state = &mut self.state;
        let mut inputs = TVec::new();
        for ((data, width), name) in [x, h, c]
            .into_iter()
            .zip(self.input_widths)
            .zip(INPUT_NAMES)
        {
            let tensor = padded(data, self.rows, width)
                .ok_or_else(|| format!("{} numbers for input {name}", data.len()))?;
            inputs.push(tensor.into_tvalue());
        }
        let outputs = shielded(|| state.run(inputs))?;
        let [out_y, out_h, out_c] = outputs.as_slice() else {
            return Err(format!("{} outputs, expected 3", outputs.len()));
        };
        let taken = |output: &TValue, numbers: usize| -> Result<Vec<f32>, String> {
            let view = output
                .try_as_plain_ram()
                .map_err(|error| error.to_string())?;
            let all = view.as_slice::<f32>().map_err(|error| error.to_string())?;
            let part = all.get(..numbers).ok_or("an output is too short")?;
            Ok(part.to_vec())
        };
        y.extend(taken(out_y, rows * OUTPUTS)?);
        h.copy_from_slice(&taken(out_h, h.len())?);
        c.copy_from_slice(&taken(out_c, c.len())?);
        Ok(())
    }
}

/// The numbers as `rows x width`, zeros after them; `None` if they are too many.
fn padded(data: &[f32], rows: usize, width: usize) -> Option<Tensor> {
    let mut numbers = vec![0.0_f32; rows * width];
    numbers.get_mut(..data.len())?.copy_from_slice(data);
    Tensor::from_shape(&[rows, width], &numbers).ok()
}
