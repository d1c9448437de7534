//! Broken requests by the thousand at both listeners of the status server: each gets an answer in one
//! clear line or a closed connection, none ends a handler, hangs, or throws the freeze switch by
//! accident.
//!
//! `cargo test` tries some thousand, the same each time. `cargo xtask fuzz socket --minutes N` goes on
//! from where no test has been; a case that fails is named by its number, which is all that is
//! needed to try it again.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod answer;
mod case;
#[path = "../common/mod.rs"]
mod common;
mod report;
mod target;

use std::env;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use report::Tally;
use target::Target;

/// Cases of a plain test run.
const CASES: u64 = 4000;
/// Servers that are tried at the same time, each with a switch of its own.
const TARGETS: usize = 8;
/// Set by `cargo xtask fuzz socket`: seconds to go on for, the first case, and the folder for what is
/// found.
const SECONDS: &str = "LLMOS_FUZZ_SECONDS";
const FIRST: &str = "LLMOS_FUZZ_FIRST";
const OUT: &str = "LLMOS_FUZZ_OUT";
/// Longest time without a word.
const BETWEEN_REPORTS: Duration = Duration::from_secs(10);

#[test]
fn broken_requests_do_no_harm() {
    let panics = count_panics();
    let seconds: Option<u64> = env::var(SECONDS)
        .ok()
        .map(|text| text.parse().expect("seconds"));
    let first = match (env::var(FIRST), seconds) {
        (Ok(text), _) => text.parse().expect("a case"),
        (Err(_), Some(_)) => CASES,
        (Err(_), None) => 0,
    };
    let began = Instant::now();
    let over = |case: u64| match seconds {
        Some(seconds) => began.elapsed() >= Duration::from_secs(seconds),
        None => case >= first + CASES,
    };
    let next = AtomicU64::new(first);
    let tally = Mutex::new(Tally::default());
    let add = |work: &dyn Fn(&mut Tally)| {
        work(&mut tally.lock().unwrap_or_else(PoisonError::into_inner));
    };
    std::thread::scope(|scope| {
        for _ in 0..TARGETS {
            scope.spawn(|| {
                let target = Target::start();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if over(number) {
                        break;
                    }
                    let outcome = target.attempt(number);
                    add(&|tally| tally.count(number, &outcome));
                }
                target.stop();
            });
        }
        if let Some(seconds) = seconds {
            let out = env::var(OUT).expect("a folder");
            while began.elapsed() < Duration::from_secs(seconds) {
                std::thread::sleep(BETWEEN_REPORTS.min(Duration::from_secs(seconds)));
                add(&|tally| report::write(Path::new(&out), first, began.elapsed(), tally));
            }
        }
    });
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Ok(out) = env::var(OUT) {
        report::write(Path::new(&out), first, began.elapsed(), &tally);
    }
    assert!(tally.failures.is_empty(), "{:#?}", tally.failures);
    assert_eq!(panics.load(Ordering::Relaxed), 0, "a handler panicked");
    // Were all alike, little behind the parser would have been tried.
    for what in ["answered", "refused", "closed", "frozen", "unfrozen"] {
        assert!(tally.of(what) > 0, "no case was {what}: {tally:?}");
    }
}

/// A panic inside a handler closes its connection, which looks like a refusal from outside.
fn count_panics() -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        seen.fetch_add(1, Ordering::Relaxed);
        default(info);
    }));
    count
}
