//! `y = x W + b` for many rows: weights packed in panels, sums kept in registers.

use pulp::Simd;

/// Vectors of outputs that are summed at once, where so many outputs are left.
const WIDE: usize = 4;
/// Rows at once with 32 vector registers: 6 x 4 sums, 6 inputs and a weight.
pub(super) const MANY_ROWS: usize = 6;
/// Rows at once with 16 vector registers: 3 x 4 sums, 3 inputs and a weight.
pub(super) const FEW_ROWS: usize = 3;

/// Weights in the order in which they are used. A panel holds `inputs` rows of the weights of
/// [`WIDE`] vectors (or of one vector, for the rest) of neighbouring outputs.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    inputs: usize,
    outputs: usize,
    /// Numbers in a vector.
    lanes: usize,
    panels: Vec<f32>,
    /// Padded with zeros to whole vectors.
    bias: Vec<f32>,
}

impl Linear {
    /// Packs `weights`, `inputs x outputs` row-major, for vectors of `lanes` numbers; the bias is
    /// zero.
    pub(super) fn pack(weights: &[f32], inputs: usize, outputs: usize, lanes: usize) -> Self {
        let vectors = outputs.div_ceil(lanes);
        let mut panels = Vec::with_capacity(vectors * lanes * inputs);
        for (first, wide) in panels_of(vectors) {
            for row in weights.chunks_exact(outputs).take(inputs) {
                let columns = first * lanes..(first + wide) * lanes;
                panels.extend(columns.map(|at| row.get(at).copied().unwrap_or(0.0)));
            }
        }
        Self {
            inputs,
            outputs,
            lanes,
            panels,
            bias: vec![0.0; vectors * lanes],
        }
    }

    /// Sets what is added to each output; `false` if there are not as many numbers as outputs.
    pub(super) fn set_bias(&mut self, bias: &[f32]) -> bool {
        let fits = bias.len() == self.outputs;
        if fits {
            self.bias[..bias.len()].copy_from_slice(bias);
        }
        fits
    }

    /// Numbers in a row of the input.
    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Numbers in a row of the output.
    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// `ROWS`-wise packed inputs (`inputs x ROWS`, block after block) to rows of outputs.
    #[inline(always)]
    pub(super) fn run<S: Simd, const ROWS: usize>(
        &self,
        simd: S,
        inputs: &[f32],
        outputs: &mut [f32],
    ) {
        debug_assert_eq!(self.lanes, S::F32_LANES);
        let vectors = self.bias.len() / S::F32_LANES;
        let mut rest = self.panels.as_slice();
        for (first, wide) in panels_of(vectors) {
            let (panel, after) = rest.split_at(self.inputs * wide * S::F32_LANES);
            rest = after;
            // A panel stays in the nearest cache while all rows pass by.
            let blocks = inputs.chunks_exact(self.inputs * ROWS);
            for (block, to) in blocks.zip(outputs.chunks_exact_mut(self.outputs * ROWS)) {
                let from = first * S::F32_LANES;
                if wide == WIDE {
                    self.block::<S, ROWS, WIDE>(simd, block, panel, from, to);
                } else {
                    self.block::<S, ROWS, 1>(simd, block, panel, from, to);
                }
            }
        }
    }

    /// One block of rows against one panel.
    #[inline(always)]
    fn block<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &self,
        simd: S,
        inputs: &[f32],
        panel: &[f32],
        from: usize,
        outputs: &mut [f32],
    ) {
        let (bias, _) = S::as_simd_f32s(&self.bias[from..from + VECTORS * S::F32_LANES]);
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        for row in &mut sums {
            row.copy_from_slice(bias);
        }
        let (inputs, _) = inputs.as_chunks::<ROWS>();
        let (panel, _) = S::as_simd_f32s(panel);
        let (panel, _) = panel.as_chunks::<VECTORS>();
        for (inputs, weights) in inputs.iter().zip(panel) {
            for row in 0..ROWS {
                let x = simd.splat_f32s(inputs[row]);
                for vector in 0..VECTORS {
                    sums[row][vector] = simd.mul_add_e_f32s(weights[vector], x, sums[row][vector]);
                }
            }
        }
        for (sums, row) in sums.iter().zip(outputs.chunks_exact_mut(self.outputs)) {
            let to = from..(from + VECTORS * S::F32_LANES).min(self.outputs);
            let (whole, rest) = S::as_mut_simd_f32s(&mut row[to]);
            for (to, sum) in whole.iter_mut().zip(sums) {
                *to = *sum;
            }
            if !rest.is_empty() {
                simd.partial_store_f32s(rest, sums[whole.len()]);
            }
        }
    }
}

/// First vector and number of vectors of each panel.
#[inline(always)]
fn panels_of(vectors: usize) -> impl Iterator<Item = (usize, usize)> {
    let wide = vectors / WIDE;
    let rest = wide * WIDE..vectors;
    let wide = (0..wide).map(|panel| (panel * WIDE, WIDE));
    wide.chain(rest.map(|vector| (vector, 1)))
}
