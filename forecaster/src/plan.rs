//! A graph made ready for one fixed number of rows.

use tract_onnx::prelude::{Arc, IntoTValue, TVec, TypedRunnableModel};

use crate::graph::{OnnxGraph, shielded};
use crate::tensor::Tensor;

/// One optimised plan. It takes up to `rows` rows; the rest is padding.
#[derive(Debug)]
pub(crate) struct Plan {
    rows: usize,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
    plan: Arc<TypedRunnableModel>,
}

/// An output whose real shape or type is not the declared one.
#[derive(Debug)]
pub(crate) struct WrongOutput {
    pub output: String,
    pub found: String,
    pub expected: String,
}

impl Plan {
    pub(crate) fn build(graph: &OnnxGraph, rows: usize) -> Result<Self, String> {
        let plan = graph.optimised(rows)?;
        Ok(Self {
            rows,
            inputs: graph.inputs.clone(),
            outputs: graph.outputs.clone(),
            plan,
        })
    }

    /// Outputs of the plan that differ from what the contract wants, the first one.
    pub(crate) fn wrong_output(&self) -> Option<WrongOutput> {
        self.outputs.iter().enumerate().find_map(|(at, output)| {
            let fact = self.plan.model().output_fact(at).ok();
            let found = fact.map_or("without a shape".to_owned(), |fact| {
                let dims: Vec<String> = fact.shape.iter().map(ToString::to_string).collect();
                format!("{:?} [{}]", fact.datum_type, dims.join(", ")).to_lowercase()
            });
            let expected = output.shown(&self.rows.to_string());
            (found != expected).then(|| WrongOutput {
                output: output.name.clone(),
                found,
                expected,
            })
        })
    }

    /// Runs at most as many rows as the plan is for; `take` gets place and numbers of each output,
    /// which go on after the rows that were fed.
    pub(crate) fn run(
        &self,
        inputs: &[&[f32]],
        mut take: impl FnMut(usize, &[f32]),
    ) -> Result<(), String> {
        let mut tensors = TVec::new();
        for (data, input) in inputs.iter().zip(&self.inputs) {
            let tensor = padded(data, self.rows, &input.shape)
                .ok_or_else(|| format!("{} numbers for input {}", data.len(), input.name))?;
            tensors.push(tensor.into_tvalue());
        }
        // With a new scratch state each time: loops such as that of an LSTM keep theirs from run to run.
        let outputs = shielded(|| self.plan.run(tensors))?;
        for (at, wanted) in self.outputs.iter().enumerate() {
            let output = outputs.get(at).ok_or("an output is missing")?;
            let view = output
                .try_as_plain_ram()
                .map_err(|error| error.to_string())?;
            let numbers = view.as_slice::<f32>().map_err(|error| error.to_string())?;
            if numbers.len() != self.rows * wanted.width() {
                return Err(format!(
                    "{} numbers of output {}",
                    numbers.len(),
                    wanted.name
                ));
            }
            take(at, numbers);
        }
        Ok(())
    }
}

/// The numbers as `[rows, shape...]`, zeros after them; `None` if they are too many.
fn padded(data: &[f32], rows: usize, shape: &[usize]) -> Option<tract_onnx::prelude::Tensor> {
    let shape: TVec<usize> = std::iter::once(rows).chain(shape.iter().copied()).collect();
    let mut numbers = vec![0.0_f32; shape.iter().product()];
    numbers.get_mut(..data.len())?.copy_from_slice(data);
    tract_onnx::prelude::Tensor::from_shape(&shape, &numbers).ok()
}
