//! The load that workloads make.

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::clock::{self, thread_cpu};

/// Blocks of this size are mapped and unmapped by the allocator one by one: they are above the
/// largest size that it keeps for later (32 MiB in glibc), so dropping one gives the memory back.
const BLOCK: usize = 40 << 20;
/// The size of a page in bytes.
pub const PAGE: usize = 4096;
/// A cgroup is free this soon after its last process has ended.
pub const SOON: Duration = Duration::from_secs(10);

/// Never sleeps until `until`.
pub fn spin(until: Instant) {
    while Instant::now() < until {
        compute();
    }
}

/// Some microseconds of arithmetic.
fn compute() {
    let mut value = 1u64;
    for _ in 0..10_000 {
        value = black_box(
            value
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1),
        );
    }
}

/// Sleeps for `idle`, burns one core for `burst`, `count` times. Each onset goes to `log`, in
/// milliseconds of [`clock::now_ms`].
///
/// # Errors
/// When the log cannot be written.
pub fn bursts(idle: Duration, burst: Duration, count: usize, log: &Path) -> Result<()> {
    let mut log = File::create(log).with_context(|| format!("create {}", log.display()))?;
    for _ in 0..count {
        std::thread::sleep(idle);
        writeln!(log, "{:.3}", clock::now_ms())?;
        spin(Instant::now() + burst);
    }
    Ok(())
}

/// Takes `blocks` blocks within `grow`, keeps them for `hold`, gives all but the first back and
/// rests for `rest`, for ever.
pub fn wave(blocks: usize, grow: Duration, hold: Duration, rest: Duration) -> ! {
    let pages = blocks * BLOCK / PAGE;
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        let start = Instant::now();
        let mut touched = held.len() * BLOCK / PAGE;
        while touched < pages {
            let due = (start.elapsed().as_secs_f64() / grow.as_secs_f64() * pages as f64) as usize;
            while touched < due.min(pages) {
                if touched * PAGE / BLOCK == held.len() {
                    // Fresh zero pages: none is there before it is touched.
                    held.push(vec![0; BLOCK]);
                }
                if let Some(byte) = held
                    .last_mut()
                    .and_then(|block| block.get_mut(touched * PAGE % BLOCK))
                {
                    *byte = 1;
                }
                touched += 1;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(hold);
        held.truncate(1);
        std::thread::sleep(rest);
    }
}

/// A little CPU and `mib` MiB, for ever.
pub fn steady(mib: usize) -> ! {
    let mut memory = vec![0u8; mib << 20];
    memory.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
    loop {
        spin(Instant::now() + Duration::from_millis(5));
        std::thread::sleep(Duration::from_millis(95));
        black_box(&memory);
    }
}

/// A little of everything each two seconds, for ever: CPU, memory and a datagram to itself.
/// Processes that start together spread over the two seconds by `phase`, a number of their own.
///
/// # Errors
/// When there is no loopback device.
pub fn murmur(phase: u32) -> Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0").context("a socket on loopback")?;
    socket.connect(socket.local_addr()?)?;
    let mut buffer = [0; 64];
    std::thread::sleep(Duration::from_millis(u64::from(phase % 2_000)));
    loop {
        spin(Instant::now() + Duration::from_micros(200));
        let mut memory = vec![0u8; 64 * PAGE];
        memory.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
        black_box(&memory);
        socket.send(&buffer)?;
        socket.recv(&mut buffer)?;
        drop(memory);
        std::thread::sleep(Duration::from_secs(2));
    }
}

/// A little CPU each 20 ms, for ever: no period of a quota passes without some.
pub fn trickle() -> ! {
    loop {
        spin(Instant::now() + Duration::from_micros(300));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// For each line of milliseconds on standard input: `threads` threads that never sleep for so long,
/// then a line `done`.
///
/// # Errors
/// When a line is no number, or nobody reads.
pub fn sprint(threads: usize) -> Result<()> {
    for line in std::io::stdin().lines() {
        let line = line?;
        let length = Duration::from_millis(line.trim().parse().context("milliseconds")?);
        let until = Instant::now() + length;
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(|| spin(until));
            }
            spin(until);
        });
        println!("done");
    }
    Ok(())
}

/// For each line `CPU_MS THREADS` on standard input: so much CPU time by all threads together, each
/// as fast as it may run. Answers with a line `WALL_MS CPU_MS` of what it took.
///
/// # Errors
/// When a line is not two numbers, or nobody reads.
pub fn work() -> Result<()> {
    for line in std::io::stdin().lines() {
        let line = line?;
        let (cpu_ms, threads) = line.trim().split_once(' ').context("CPU_MS THREADS")?;
        let wanted = Duration::from_secs_f64(cpu_ms.parse::<f64>().context("CPU_MS")? / 1e3);
        let threads: usize = threads.parse().context("THREADS")?;
        let begun = Instant::now();
        let used = burn(wanted, threads);
        println!(
            "{:.3} {:.3}",
            begun.elapsed().as_secs_f64() * 1e3,
            used.as_secs_f64() * 1e3
        );
    }
    Ok(())
}

/// Uses `wanted` of CPU time, by whichever thread gets to run; what it was in the end.
fn burn(wanted: Duration, threads: usize) -> Duration {
    let wanted = u64::try_from(wanted.as_nanos()).unwrap_or(u64::MAX);
    let used = AtomicU64::new(0);
    let take_part = || {
        let mut last = thread_cpu();
        while used.load(Ordering::Relaxed) < wanted {
            compute();
            let now = thread_cpu();
            let more = u64::try_from((now - last).as_nanos()).unwrap_or(u64::MAX);
            used.fetch_add(more, Ordering::Relaxed);
            last = now;
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(take_part);
        }
        take_part();
    });
    Duration::from_nanos(used.into_inner())
}

/// Takes memory until the kernel kills it.
pub fn hog() -> ! {
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        held.push(vec![1; 1 << 20]);
        black_box(&held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_in_full_by_any_number_of_threads() {
        for threads in [1, 3] {
            let wanted = Duration::from_millis(20);
            let used = burn(wanted, threads);
            assert!(used >= wanted && used < wanted * 10, "{used:?}");
        }
    }

    #[test]
    fn a_block_that_is_dropped_leaves_the_process() {
        let resident = || {
            let text = std::fs::read_to_string("/proc/self/statm").unwrap();
            text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * PAGE
        };
        for _ in 0..3 {
            let before = resident();
            let mut block = vec![0u8; BLOCK];
            block.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
            black_box(&block);
            assert!(resident() > before + BLOCK / 2);
            drop(block);
            assert!(resident() < before + BLOCK / 2);
        }
    }
}
