//! The kernel side's counts agree with the kernel's own on this machine, load by load.

mod common;

use common::{LOAD, SECONDS, can_run, kernel};
use llmos_native_tests::measure::{self, Case, Compared};

/// What the project promises, in percent.
const LIMIT_PCT: f64 = 1.0;

fn agree(all: &[Compared]) {
    assert!(!all.is_empty());
    for one in all {
        // A load that did not run would agree on nothing.
        assert!(one.truth > 100, "the load did not run: {one}");
        assert!(one.error_pct() <= LIMIT_PCT, "{one}");
    }
}

fn each(test: &str, cases: &[Case]) {
    if !can_run(test) {
        return;
    }
    let mut kernel = kernel();
    for case in cases {
        agree(&measure::one(&mut kernel, LOAD.as_ref(), case, SECONDS).unwrap());
    }
}

#[test]
fn cpu_time_and_switches_agree() {
    each("cpu_time_and_switches_agree", &measure::CPU);
}

#[test]
fn run_queue_wait_agrees() {
    each("run_queue_wait_agrees", &measure::WAIT);
}

#[test]
fn a_task_that_moves_is_counted_where_it_was() {
    if can_run("a_task_that_moves_is_counted_where_it_was") {
        agree(&measure::moved(&mut kernel(), LOAD.as_ref(), SECONDS).unwrap());
    }
}

#[test]
fn two_loads_at_once_are_told_apart() {
    if can_run("two_loads_at_once_are_told_apart") {
        agree(&measure::cpu(LOAD.as_ref(), SECONDS).unwrap());
    }
}
