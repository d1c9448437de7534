//! The kernel side's counts agree with the kernel's own on this machine.

use std::io::Write as _;
use std::path::Path;

use llmos_native_tests::measure::{cpu, network, obstacle};

const LOAD: &str = env!("CARGO_BIN_EXE_native-load");

/// True when the test can run here; else says on standard error, past the capture, why not.
fn can_run(test: &str) -> bool {
    match obstacle() {
        None => true,
        Some(obstacle) => {
            // Not by a macro that prints: the test harness would keep that to itself.
            let _ = writeln!(std::io::stderr(), "NOT RUN: {test}: {obstacle}");
            false
        }
    }
}

#[test]
fn cpu_time_agrees_within_two_percent() {
    if !can_run("cpu_time_agrees_within_two_percent") {
        return;
    }
    for compared in cpu(Path::new(LOAD), 10.0).unwrap() {
        assert!(
            compared.truth > 500_000_000,
            "the load did not run: {compared:?}"
        );
        assert!(compared.error_pct() <= 2.0, "{compared:?}");
    }
}

#[test]
fn bytes_of_a_transfer_agree_within_one_percent() {
    if !can_run("bytes_of_a_transfer_agree_within_one_percent") {
        return;
    }
    for compared in network(Path::new(LOAD), 64 << 20).unwrap() {
        assert!(compared.error_pct() <= 1.0, "{compared:?}");
    }
}
