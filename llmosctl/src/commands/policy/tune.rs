//! `llmosctl policy tune`: the numbers of the presets, searched on the training part of traces.

use llmos_replay::control::tune::{Step, Trial, Tuned, tune};
use serde::Serialize;

use crate::cli::PolicyTuneArgs;
use crate::commands::replay::progress::Progress;
use crate::commands::replay::{demands, model, threads};
use crate::commands::{print_json, print_lines};
use crate::error::CtlError;
use crate::table::{Align, Table};
use crate::units::ABSENT;

/// What `--json` prints: enough to see why a value was taken.
#[derive(Serialize)]
struct Found {
    model: Option<String>,
    series: usize,
    presets: Vec<FoundPreset>,
}

#[derive(Serialize)]
struct FoundPreset {
    preset: &'static str,
    goal_stall_share: f64,
    goal_kills: u64,
    numbers: Vec<FoundNumber>,
}

#[derive(Serialize)]
struct FoundNumber {
    key: &'static str,
    chosen: String,
    tried: Vec<FoundValue>,
}

#[derive(Serialize)]
struct FoundValue {
    /// As a policy has it; JSON has no infinite numbers.
    value: String,
    slack: Option<f64>,
    stall_share: Option<f64>,
    kills: u64,
}

/// Runs the command.
pub fn run(json: bool, args: &PolicyTuneArgs) -> Result<(), CtlError> {
    let dir = model::find(&args.model)?;
    let load = || model::load(dir.as_deref());
    let name = load()?.map(|model| model.name().to_owned());
    let progress = Progress::start();
    let demands = demands::read(&args.traces, &progress)?;
    let note = |done, all| progress.values(done, all);
    let tuned = tune(&demands, threads(), load, note)?;
    progress.end();
    if json {
        return print_json(&Found {
            model: name,
            series: demands.len(),
            presets: tuned.iter().map(found).collect(),
        });
    }
    print_lines(lines(&tuned))
}

fn found(tuned: &Tuned) -> FoundPreset {
    let value = |trial: &Trial| FoundValue {
        value: trial.value.to_string(),
        slack: trial.slack.map(short),
        stall_share: trial.stall_share.map(short),
        kills: trial.kills,
    };
    let number = |step: &Step| FoundNumber {
        key: step.key,
        chosen: chosen(step),
        tried: step.trials.iter().map(value).collect(),
    };
    FoundPreset {
        preset: tuned.preset.name(),
        goal_stall_share: tuned.goal.stall_share,
        goal_kills: tuned.goal.kills,
        numbers: tuned.steps.iter().map(number).collect(),
    }
}

/// Five digits are more than any of these is worth.
fn short(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

fn chosen(step: &Step) -> String {
    let trial = step.trials.get(step.chosen);
    trial.map_or_else(String::new, |trial| trial.value.to_string())
}

/// A table of all values that were tried, then the lines for the files of the presets.
fn lines(tuned: &[Tuned]) -> Vec<String> {
    let mut table = Table::new(&[
        ("PRESET", Align::Left),
        ("NUMBER", Align::Left),
        ("VALUE", Align::Right),
        ("SLACK", Align::Right),
        ("STALL", Align::Right),
        ("KILLS", Align::Right),
        ("", Align::Left),
    ]);
    let percent = |x: Option<f64>, digits: usize| {
        x.map_or_else(
            || ABSENT.to_owned(),
            |x| format!("{:.digits$} %", 100.0 * x),
        )
    };
    for tuned in tuned {
        for step in &tuned.steps {
            for (at, trial) in step.trials.iter().enumerate() {
                table.push(vec![
                    tuned.preset.name().to_owned(),
                    step.key.to_owned(),
                    trial.value.to_string(),
                    percent(trial.slack, 1),
                    percent(trial.stall_share, 3),
                    trial.kills.to_string(),
                    if at == step.chosen { "taken" } else { "" }.to_owned(),
                ]);
            }
        }
    }
    let mut lines = table.lines(None);
    for tuned in tuned {
        lines.push(String::new());
        lines.push(format!(
            "# {}: at most {} % of stall, {} kills",
            tuned.preset.name(),
            100.0 * tuned.goal.stall_share,
            tuned.goal.kills
        ));
        let numbers = tuned.steps.iter();
        lines.extend(numbers.map(|step| format!("{} = {}", step.key, chosen(step))));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use llmos_engine::policy::Preset;
    use llmos_replay::control::tune::Goal;

    #[test]
    fn the_value_taken_is_marked_and_told_as_a_line_of_a_policy() {
        let trial = |value: f64| Trial {
            value,
            slack: Some(0.5),
            stall_share: None,
            kills: 0,
        };
        let tuned = Tuned {
            preset: Preset::Latency,
            goal: Goal {
                stall_share: 0.001,
                kills: 0,
            },
            policy: Preset::Latency.policy(),
            steps: vec![Step {
                key: "cpu_stall_price",
                trials: vec![trial(10.0), trial(f64::INFINITY)],
                chosen: 1,
            }],
        };
        let lines = lines(std::slice::from_ref(&tuned));
        assert!(lines[2].ends_with("taken") && !lines[1].ends_with("taken"));
        assert!(lines.contains(&"# latency: at most 0.1 % of stall, 0 kills".to_owned()));
        assert!(lines.contains(&"cpu_stall_price = inf".to_owned()));
        assert_eq!(found(&tuned).numbers[0].chosen, "inf");
    }
}
