//! The properties of a unit that LLMOS holds. All are of D-Bus type `t`. Pure.

use std::collections::BTreeMap;
use std::fmt;

/// What systemd calls no limit, no period of its own, or no weight of its own.
pub const UNSET: u64 = u64::MAX;

/// A property of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    /// Microseconds of CPU time in each second, behind `cpu.max`.
    CpuQuota,
    /// Length of the period in microseconds, behind `cpu.max`.
    CpuPeriod,
    /// Behind `cpu.weight`.
    CpuWeight,
    /// Bytes, behind `memory.high`.
    MemoryHigh,
    /// Bytes, behind `memory.max`.
    MemoryMax,
}

impl Property {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::CpuQuota,
        Self::CpuPeriod,
        Self::CpuWeight,
        Self::MemoryHigh,
        Self::MemoryMax,
    ];

    /// Its name on the bus.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CpuQuota => "CPUQuotaPerSecUSec",
            Self::CpuPeriod => "CPUQuotaPeriodUSec",
            Self::CpuWeight => "CPUWeight",
            Self::MemoryHigh => "MemoryHigh",
            Self::MemoryMax => "MemoryMax",
        }
    }

    /// The file of the unit's cgroup that systemd writes from it.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::CpuQuota | Self::CpuPeriod => "cpu.max",
            Self::CpuWeight => "cpu.weight",
            Self::MemoryHigh => "memory.high",
            Self::MemoryMax => "memory.max",
        }
    }

    /// The file that systemd writes when it is set, in the unit's folder of drop-ins.
    pub(crate) fn drop_in(self) -> &'static str {
        match self {
            Self::CpuQuota => "50-CPUQuota.conf",
            Self::CpuPeriod => "50-CPUQuotaPeriodSec.conf",
            Self::CpuWeight => "50-CPUWeight.conf",
            Self::MemoryHigh => "50-MemoryHigh.conf",
            Self::MemoryMax => "50-MemoryMax.conf",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// Values of some properties; [`UNSET`] for none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties(BTreeMap<Property, u64>);

impl Properties {
    /// The value of one.
    #[must_use]
    pub fn get(&self, property: Property) -> Option<u64> {
        self.0.get(&property).copied()
    }

    /// Sets one.
    pub fn set(&mut self, property: Property, value: u64) {
        self.0.insert(property, value);
    }

    /// All that are there, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (Property, u64)> + '_ {
        self.0.iter().map(|(property, value)| (*property, *value))
    }

    /// Which ones are there, in the same order.
    #[must_use]
    pub fn which(&self) -> Vec<Property> {
        self.0.keys().copied().collect()
    }

    /// Is none there?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes in those of `other`, which win.
    pub fn extend(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// Those of `self` that are not the same in `now`.
    #[must_use]
    pub fn differing_from(&self, now: &Self) -> Self {
        let differs = |(property, value): &(Property, u64)| now.get(*property) != Some(*value);
        Self(self.iter().filter(differs).collect())
    }

    /// From the words that [`fmt::Display`] writes.
    ///
    /// # Errors
    /// What is wrong, when a word is no property with its value.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        text.split_whitespace()
            .map(|word| {
                let (name, value) = word.split_once('=').ok_or("a property without a value")?;
                let property = Property::named(name).ok_or("a property that is never set")?;
                let value = match value {
                    "unset" => UNSET,
                    number => number.parse().map_err(|_| "a property that is no number")?,
                };
                Ok((property, value))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for Properties {
    /// `CPUQuotaPerSecUSec=500000 MemoryMax=unset`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (property, value)) in self.iter().enumerate() {
            let gap = if at == 0 { "" } else { " " };
            match value {
                UNSET => write!(f, "{gap}{}=unset", property.name())?,
                value => write!(f, "{gap}{}={value}", property.name())?,
            }
        }
        Ok(())
    }
}

impl FromIterator<(Property, u64)> for Properties {
    fn from_iter<I: IntoIterator<Item = (Property, u64)>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_survive_the_trip_through_text() {
        let all: Properties = [
            (Property::CpuQuota, 500_000),
            (Property::MemoryMax, UNSET),
            (Property::CpuWeight, 0),
        ]
        .into_iter()
        .collect();
        let text = all.to_string();
        assert_eq!(
            text,
            "CPUQuotaPerSecUSec=500000 CPUWeight=0 MemoryMax=unset"
        );
        assert_eq!(Properties::parse(&text), Ok(all));
        assert_eq!(Properties::parse(""), Ok(Properties::default()));
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in ["MemoryMax", "ExecStart=1", "MemoryMax=-1", "MemoryMax=1x"] {
            assert!(Properties::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_what_differs_is_told() {
        let at =
            |value| Properties::from_iter([(Property::CpuQuota, 1), (Property::MemoryMax, value)]);
        assert_eq!(
            at(5).differing_from(&at(6)),
            Properties::from_iter([(Property::MemoryMax, 5)])
        );
        assert!(at(5).differing_from(&at(5)).is_empty());
        assert_eq!(at(5).differing_from(&Properties::default()), at(5));
    }
}
