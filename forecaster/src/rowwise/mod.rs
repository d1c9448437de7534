//! Streaming models without tract in the loop: one step of an LSTM is a handful of matrix products
//! and functions of single numbers, and for graphs of nothing else this code takes a fraction of
//! the time that a general run time does. What it answers is compared with tract when a model is
//! loaded; tract also runs every graph that this code does not know.
//!
//! - [`compile`]: from the ONNX graph to steps, or why not.
//! - [`linear`], [`math`]: the kernels, written once for vectors of any length; `pulp` picks the
//!   instructions that the processor has.
//! - [`run`]: a few rows at a time through all steps.

mod compile;
mod linear;
mod math;
mod program;
mod run;

use pulp::{Arch, Simd, WithSimd};
use tract_onnx::pb;

use program::Program;
use run::{CHUNK, Chunk, Scratch};

/// A graph of row-wise arithmetic with its buffers.
#[derive(Debug, Clone)]
pub(crate) struct RowwiseGraph {
    arch: Arch,
    program: Program,
    scratch: Scratch,
}

/// Numbers in the longest vector that the processor has; `None` if it has none worth using.
struct Lanes;

impl WithSimd for Lanes {
    type Output = Option<usize>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Option<usize> {
        (!S::IS_SCALAR).then_some(S::F32_LANES)
    }
}

impl RowwiseGraph {
    /// Compiles a graph with the inputs and outputs of these names and widths.
    ///
    /// # Errors
    /// Why tract has to run it, in a few words.
    pub(crate) fn compile(
        graph: &pb::GraphProto,
        inputs: [(&str, usize); 3],
        outputs: [(&str, usize); 3],
    ) -> Result<Self, String> {
        let arch = Arch::new();
        let lanes = arch
            .dispatch(Lanes)
            .ok_or("the processor has no vectors that are known")?;
        let program = compile::compile(graph, inputs, outputs, lanes)?;
        let scratch = Scratch::of(&program);
        Ok(Self {
            arch,
            program,
            scratch,
        })
    }

    /// One step of any number of rows. `h` and `c` are updated in place, `y` is appended to.
    pub(crate) fn step(
        &mut self,
        rows: usize,
        x: &[f32],
        h: &mut [f32],
        c: &mut [f32],
        y: &mut Vec<f32>,
    ) {
        let Self {
            arch,
            program,
            scratch,
        } = self;
        let ([x_width, state, _], [views_y, views_h, views_c]) = (program.inputs, &program.outputs);
        let outputs = views_y.iter().map(|view| view.width).sum::<usize>();
        let before = y.len();
        y.resize(before + rows * outputs, 0.0);
        let y = &mut y[before..];
        for first in (0..rows).step_by(CHUNK) {
            let last = (first + CHUNK).min(rows);
            let part = |width: usize| first * width..last * width;
            arch.dispatch(&mut Chunk {
                program,
                scratch,
                inputs: [&x[part(x_width)], &h[part(state)], &c[part(state)]],
                rows: last - first,
            });
            scratch.output(program, views_y, &mut y[part(outputs)]);
            scratch.output(program, views_h, &mut h[part(state)]);
            scratch.output(program, views_c, &mut c[part(state)]);
        }
    }
}
