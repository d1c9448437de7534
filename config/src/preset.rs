//! The presets as data: a config file's keys and numbers, built into the program.

use llmos_engine::policy::{Policy, Preset};

use crate::origin::Origins;
use crate::policy::RawPolicy;

/// The file of a preset.
fn text(preset: Preset) -> &'static str {
    match preset {
        Preset::Latency => include_str!("presets/latency.toml"),
        Preset::Standard => include_str!("presets/standard.toml"),
        Preset::Batch => include_str!("presets/batch.toml"),
    }
}

/// The numbers of a preset. A test holds each file to the engine's table, which therefore also
/// answers for what a file does not say.
pub(crate) fn policy(preset: Preset) -> Policy {
    let base = preset.policy();
    let raw: RawPolicy = toml::from_str(text(preset)).unwrap_or_default();
    raw.over(&base, "preset", &Origins::default(), &mut Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::printed;

    #[test]
    fn each_file_says_all_that_the_engine_knows_and_the_same() {
        for preset in Preset::ALL {
            let name = preset.name();
            let raw: RawPolicy = toml::from_str(text(preset)).unwrap();
            let mut errors = Vec::new();
            // Over numbers of another preset, so that nothing can be left out.
            let other = if preset == Preset::Batch {
                Preset::Latency
            } else {
                Preset::Batch
            };
            let other = Policy {
                cpu_weight: preset.policy().cpu_weight,
                ..other.policy()
            };
            let read = raw.over(&other, "preset", &Origins::default(), &mut errors);
            assert!(errors.is_empty(), "{name}: {errors:?}");
            for (file, engine) in printed(&read).iter().zip(printed(&preset.policy())) {
                // The same in all presets.
                let common = [
                    "hands_off",
                    "hysteresis",
                    "stale_s",
                    "on_foreign_change",
                    "hand_over_s",
                ];
                assert!(
                    *file == engine,
                    "{name}: {file:?}, the engine has {engine:?}"
                );
                let told = text(preset).contains(&format!("\n{} = ", engine.0));
                let needed = engine.1.is_some() && !common.contains(&engine.0);
                assert!(told || !needed, "{name}.toml does not say {}", engine.0);
            }
            assert_eq!(policy(preset), preset.policy());
        }
    }
}
