//! Broken models by the thousand: each is refused in one line or works, and none ends the process,
//! hangs, or takes memory without bound.
//!
//! `cargo test` tries some hundred, the same each time. `cargo xtask fuzz model --minutes N` goes on
//! from where no test has been; a case that fails is named by its number, which is all that is
//! needed to try it again, and its two files are kept.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod case;
#[path = "../common/mod.rs"]
mod common;
mod mutate;
mod report;
mod rng;
mod supervise;

use std::env;
use std::path::Path;
use std::time::{Duration, Instant};

use supervise::{Tally, supervise};

/// Cases of a plain test run.
const CASES: u64 = 300;
/// Cases that one process tries.
const AT_ONCE: u64 = 250;
/// Longest time without a word.
const BETWEEN_REPORTS: Duration = Duration::from_secs(10);
/// Set by `cargo xtask fuzz model`: seconds to go on for, the first case, and the folder for what
/// is found.
const SECONDS: &str = "LLMOS_FUZZ_SECONDS";
const FIRST: &str = "LLMOS_FUZZ_FIRST";
const OUT: &str = "LLMOS_FUZZ_OUT";

#[test]
fn broken_models_do_no_harm() {
    if let Some(cases) = supervise::asked() {
        return supervise::work(cases);
    }
    let mut tally = Tally::default();
    match env::var(SECONDS) {
        Err(_) => supervise(0..CASES, &mut tally),
        Ok(seconds) => go_on(seconds.parse().expect("seconds"), &mut tally),
    }
    let Tally { failures, ran, .. } = &tally;
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(tally.cases() >= CASES.min(AT_ONCE), "{}", tally.cases());
    // Were all refused, nothing behind the loader would have been tried.
    assert!(*ran > 0, "no case got as far as a step");
}

/// Tries new cases until the time is over, and says how it goes.
fn go_on(seconds: u64, tally: &mut Tally) {
    let out = env::var(OUT).expect("a folder");
    let first = env::var(FIRST)
        .ok()
        .map(|text| text.parse().expect("a case"));
    let first = first.unwrap_or(CASES);
    let (began, limit) = (Instant::now(), Duration::from_secs(seconds));
    let (mut next, mut told) = (first, Duration::ZERO);
    while began.elapsed() < limit {
        let failed = tally.failures.len();
        supervise(next..next + AT_ONCE, tally);
        next += AT_ONCE;
        let now = began.elapsed();
        if now - told > BETWEEN_REPORTS || tally.failures.len() > failed || now >= limit {
            told = now;
            report::write(Path::new(&out), first, now, tally);
        }
    }
}
