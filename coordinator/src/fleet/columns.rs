//! The columns of a workload's series, and one row of them.

/// Forecast horizons kept per resource: the two shortest that the agent reports.
pub const SLOTS: usize = 2;
const QUANTILES: usize = 3;
const PLAIN: usize = 13;
/// Number of columns.
pub(super) const COLUMNS: usize = PLAIN + 3 * SLOTS * QUANTILES;

/// A resource that is forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// In cores.
    Cpu,
    /// In bytes.
    Memory,
    /// In bytes per second, in plus out.
    Network,
}

/// A quantile that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantile {
    /// Median.
    Q50,
    /// 95 % quantile.
    Q95,
    /// 99 % quantile.
    Q99,
}

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// CPU in cores.
    Cpu,
    /// Memory in bytes.
    Memory,
    /// Working set in bytes.
    WorkingSet,
    /// Received bytes per second.
    Rx,
    /// Sent bytes per second.
    Tx,
    /// Share of enforcement periods throttled.
    Throttled,
    /// Share of time stalled for memory.
    MemoryStall,
    /// CPU limit in force, in cores.
    CpuLimit,
    /// `memory.high` in force, in bytes.
    MemoryHigh,
    /// `memory.max` in force, in bytes.
    MemoryMax,
    /// CPU target in cores.
    CpuTarget,
    /// `memory.high` target in bytes.
    MemoryHighTarget,
    /// `memory.max` target in bytes.
    MemoryMaxTarget,
    /// A forecast: resource, horizon slot (below [`SLOTS`]), quantile.
    Forecast(Resource, usize, Quantile),
}

/// How values that fall into one point are joined, and how a column is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The greatest value stays: limits have to cover peaks.
    Peak,
    /// The last value stays.
    Last,
    /// The last value stays; changes seldom, so it is kept as steps.
    Step,
}

impl Column {
    /// The column at a place; the inverse of `index`.
    pub(super) fn kind_at(index: usize) -> Kind {
        match index {
            0..7 => Kind::Peak,
            7..PLAIN => Kind::Step,
            _ => Kind::Last,
        }
    }

    /// Place of the column in a row; a slot beyond the last counts as the last.
    pub(super) fn index(self) -> usize {
        match self {
            Self::Cpu => 0,
            Self::Memory => 1,
            Self::WorkingSet => 2,
            Self::Rx => 3,
            Self::Tx => 4,
            Self::Throttled => 5,
            Self::MemoryStall => 6,
            Self::CpuLimit => 7,
            Self::MemoryHigh => 8,
            Self::MemoryMax => 9,
            Self::CpuTarget => 10,
            Self::MemoryHighTarget => 11,
            Self::MemoryMaxTarget => 12,
            Self::Forecast(resource, slot, quantile) => {
                let slot = slot.min(SLOTS - 1);
                PLAIN + (resource as usize * SLOTS + slot) * QUANTILES + quantile as usize
            }
        }
    }
}

/// One point of all columns; NaN stands for absent, and for nothing else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row(pub(super) [f32; COLUMNS]);

impl Row {
    /// A row with nothing in it: a gap.
    pub fn gap() -> Self {
        Self([f32::NAN; COLUMNS])
    }

    /// Sets a column; `None` leaves it absent. Values are kept as f32, which is exact to 4 KiB at
    /// 64 GiB.
    pub fn set(&mut self, column: Column, value: Option<f64>) {
        self.0[column.index()] = value.map_or(f32::NAN, |value| value as f32);
    }

    /// Joins a later row of the same point into this one.
    pub(super) fn join(&mut self, later: &Self) {
        for (index, (mine, new)) in self.0.iter_mut().zip(later.0).enumerate() {
            *mine = match Column::kind_at(index) {
                // `f32::max` leaves the other value when one is absent.
                Kind::Peak => mine.max(new),
                Kind::Last | Kind::Step => new,
            };
        }
    }
}
