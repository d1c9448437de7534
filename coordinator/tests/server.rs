//! The whole coordinator in one process: reports in by gRPC, JSON and events out by HTTP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests; a failure here is a failed test"
)]

mod support;

use http_body_util::BodyExt;
use hyper::StatusCode;
use llmos_coordinator::fleet::Bounds;
use llmos_proto::fleet::{Decision, Forecast, HorizonForecast};
use serde_json::{Value, json};
use support::{PATIENCE, report, start};

fn now_ms() -> u64 {
    let wall = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    u64::try_from(wall.as_millis()).unwrap()
}

#[tokio::test]
async fn what_an_agent_reports_can_be_read() {
    let server = start(Bounds::default()).await;
    let mut agent = server.agent().await;
    let t0 = now_ms();
    for tick in 0..5 {
        let mut one = report("m1", tick + 1, t0 + tick * 1_000);
        let sample = &mut one.workloads[0];
        sample.cpu_cores = (tick != 2).then_some(tick as f64);
        sample.cpu_limit_cores = Some(2.0);
        let horizon = HorizonForecast {
            ticks: 5,
            q50: 1.0,
            q90: 2.0,
            q95: 3.0,
            q99: 4.0,
        };
        sample.cpu_forecast = Some(Forecast {
            horizons: vec![horizon],
            source: "model".to_owned(),
        });
        if tick == 3 {
            one.decisions.push(Decision {
                cgroup_id: 7,
                at_unix_ms: t0 + 3_000,
                knob: "cpu.max".to_owned(),
                action: "raise".to_owned(),
                to: 1.5,
                reasons: vec!["because".to_owned()],
                outcome: "observed".to_owned(),
                ..Decision::default()
            });
        }
        assert_eq!(agent.send(one).await.unwrap(), tick + 1);
    }

    let fleet = server.json("/api/v1/fleet").await;
    assert_eq!(fleet["counts"], json!({ "live": 1, "stale": 0, "lost": 0 }));
    assert_eq!(fleet["totals"]["cpu_cores"], 4.0);
    assert_eq!(
        fleet["totals"]["cpu_used_cores"],
        Value::Null,
        "unknown is not zero"
    );
    assert_eq!(fleet["nodes"][0]["name"], "name of m1");
    assert_eq!(fleet["grpc_address"], server.grpc.to_string());

    let node = server.json("/api/v1/nodes/m1?spark=3").await;
    let row = &node["workloads"][0];
    assert_eq!((&row["id"], &row["present"]), (&json!("7"), &json!(true)));
    assert_eq!(row["limits"]["cpu_cores"], 2.0);
    assert_eq!(row["usage"]["memory_bytes"], Value::Null);
    assert_eq!(row["cpu_forecast"]["source"], "model");
    assert_eq!(row["spark"]["cpu_cores"], json!([null, 3.0, 4.0]));

    let series = server.json("/api/v1/nodes/m1/workloads/7").await;
    assert_eq!(series["at_unix_ms"].as_array().unwrap().len(), 5);
    assert_eq!(
        series["columns"]["cpu_cores"],
        json!([0.0, 1.0, null, 3.0, 4.0])
    );
    assert_eq!(
        series["columns"]["cpu_limit_cores"],
        json!([2.0, 2.0, 2.0, 2.0, 2.0])
    );
    assert_eq!(
        series["columns"].get("memory_bytes"),
        None,
        "no value, no column"
    );
    assert_eq!(series["forecasts"][0]["resource"], "cpu");
    assert_eq!(series["forecasts"][0]["ticks"], 5);
    assert_eq!(
        series["forecasts"][0]["q99"],
        json!([4.0, 4.0, 4.0, 4.0, 4.0])
    );

    let since = t0 + 3_000;
    let rest = server
        .json(&format!("/api/v1/nodes/m1/workloads/7?since={since}"))
        .await;
    assert_eq!(rest["at_unix_ms"], json!([t0 + 3_000, t0 + 4_000]));

    let decisions = server.json("/api/v1/nodes/m1/decisions?cgroup_id=7").await;
    assert_eq!(decisions["decisions"][0]["reasons"], json!(["because"]));
    let none = server.json("/api/v1/nodes/m1/decisions?cgroup_id=8").await;
    assert_eq!(none["decisions"], json!([]));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_bad_report_ends_its_own_stream_only_and_is_counted() {
    let server = start(Bounds {
        max_nodes: 2,
        ..Bounds::default()
    })
    .await;
    let (mut good, mut bad) = (server.agent().await, server.agent().await);
    good.send(report("good", 1, 1_000)).await.unwrap();
    let mut nan = report("bad", 9, 1_000);
    nan.workloads[0].cpu_cores = Some(f64::NAN);
    let status = bad.send(nan).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert_eq!(
        status.message(),
        "report 9: workloads[0].cpu_cores is NaN, expected a finite number from 0 to 1e18"
    );
    assert_eq!(good.send(report("good", 2, 2_000)).await.unwrap(), 2);
    // The same agent is welcome once its reports are right.
    server
        .agent()
        .await
        .send(report("bad", 10, 2_000))
        .await
        .unwrap();

    let status = server
        .agent()
        .await
        .send(report("third", 1, 1_000))
        .await
        .unwrap_err();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    let mut huge = report("good", 3, 3_000);
    huge.components = vec![Default::default(); 1];
    huge.components[0].cause = "x".repeat(5 << 20);
    assert!(server.agent().await.send(huge).await.is_err());

    let (_, metrics) = server.text("/metrics").await;
    for line in [
        "llmos_coordinator_reports_total 3",
        "llmos_coordinator_reports_refused_total{reason=\"invalid\"} 1",
        "llmos_coordinator_reports_refused_total{reason=\"no_room\"} 1",
        "llmos_coordinator_reports_refused_total{reason=\"too_large\"} 1",
        "llmos_coordinator_nodes{health=\"live\"} 2",
    ] {
        assert!(metrics.contains(line), "{line} in:\n{metrics}");
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn pages_hear_of_each_report_and_of_silence() {
    let server = start(Bounds::default()).await;
    let mut events = server.open("/api/v1/events").await.into_body();
    let mut agent = server.agent().await;
    agent.send(report("m1", 1, 1_000)).await.unwrap();
    agent.send(report("m1", 2, 2_000)).await.unwrap();
    let mut text = String::new();
    let heard = async {
        while !text.contains("event: health") {
            let frame = events.frame().await.expect("the stream is open").unwrap();
            text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, heard)
        .await
        .expect("the node goes stale after three seconds");
    let expected = "event: hello\ndata: {}\n\n\
        event: joined\ndata: {\"node\":\"m1\",\"at_unix_ms\":1000,\"health\":\"live\"}\n\n\
        event: tick\ndata: {\"node\":\"m1\",\"at_unix_ms\":2000,\"health\":\"live\"}\n\n\
        event: health\ndata: {\"node\":\"m1\",\"at_unix_ms\":2000,\"health\":\"stale\"}\n\n";
    assert_eq!(text, expected);
    let fleet = server.json("/api/v1/fleet").await;
    assert_eq!(fleet["counts"], json!({ "live": 0, "stale": 1, "lost": 0 }));
    assert_eq!(
        fleet["totals"]["cpu_cores"], 0.0,
        "what a silent node has is not counted"
    );
    server.stop().await.unwrap();
}

#[tokio::test]
async fn errors_are_json_with_one_line() {
    let server = start(Bounds::default()).await;
    server
        .agent()
        .await
        .send(report("m1", 1, 1_000))
        .await
        .unwrap();
    for (path, status, error) in [
        (
            "/api/v1/nodes/x",
            404,
            "no node \"x\"; /api/v1/fleet lists the nodes",
        ),
        (
            "/api/v1/nodes/m1/workloads/8",
            404,
            "no workload \"8\" on node \"m1\"; /api/v1/nodes/m1 lists the workloads",
        ),
        (
            "/api/v1/nodes/m1/workloads/eight",
            400,
            "cgroup_id is \"eight\", expected a whole number of 0 or more",
        ),
        (
            "/api/v1/nodes/m1/workloads/7?since=-1",
            400,
            "since is \"-1\", expected a whole number of 0 or more",
        ),
        ("/api/v2/fleet", 404, "no such path: /api/v2/fleet"),
    ] {
        let (code, body) = server.text(path).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (code.as_u16(), body["error"].as_str()),
            (status, Some(error)),
            "{path}"
        );
        assert_eq!(body["api_version"], "v1");
    }
    assert_eq!(
        server.text("/healthz").await,
        (StatusCode::OK, "ok\n".to_owned())
    );
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_page_has_a_strict_policy() {
    let server = start(Bounds::default()).await;
    let page = server.open("/").await;
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    let (_, html) = server.text("/").await;
    assert!(html.contains("<script type=\"module\" src=\"/main.js\"></script>"));
    assert!(
        !html.contains("style=\"") && !html.contains("onclick"),
        "inline code in the page"
    );
    server.stop().await.unwrap();
}

#[tokio::test]
async fn it_stops_within_a_second_with_streams_and_pages_open() {
    let server = start(Bounds::default()).await;
    let mut events = server.open("/api/v1/events").await.into_body();
    events.frame().await.unwrap().unwrap();
    let mut agent = server.agent().await;
    agent.send(report("m1", 1, 1_000)).await.unwrap();
    let began = std::time::Instant::now();
    server.stop().await.unwrap();
    assert!(began.elapsed().as_millis() < 1_000, "{:?}", began.elapsed());
}
