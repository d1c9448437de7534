//! Programs like the agent, to be measured beside it: fetched or built into `target/peers`. Only
//! measurements need them, tests never.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::apt::{self, Suites};
use crate::step::Steps;
use crate::{cmd, paths};

/// The newest whose crate builds with Rust 1.95.
const REZOLUS: &str = "rezolus@5.4.0";
/// The suite of the node exporter: its program has to fit this machine's own C library.
const NODE_EXPORTER: (&str, &str) = ("bookworm", "prometheus-node-exporter");
/// The last release of Debian that has cAdvisor as a package.
const OLD_CADVISOR: (&str, &str) = ("bullseye", "cadvisor");
/// Built beside others' work, not instead of it.
const NICE: [&str; 3] = ["nice", "-n", "15"];

/// What could be had.
#[derive(Default)]
pub struct Peers {
    /// Programs on this machine.
    pub programs: Vec<PathBuf>,
    /// Which versions these are, a line each.
    pub versions: Vec<String>,
    /// Those that could not be had, a line each with the reason.
    pub missing: Vec<String>,
}

/// A peer: its name, what getting it costs, and how. The answer is its program and its version.
struct Peer {
    name: &'static str,
    what: &'static str,
    get: fn() -> Result<(PathBuf, String)>,
}

const PEERS: [Peer; 3] = [
    Peer {
        name: "cadvisor",
        what: "a minute when it is not there yet",
        get: cadvisor,
    },
    Peer {
        name: "rezolus",
        what: "half an hour when it is not there yet",
        get: rezolus,
    },
    Peer {
        name: "node-exporter",
        what: "a package",
        get: node_exporter,
    },
];

/// Gets all of them; one that cannot be had does not keep the others away.
pub fn get(steps: &mut Steps) -> Peers {
    let mut peers = Peers::default();
    for peer in &PEERS {
        let what = format!("get {} ({})", peer.name, peer.what);
        match steps.run(&what, peer.get) {
            Ok((program, version)) => {
                peers.programs.push(program);
                peers.versions.push(format!("{}: {version}", peer.name));
            }
            Err(error) => {
                println!("  not measured: {error:#}");
                peers.missing.push(format!("{}: {error:#}", peer.name));
            }
        }
    }
    peers
}

fn folder() -> PathBuf {
    paths::target().join("peers")
}

fn program(name: &str) -> PathBuf {
    folder().join("bin").join(name)
}

fn nicely(program: &str) -> Command {
    let mut command = Command::new(NICE[0]);
    command.args(&NICE[1..]).arg(program);
    command
}

/// cAdvisor's library of the version in `tests/vm/peers/cadvisor/go.mod` with a small program
/// around it, or, where there is no Go to build it, Debian's last package.
fn cadvisor() -> Result<(PathBuf, String)> {
    let source = paths::root().join("tests/vm/peers/cadvisor");
    let manifest = std::fs::read_to_string(source.join("go.mod"))?;
    let version = manifest
        .lines()
        .find_map(|line| line.trim().strip_prefix("github.com/google/cadvisor/lib "))
        .context("go.mod names no version of cadvisor")?;
    let ours = program("cadvisor");
    if !ours.is_file() {
        let mut go = nicely("go");
        go.current_dir(&source)
            .env("CGO_ENABLED", "0")
            .args(["build", "-trimpath", "-ldflags", "-s -w", "-o"])
            .arg(&ours)
            .arg(".");
        if let Err(error) = cmd::run(&mut go) {
            println!("  {error:#}; taking Debian's old package");
            return package(OLD_CADVISOR, "usr/bin/cadvisor", "cadvisor-debian");
        }
    }
    Ok((ours, format!("{version}, raw cgroups only")))
}

fn rezolus() -> Result<(PathBuf, String)> {
    let built = program("rezolus");
    if !built.is_file() {
        build_rezolus()?;
    }
    let version = cmd::output(Command::new(&built).arg("--version"))?;
    Ok((built, version.trim().to_owned()))
}

fn build_rezolus() -> Result<()> {
    let headers = ["/usr/include/libelf.h", "/usr/include/zlib.h"];
    if cmd::find("clang").is_none() || headers.iter().any(|path| !Path::new(path).is_file()) {
        apt::install(&["clang", "libelf-dev", "zlib1g-dev"])?;
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut install = nicely(&cargo);
    // The folder of this repository would lend its own configuration to an unrelated build.
    install
        .current_dir(std::env::temp_dir())
        .args(["install", "--locked", REZOLUS, "--root"])
        .arg(folder())
        .arg("--target-dir")
        .arg(folder().join("build"));
    cmd::run(&mut install)
}

fn node_exporter() -> Result<(PathBuf, String)> {
    let name = NODE_EXPORTER.1;
    package(NODE_EXPORTER, &format!("usr/bin/{name}"), name)
}

/// One program out of a Debian package; nothing is installed.
fn package((suite, package): (&str, &str), inside: &str, name: &str) -> Result<(PathBuf, String)> {
    let (to, note) = (program(name), folder().join(format!("{name}.version")));
    if !to.is_file() {
        let lists = Suites::fetch(&[suite])?;
        let versions = lists.versions(package)?;
        let Some((version, _)) = versions.first() else {
            bail!("{suite} has no {package}");
        };
        let unpacked = folder().join("unpacked");
        lists.unpack(package, version, &unpacked)?;
        std::fs::create_dir_all(folder().join("bin"))?;
        std::fs::write(&note, version)?;
        std::fs::rename(unpacked.join(inside), &to)?;
        std::fs::remove_dir_all(&unpacked)?;
    }
    let version = std::fs::read_to_string(&note).unwrap_or_default();
    Ok((to, format!("{version} of Debian {suite}")))
}
