//! Runs ONNX models behind the trait of the engine.
//!
//! A model is a folder with `model.onnx` and the `contract.json` that says how to feed it: one
//! tick with a carried state, or a window of ticks. It is used only if its contract is one that the
//! engine's features speak, its bytes are the ones that the contract names, it keeps the limits,
//! and a trial step gives finite numbers: see [`TractModel::load`]. While there is no such model
//! the engine's baseline forecasts.

mod batches;
mod budget;
mod cells;
mod constants;
mod contract;
mod error;
mod files;
mod graph;
mod inspect;
mod limits;
mod model;
mod plan;
mod rowwise;
mod scan;
mod shapes;
mod signature;
mod streaming;
mod template;
mod tensor;
pub mod trial;
mod windowed;

pub use contract::{Contract, Signature};
pub use error::LoadError;
pub use inspect::{Finding, Inspection, Verdict, inspect};
pub use model::TractModel;
