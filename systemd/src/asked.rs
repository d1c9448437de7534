//! The last calls that ask systemd to make something of one unit.

use crate::property::Properties;

/// Calls that are remembered. Each sets all of a unit's properties, so that older ones count for nothing,
/// but for those that were not answered yet; and the next one waits for longer each time.
const LONGEST: usize = 4;

/// The last calls for one unit, oldest first: what systemd may write at any moment, or has written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked(Vec<Properties>);

impl Asked {
    /// Takes note of a call, and forgets the oldest when there are many. False when there is nothing to
    /// note: it asks for nothing, or for the same as the last one.
    pub fn note(&mut self, call: Properties) -> bool {
        if call.is_empty() || self.0.last() == Some(&call) {
            return false;
        }
        self.0.push(call);
        let old = self.0.len().saturating_sub(LONGEST);
        self.0.drain(..old);
        true
    }

    /// The last call was confirmed; systemd answers in order, so that all before it have been carried out.
    pub fn confirmed(&mut self) {
        self.0.clear();
    }

    /// The calls, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Properties> {
        self.0.iter()
    }
}

impl FromIterator<Properties> for Asked {
    fn from_iter<T: IntoIterator<Item = Properties>>(calls: T) -> Self {
        let mut asked = Self::default();
        for call in calls {
            asked.note(call);
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::property::Property;

    fn weight(weight: u64) -> Properties {
        [(Property::CpuWeight, weight)].into_iter().collect()
    }

    #[test]
    fn the_last_few_are_kept_and_none_twice_in_a_row() {
        let mut asked = Asked::default();
        assert!(!asked.note(Properties::default()), "nothing is asked for");
        for (value, new) in [(1, true), (1, false), (2, true), (1, true)] {
            assert_eq!(asked.note(weight(value)), new, "{value}");
        }
        assert_eq!(asked, [1, 2, 1].map(weight).into_iter().collect());
        for value in 10..20 {
            assert!(asked.note(weight(value)));
        }
        assert_eq!(asked, [16, 17, 18, 19].map(weight).into_iter().collect());
        asked.confirmed();
        assert_eq!(asked.iter().count(), 0);
    }
}
