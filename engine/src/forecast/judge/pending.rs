//! What was said, kept until its outcome is known.

use super::super::expert::{COUNT, Compact, Points, Statements};
use super::super::numbers::{self, Numbers};
use super::super::{HORIZONS, QUANTILES, Quantiles};
use super::mixture::Said;

/// Ticks from one forecast that is judged to the next, per horizon: neighbouring outcomes of the
/// longer horizon are nearly the same.
const STRIDES: [u64; HORIZONS.len()] = [1, 5];
/// Forecasts whose outcome is open at a time, of all horizons.
const SLOTS: usize = {
    let mut slots = 0;
    let mut h = 0;
    while h < HORIZONS.len() {
        assert!((HORIZONS[h] as u64).is_multiple_of(STRIDES[h]));
        slots += HORIZONS[h] / STRIDES[h] as usize;
        h += 1;
    }
    slots
};

/// No scale is smaller; what says so is not believed.
const LEAST_SCALE: f32 = 1e-6;

/// One forecast whose outcome is open.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    /// The tick at which it was made, its lower half.
    tick: u32,
    /// The series' scale then.
    pub scale: f32,
    /// How far each statement was from what all said together; not numbers where an expert said
    /// nothing. Who learns from it asks for the difference, and three digits of that do.
    apart: [Compact<{ QUANTILES.len() }>; COUNT],
    /// What they said together.
    pub mixed: Said,
    /// What was said in the end.
    pub forecast: Said,
    /// The points behind some of the statements.
    pub points: Points,
    /// A value above all its quantiles came before its horizon was over, and was learnt from.
    pub decided: bool,
}

/// The open forecasts of one series.
#[derive(Debug, Clone)]
pub struct Pending {
    slots: [Option<Slot>; SLOTS],
}

impl Default for Pending {
    fn default() -> Self {
        Self {
            slots: [None; SLOTS],
        }
    }
}

impl Pending {
    /// Takes out the forecast of this horizon whose last tick is `tick`.
    pub fn due(&mut self, horizon: usize, tick: u64) -> Option<Slot> {
        let made = tick.checked_sub(HORIZONS[horizon] as u64)?;
        let slot = self.slots[place(horizon, made)?].take()?;
        // One that is older was never asked for: the series was not judged for a while.
        (slot.tick == made as u32).then_some(slot)
    }

    /// The open forecasts of a horizon that this value decides: it is above all that they said, so
    /// that their peak is at least this. Each is given once.
    pub fn decided(&mut self, horizon: usize, value: f64) -> impl Iterator<Item = &Slot> {
        let before: usize = (0..horizon).map(slots_of).sum();
        let slots = &mut self.slots[before..before + slots_of(horizon)];
        slots.iter_mut().flatten().filter_map(move |slot| {
            let highest = f64::from(slot.forecast[QUANTILES.len() - 1]);
            if slot.decided || value <= highest {
                return None;
            }
            slot.decided = true;
            Some(&*slot)
        })
    }

    /// Keeps what was said at this tick.
    pub fn keep(
        &mut self,
        tick: u64,
        scale: f64,
        statements: &Statements,
        points: &[Points; HORIZONS.len()],
        mixed: &Quantiles,
        forecast: &Quantiles,
    ) {
        let short = |quantiles: &[f64; QUANTILES.len()]| quantiles.map(|x| x as f32);
        for h in 0..HORIZONS.len() {
            let Some(place) = place(h, tick) else {
                continue;
            };
            let nothing = [f32::NAN; QUANTILES.len()];
            self.slots[place] = Some(Slot {
                tick: tick as u32,
                scale: scale as f32,
                apart: statements.each_ref().map(|one| {
                    Compact::new(&one.as_ref().map_or(nothing, |said| {
                        std::array::from_fn(|q| (said[h][q] - mixed[h][q]) as f32)
                    }))
                }),
                mixed: short(&mixed[h]),
                forecast: short(&forecast[h]),
                points: points[h],
                decided: false,
            });
        }
    }
}

impl Pending {
    /// Walks its numbers.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        for place in &mut self.slots {
            let mut open = place.is_some();
            numbers::flag(to, &mut open);
            if !open {
                *place = None;
                continue;
            }
            place.get_or_insert_with(Slot::blank).walk(to);
        }
    }
}

impl Slot {
    /// The statements; not numbers where an expert said nothing.
    #[must_use]
    pub fn said(&self) -> [Said; COUNT] {
        self.apart.each_ref().map(|apart| {
            let apart = apart.wide();
            std::array::from_fn(|q| self.mixed[q] + apart[q])
        })
    }

    fn blank() -> Self {
        Self {
            tick: 0,
            scale: 1.0,
            apart: [Compact::default(); COUNT],
            mixed: [0.0; QUANTILES.len()],
            forecast: [0.0; QUANTILES.len()],
            points: Points::default(),
            decided: false,
        }
    }

    fn walk(&mut self, to: &mut dyn Numbers) {
        numbers::count(to, &mut self.tick);
        numbers::short_values(to, std::slice::from_mut(&mut self.scale));
        numbers::hold(to, self.scale > LEAST_SCALE);
        for apart in &mut self.apart {
            apart.walk_some(to);
        }
        numbers::errors(to, &mut self.mixed);
        numbers::errors(to, &mut self.forecast);
        self.points.walk(to);
        numbers::flag(to, &mut self.decided);
    }
}

/// Where the forecast of a tick is kept, if it is judged at all.
fn place(horizon: usize, tick: u64) -> Option<usize> {
    let stride = STRIDES[horizon];
    if !tick.is_multiple_of(stride) {
        return None;
    }
    let before: usize = (0..horizon).map(slots_of).sum();
    let turn = tick / stride % slots_of(horizon) as u64;
    Some(before + turn as usize)
}

fn slots_of(horizon: usize) -> usize {
    HORIZONS[horizon] / STRIDES[horizon] as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(pending: &mut Pending, tick: u64) {
        let quantiles = [[tick as f64; 4]; 2];
        let statements = [None; COUNT];
        let points = [Points::default(); 2];
        pending.keep(tick, 1.0, &statements, &points, &quantiles, &quantiles);
    }

    #[test]
    fn a_forecast_is_due_when_its_horizon_is_over() {
        let mut pending = Pending::default();
        let (mut near, mut far) = (Vec::new(), Vec::new());
        for tick in 0..100_u64 {
            near.extend(pending.due(0, tick).map(|slot| (tick, slot.mixed[0])));
            far.extend(pending.due(1, tick).map(|slot| (tick, slot.mixed[0])));
            keep(&mut pending, tick);
        }
        assert_eq!(near.len(), 95);
        assert!(near.iter().all(|(tick, made)| *made as u64 + 5 == *tick));
        assert_eq!(far.len(), 14);
        assert!(far.iter().all(|(tick, made)| *made as u64 + 30 == *tick));
    }

    #[test]
    fn a_value_above_all_decides_each_open_forecast_once() {
        let mut pending = Pending::default();
        (1..=3).for_each(|tick| keep(&mut pending, tick));
        assert_eq!(
            pending.decided(0, 2.5).count(),
            2,
            "those that said 1 and 2"
        );
        assert_eq!(pending.decided(0, 2.5).count(), 0);
        assert_eq!(pending.decided(0, 9.0).count(), 1);
        assert!(pending.due(0, 6).is_some_and(|slot| slot.decided));
    }

    #[test]
    fn one_that_nobody_asked_for_in_time_is_dropped() {
        let mut pending = Pending::default();
        keep(&mut pending, 0);
        assert!(pending.due(0, 10).is_none());
    }
}
