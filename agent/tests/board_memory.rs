//! What a full board costs in bytes, counted by the allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use llmos_agent::apply::Outcome;
use llmos_agent::board::{Board, Made, Published};
use llmos_engine::decide::{Action, Decision, Knob, Reason};
use llmos_engine::units::{CgroupId, Timestamp};
use llmos_proto::status::{
    API_VERSION, Coverage, Forecast, HorizonForecast, Limits, Status, Usage, Workload,
};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; the counter is only arithmetic.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WORKLOADS: u32 = 1000;
const TICKS: u32 = 400;

fn forecast() -> Option<Forecast> {
    let horizons = [10, 60, 300].map(|ticks| HorizonForecast {
        ticks,
        q50: 0.5,
        q90: 0.8,
        q95: 0.9,
        q99: 1.1,
    });
    Some(Forecast {
        source: "model".into(),
        horizons: horizons.to_vec(),
        driver: Some("recent-max".into()),
        model_share: Some(0.25),
        coverage: Some(Coverage {
            q50: 0.5,
            q90: 0.9,
            q95: 0.95,
            q99: 0.99,
        }),
        ..Forecast::default()
    })
}

fn tick(status: &Status, tick: u32) -> Published {
    let path = |i: u32| {
        format!(
            "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{i:08x}.slice/cri-{i:016x}.scope"
        )
    };
    // Each limit moves now and then, so that the slow lists fill as well.
    let limit = f64::from(tick / 10 % 7) + 0.5;
    let workloads = (0..WORKLOADS)
        .map(|i| Workload {
            id: i.to_string(),
            cgroup: path(i),
            name: format!("web-{i}"),
            container: None,
            managed: true,
            actuator: "cgroupfs".into(),
            seen_s: tick.into(),
            usage: Usage {
                cpu_cores: Some(0.3),
                ..Usage::default()
            },
            limits: Limits {
                cpu_cores: Some(limit),
                ..Limits::default()
            },
            targets: Limits::default(),
            cpu_forecast: forecast(),
            memory_forecast: forecast(),
            network_forecast: forecast(),
        })
        .collect();
    let mut decisions = Made::for_workloads(WORKLOADS as usize);
    for i in 0..WORKLOADS {
        let action = if (tick + i).is_multiple_of(20) {
            Action::Raise
        } else {
            Action::Hold
        };
        for knob in [
            Knob::CpuMax,
            Knob::CpuBurst,
            Knob::MemoryHigh,
            Knob::MemoryMax,
        ] {
            let decision = Decision {
                workload: CgroupId(i.into()),
                knob,
                at: Timestamp(tick.into()),
                from: Some(limit),
                to: limit + 1.0,
                action,
                reasons: vec![
                    Reason::Margin {
                        fraction: 0.2,
                        value: limit
                    };
                    5
                ],
            };
            decisions.push(&decision, Outcome::Applied);
        }
    }
    Published {
        between: Vec::new(),
        status: status.clone(),
        at_unix_ms: u64::from(tick) * 1000,
        workloads,
        decisions,
    }
}

#[test]
fn a_thousand_workloads_fit_in_10_mb() {
    let status = Status {
        api_version: API_VERSION.into(),
        ..Status::default()
    };
    let before = LIVE.load(Ordering::Relaxed);
    let board = Board::new(status.clone());
    let mut times = Vec::new();
    for number in 1..=TICKS {
        let published = tick(&status, number);
        let start = std::time::Instant::now();
        drop(board.publish(published));
        times.push(start.elapsed());
    }
    let bytes = LIVE.load(Ordering::Relaxed) - before;
    times.sort();
    println!(
        "{bytes} bytes, median publish {:?}, slowest {:?}",
        times[times.len() / 2],
        times.last()
    );
    let detail = board.workload("17").expect("there");
    assert_eq!(
        detail.history.len(),
        120,
        "shorter than for a few workloads"
    );
    assert_eq!(detail.current.len(), 4);
    assert_eq!(detail.current[0].reasons.len(), 5);
    assert!(!detail.changes.is_empty());
    assert!(
        bytes < 10_000_000,
        "{bytes} bytes for {WORKLOADS} workloads"
    );
}
