//! `cargo xtask setup`: installs what is missing, and names what cannot be installed.

mod rust;
mod tools;

use anyhow::{Result, bail};

use crate::step::{self, Steps};
use crate::{dashboard, models, vm};

/// What a later command is going to need.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Compile the workspace and the kernel side.
    Build,
    /// Boot virtual machines as well.
    Vm,
    /// Everything: Python and browser tests as well.
    Test,
}

/// One thing that has to be there, how to see that it is, and how to get it.
struct Part {
    name: &'static str,
    missing: fn() -> Option<String>,
    get: fn() -> Result<()>,
}

const BUILD: &[Part] = &[
    Part {
        name: "C compiler",
        missing: tools::compiler_missing,
        get: tools::get_compiler,
    },
    Part {
        name: "rust-src",
        missing: rust::source_missing,
        get: rust::get_source,
    },
    Part {
        name: "bpf-linker",
        missing: rust::linker_missing,
        get: rust::get_linker,
    },
];

const VM: &[Part] = &[
    Part {
        name: "virtual machine",
        missing: tools::vm_missing,
        get: tools::get_vm,
    },
    Part {
        name: "test kernels",
        missing: vm::kernel::missing,
        get: vm::kernel::get_all,
    },
];

const TEST: &[Part] = &[
    Part {
        name: "D-Bus daemon",
        missing: tools::bus_missing,
        get: tools::get_bus,
    },
    Part {
        name: "Python",
        missing: tools::python_missing,
        get: tools::get_python,
    },
    Part {
        name: "model tests' packages",
        missing: models::missing,
        get: models::get,
    },
    Part {
        name: "browser and node",
        missing: tools::browser_missing,
        get: tools::get_browser,
    },
    Part {
        name: "dashboard tests' packages",
        missing: dashboard::missing,
        get: dashboard::get,
    },
];

/// Installs what is missing for `need`. Every part is tried; those that could not be had are
/// listed together at the end, one line each.
pub fn run(need: Need, steps: &mut Steps) -> Result<()> {
    let groups = [(Need::Build, BUILD), (Need::Vm, VM), (Need::Test, TEST)];
    let wanted = groups
        .iter()
        .filter(|(group, _)| *group <= need)
        .flat_map(|(_, parts)| *parts);
    let before = steps.seconds();
    let mut tried = false;
    let mut failed = Vec::new();
    for part in wanted {
        let Some(why) = (part.missing)() else {
            continue;
        };
        println!("missing: {} ({why})", part.name);
        tried = true;
        if let Err(error) = steps.run(&format!("set up {}", part.name), part.get) {
            failed.push(format!("{}: {error:#}", part.name));
        } else if let Some(why) = (part.missing)() {
            failed.push(format!(
                "{}: still missing after the installation: {why}",
                part.name
            ));
        }
    }
    if !failed.is_empty() {
        bail!("set-up is not complete\n  {}", failed.join("\n  "));
    }
    // A set-up that found everything says nothing about what it costs.
    if tried && need == Need::Test {
        step::remember("setup_s", steps.seconds() - before)?;
    }
    Ok(())
}
