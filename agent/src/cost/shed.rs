//! Decides which probes to give up, and when to take them back: a pure function of what is measured.

use llmos_engine::units::Timestamp;

use crate::probes::Probe;

/// Time over the budget before something is given up, and between two such steps: the cost must
/// have been measured anew in between.
const PATIENCE_S: f64 = 60.0;
/// Time before something is taken back.
const RETRY_S: f64 = 600.0;
/// It is taken back when it would fit into this share of the budget.
const ROOM: f64 = 0.8;
/// A probe that costs less than this share of the budget is not worth giving up.
const WORTH: f64 = 0.02;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Act {
    /// Detach this probe.
    Shed(Probe),
    /// Attach it again.
    Restore(Probe),
}

/// A probe that was given up.
#[derive(Debug, Clone, Copy)]
struct Gone {
    probe: Probe,
    cores: f64,
    since: Timestamp,
}

/// Keeps the agent within its budget.
#[derive(Debug)]
pub struct Shedder {
    budget_cores: f64,
    over_since: Option<Timestamp>,
    gone: Vec<Gone>,
}

impl Shedder {
    /// For a budget in cores.
    #[must_use]
    pub fn new(budget_cores: f64) -> Self {
        Self {
            budget_cores,
            over_since: None,
            gone: Vec::new(),
        }
    }

    /// Probes that were given up, first to last.
    pub fn gone(&self) -> impl Iterator<Item = Probe> {
        self.gone.iter().map(|gone| gone.probe)
    }

    /// The budget in cores.
    #[must_use]
    pub fn budget_cores(&self) -> f64 {
        self.budget_cores
    }

    /// Looks at the cost: `used_cores` by the agent and its kernel side together, and `cost` of each
    /// probe that runs (`None` for one that does not).
    pub fn look(
        &mut self,
        now: Timestamp,
        used_cores: f64,
        cost: impl Fn(Probe) -> Option<f64>,
    ) -> Option<Act> {
        if used_cores <= self.budget_cores {
            self.over_since = None;
            return self.take_back(now, used_cores);
        }
        let since = *self.over_since.get_or_insert(now);
        if now.seconds_since(since) < PATIENCE_S {
            return None;
        }
        self.over_since = Some(now);
        let worth = self.budget_cores * WORTH;
        let (probe, cores) = Probe::SHED_ORDER
            .into_iter()
            .filter_map(|probe| Some((probe, cost(probe)?)))
            .find(|(_, cores)| *cores >= worth)?;
        self.gone.push(Gone {
            probe,
            cores,
            since: now,
        });
        Some(Act::Shed(probe))
    }

    /// The last one given up comes back first.
    fn take_back(&mut self, now: Timestamp, used_cores: f64) -> Option<Act> {
        let last = self.gone.last()?;
        let fits = used_cores + last.cores <= self.budget_cores * ROOM;
        if now.seconds_since(last.since) < RETRY_S || !fits {
            return None;
        }
        let probe = last.probe;
        self.gone.pop();
        Some(Act::Restore(probe))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Timestamp {
        Timestamp(s * 1_000_000_000)
    }

    #[test]
    fn sheds_in_the_stated_order_after_a_while() {
        let mut shedder = Shedder::new(0.1);
        let all = |_: Probe| Some(0.05);
        assert_eq!(shedder.look(at(0), 0.2, all), None, "not at once");
        assert_eq!(shedder.look(at(60), 0.2, all), Some(Act::Shed(Probe::Cpu)));
        assert_eq!(shedder.look(at(61), 0.15, all), None, "one step at a time");
        let rest = |probe| (probe != Probe::Cpu).then_some(0.05);
        let next = shedder.look(at(121), 0.15, rest);
        assert_eq!(next, Some(Act::Shed(Probe::Network)));
        assert_eq!(
            shedder.gone().collect::<Vec<_>>(),
            [Probe::Cpu, Probe::Network]
        );
    }

    #[test]
    fn what_costs_next_to_nothing_stays() {
        let mut shedder = Shedder::new(0.1);
        let cost = |probe| Some(if probe == Probe::Tcp { 0.01 } else { 0.0001 });
        shedder.look(at(0), 0.2, cost);
        assert_eq!(shedder.look(at(60), 0.2, cost), Some(Act::Shed(Probe::Tcp)));
        let none = |_: Probe| Some(0.0001);
        assert_eq!(shedder.look(at(200), 0.2, none), None);
    }

    #[test]
    fn a_short_peak_sheds_nothing() {
        let mut shedder = Shedder::new(0.1);
        let all = |_: Probe| Some(0.05);
        shedder.look(at(0), 0.2, all);
        shedder.look(at(30), 0.05, all);
        assert_eq!(shedder.look(at(65), 0.2, all), None);
    }

    #[test]
    fn comes_back_when_it_fits_again() {
        let mut shedder = Shedder::new(0.1);
        let all = |_: Probe| Some(0.05);
        shedder.look(at(0), 0.2, all);
        shedder.look(at(60), 0.2, all);
        assert_eq!(shedder.look(at(120), 0.02, all), None, "too soon");
        assert_eq!(shedder.look(at(700), 0.04, all), None, "it would not fit");
        let back = shedder.look(at(701), 0.02, all);
        assert_eq!(back, Some(Act::Restore(Probe::Cpu)));
        assert_eq!(shedder.gone().count(), 0);
    }
}
