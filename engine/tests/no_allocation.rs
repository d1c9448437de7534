//! A tick in which nothing new happens takes no memory from the allocator. In a binary of its own,
//! because the allocator counts for all of it.

#![allow(
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]
#![allow(unsafe_code, reason = "an allocator is unsafe by its trait")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::node::Node;
use llmos_engine::policy::Preset;

struct Counting;

thread_local! {
    // Other threads of the test harness allocate, too.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

fn note() {
    // A thread that ends has no count any more.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: all is left to the system's allocator; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(ptr, layout, size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations of one tick, its input made before.
fn allocations(node: &mut Node) -> u64 {
    node.pass();
    let room = Vec::with_capacity(node.guests.len());
    let input = Node::input(&node.guests, node.now, node.size, room);
    let before = COUNT.get();
    let report = node.engine.tick(input, None);
    node.engine.recycle(report);
    COUNT.get() - before
}

#[test]
fn steady_ticks_allocate_nothing_with_room_and_without() {
    for cores in [64.0, 4.0] {
        let mut node = Node::new(cores, 64 * 1024);
        for at in 0..60 {
            let preset = Preset::ALL[at % 3];
            node.add(preset.policy(), 0.2 + at as f64 * 0.01, 100 + at as u64);
        }
        node.ticks(700);
        let first = allocations(&mut node);
        assert!(
            first > 0,
            "the report before was not given back, so this one needs memory"
        );
        let counts: Vec<u64> = (0..200).map(|_| allocations(&mut node)).collect();
        assert_eq!(counts.iter().sum::<u64>(), 0, "{cores} cores: {counts:?}");
    }
}
