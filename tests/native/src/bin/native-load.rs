//! Known loads. Moves itself into a cgroup first, since a socket belongs to the cgroup in which it
//! was made; says `ready`, waits for a line, works, says `done` and stays until its input ends.

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand, ValueEnum};
use llmos_native_tests::cgroup::move_to;
use llmos_native_tests::work::{cpu, traffic, wake};
use nix::sched::{CloneFlags, setns};

#[derive(Debug, Parser)]
struct Arguments {
    /// The cgroup to run in.
    #[arg(long)]
    cgroup: Option<PathBuf>,
    /// The network namespace to run in.
    #[arg(long)]
    netns: Option<PathBuf>,
    #[command(subcommand)]
    load: Load,
}

#[derive(Debug, Subcommand)]
enum Load {
    /// Threads that burn CPU without ever sleeping.
    Busy {
        seconds: f64,
        #[arg(long, default_value_t = 1)]
        threads: usize,
        /// Each thread on one CPU, the next thread on the next one.
        #[arg(long)]
        pinned: bool,
    },
    /// Burns a millisecond, sleeps a millisecond, again and again.
    Sleeper { seconds: f64 },
    /// Starts short-lived processes, one after the other.
    Processes { seconds: f64, count: u32 },
    /// Two threads on one CPU that switch at a steady rate.
    Switches { seconds: f64, per_second: f64 },
    /// Pairs of threads that wake each other without a pause.
    Wakeups { seconds: f64, pairs: usize },
    /// Ends at once.
    Nothing,
    /// Burns a millisecond, sends itself a datagram, and ends.
    Moment,
    /// Receives one connection, or datagrams until the input ends.
    Receive { protocol: Protocol, address: IpAddr },
    /// Sends so many bytes, evenly over the time.
    Send {
        protocol: Protocol,
        to: SocketAddr,
        bytes: u64,
        seconds: f64,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Protocol {
    Tcp,
    Udp,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(dir) = &arguments.cgroup {
        move_to(dir, nix::unistd::getpid())?;
    }
    if let Some(path) = &arguments.netns {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        setns(file, CloneFlags::CLONE_NEWNET).context("entering the network namespace")?;
    }
    let duration = Duration::from_secs_f64;
    match arguments.load {
        Load::Busy {
            seconds,
            threads,
            pinned,
        } => cpu::busy(duration(seconds), threads, pinned),
        Load::Sleeper { seconds } => cpu::sleeper(duration(seconds)),
        Load::Processes { seconds, count } => cpu::processes(duration(seconds), count),
        Load::Switches {
            seconds,
            per_second,
        } => wake::switches(duration(seconds), per_second),
        Load::Wakeups { seconds, pairs } => wake::wakeups(duration(seconds), pairs),
        Load::Nothing => Ok(()),
        Load::Moment => traffic::moment(),
        Load::Receive { protocol, address } => match protocol {
            Protocol::Tcp => traffic::receive_tcp(address),
            Protocol::Udp => traffic::receive_udp(address),
        },
        Load::Send {
            protocol,
            to,
            bytes,
            seconds,
        } => match protocol {
            Protocol::Tcp => traffic::send_tcp(to, bytes, duration(seconds)),
            Protocol::Udp => traffic::send_udp(to, bytes, duration(seconds)),
        },
    }
}
