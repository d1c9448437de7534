//! What of a unit somebody else has set. Pure.

use crate::asked::Asked;
use crate::original::Original;
use crate::property::{Properties, Property, UNSET};

/// CPU time closer than this is the same, in microseconds a second: systemd keeps quotas in whole percent
/// of a CPU, rounded up.
const CPU_STEP_US: u64 = 10_000;

/// Is all of `want` in `has`, up to systemd's rounding?
#[must_use]
pub fn near(want: &Properties, has: &Properties) -> bool {
    want.iter()
        .all(|(property, value)| is_near(property, value, has))
}

fn is_near(property: Property, value: u64, has: &Properties) -> bool {
    has.get(property).is_some_and(|now| {
        let rounds = property == Property::CpuQuota && value != UNSET && now != UNSET;
        value == now || rounds && value.abs_diff(now) < CPU_STEP_US
    })
}

/// Those of the properties a unit has now that are neither as they were nor as systemd was `asked` to
/// make them: somebody else has set them since.
#[must_use]
pub fn theirs(original: &Original, asked: &Asked, now: &Properties) -> Properties {
    let is_ours = |property, value| {
        let asked = asked.iter().filter_map(|one| one.get(property));
        let mut known = asked.chain(original.values.get(property));
        let now = Properties::from_iter([(property, value)]);
        known.any(|known| is_near(property, known, &now))
    };
    let noted = original.values.iter();
    noted
        .filter_map(|(property, _)| Some((property, now.get(property)?)))
        .filter(|(property, value)| !is_ours(*property, *value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(quota: u64) -> Properties {
        [(Property::CpuQuota, quota)].into_iter().collect()
    }

    fn memory(max: u64) -> Properties {
        [(Property::MemoryMax, max)].into_iter().collect()
    }

    #[test]
    fn systemds_rounding_is_no_difference() {
        assert!(near(&cpu(333_330), &cpu(340_000)));
        assert!(
            !near(&cpu(1_200_000), &cpu(1_210_000)),
            "people may mean it"
        );
        assert!(!near(&cpu(333_330), &cpu(350_000)));
        assert!(!near(&cpu(333_330), &cpu(UNSET)));
        assert!(near(&cpu(UNSET), &cpu(UNSET)));
        assert!(!near(&memory(4096), &memory(8192)));
        assert!(near(&Properties::default(), &cpu(1)), "nothing is wanted");
        assert!(!near(&cpu(1), &Properties::default()));
    }

    #[test]
    fn what_is_neither_the_original_nor_asked_for_is_theirs() {
        let mut original = Original::default();
        original.add(Property::CpuQuota, UNSET, true);
        original.add(Property::MemoryMax, 99, false);
        let asked = [cpu(500_000), cpu(333_330)].into_iter().collect();
        let mut now = cpu(340_000);
        now.extend(&memory(99));
        let none = Properties::default();
        assert_eq!(theirs(&original, &asked, &now), none, "asked, and rounded");
        now.extend(&cpu(200_000));
        assert_eq!(theirs(&original, &asked, &now), cpu(200_000));
        now.extend(&cpu(UNSET));
        assert_eq!(
            theirs(&original, &Asked::default(), &now),
            none,
            "as it was"
        );
        now.extend(&memory(7));
        assert_eq!(theirs(&original, &asked, &now), memory(7));
    }
}
