//! The kernel side's counts agree with the kernel's own on this machine, load by load.

use std::ops::RangeInclusive;

use crate::common::{LOAD, SECONDS, can_run, kernel};
use llmos_engine::sample::WaitHistogram;
use llmos_native_tests::measure::{self, Compared};

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

#[test]
fn cpu_time_and_switches_agree() {
    if !can_run("cpu_time_and_switches_agree") {
        return;
    }
    let mut kernel = kernel();
    for case in &measure::CPU {
        agree(
            &measure::one(&mut kernel, LOAD.as_ref(), case, SECONDS)
                .unwrap()
                .compared,
        );
    }
}

#[test]
fn run_queue_wait_agrees() {
    if !can_run("run_queue_wait_agrees") {
        return;
    }
    let mut kernel = kernel();
    for case in &measure::WAIT {
        let outcome = measure::one(&mut kernel, LOAD.as_ref(), case, SECONDS).unwrap();
        agree(&outcome.compared);
        let waits = outcome.waits.unwrap();
        let (p50, p99) = (waits.quantile_ns(0.5), waits.quantile_ns(0.99));
        assert!(p50.unwrap() <= p99.unwrap(), "{waits:?}");
        let wait = find(&outcome.compared, "wait, ns").truth;
        assert!(sums(&waits).contains(&wait), "{wait} ns in {waits:?}");
    }
}

fn find<'a>(all: &'a [Compared], what: &str) -> &'a Compared {
    all.iter().find(|one| one.what.ends_with(what)).unwrap()
}

/// Least and largest sum of the waits that a histogram holds, one percent either way.
fn sums(waits: &WaitHistogram) -> RangeInclusive<u64> {
    let (mut least, mut most) = (0, 0_u64);
    for (bucket, count) in waits.0.iter().enumerate() {
        let limit = |bucket: usize| WaitHistogram::limit_ns(bucket);
        let lower = bucket.checked_sub(1).and_then(limit).unwrap_or(0);
        let upper = limit(bucket).unwrap_or(u64::MAX / 2);
        least += lower * u64::from(*count);
        most = most.saturating_add(upper.saturating_mul(u64::from(*count)));
    }
    least - least / 100..=most.saturating_add(most / 100)
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
