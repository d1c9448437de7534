//! `llmosctl model check`: what fits, what does not, and how fast it is here.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use llmos_forecaster::trial::{self, StepTime, Trial};
use llmos_forecaster::{Finding, Inspection, Verdict, inspect};
use serde_json::{Map, Value, json};

use super::super::{print_json, print_lines};
use crate::cli::ModelCheckArgs;
use crate::error::CtlError;
use crate::style::{Paint, Style};
use crate::units::plain;

/// Runs the command.
pub fn run(json: bool, args: &ModelCheckArgs) -> Result<(), CtlError> {
    let mut found = inspect(&args.path)?;
    // A model that is wrong on paper is not run.
    let trial = if found.fits() {
        tried(&mut found, &args.batch)?
    } else {
        None
    };
    if json {
        print_json(&as_json(&found, trial.as_ref()))?;
    } else {
        print_lines(lines(&found, trial.as_ref(), args.write_contract))?;
    }
    let mut wrong = found
        .findings
        .iter()
        .filter(|f| f.verdict == Verdict::Wrong)
        .count();
    if args.write_contract {
        write_contract(&found, json)?;
        // That it was missing was one of them.
        wrong -= 1;
    }
    if wrong == 0 {
        return Ok(());
    }
    Err(CtlError::ModelUnfit {
        path: args.path.clone(),
        wrong,
    })
}

/// Loads and measures the model in a process of its own.
fn tried(found: &mut Inspection, batches: &[usize]) -> Result<Option<Trial>, CtlError> {
    let program = std::env::current_exe().map_err(CtlError::Start)?;
    let dir = found.model.parent().unwrap_or(Path::new("."));
    let (verdict, text, trial) = match trial::run(&program, dir, batches) {
        Ok(trial) => {
            let by = trial.why_tract.as_ref().map_or(
                "with arithmetic of our own, answers as with tract".to_owned(),
                |why| format!("with tract ({why})"),
            );
            let text = format!("{by}; loaded in {:.0} ms", trial.load_ms);
            (Verdict::Fits, text, Some(trial))
        }
        Err(error) => (Verdict::Wrong, error.to_string(), None),
    };
    found.findings.push(Finding {
        verdict,
        about: "runs",
        text,
    });
    Ok(trial)
}

fn lines(found: &Inspection, trial: Option<&Trial>, write: bool) -> Vec<String> {
    let style = Style::of_stdout();
    let mut lines: Vec<String> = found
        .findings
        .iter()
        .map(|finding| {
            let (paint, word) = match finding.verdict {
                Verdict::Fits => (Paint::Good, "fits "),
                Verdict::Wrong => (Paint::Bad, "wrong"),
            };
            let word = style.paint(paint, word);
            format!("{word}  {:<9}  {}", finding.about, plain(&finding.text))
        })
        .collect();
    lines.extend(steps(trial).map(|step| {
        let StepTime { rows, step_us, .. } = step;
        let all = step_us * *rows as f64 / 1e3;
        let tract = step.tract_us.map(|us| format!("; tract {us:.2} us"));
        format!(
            "       speed      {step_us:8.2} us a series in batches of {rows}, {all:.2} ms a step{}",
            tract.unwrap_or_default()
        )
    }));
    if found.template.is_some() && !write {
        lines.push("write that contract with --write-contract, then look it over".to_owned());
    }
    lines
}

fn steps(trial: Option<&Trial>) -> impl Iterator<Item = &StepTime> {
    trial.into_iter().flat_map(|trial| &trial.steps)
}

fn as_json(found: &Inspection, trial: Option<&Trial>) -> Value {
    let findings: Vec<Value> = found
        .findings
        .iter()
        .map(|finding| {
            json!({
                "fits": finding.verdict == Verdict::Fits,
                "about": finding.about,
                "text": finding.text,
            })
        })
        .collect();
    let by_rows = |us: fn(&StepTime) -> Option<f64>| -> Map<String, Value> {
        steps(trial)
            .map(|step| (step.rows.to_string(), json!(us(step))))
            .collect()
    };
    json!({
        "model": found.model,
        "fits": found.fits(),
        "findings": findings,
        "load_ms": trial.map(|trial| trial.load_ms),
        "why_tract": trial.and_then(|trial| trial.why_tract.as_ref()),
        "step_us": by_rows(|step| Some(step.step_us)),
        "tract_us": by_rows(|step| step.tract_us),
        "contract_template": found.template,
    })
}

/// Writes the contract that would fit; one that is there stays.
fn write_contract(found: &Inspection, json: bool) -> Result<(), CtlError> {
    let create = |source| CtlError::Create {
        path: found.contract.clone(),
        source,
    };
    let Some(template) = &found.template else {
        return Err(CtlError::NoTemplate {
            path: found.contract.clone(),
        });
    };
    let mut template = template.clone();
    let name = found.contract.parent().and_then(Path::file_name);
    if let Some(name) = name.and_then(|name| name.to_str()) {
        template["name"] = json!(name);
    }
    let text = serde_json::to_string_pretty(&template).map_err(std::io::Error::from)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&found.contract)
        .map_err(create)?;
    writeln!(file, "{text}").map_err(create)?;
    if json {
        return Ok(());
    }
    let path = plain(&found.contract.display().to_string());
    print_lines([format!("wrote {path}; look it over, then check again")])
}
