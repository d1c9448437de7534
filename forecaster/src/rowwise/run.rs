//! Runs a program over rows, a few at a time, so that what it works on stays in the cache.

use pulp::{Simd, WithSimd};

use super::linear::{FEW_ROWS, Linear, MANY_ROWS};
use super::math;
use super::program::{Map, Place, Program, Step, View, Zip};

/// Rows at a time: whole blocks of either kernel.
pub(super) const CHUNK: usize = 24;

/// Buffers of a program.
#[derive(Debug, Clone)]
pub(super) struct Scratch {
    buffers: Vec<Vec<f32>>,
    /// Inputs of a matrix product in the order of its kernel.
    packed: Vec<f32>,
}

impl Scratch {
    pub(super) fn of(program: &Program) -> Self {
        let widest = program.steps.iter().filter_map(|step| match step {
            Step::Linear { linear, .. } => Some(linear.inputs()),
            _ => None,
        });
        Self {
            buffers: program
                .buffers
                .iter()
                .map(|width| vec![0.0; width * CHUNK])
                .collect(),
            packed: vec![0.0; widest.max().unwrap_or(0) * CHUNK],
        }
    }

    /// Copies the columns of an output, which lie in buffers, into rows of its own.
    pub(super) fn output(&self, program: &Program, views: &[View], to: &mut [f32]) {
        let width: usize = views.iter().map(|view| view.width).sum();
        let mut before = 0;
        for view in views {
            let Place::Buffer(at) = view.place else {
                continue;
            };
            let rows = self.buffers[at].chunks_exact(program.buffers[at]);
            for (row, to) in rows.zip(to.chunks_exact_mut(width)) {
                to[before..before + view.width]
                    .copy_from_slice(&row[view.first..view.first + view.width]);
            }
            before += view.width;
        }
    }
}

/// One run: `inputs` row-major, at most [`CHUNK`] rows.
pub(super) struct Chunk<'a> {
    pub program: &'a Program,
    pub scratch: &'a mut Scratch,
    pub inputs: [&'a [f32]; 3],
    pub rows: usize,
}

impl WithSimd for &mut Chunk<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for step in &self.program.steps {
            self.step(simd, step);
        }
    }
}

impl Chunk<'_> {
    #[inline(always)]
    fn step<S: Simd>(&mut self, simd: S, step: &Step) {
        let (Step::Linear { to, .. }
        | Step::Map { to, .. }
        | Step::Zip { to, .. }
        | Step::Join { to, .. }) = *step;
        // Taken out, so that the others can be read while it is written.
        let mut buffer = std::mem::take(&mut self.scratch.buffers[to]);
        let width = self.program.buffers[to];
        let written = &mut buffer[..self.rows * width];
        match step {
            Step::Linear { linear, from, .. } => {
                let mut packed = std::mem::take(&mut self.scratch.packed);
                if S::REGISTER_COUNT >= 32 {
                    self.linear::<S, MANY_ROWS>(simd, linear, from, &mut packed, written);
                } else {
                    self.linear::<S, FEW_ROWS>(simd, linear, from, &mut packed, written);
                }
                self.scratch.packed = packed;
            }
            Step::Map { map, from, .. } => self.map(simd, *map, *from, written),
            Step::Zip { zip, a, b, .. } => self.zip(simd, *zip, *a, *b, written),
            Step::Join { from, .. } => self.join(from, written),
        }
        self.scratch.buffers[to] = buffer;
    }

    /// A view's place and the width of its rows.
    #[inline(always)]
    fn whole(&self, place: Place) -> (&[f32], usize) {
        match place {
            Place::Input(at) => (self.inputs[at], self.program.inputs[at]),
            Place::Buffer(at) => (&self.scratch.buffers[at], self.program.buffers[at]),
        }
    }

    /// The columns of a view, row by row.
    #[inline(always)]
    fn rows(&self, view: View) -> impl Iterator<Item = &[f32]> {
        let (all, width) = self.whole(view.place);
        let columns = view.first..view.first + view.width;
        all.chunks_exact(width)
            .take(self.rows)
            .map(move |row| &row[columns.clone()])
    }

    #[inline(always)]
    fn linear<S: Simd, const ROWS: usize>(
        &self,
        simd: S,
        linear: &Linear,
        from: &[View],
        packed: &mut [f32],
        to: &mut [f32],
    ) {
        // Rows that fill no block go one by one: a single workload must not pay for six.
        let together = self.rows / ROWS * ROWS;
        let (blocks, singles) = packed.split_at_mut(together * linear.inputs());
        let mut above = 0;
        for view in from {
            for (at, row) in self.rows(*view).enumerate() {
                if at < together {
                    let block = &mut blocks[at / ROWS * ROWS * linear.inputs()..][above * ROWS..];
                    let (block, _) = block.as_chunks_mut::<ROWS>();
                    for (x, to) in row.iter().zip(block) {
                        to[at % ROWS] = *x;
                    }
                } else {
                    let to = &mut singles[(at - together) * linear.inputs() + above..];
                    to[..row.len()].copy_from_slice(row);
                }
            }
            above += view.width;
        }
        let singles = &singles[..(self.rows - together) * linear.inputs()];
        let (to_blocks, to_singles) = to.split_at_mut(together * linear.outputs());
        linear.run::<S, ROWS>(simd, blocks, to_blocks);
        linear.run::<S, 1>(simd, singles, to_singles);
    }

    #[inline(always)]
    fn map<S: Simd>(&self, simd: S, map: Map, from: View, to: &mut [f32]) {
        match map {
            Map::Sigmoid => self.each(
                simd,
                from,
                to,
                #[inline(always)]
                |x| math::sigmoid(simd, x),
            ),
            Map::Tanh => self.each(
                simd,
                from,
                to,
                #[inline(always)]
                |x| math::tanh(simd, x),
            ),
            Map::Softplus => self.each(
                simd,
                from,
                to,
                #[inline(always)]
                |x| math::softplus(simd, x),
            ),
            Map::Clip { low, high } => {
                let (low, high) = (simd.splat_f32s(low), simd.splat_f32s(high));
                // The argument last: so NaN stays.
                self.each(
                    simd,
                    from,
                    to,
                    #[inline(always)]
                    |x| simd.min_f32s(high, simd.max_f32s(low, x)),
                );
            }
        }
    }

    #[inline(always)]
    fn each<S: Simd>(
        &self,
        simd: S,
        from: View,
        to: &mut [f32],
        function: impl Fn(S::f32s) -> S::f32s,
    ) {
        for (from, to) in self.rows(from).zip(to.chunks_exact_mut(from.width)) {
            let (from, from_rest) = S::as_simd_f32s(from);
            let (to, to_rest) = S::as_mut_simd_f32s(to);
            for (x, to) in from.iter().zip(to) {
                *to = function(*x);
            }
            if !from_rest.is_empty() {
                let x = simd.partial_load_f32s(from_rest);
                simd.partial_store_f32s(to_rest, function(x));
            }
        }
    }

    #[inline(always)]
    fn zip<S: Simd>(&self, simd: S, zip: Zip, a: View, b: View, to: &mut [f32]) {
        match zip {
            Zip::Add => self.pairs(
                simd,
                a,
                b,
                to,
                #[inline(always)]
                |a, b| simd.add_f32s(a, b),
            ),
            Zip::Mul => self.pairs(
                simd,
                a,
                b,
                to,
                #[inline(always)]
                |a, b| simd.mul_f32s(a, b),
            ),
            Zip::Max => self.pairs(
                simd,
                a,
                b,
                to,
                #[inline(always)]
                |a, b| simd.max_f32s(a, b),
            ),
        }
    }

    #[inline(always)]
    fn pairs<S: Simd>(
        &self,
        simd: S,
        a: View,
        b: View,
        to: &mut [f32],
        function: impl Fn(S::f32s, S::f32s) -> S::f32s,
    ) {
        let rows = self.rows(a).zip(self.rows(b));
        for ((a, b), to) in rows.zip(to.chunks_exact_mut(a.width)) {
            let (a, a_rest) = S::as_simd_f32s(a);
            let (b, b_rest) = S::as_simd_f32s(b);
            let (to, to_rest) = S::as_mut_simd_f32s(to);
            for ((a, b), to) in a.iter().zip(b).zip(to) {
                *to = function(*a, *b);
            }
            if !a_rest.is_empty() {
                let (a, b) = (
                    simd.partial_load_f32s(a_rest),
                    simd.partial_load_f32s(b_rest),
                );
                simd.partial_store_f32s(to_rest, function(a, b));
            }
        }
    }

    fn join(&self, from: &[View], to: &mut [f32]) {
        let width: usize = from.iter().map(|view| view.width).sum();
        let mut before = 0;
        for view in from {
            for (row, to) in self.rows(*view).zip(to.chunks_exact_mut(width)) {
                to[before..before + view.width].copy_from_slice(row);
            }
            before += view.width;
        }
    }
}
