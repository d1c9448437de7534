//! A small node to show: one managed workload with everything, one that nobody manages and of which
//! little is known.

use llmos_agent::apply::Outcome;
use llmos_agent::board::{Board, Made, Published};
use llmos_agent::freeze::Switch;
use llmos_engine::decide::{Action, Decision, Knob, Reason};
use llmos_engine::forecast::Source;
use llmos_engine::units::{CgroupId, Timestamp};
use llmos_proto::status::{
    API_VERSION, Component, Coverage, EventCount, Forecast, FreezeCause, HandedOver, Health,
    HorizonForecast, Limits, Link, Lost, Status, Usage, Workload,
};
use std::path::Path;
use std::sync::Arc;

/// Wall clock of the first tick, milliseconds since 1970.
pub const START_MS: u64 = 1_700_000_000_000;
/// cgroup of the managed workload; systemd escapes put a backslash into names.
pub const WEB: &str = r"system.slice/system-web\x2dshop.slice/web.service";
/// cgroup of the other one.
pub const CRON: &str = "system.slice/cron.service";

/// The switch of a server at this socket: a file beside it.
pub fn switch_at(socket: &Path) -> Arc<Switch> {
    Arc::new(Switch::new(socket.with_file_name("freeze")))
}

pub fn status() -> Status {
    let component = |name: &str, state, cause: &str| Component {
        name: name.into(),
        state,
        cause: cause.into(),
    };
    Status {
        api_version: API_VERSION.into(),
        node: "node-1".into(),
        agent_version: "0.1.0".into(),
        kernel: "6.12.0".into(),
        mode: "observe".into(),
        now_unix_ms: START_MS,
        started_unix_ms: START_MS - 60_000,
        tick_ms: 1000,
        ticks: 60,
        missed_ticks: 1,
        tick_work_ms_p50: Some(2.5),
        node_cpu_cores: 4.0,
        node_memory_bytes: 8 << 30,
        agent_rss_bytes: Some(30 << 20),
        agent_cpu_cores: Some(0.004),
        workloads: 2,
        managed: 1,
        lost: vec![Lost {
            place: "ring buffer".into(),
            count: 3,
        }],
        limits_held: 1,
        limit_changes_by_others: vec![EventCount {
            kind: "systemd_reload".into(),
            count: 2,
        }],
        handed_over: vec![HandedOver {
            cgroup: CRON.into(),
            knob: "cpu.max".into(),
            class: "another_writer".into(),
            by_policy: false,
            for_s: 3000.0,
            left_s: Some(600.0),
        }],
        node_cpu_used_cores: Some(0.75),
        node_memory_used_bytes: Some(2 << 30),
        oom_kills_seen: 1,
        kernel_side_cpu_cores: Some(0.001),
        map_memory_bytes: Some(1 << 20),
        tick_read_ms_p50: Some(0.5),
        fast_writes: 3,
        fast_event_to_write_ms_p50: Some(1.5),
        fast_event_to_write_ms_p99: Some(9.0),
        budget_cpu_cores: 0.1,
        freeze: vec![FreezeCause {
            name: "io-pressure".into(),
            active: true,
            stops: "lowering".into(),
            state: Health::Healthy,
            cause: "all tasks stalled for input and output 61.0 % of the time".into(),
        }],
        links: vec![Link {
            name: "eth0".into(),
            up: true,
            speed_mbit_per_s: Some(10_000),
            rx_bytes: Some(5_000_000),
            tx_bytes: Some(4_000_000),
            rx_dropped: Some(2),
            tx_dropped: None,
        }],
        components: vec![
            component("probe.cpu", Health::Healthy, "sched_switch"),
            component(
                "probe.network",
                Health::Degraded,
                "no egress program: EPERM",
            ),
            component("cgroup.memory", Health::Unsupported, "no memory controller"),
            component("coordinator", Health::Off, "no address configured"),
        ],
        ..Status::default()
    }
}

fn forecast(q50: f64) -> Option<Forecast> {
    let horizon = |ticks, q50| HorizonForecast {
        ticks,
        q50,
        q90: q50 * 1.5,
        q95: q50 * 2.0,
        q99: q50 * 3.0,
    };
    Some(Forecast {
        source: "model".into(),
        horizons: vec![horizon(10, q50), horizon(60, q50 * 1.25)],
        driver: Some("model".into()),
        model_share: Some(0.62),
        skill: Some(0.08),
        model_skill: Some(0.05),
        copier: Some(false),
        coverage: Some(Coverage {
            q50: 0.5,
            q90: 0.91,
            q95: 0.94,
            q99: 1.0,
        }),
    })
}

pub fn workloads(tick: u32) -> Vec<Workload> {
    let web = Workload {
        id: "4242".into(),
        cgroup: WEB.into(),
        name: "web.service".into(),
        container: None,
        managed: true,
        actuator: "systemd".into(),
        seen_s: f64::from(tick),
        usage: Usage {
            cpu_cores: Some(0.5 + f64::from(tick) / 100.0),
            throttled_share: Some(0.1),
            memory_bytes: Some(100 << 20),
            working_set_bytes: Some(80 << 20),
            memory_stall_share: Some(0.0),
            rx_bytes_per_s: Some(1_000_000.0),
            tx_bytes_per_s: Some(2_000.0),
            rx_packets_per_s: Some(700.0),
            tx_packets_per_s: Some(20.0),
            oom_kills: Some(0),
            ..Usage::default()
        },
        limits: Limits {
            cpu_cores: Some(1.0),
            memory_high_bytes: Some(128 << 20),
            memory_max_bytes: None,
            ..Limits::default()
        },
        targets: Limits {
            cpu_cores: Some(1.2),
            memory_high_bytes: Some(128 << 20),
            memory_max_bytes: Some(160 << 20),
            ..Limits::default()
        },
        cpu_forecast: forecast(0.4),
        memory_forecast: forecast((90_u32 << 20).into()),
        network_forecast: None,
    };
    let cron = Workload {
        id: "77".into(),
        cgroup: CRON.into(),
        name: "cron.service".into(),
        managed: false,
        actuator: "systemd".into(),
        usage: Usage {
            cpu_cores: Some(0.0),
            ..Usage::default()
        },
        limits: Limits::default(),
        targets: Limits::default(),
        cpu_forecast: None,
        memory_forecast: None,
        network_forecast: None,
        ..web.clone()
    };
    vec![web, cron]
}

pub fn decisions(tick: u32) -> Made {
    let decision = |knob, action, from, to, reasons| Decision {
        workload: CgroupId(4242),
        knob,
        at: Timestamp(0),
        from: Some(from),
        to,
        action,
        reasons,
    };
    let limit = 1.2 + f64::from(tick) / 10.0;
    let mut made = Made::default();
    let forecast = Reason::Forecast {
        q: 0.95,
        horizon_ticks: 10,
        value: 0.8,
        source: Source::Model,
    };
    let margin = Reason::Margin {
        fraction: 0.2,
        value: limit,
    };
    made.push(
        &decision(
            Knob::CpuMax,
            Action::Raise,
            1.0,
            limit,
            vec![forecast, margin],
        ),
        Outcome::Applied,
    );
    let bytes = 134_217_728.0;
    let live = Reason::WorkingSet {
        value: 104_857_600.0,
    };
    made.push(
        &decision(Knob::MemoryHigh, Action::Hold, bytes, bytes, vec![live]),
        Outcome::Held,
    );
    made
}

pub fn published(tick: u32) -> Published {
    Published {
        between: Vec::new(),
        status: status(),
        at_unix_ms: START_MS + u64::from(tick) * 1000,
        workloads: workloads(tick),
        decisions: decisions(tick),
    }
}

/// A board after `ticks` ticks.
pub fn board(ticks: u32) -> Arc<Board> {
    let board = Board::new(status());
    for tick in 1..=ticks {
        board.publish(published(tick));
    }
    board
}
