//! Two threads on one CPU that do nothing but hand over to each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::libc;
use nix::time::{ClockId, clock_gettime};

use crate::work::cpu::{allowed_cpus, pin};
use crate::work::wake;

/// How they hand over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// A byte over a pipe, and one back.
    Pipe,
    /// A word in memory and a futex on it: the cheapest way to sleep and to wake.
    Futex,
}

/// A stretch of it.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    /// Context switches between the two.
    pub switches: u64,
    /// CPU time of both, in nanoseconds for each switch. Not wall-clock time: other tasks of a
    /// shared machine may take the CPU for a while.
    pub ns: f64,
}

/// Hands over for so long.
///
/// # Errors
/// When the threads cannot be pinned or cannot talk to each other.
pub fn slice(means: Means, duration: Duration) -> Result<Slice> {
    let cpu = *allowed_cpus()?.last().context("no CPU")?;
    // Threads of their own, so that the caller's keeps its CPUs.
    let lead = thread::spawn(move || {
        pin(cpu)?;
        match means {
            Means::Pipe => pipe(duration),
            Means::Futex => futex(duration),
        }
    });
    lead.join().ok().context("a thread panicked")?
}

fn pipe(duration: Duration) -> Result<Slice> {
    let (mut leader, mut echo) = wake::pair()?;
    // It inherits the CPU.
    let answer = thread::spawn(move || echo.answer(Duration::ZERO));
    let slice = timed(duration, || leader.round());
    drop(leader);
    answer.join().ok().context("a thread panicked")??;
    slice
}

fn futex(duration: Duration) -> Result<Slice> {
    const LEADER: u32 = 0;
    const ECHO: u32 = 1;
    const END: u32 = 2;
    let turn = Arc::new(AtomicU32::new(LEADER));
    let other = Arc::clone(&turn);
    let answer = thread::spawn(move || {
        loop {
            match other.load(Ordering::Acquire) {
                ECHO => hand_over(&other, LEADER)?,
                LEADER => sleep_while(&other, LEADER)?,
                _ => return Ok(()),
            }
        }
    });
    let slice = timed(duration, || {
        hand_over(&turn, ECHO)?;
        while turn.load(Ordering::Acquire) == ECHO {
            sleep_while(&turn, ECHO)?;
        }
        Ok(())
    });
    hand_over(&turn, END)?;
    let answered: Result<()> = answer.join().ok().context("a thread panicked")?;
    answered?;
    slice
}

/// Makes rounds of two switches for so long, after some that fill the caches.
fn timed(duration: Duration, mut round: impl FnMut() -> Result<()>) -> Result<Slice> {
    const LOOK_AT_CLOCK_EVERY: u64 = 64;
    for _ in 0..LOOK_AT_CLOCK_EVERY {
        round()?;
    }
    let (start, cpu, mut rounds) = (Instant::now(), cpu_ns()?, 0);
    while start.elapsed() < duration {
        for _ in 0..LOOK_AT_CLOCK_EVERY {
            round()?;
        }
        rounds += LOOK_AT_CLOCK_EVERY;
    }
    let switches = 2 * rounds;
    Ok(Slice {
        switches,
        ns: (cpu_ns()? - cpu) as f64 / switches as f64,
    })
}

/// CPU time of this process; only the two threads work meanwhile.
fn cpu_ns() -> Result<u64> {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?;
    Ok(u64::try_from(time.tv_sec())? * 1_000_000_000 + u64::try_from(time.tv_nsec())?)
}

fn hand_over(turn: &AtomicU32, to: u32) -> Result<()> {
    turn.store(to, Ordering::Release);
    futex_call(turn, libc::FUTEX_WAKE, 1)
}

fn sleep_while(turn: &AtomicU32, value: u32) -> Result<()> {
    futex_call(turn, libc::FUTEX_WAIT, value)
}

fn futex_call(word: &AtomicU32, operation: i32, value: u32) -> Result<()> {
    // SAFETY: the word outlives the call, and without a timeout no other pointer is read.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            operation | libc::FUTEX_PRIVATE_FLAG,
            value,
            std::ptr::null::<libc::timespec>(),
        )
    };
    if answer >= 0 {
        return Ok(());
    }
    let error = std::io::Error::last_os_error();
    match error.raw_os_error() {
        // The word has changed already, or a signal came: the caller looks again.
        Some(libc::EAGAIN | libc::EINTR) => Ok(()),
        _ => bail!("futex: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    use nix::unistd::gettid;

    use crate::tasks::TaskSums;

    #[test]
    fn each_round_is_two_switches() {
        for means in [Means::Pipe, Means::Futex] {
            let made = slice(means, Duration::from_millis(20)).unwrap();
            assert!(made.switches > 0 && made.ns > 0.0, "{means:?}: {made:?}");
        }
    }

    #[test]
    fn a_handover_is_a_switch_for_the_kernel_too() {
        // The threads are gone after a slice, so the count is taken inside of one.
        let counted = thread::spawn(|| {
            pin(*allowed_cpus().unwrap().last().unwrap()).unwrap();
            let (mut leader, mut echo) = wake::pair().unwrap();
            let (tell, told) = mpsc::channel();
            let answer = thread::spawn(move || {
                tell.send(gettid()).unwrap();
                echo.answer(Duration::ZERO)
            });
            // Of these two alone: threads of other tests come and go.
            let both = [gettid(), told.recv().unwrap()];
            let switches = || -> u64 {
                let sums = both.map(|task| TaskSums::of_task(task).unwrap().switches);
                sums.iter().sum()
            };
            let before = switches();
            for _ in 0..1000 {
                leader.round().unwrap();
            }
            let after = switches();
            drop(leader);
            answer.join().unwrap().unwrap();
            after - before
        });
        assert!(counted.join().unwrap() >= 2000);
    }
}
