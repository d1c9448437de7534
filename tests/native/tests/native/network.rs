//! Bytes and packets of each cgroup are exactly those that its namespace's IP layer counts.

use crate::common::{LOAD, SECONDS, can_run, kernel};
use llmos_native_tests::measure;

#[test]
fn every_byte_and_packet_is_counted() {
    if !can_run("every_byte_and_packet_is_counted") {
        return;
    }
    let compared = measure::flows(&mut kernel(), LOAD.as_ref(), SECONDS).unwrap();
    // Eight flows, two comparisons each, four counts a comparison.
    assert_eq!(compared.len(), 64);
    for one in &compared {
        assert_eq!(one.counted, one.truth, "{one}");
    }
}

#[test]
fn bytes_of_a_transfer_in_the_machines_own_namespace_agree() {
    if !can_run("bytes_of_a_transfer_in_the_machines_own_namespace_agree") {
        return;
    }
    for one in measure::network(LOAD.as_ref(), 64 << 20).unwrap() {
        assert!(one.error_pct() <= 1.0, "{one}");
    }
}
