//! LLMOS in closed loop: some series side by side as the workloads of one node that has room for all.

mod fast;
mod knobs;
mod lane;
mod world;

use llmos_engine::forecast::Model;
use llmos_engine::policy::Policy;
use llmos_engine::{Engine, TickInput};

use super::Demand;
use super::score::Tally;
use fast::Fast;
pub use knobs::{KNOBS, Knobs, STANDARD};
use lane::Lane;
pub(super) use lane::{apply, bytes, cpu_limits, input};
pub(super) use world::{at, node};

/// Ticks between two words to `progress`.
const NOTE_TICKS: usize = 64;

/// Runs series on ticks of one length from their first tick to their last; the longest come first.
/// `progress` hears of values that are done.
///
/// # Errors
/// What kept the model from driving: a score of the fallback would be no score of the model.
pub fn drive(
    demands: &[&Demand],
    policy: &Policy,
    mut model: Option<&mut dyn Model>,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Tally>, String> {
    let Some(step_s) = demands.first().map(|demand| demand.step_s) else {
        return Ok(Vec::new());
    };
    let mut lanes: Vec<Lane<'_>> = (1..).zip(demands).map(|(id, d)| Lane::new(d, id)).collect();
    let mut engine = Engine::new(step_s);
    let node = node();
    let mut done = 0;
    // The first reading is taken before anything runs; rates begin with the second.
    for tick in 0..=lanes.first().map_or(0, Lane::len) {
        let alive = lanes.partition_point(|lane| lane.len() >= tick.max(1));
        let here = &mut lanes[..alive];
        if let Some(ran) = tick.checked_sub(1) {
            let mut fast = Fast {
                engine: &mut engine,
                policy,
                tick: ran,
                step_s,
            };
            here.iter_mut().for_each(|lane| lane.run(&mut fast));
        }
        let now = at(tick, step_s);
        let read: Vec<_> = here.iter().map(|lane| lane.read(now)).collect();
        let read = here.iter().zip(&read);
        let workloads = read.map(|(lane, read)| lane.input(read, policy)).collect();
        let input = TickInput {
            now,
            node,
            workloads,
        };
        let model = model.as_mut().map(|model| &mut **model as &mut dyn Model);
        let mut report = engine.tick(input, model);
        if let Some(error) = report.model_error.take() {
            return Err(error);
        }
        for (lane, report) in here.iter_mut().zip(&report.workloads) {
            lane.decided(&report.decisions);
        }
        engine.recycle(report);
        done += alive as u64;
        if tick % NOTE_TICKS == 0 {
            progress(std::mem::take(&mut done));
        }
    }
    progress(done);
    Ok(lanes.into_iter().map(Lane::finish).collect())
}
