//! The table of fields says exactly what the JSON holds: no field without an entry, no entry without
//! a field, no address that names an unknown object.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

use std::collections::{BTreeMap, BTreeSet};

use llmos_proto::status::*;
use serde::Serialize;

fn keys<T: Serialize>(value: &T) -> BTreeSet<String> {
    let json = serde_json::to_value(value).expect("serialises");
    let object = json.as_object().expect("an object");
    object.keys().cloned().collect()
}

fn version() -> String {
    API_VERSION.to_owned()
}

fn objects() -> BTreeMap<&'static str, BTreeSet<String>> {
    let lost = Lost {
        place: String::new(),
        count: 0,
    };
    let component = Component {
        name: String::new(),
        state: Health::Healthy,
        cause: String::new(),
    };
    let freeze = FreezeCause {
        name: String::new(),
        active: false,
        stops: String::new(),
        state: Health::Healthy,
        cause: String::new(),
    };
    let frozen = FreezeReport {
        api_version: version(),
        frozen: false,
        cause: None,
        file: String::new(),
        not_kept: None,
    };
    let link = Link {
        name: String::new(),
        up: false,
        speed_mbit_per_s: None,
        rx_bytes: None,
        tx_bytes: None,
        rx_dropped: None,
        tx_dropped: None,
    };
    let program = Program {
        name: String::new(),
        runs_per_s: 0.0,
        ns_per_run: 0.0,
    };
    let events = EventCount {
        kind: String::new(),
        count: 0,
    };
    let handed_over = HandedOver {
        cgroup: String::new(),
        knob: String::new(),
        class: String::new(),
        by_policy: false,
        for_s: 0.0,
        left_s: None,
    };
    let horizon = HorizonForecast {
        ticks: 0,
        q50: 0.0,
        q90: 0.0,
        q95: 0.0,
        q99: 0.0,
    };
    let coverage = Coverage {
        q50: 0.0,
        q90: 0.0,
        q95: 0.0,
        q99: 0.0,
    };
    let forecast = Forecast::default();
    let workload = Workload {
        id: String::new(),
        cgroup: String::new(),
        name: String::new(),
        container: Some(Box::default()),
        managed: false,
        actuator: "cgroupfs".into(),
        seen_s: 0.0,
        usage: Usage::default(),
        limits: Limits::default(),
        targets: Limits::default(),
        cpu_forecast: None,
        memory_forecast: None,
        network_forecast: None,
    };
    let point = Point {
        at_unix_ms: 0,
        usage: Usage::default(),
        limits: Limits::default(),
    };
    let decision = Decision {
        at_unix_ms: 0,
        workload: String::new(),
        cgroup: String::new(),
        knob: String::new(),
        action: String::new(),
        from: None,
        to: 0.0,
        reasons: Vec::new(),
        outcome: String::new(),
    };
    let detail = WorkloadDetail {
        api_version: version(),
        workload: workload.clone(),
        history: Vec::new(),
        current: Vec::new(),
        changes: Vec::new(),
    };
    BTreeMap::from([
        ("Lost", keys(&lost)),
        ("Program", keys(&program)),
        ("EventCount", keys(&events)),
        ("HandedOver", keys(&handed_over)),
        ("Component", keys(&component)),
        ("FreezeCause", keys(&freeze)),
        ("FreezeReport", keys(&frozen)),
        ("FreezeRequest", keys(&FreezeRequest::default())),
        ("Link", keys(&link)),
        ("Status", keys(&Status::default())),
        (
            "HealthReport",
            keys(&HealthReport {
                api_version: version(),
                components: Vec::new(),
            }),
        ),
        ("Usage", keys(&Usage::default())),
        ("Limits", keys(&Limits::default())),
        ("HorizonForecast", keys(&horizon)),
        ("Coverage", keys(&coverage)),
        ("Forecast", keys(&forecast)),
        ("Workload", keys(&workload)),
        (
            "Workloads",
            keys(&Workloads {
                api_version: version(),
                at_unix_ms: 0,
                workloads: Vec::new(),
            }),
        ),
        ("Container", keys(&Container::default())),
        ("Point", keys(&point)),
        ("Decision", keys(&decision)),
        ("WorkloadDetail", keys(&detail)),
        (
            "Decisions",
            keys(&Decisions {
                api_version: version(),
                decisions: Vec::new(),
            }),
        ),
        (
            "ErrorBody",
            keys(&ErrorBody {
                api_version: version(),
                error: String::new(),
            }),
        ),
        ("Schema", keys(&Schema::full())),
        ("Endpoint", keys(&ENDPOINTS[0])),
        ("Field", keys(&FIELDS[0])),
    ])
}

#[test]
fn table_and_json_hold_the_same_fields() {
    let mut table: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for field in FIELDS {
        let new = table
            .entry(field.object.as_ref())
            .or_default()
            .insert(field.name.to_string());
        assert!(new, "{}.{} stands twice", field.object, field.name);
    }
    assert_eq!(table, objects());
}

#[test]
fn each_entry_has_a_meaning_and_numbers_have_units() {
    for field in FIELDS {
        assert!(!field.meaning.is_empty(), "{}.{}", field.object, field.name);
        for (suffix, unit) in [
            ("_bytes", "bytes"),
            ("_ms", "ms"),
            ("_cores", "cores"),
            ("_s", "s"),
            ("_bytes_per_s", "bytes/s"),
            ("_packets_per_s", "packets/s"),
            ("_share", "share"),
        ] {
            let longer = suffix == "_s" && field.name.ends_with("_per_s");
            if field.name.ends_with(suffix) && !longer {
                assert_eq!(field.unit, unit, "{}.{}", field.object, field.name);
            }
        }
    }
}

#[test]
fn endpoints_name_known_objects() {
    let objects = objects();
    for endpoint in ENDPOINTS.iter().filter(|e| !e.object.is_empty()) {
        assert!(
            objects.contains_key(endpoint.object.as_ref()),
            "{endpoint:?}"
        );
    }
}

/// Every struct that derives `Serialize` in the source has a sample here, so that a new one cannot
/// slip past the table.
#[test]
fn no_struct_is_left_out() {
    let sources = [
        include_str!("../src/status.rs"),
        include_str!("../src/status/container.rs"),
        include_str!("../src/status/schema.rs"),
    ];
    let objects = objects();
    let mut found = 0;
    for line in sources.iter().flat_map(|s| s.lines()) {
        if let Some(rest) = line.strip_prefix("pub struct ") {
            let name = rest.split([' ', '{']).next().expect("a name");
            assert!(objects.contains_key(name), "{name} has no sample");
            found += 1;
        }
    }
    assert_eq!(found, objects.len());
}
