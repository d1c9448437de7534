//! The work of the load program, inside its cgroup.

pub mod cpu;
pub mod crew;
pub mod traffic;
pub mod wake;

use std::io::{Write as _, stdin, stdout};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// Says that it is ready, with a detail, and waits for the word to begin.
///
/// # Errors
/// When nobody is there to say so.
pub fn ready(detail: &str) -> Result<()> {
    say("ready", detail)?;
    let mut line = String::new();
    ensure!(
        stdin().read_line(&mut line)? > 0,
        "nobody said when to begin"
    );
    Ok(())
}

/// Says that the work is done, with a figure of it, and stays until the input ends.
///
/// # Errors
/// When nobody listens.
pub fn done(figure: &str) -> Result<()> {
    say("done", figure)?;
    wait_for_end()
}

/// Waits until the input ends.
///
/// # Errors
/// When the input cannot be read.
pub fn wait_for_end() -> Result<()> {
    std::io::copy(&mut stdin(), &mut std::io::sink())?;
    Ok(())
}

fn say(word: &str, detail: &str) -> Result<()> {
    let mut out = stdout();
    writeln!(out, "{word} {detail}")?;
    out.flush()?;
    Ok(())
}

/// Burns CPU.
pub fn spin(duration: Duration) {
    let end = Instant::now() + duration;
    let mut x = 1_u64;
    while Instant::now() < end {
        for _ in 0..100 {
            x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
}

/// Sleeps until a share of a duration has passed since the start; not at all when it is late.
pub fn pace(start: Instant, whole: Duration, share: f64) {
    let due = start + whole.mul_f64(share);
    if let Some(left) = due.checked_duration_since(Instant::now()) {
        std::thread::sleep(left);
    }
}
