//! What may not be written, and why. Pure.

use llmos_engine::decide::{Action, Knob};

/// What keeps limits from being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A person froze everything.
    Switch,
    /// A sched_ext scheduler runs, so CPU limits have no effect.
    SchedExt,
    /// All tasks of the node stall for memory.
    MemoryPressure,
    /// All tasks of the node stall for input and output.
    IoPressure,
    /// There is no room for the originals of limits.
    StateFull,
    /// The clock jumped, or the machine slept.
    Clock,
    /// The kernel side lost what it should have told.
    Lost,
}

/// What a cause stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stops {
    /// Each write.
    All,
    /// Each write to a CPU limit.
    Cpu,
    /// Each write that lowers a limit; raises relieve and go on.
    Lowering,
}

impl Stops {
    /// Name in the status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Cpu => "cpu",
            Self::Lowering => "lowering",
        }
    }

    /// For people.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::All => "no limit is written",
            Self::Cpu => "no CPU limit is written",
            Self::Lowering => "no limit is lowered",
        }
    }
}

impl Cause {
    /// All of them, those that stop most first.
    pub const ALL: [Self; 7] = [
        Self::Switch,
        Self::SchedExt,
        Self::MemoryPressure,
        Self::IoPressure,
        Self::StateFull,
        Self::Clock,
        Self::Lost,
    ];

    /// Name in the status and label of the metric.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::SchedExt => "sched-ext",
            Self::MemoryPressure => "memory-pressure",
            Self::IoPressure => "io-pressure",
            Self::StateFull => "state-full",
            Self::Clock => "clock",
            Self::Lost => "lost",
        }
    }

    /// What it stops.
    #[must_use]
    pub const fn stops(self) -> Stops {
        match self {
            Self::Switch => Stops::All,
            Self::SchedExt => Stops::Cpu,
            _ => Stops::Lowering,
        }
    }

    /// Why, in outcomes. The same text as long as it holds, so that the wish of each tick is not
    /// news.
    const fn words(self) -> &'static str {
        match self {
            Self::Switch => "by a person",
            Self::SchedExt => "a sched_ext scheduler runs, CPU limits have no effect",
            Self::MemoryPressure => "nothing is lowered, the node is short of memory",
            Self::IoPressure => "nothing is lowered, the node waits for input and output",
            Self::StateFull => "nothing is lowered, the state directory has no room for originals",
            Self::Clock => "nothing is lowered, the clock jumped or the machine slept",
            Self::Lost => "nothing is lowered, the kernel side lost records",
        }
    }
}

/// What may not be written now. The default stops nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    all: Option<String>,
    cpu: Option<&'static str>,
    lowering: Option<&'static str>,
}

impl Verdict {
    /// By the words of the switch, if it is on, and the other causes that hold.
    #[must_use]
    pub fn new(switch: Option<String>, causes: impl IntoIterator<Item = Cause>) -> Self {
        let mut verdict = Self {
            all: switch,
            ..Self::default()
        };
        for cause in causes {
            match cause.stops() {
                Stops::All => {}
                Stops::Cpu => verdict.cpu = verdict.cpu.or(Some(cause.words())),
                Stops::Lowering => verdict.lowering = verdict.lowering.or(Some(cause.words())),
            }
        }
        verdict
    }

    /// The same but for the switch.
    #[must_use]
    pub fn with_switch(&self, switch: Option<String>) -> Self {
        Self {
            all: switch,
            ..*self
        }
    }

    /// Why this limit may not be changed so, if it may not. To hold is no write.
    #[must_use]
    pub fn refuses(&self, knob: Knob, action: Action) -> Option<&str> {
        if action == Action::Hold {
            return None;
        }
        let is_cpu = matches!(knob, Knob::CpuMax | Knob::CpuBurst | Knob::CpuWeight);
        let cpu = self.cpu.filter(|_| is_cpu);
        let lowering = self.lowering.filter(|_| action == Action::Lower);
        self.all.as_deref().or(cpu).or(lowering)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOBS: [Knob; 5] = [
        Knob::CpuMax,
        Knob::CpuBurst,
        Knob::CpuWeight,
        Knob::MemoryHigh,
        Knob::MemoryMax,
    ];

    fn refused(verdict: &Verdict, action: Action) -> [bool; 5] {
        KNOBS.map(|knob| verdict.refuses(knob, action).is_some())
    }

    #[test]
    fn each_cause_stops_what_it_says() {
        for cause in Cause::ALL {
            let switch = (cause == Cause::Switch).then(|| "why".to_owned());
            let verdict = Verdict::new(switch, [cause]);
            let (lower, raise) = match cause.stops() {
                Stops::All => ([true; 5], [true; 5]),
                Stops::Cpu => {
                    let cpu = [true, true, true, false, false];
                    (cpu, cpu)
                }
                Stops::Lowering => ([true; 5], [false; 5]),
            };
            assert_eq!(refused(&verdict, Action::Lower), lower, "{cause:?}");
            assert_eq!(refused(&verdict, Action::Raise), raise, "{cause:?}");
            assert_eq!(refused(&verdict, Action::Hold), [false; 5], "{cause:?}");
        }
        assert_eq!(refused(&Verdict::default(), Action::Lower), [false; 5]);
    }

    #[test]
    fn the_switch_has_the_first_word_and_leaves_the_rest_behind() {
        let causes = [Cause::SchedExt, Cause::IoPressure, Cause::Lost];
        let verdict = Verdict::new(None, causes).with_switch(Some("upgrade".into()));
        let why = |verdict: &Verdict, knob| {
            let why = verdict.refuses(knob, Action::Lower).unwrap_or_default();
            why.to_owned()
        };
        assert_eq!(why(&verdict, Knob::CpuMax), "upgrade");
        let verdict = verdict.with_switch(None);
        assert!(why(&verdict, Knob::CpuMax).contains("sched_ext"));
        assert!(why(&verdict, Knob::MemoryMax).contains("input and output"));
    }
}
