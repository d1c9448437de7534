//! Runs ONNX models with tract behind the trait of the engine.
//!
//! A model is a folder with `model.onnx` and the `contract.json` that says how to feed it. A
//! model is used only if its contract is the one that the engine's features speak, its bytes are
//! the ones that the contract names, and a trial step gives finite numbers: see
//! [`TractModel::load`]. While there is no such model the engine's baseline forecasts.

mod contract;
mod error;
mod graph;
mod model;
mod plan;

pub use contract::Contract;
pub use error::LoadError;
pub use model::TractModel;
