//! Infers all shapes of a graph before tract optimises it, and stops where one is no plain number or
//! too large. tract would carry what does not fit along as a formula that doubles with every operator,
//! and compute constants of any size.

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::{Factoid, InferenceOp};
use tract_onnx::tract_hir::internal::DimLike;

/// Most numbers that all values of a graph may have together: 256 MiB.
pub(crate) const MAX_NUMBERS: usize = 64 * 1024 * 1024;
/// Most passes over the graph. What is known of the inputs reaches the outputs in the first; more are
/// needed only for what can be told from behind.
const MAX_PASSES: usize = 64;

/// Infers until nothing more is learned. The inputs have their shapes, and the graph holds only what
/// its outputs need.
pub(crate) fn settle(model: &mut InferenceModel) -> TractResult<()> {
    let order = model.eval_order()?;
    for _ in 0..MAX_PASSES {
        let (mut learned, mut numbers) = (false, 0_usize);
        for node in &order {
            learned |= refine(model, *node)?;
            for output in &model.node(*node).outputs {
                numbers = numbers.saturating_add(volume(&output.fact)?);
            }
            if numbers > MAX_NUMBERS {
                return Err(TractError::msg(format!(
                    "a step works on more than {MAX_NUMBERS} numbers, expected at most that"
                )));
            }
        }
        if !learned {
            return Ok(());
        }
    }
    Err(TractError::msg("the shapes of its values do not settle"))
}

/// Learns what one node tells of its surroundings; was there anything new?
fn refine(model: &mut InferenceModel, node: usize) -> TractResult<bool> {
    let observed = {
        let node = model.node(node);
        node.op.observe_outlets(model, node)?
    };
    let of = |outlets: &[OutletId]| -> TractResult<TVec<InferenceFact>> {
        let facts = outlets.iter().map(|at| model.outlet_fact(*at).cloned());
        facts.collect()
    };
    let own = &model.node(node).outputs;
    let outlets = [
        model.node(node).inputs.to_vec(),
        (0..own.len())
            .map(|slot| OutletId::new(node, slot))
            .collect(),
        observed,
    ];
    let known = [of(&outlets[0])?, of(&outlets[1])?, of(&outlets[2])?];
    let [inputs, outputs, observed] = known
        .each_ref()
        .map(|facts| -> TVec<&InferenceFact> { facts.iter().collect() });
    let op: &mut Box<dyn InferenceOp> = &mut model.node_mut(node).op;
    // First the shapes alone: where all inputs are constants, `infer` also computes.
    let shapes = op.infer_facts(inputs.clone(), outputs.clone(), observed.clone())?;
    for fact in &shapes.1 {
        volume(fact)?;
    }
    let (inputs, outputs, observed) = op.infer(inputs, outputs, observed)?;
    let found = inputs.into_iter().chain(outputs).chain(observed);
    let mut learned = false;
    for ((outlet, known), found) in outlets
        .iter()
        .flatten()
        .zip(known.iter().flatten())
        .zip(found)
    {
        let unified = found.unify(model.outlet_fact(*outlet)?)?;
        volume(&unified)?;
        learned |= unified != *known;
        model.set_outlet_fact(*outlet, unified)?;
    }
    Ok(learned)
}

/// How many numbers a value has, as far as that is known.
fn volume(fact: &InferenceFact) -> TractResult<usize> {
    let mut numbers = 1_usize;
    for dim in fact.shape.dims().filter_map(Factoid::concretize) {
        let dim = dim
            .to_usize()
            .map_err(|_| TractError::msg("the shapes of its values do not fit each other"))?;
        numbers = numbers.saturating_mul(dim);
    }
    if numbers > MAX_NUMBERS {
        return Err(TractError::msg(format!(
            "a value has {numbers} numbers, expected at most {MAX_NUMBERS}"
        )));
    }
    Ok(numbers)
}
