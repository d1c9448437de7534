//! LLMOS alone, under one policy: what people ask before they give it to a machine.

use llmos_engine::forecast::Model;
use llmos_engine::policy::Policy;

use super::Demand;
use super::llmos;
use super::run::blocks;
use super::score::Tally;

/// Runs all series under this policy; a tally for each, in their order. `progress` hears how many
/// values are done, and of how many.
///
/// # Errors
/// What kept the model from driving.
pub fn under(
    demands: &[Demand],
    policy: &Policy,
    mut model: Option<&mut dyn Model>,
    progress: impl Fn(u64, u64),
) -> Result<Vec<Tally>, String> {
    let total = demands.iter().map(|demand| demand.values.len() as u64);
    let (total, mut done) = (total.sum(), 0);
    let mut tallies: Vec<Tally> = demands.iter().map(Tally::new).collect();
    for block in blocks(demands) {
        let here: Vec<&Demand> = block.iter().map(|at| &demands[*at]).collect();
        let model = model.as_mut().map(|model| &mut **model as &mut dyn Model);
        let mut note = |more: u64| {
            done += more;
            progress(done, total);
        };
        for (at, tally) in block
            .iter()
            .zip(llmos::drive(&here, policy, model, &mut note)?)
        {
            tallies[*at] = tally;
        }
    }
    Ok(tallies)
}
