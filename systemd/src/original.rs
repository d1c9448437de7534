//! What a unit was before LLMOS set anything of it.

use crate::property::{Properties, Property};

/// What has to come back, and what has to go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Original {
    /// The values of the properties that we set, or are about to.
    pub values: Properties,
    /// Those of them that had no drop-in of the runtime: the ones that systemd writes for us have
    /// to go.
    pub bare: Vec<Property>,
}

impl Original {
    /// Takes in a property that is about to be set for the first time.
    pub fn add(&mut self, property: Property, value: u64, bare: bool) {
        self.values.set(property, value);
        self.bare.retain(|known| *known != property);
        if bare {
            self.bare.push(property);
        }
    }

    /// What the unit would have without us where somebody else has set `theirs`; who does so has a drop-in
    /// for it.
    #[must_use]
    pub fn with(&self, theirs: &Properties) -> Self {
        let mut all = self.clone();
        for (property, value) in theirs.iter() {
            all.add(property, value, false);
        }
        all
    }

    /// As text of two parts, for a journal.
    #[must_use]
    pub fn to_texts(&self) -> (String, String) {
        let bare: Vec<&str> = self.bare.iter().map(|one| one.name()).collect();
        (self.values.to_string(), bare.join(" "))
    }

    /// From these two texts.
    ///
    /// # Errors
    /// What is wrong.
    pub fn parse(values: &str, bare: &str) -> Result<Self, &'static str> {
        let values = Properties::parse(values)?;
        let bare = bare
            .split_whitespace()
            .map(|name| {
                let known = values.iter().map(|(property, _)| property);
                known
                    .into_iter()
                    .find(|property| property.name() == name)
                    .ok_or("a drop-in of a property that is not there")
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { values, bare })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_survives_the_trip_through_text() {
        let mut original = Original::default();
        original.add(Property::MemoryMax, 5, true);
        original.add(Property::CpuQuota, crate::UNSET, false);
        original.add(Property::MemoryMax, 6, true);
        let (values, bare) = original.to_texts();
        assert_eq!(bare, "MemoryMax");
        assert_eq!(Original::parse(&values, &bare), Ok(original));
        assert!(Original::parse("MemoryMax=1", "CPUWeight").is_err());
    }
}
