//! `llmosctl top`: all workloads in one table, live on a terminal, once elsewhere.

mod live;
mod rows;

use std::io::IsTerminal;

use llmos_proto::status::{Decision, Status, Workload};

use super::{print_json, print_lines};
use crate::cli::{Sort, TopArgs};
use crate::client::Client;
use crate::error::CtlError;
use crate::style::{Paint, Style};

/// What one picture is made of.
struct View {
    status: Status,
    workloads: Vec<Workload>,
    changes: Vec<Decision>,
}

impl View {
    fn fetch(client: &Client) -> Result<Self, CtlError> {
        Ok(Self {
            status: client.status()?,
            workloads: client.workloads()?.workloads,
            changes: client.decisions()?.decisions,
        })
    }

    /// All lines, the table's first column shortened to `width` if there is one.
    fn lines(&self, sort: Sort, width: Option<usize>, style: Style) -> Vec<String> {
        let mut lines = vec![self.summary()];
        let table = rows::table(self, sort).lines(width);
        lines.push(String::new());
        for (at, line) in table.into_iter().enumerate() {
            // Cut before painting, so that no colour is cut in two.
            let line = cut(&line, width);
            lines.push(if at == 0 {
                style.paint(Paint::Bold, &line)
            } else {
                line
            });
        }
        lines
    }

    fn summary(&self) -> String {
        let used: f64 = self
            .workloads
            .iter()
            .filter_map(|w| w.usage.cpu_cores)
            .sum();
        let horizon = rows::nearest_horizon(&self.workloads)
            .map(|ticks| f64::from(ticks) * self.status.tick_ms as f64 / 1000.0);
        let forecast = horizon.map_or_else(
            || "no forecast yet".to_owned(),
            |s| format!("P95 = forecast of the peak in the next {s} s (95 %)"),
        );
        format!(
            "{}: {}, {} workloads, {} managed, {used:.2} of {} cores; {forecast}",
            crate::units::plain(&self.status.node),
            self.status.mode,
            self.status.workloads,
            self.status.managed,
            self.status.node_cpu_cores,
        )
    }
}

/// Runs the command.
pub fn run(client: &Client, json: bool, args: &TopArgs) -> Result<(), CtlError> {
    if json {
        return print_json(&client.raw("/v1/workloads")?);
    }
    let view = View::fetch(client)?;
    if args.once || !std::io::stdout().is_terminal() {
        return print_lines(view.lines(args.sort, None, Style::of_stdout()));
    }
    live::run(client, view, args.sort)
}

/// The beginning of `line` that fits.
fn cut(line: &str, width: Option<usize>) -> String {
    match width {
        Some(width) => line.chars().take(width).collect(),
        None => line.to_owned(),
    }
}
