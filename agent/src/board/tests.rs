//! What readers see of published ticks.

use super::*;
use llmos_engine::decide::{Action, Knob, Reason};
use llmos_engine::units::Timestamp;
use llmos_proto::status::{Component, Coverage, Forecast, Health, HorizonForecast, Limits, Usage};

fn status() -> Status {
    Status {
        api_version: API_VERSION.into(),
        node: "n".into(),
        components: vec![Component {
            name: "probe.cpu".into(),
            state: Health::Healthy,
            cause: "attached".into(),
        }],
        ..Status::default()
    }
}

fn workload(id: &str, cgroup: &str, cpu: f64) -> Workload {
    Workload {
        id: id.into(),
        cgroup: cgroup.into(),
        name: cgroup.into(),
        container: None,
        managed: true,
        actuator: "cgroupfs".into(),
        seen_s: 1.0,
        usage: Usage {
            cpu_cores: Some(cpu),
            ..Usage::default()
        },
        limits: Limits::default(),
        targets: Limits::default(),
        cpu_forecast: None,
        memory_forecast: None,
        network_forecast: None,
    }
}

fn decision(id: u64, action: Action, to: f64, outcome: Outcome) -> (Decided, Outcome) {
    let decided = Decided {
        workload: CgroupId(id),
        knob: Knob::CpuMax,
        at: Timestamp(0),
        from: None,
        to,
        action,
        reasons: vec![Reason::Margin {
            fraction: 0.25,
            value: 0.5,
        }],
    };
    (decided, outcome)
}

fn publish(
    board: &Board,
    at_unix_ms: u64,
    workloads: Vec<Workload>,
    decisions: Vec<(Decided, Outcome)>,
) -> Vec<Arc<Decision>> {
    let mut made = Made::default();
    for (decision, outcome) in decisions {
        made.push(&decision, outcome);
    }
    board.publish(Published {
        between: Vec::new(),
        status: status(),
        at_unix_ms,
        workloads,
        decisions: made,
    })
}

#[test]
fn before_the_first_tick_there_is_a_status_and_nothing_else() {
    let board = Board::new(status());
    assert_eq!(board.status().node, "n");
    assert!(board.workloads().workloads.is_empty());
    assert!(board.decisions().decisions.is_empty());
    assert_eq!(board.health().components[0].name, "probe.cpu");
    assert_eq!(board.workload("1"), None);
}

#[test]
fn a_workload_is_found_by_id_and_by_path_with_its_history() {
    let board = Board::new(status());
    publish(&board, 1000, vec![workload("1", "b/two", 0.5)], vec![]);
    let both = vec![workload("1", "b/two", 0.75), workload("2", "a/one", 1.0)];
    publish(
        &board,
        2000,
        both,
        vec![decision(1, Action::Hold, 1.0, Outcome::Held)],
    );

    let paths: Vec<_> = board
        .workloads()
        .workloads
        .iter()
        .map(|w| w.cgroup.clone())
        .collect();
    assert_eq!(paths, ["a/one", "b/two"], "ordered by path");

    let detail = board.workload("b/two").expect("by path");
    assert_eq!(board.workload("/b/two/"), Some(detail.clone()));
    assert_eq!(board.workload("1"), Some(detail.clone()));
    let history: Vec<_> = detail
        .history
        .iter()
        .map(|p| (p.at_unix_ms, p.usage.cpu_cores))
        .collect();
    assert_eq!(history, [(1000, Some(0.5)), (2000, Some(0.75))]);
    assert_eq!(detail.current.len(), 1, "holds are current decisions");
    let current = &detail.current[0];
    assert_eq!((&*current.cgroup, &*current.knob), ("b/two", "cpu.max"));
    assert_eq!((&*current.action, &*current.outcome), ("hold", "held"));
    assert_eq!(current.at_unix_ms, 2000);
    assert_eq!(current.reasons.len(), 1, "reasons in words");
    assert!(current.reasons[0].contains("25"), "{:?}", current.reasons);
    assert!(detail.changes.is_empty(), "holds are no changes");
    assert_eq!(board.workload("2").expect("by id").history.len(), 1);
    assert_eq!(board.workload("b"), None);
}

#[test]
fn workloads_that_left_are_forgotten_but_their_changes_stay_in_the_list() {
    let board = Board::new(status());
    let news = publish(
        &board,
        1000,
        vec![workload("1", "a", 0.5)],
        vec![decision(1, Action::Raise, 2.0, Outcome::Applied)],
    );
    assert_eq!(news.len(), 1);
    publish(&board, 2000, vec![], vec![]);
    assert_eq!(board.workload("1"), None);
    assert_eq!(board.decisions().decisions.len(), 1);
    publish(&board, 3000, vec![workload("1", "a", 0.5)], vec![]);
    let back = board.workload("1").expect("came back");
    assert_eq!(back.history.len(), 1);
    assert!(back.changes.is_empty());
}

#[test]
fn changes_are_newest_first_and_a_repeated_wish_is_listed_once() {
    let board = Board::new(status());
    for to in [2.0, 2.0, 3.0] {
        let wish = decision(1, Action::Raise, to, Outcome::Observed);
        publish(&board, 1000, vec![workload("1", "a", 0.5)], vec![wish]);
    }
    let detail = board.workload("1").expect("there");
    let tos: Vec<_> = detail.changes.iter().map(|d| d.to).collect();
    assert_eq!(tos, [3.0, 2.0]);
    assert_eq!(board.decisions().decisions, detail.changes);
    let key = ["cpu.max", "raise", "observed"];
    assert_eq!(board.totals().get(&key), Some(&3), "each decision counts");
}

#[test]
fn failures_count_together_whatever_their_cause() {
    let board = Board::new(status());
    for cause in ["no such file", "device busy"] {
        let failure = decision(1, Action::Raise, 2.0, Outcome::Failed(cause.to_owned()));
        publish(&board, 1, vec![workload("1", "a", 0.5)], vec![failure]);
    }
    let key = ["cpu.max", "raise", "failed"];
    assert_eq!(board.totals().get(&key), Some(&2));
}

fn forecast_of(q: f64) -> Forecast {
    Forecast {
        source: "model".into(),
        horizons: vec![HorizonForecast {
            ticks: 10,
            q50: q,
            q90: q,
            q95: q,
            q99: q,
        }],
        ..Forecast::default()
    }
}

#[test]
fn no_number_on_the_board_is_nan() {
    let board = Board::new(status());
    let mut broken = workload("1", "a", f64::NAN);
    broken.cpu_forecast = Some(Forecast {
        source: "model".into(),
        horizons: vec![HorizonForecast {
            ticks: 10,
            q50: 1.0,
            q90: f64::INFINITY,
            q95: 1.0,
            q99: 1.0,
        }],
        ..Forecast::default()
    });
    let mut half = forecast_of(1.0);
    half.skill = Some(f32::NEG_INFINITY);
    half.model_share = Some(0.5);
    half.coverage = Some(Coverage {
        q50: 0.5,
        q90: f32::NAN,
        q95: 1.0,
        q99: 1.0,
    });
    broken.memory_forecast = Some(half);
    let mut no_from = decision(1, Action::Raise, 2.0, Outcome::Applied);
    no_from.0.from = Some(f64::NAN);
    let nowhere = decision(1, Action::Raise, f64::NAN, Outcome::Applied);
    publish(&board, 1, vec![broken], vec![no_from, nowhere]);
    let detail = board.workload("1").expect("there");
    assert_eq!(detail.workload.usage.cpu_cores, None);
    assert_eq!(detail.workload.cpu_forecast, None);
    let kept = detail.workload.memory_forecast.as_ref().expect("finite");
    assert_eq!((kept.skill, kept.model_share), (None, Some(0.5)));
    assert_eq!(kept.coverage, None);
    assert_eq!(detail.changes.len(), 1);
    assert_eq!(detail.changes[0].from, None);
    let text = serde_json::to_string(&detail).expect("serialises");
    let back: WorkloadDetail = serde_json::from_str(&text).expect("reads back");
    assert_eq!(back, detail);
}
