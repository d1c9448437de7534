//! The fast path of memory within a tick: the kernel tells that `memory.high` is exceeded, and the engine
//! raises both limits before use reaches `memory.max`.

use llmos_engine::Engine;
use llmos_engine::decide::Decision;
use llmos_engine::fast::Tripped;
use llmos_engine::policy::Policy;
use llmos_engine::sample::Limits;
use llmos_engine::units::{Bytes, CgroupId, Timestamp};

use super::lane::{apply, bytes};
use super::world::{at, node};
use crate::control::Bounds;
use crate::control::plant::{MemoryPlant, MemoryTick};

/// From an event to the written limit, in seconds: what the agent keeps in 99 of 100 cases on an emulated
/// machine (`cargo xtask bench act`, `event_to_write_ms.p99`).
const EVENT_TO_WRITE_S: f64 = 0.05;
/// Raises within a tick; each gives a quarter more.
const MOST_RAISES: usize = 64;

/// Who raises limits between two ticks.
pub struct Fast<'e> {
    pub engine: &'e mut Engine,
    pub policy: &'e Policy,
    /// The tick that runs, and its length in seconds.
    pub tick: usize,
    pub step_s: f64,
}

impl Fast<'_> {
    /// One tick of memory, in pieces that end with a raise; true if limits were raised.
    pub fn run(
        &mut self,
        id: CgroupId,
        demand: f64,
        plant: &mut MemoryPlant,
        bounds: &mut Bounds,
    ) -> (MemoryTick, bool) {
        let (mut left_s, mut raised) = (self.step_s, false);
        let (mut stalled_s, mut kills) = (0.0, 0);
        for _ in 0..MOST_RAISES {
            if !plant.trips(demand, bounds) || left_s <= EVENT_TO_WRITE_S {
                break;
            }
            let ran = plant.tick(demand, bounds, EVENT_TO_WRITE_S);
            left_s -= EVENT_TO_WRITE_S;
            stalled_s += ran.stalled_s;
            kills += ran.kills;
            let made = self.raise(id, ran.used, bounds, self.step_s - left_s);
            if made.is_empty() {
                break;
            }
            apply(bounds, &made);
            raised = true;
        }
        let rest = plant.tick(demand, bounds, left_s);
        let whole = MemoryTick {
            used: rest.used,
            stalled_s: (stalled_s + rest.stalled_s).min(self.step_s),
            kills: kills + rest.kills,
        };
        (whole, raised)
    }

    fn raise(&mut self, id: CgroupId, used: f64, bounds: &Bounds, after_s: f64) -> Vec<Decision> {
        let begun = at(self.tick, self.step_s);
        let now = Timestamp(begun.0 + (after_s * 1e9) as u64);
        let node = node();
        let tripped = Tripped {
            id,
            current: bytes(used),
            free: Bytes(node.memory.0 - (used as u64).min(node.memory.0)),
            limits: Limits {
                memory_high: Some(bytes(bounds.high)),
                memory_max: Some(bytes(bounds.max)),
                ..Limits::default()
            },
        };
        self.engine.memory_tripped(&tripped, now, node, self.policy)
    }
}
