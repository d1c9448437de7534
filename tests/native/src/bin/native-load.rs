//! Known loads. Moves itself into a cgroup first, since a socket belongs to the cgroup in which it
//! was made; says `ready`, waits for a line, and then works.

use std::io::{Read as _, Write as _, stdin, stdout};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
struct Arguments {
    /// The cgroup to run in.
    #[arg(long)]
    cgroup: PathBuf,
    #[command(subcommand)]
    load: Load,
}

#[derive(Debug, Subcommand)]
enum Load {
    /// Burns CPU without ever sleeping.
    Busy { seconds: f64 },
    /// Burns a millisecond, sleeps a millisecond, again and again.
    Sleeper { seconds: f64 },
    /// Takes one connection and reads it to its end.
    Receive,
    /// Sends so many bytes to a port on loopback.
    Send { port: u16, bytes: u64 },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let procs = arguments.cgroup.join("cgroup.procs");
    std::fs::write(&procs, std::process::id().to_string())
        .with_context(|| procs.display().to_string())?;
    match arguments.load {
        Load::Busy { seconds } => {
            ready("")?;
            spin(Duration::from_secs_f64(seconds));
        }
        Load::Sleeper { seconds } => {
            ready("")?;
            let end = Instant::now() + Duration::from_secs_f64(seconds);
            while Instant::now() < end {
                spin(Duration::from_millis(1));
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Load::Receive => {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            ready(&listener.local_addr()?.port().to_string())?;
            let (mut stream, _) = listener.accept()?;
            let mut buffer = vec![0; 1 << 16];
            while stream.read(&mut buffer)? > 0 {}
        }
        Load::Send { port, bytes } => {
            ready("")?;
            let mut stream = TcpStream::connect(("127.0.0.1", port))?;
            let buffer = vec![0x5a; 1 << 16];
            let mut left = bytes;
            while left > 0 {
                let part = usize::try_from(left.min(buffer.len() as u64))?;
                stream.write_all(&buffer[..part])?;
                left -= part as u64;
            }
        }
    }
    Ok(())
}

/// Says that it is ready, with a detail, and waits for the word to begin.
fn ready(detail: &str) -> Result<()> {
    let mut out = stdout();
    writeln!(out, "ready {detail}")?;
    out.flush()?;
    let mut line = String::new();
    ensure!(
        stdin().read_line(&mut line)? > 0,
        "nobody said when to begin"
    );
    Ok(())
}

fn spin(duration: Duration) {
    let end = Instant::now() + duration;
    let mut x = 1_u64;
    while Instant::now() < end {
        for _ in 0..100 {
            x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
}
