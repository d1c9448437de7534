//! Loads that sleep and wake: two threads that hand a byte to and fro.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::unistd::pipe;

use super::cpu::{allowed_cpus, pin};
use super::crew::{self, Job};
use super::spin;

/// How often a steady rate is caught up with.
const BEAT: Duration = Duration::from_millis(1);
/// What each thread does between two wake-ups of the other.
const WORK: Duration = Duration::from_micros(20);

/// Two threads on one CPU that hand a byte to and fro at `per_second` context switches, two for
/// each round.
///
/// # Errors
/// When nobody talks to this program, or a thread fails.
pub fn switches(duration: Duration, per_second: f64) -> Result<()> {
    let cpu = *allowed_cpus()?.last().context("no CPU")?;
    let (mut leader, mut echo) = pair()?;
    let lead: Job = Box::new(move || {
        pin(cpu)?;
        let (start, mut made) = (Instant::now(), 0.0);
        while start.elapsed() < duration {
            let due = start.elapsed().as_secs_f64() * per_second;
            while made < due {
                leader.round()?;
                made += 2.0;
            }
            thread::sleep(BEAT);
        }
        Ok(())
    });
    let answer: Job = Box::new(move || {
        pin(cpu)?;
        echo.answer(Duration::ZERO)
    });
    crew::run(vec![lead, answer])
}

/// Pairs of threads, anywhere, that hand a byte to and fro without a pause and work a little for
/// each: most of what they do is waking each other.
///
/// # Errors
/// When nobody talks to this program, or a thread fails.
pub fn wakeups(duration: Duration, pairs: usize) -> Result<()> {
    let mut jobs: Vec<Job> = Vec::new();
    for _ in 0..pairs {
        let (mut leader, mut echo) = pair()?;
        jobs.push(Box::new(move || {
            let end = Instant::now() + duration;
            while Instant::now() < end {
                spin(WORK);
                leader.round()?;
            }
            Ok(())
        }));
        jobs.push(Box::new(move || echo.answer(WORK)));
    }
    crew::run(jobs)
}

/// The end that begins; dropping it ends the other one.
pub struct Leader {
    out: File,
    back: File,
}

/// The end that answers.
pub struct Echo {
    from: File,
    back: File,
}

/// Two ends over two pipes.
///
/// # Errors
/// When no pipe can be made.
pub fn pair() -> Result<(Leader, Echo)> {
    let (echo_from, out) = pipe()?;
    let (leader_back, back) = pipe()?;
    let leader = Leader {
        out: out.into(),
        back: leader_back.into(),
    };
    let echo = Echo {
        from: echo_from.into(),
        back: back.into(),
    };
    Ok((leader, echo))
}

impl Leader {
    /// Sends a byte and waits for its return.
    ///
    /// # Errors
    /// When the other end is gone.
    pub fn round(&mut self) -> Result<()> {
        self.out.write_all(&[1])?;
        self.back.read_exact(&mut [0])?;
        Ok(())
    }
}

impl Echo {
    /// Returns each byte, after some work, until the other end is gone.
    ///
    /// # Errors
    /// When a pipe fails.
    pub fn answer(&mut self, work: Duration) -> Result<()> {
        let mut byte = [0];
        while self.from.read(&mut byte)? > 0 {
            if !work.is_zero() {
                spin(work);
            }
            self.back.write_all(&byte)?;
        }
        Ok(())
    }
}
