//! What a row-wise graph does, step by step, on buffers of its own.

use super::linear::Linear;

/// Where numbers lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// One of the graph's inputs.
    Input(usize),
    /// A buffer that a step has written.
    Buffer(usize),
}

/// Neighbouring columns of an input or buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    pub place: Place,
    pub first: usize,
    pub width: usize,
}

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Map {
    Sigmoid,
    Tanh,
    Softplus,
    Clip { low: f32, high: f32 },
}

/// A function of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zip {
    Add,
    Mul,
    Max,
}

/// One step; it writes the whole buffer `to`.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Linear {
        linear: Linear,
        from: Vec<View>,
        to: usize,
    },
    Map {
        map: Map,
        from: View,
        to: usize,
    },
    Zip {
        zip: Zip,
        a: View,
        b: View,
        to: usize,
    },
    /// Columns copied side by side.
    Join {
        from: Vec<View>,
        to: usize,
    },
}

/// A graph whose rows do not know of each other, ready to run.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// Columns of each input.
    pub inputs: [usize; 3],
    /// Columns of each buffer.
    pub buffers: Vec<usize>,
    pub steps: Vec<Step>,
    /// Each output as columns put side by side.
    pub outputs: [Vec<View>; 3],
}
