//! `cargo xtask bench NAME`: measurements, one file each, written to `target/bench/NAME.json`.

mod agent_loop;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::{paths, step};

/// Which measurement.
#[derive(clap::Args)]
pub struct Args {
    /// loop: accuracy and cost of the agent on this machine
    name: String,
    /// Measure the programs of the dev profile, which are there already
    #[arg(long)]
    dev: bool,
}

/// Numbers of one measurement under flat names; the unit is the end of the name.
#[derive(Default)]
pub struct Numbers(Map<String, Value>);

impl Numbers {
    /// Keeps a number with three digits after the point; what was not measured is `null`.
    pub fn put(&mut self, name: &str, value: Option<f64>) {
        let value = value.map_or(Value::Null, |value| Value::from(step::round(value, 3)));
        self.0.insert(name.to_owned(), value);
    }

    fn write(&self, bench: &str) -> Result<()> {
        let width = self.0.keys().map(String::len).max().unwrap_or(0);
        for (name, value) in &self.0 {
            println!("  {name:<width$}  {value}");
        }
        let file = paths::bench().join(format!("{bench}.json"));
        std::fs::create_dir_all(paths::bench())?;
        std::fs::write(&file, serde_json::to_string_pretty(&self.0)? + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
        println!("written to {}", paths::shown(&file));
        Ok(())
    }
}

/// Runs one measurement.
pub fn run(args: &Args) -> Result<()> {
    let numbers = match args.name.as_str() {
        "loop" => agent_loop::run(!args.dev)?,
        other => bail!("no bench {other}; there is: loop"),
    };
    numbers.write(&args.name)
}
