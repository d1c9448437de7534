//! `llmosctl policy test`: a policy in closed loop on traces, held to limits. For people's own checks.

use std::collections::BTreeMap;

use llmos_config::{Cli, Config, NodeSize, problems};
use llmos_engine::forecast::Model;
use llmos_engine::policy::Policy;
use llmos_replay::control::score::Tally;
use llmos_replay::control::{Demand, under};
use serde::Serialize;

use super::check;
use crate::cli::PolicyTestArgs;
use crate::commands::replay::progress::Progress;
use crate::commands::replay::{demands, model};
use crate::commands::{print_json, print_lines};
use crate::error::CtlError;
use crate::table::{Align, Table};
use crate::units::{ABSENT, plain};

/// What came of one resource of one family; means over its series, kills summed.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Row {
    family: String,
    series: usize,
    /// Sum of limit minus use over the sum of use.
    slack_ratio: Option<f64>,
    /// Share of the time in which work waits.
    stall_share: Option<f64>,
    kills: u64,
    changes_per_hour: Option<f64>,
    /// The limits of this test that it is over, in words.
    failed: Vec<String>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Tested<'a> {
    file: String,
    workload: Option<&'a str>,
    model: Option<String>,
    rows: &'a [Row],
}

/// Runs the command.
pub fn run(json: bool, args: &PolicyTestArgs) -> Result<(), CtlError> {
    let policy = policy(args)?;
    let mut model = model::load(model::find(&args.model)?.as_deref())?;
    let progress = Progress::start();
    let demands = demands::read(&args.traces, &progress)?;
    let name = model.as_ref().map(|model| model.name().to_owned());
    let model = model.as_mut().map(|model| &mut **model as &mut dyn Model);
    let note = |done, all| progress.values(done, all);
    let tallies = under(&demands, &policy, model, note).map_err(CtlError::ModelFailed)?;
    progress.end();

    let rows = rows(&demands, &tallies, args);
    if json {
        print_json(&Tested {
            file: args.file.display().to_string(),
            workload: args.workload.as_deref(),
            model: name,
            rows: &rows,
        })?;
    } else {
        print_lines(lines(&rows))?;
    }
    let count = rows.iter().map(|row| row.failed.len()).sum();
    if count > 0 {
        return Err(CtlError::PolicyFailed {
            path: args.file.clone(),
            count,
        });
    }
    Ok(())
}

/// The policy of the workload that was named; a file with problems has none.
fn policy(args: &PolicyTestArgs) -> Result<Policy, CtlError> {
    let path = &args.file;
    let found = problems(path, &check::read(path)?, NodeSize::default());
    if !found.is_empty() {
        print_lines(found.iter().map(|problem| plain(problem)))?;
        return Err(CtlError::Policy {
            path: path.clone(),
            count: found.len(),
        });
    }
    let cli = Cli {
        config: Some(path.clone()),
        ..Cli::default()
    };
    // Without the variables of whoever runs the test: the file alone is what is tested.
    let config = Config::load(&cli, []).map_err(|error| CtlError::PolicyUnread {
        path: path.clone(),
        why: error.to_string(),
    })?;
    let workload = args.workload.as_deref().unwrap_or_default();
    Ok(config
        .policy_for(workload.trim_start_matches('/'))
        .0
        .clone())
}

fn rows(demands: &[Demand], tallies: &[Tally], args: &PolicyTestArgs) -> Vec<Row> {
    let mut groups: BTreeMap<String, Vec<&Tally>> = BTreeMap::new();
    for (demand, tally) in demands.iter().zip(tallies) {
        let name = format!("{}/{}", demand.family, demand.resource.name());
        groups.entry(name).or_default().push(tally);
    }
    let rows = groups.into_iter().map(|(family, tallies)| {
        let mut row = Row {
            family,
            series: tallies.len(),
            slack_ratio: mean(tallies.iter().map(|tally| tally.slack_ratio())),
            stall_share: mean(tallies.iter().map(|tally| tally.stall_share())),
            kills: tallies.iter().map(|tally| tally.kills()).sum(),
            changes_per_hour: mean(tallies.iter().map(|tally| tally.changes_per_hour())),
            failed: Vec::new(),
        };
        row.failed = failed(&row, args);
        row
    });
    rows.collect()
}

/// The limits that a row is over. What is not known is over none.
fn failed(row: &Row, args: &PolicyTestArgs) -> Vec<String> {
    let over = |what: &str, found: Option<f64>, limit: Option<f64>| {
        let (found, limit) = (found?, limit?);
        (found > limit).then(|| format!("{what} {found:.4} is above {limit}"))
    };
    let kills = args.max_kills.filter(|limit| row.kills > *limit);
    [
        over("slack", row.slack_ratio, args.max_slack),
        over("stall", row.stall_share, args.max_stall),
        kills.map(|limit| format!("{} kills are more than {limit}", row.kills)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (sum, count) = values
        .flatten()
        .fold((0.0, 0), |(sum, count), x| (sum + x, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

fn lines(rows: &[Row]) -> Vec<String> {
    let mut table = Table::new(&[
        ("FAMILY", Align::Left),
        ("SERIES", Align::Right),
        ("SLACK", Align::Right),
        ("STALL", Align::Right),
        ("KILLS", Align::Right),
        ("CHANGES/H", Align::Right),
    ]);
    let percent = |x: Option<f64>, digits| {
        x.map_or_else(
            || ABSENT.to_owned(),
            |x| format!("{:.digits$} %", 100.0 * x),
        )
    };
    for row in rows {
        table.push(vec![
            plain(&row.family),
            row.series.to_string(),
            percent(row.slack_ratio, 1),
            percent(row.stall_share, 3),
            row.kills.to_string(),
            row.changes_per_hour
                .map_or_else(|| ABSENT.to_owned(), |x| format!("{x:.1}")),
        ]);
    }
    let failed = rows.iter().flat_map(|row| {
        let family = plain(&row.family);
        row.failed
            .iter()
            .map(move |what| format!("{family}: {what}"))
    });
    table.lines(None).into_iter().chain(failed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_leaves_out_what_is_not_known() {
        assert_eq!(mean([Some(1.0), None, Some(4.0)].into_iter()), Some(2.5));
        assert_eq!(mean([None].into_iter()), None);
    }
}
