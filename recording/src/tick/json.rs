//! Reads a tick out of the answer to `GET /v1/workloads`. Names are borrowed from the text, and what
//! a recording does not hold (forecasts, targets) is passed over without being kept.

use std::borrow::Cow;
use std::fmt;

use llmos_proto::status::API_VERSION;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Tick;
use crate::Object;

/// Why an answer is no list of workloads.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// It is no JSON, or a field is missing or has another type.
    #[error("expected the workloads of a status socket: {0}")]
    Form(#[from] serde_json::Error),
    /// Another version of the interface.
    #[error("expected version {API_VERSION} of the status interface, found {0:?}")]
    Version(String),
    /// A workload whose id is no number.
    #[error("expected a cgroup id, found {0:?}")]
    Id(String),
    /// A wall clock that no recording can hold.
    #[error("expected milliseconds since 1970, found {0}")]
    Clock(u64),
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    api_version: Cow<'a, str>,
    at_unix_ms: u64,
    #[serde(borrow)]
    workloads: Vec<Workload<'a>>,
}

#[derive(Deserialize)]
struct Workload<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    cgroup: Cow<'a, str>,
    #[serde(borrow)]
    usage: Numbers<'a>,
    #[serde(borrow)]
    limits: Numbers<'a>,
}

impl Tick {
    /// Replaces the rows by those of an answer to `GET /v1/workloads`. After an error the rows are
    /// not to be used.
    pub fn read_json(&mut self, body: &[u8]) -> Result<(), JsonError> {
        let answer: Answer<'_> = serde_json::from_slice(body)?;
        if answer.api_version != API_VERSION {
            return Err(JsonError::Version(answer.api_version.into_owned()));
        }
        let at = i64::try_from(answer.at_unix_ms);
        self.restart(at.map_err(|_| JsonError::Clock(answer.at_unix_ms))?);
        for workload in answer.workloads {
            let id = workload.id.parse();
            let id = id.map_err(|_| JsonError::Id(workload.id.into_owned()))?;
            let mut row = self.push(id, &workload.cgroup);
            row.fill(Object::Usage, workload.usage.iter());
            row.fill(Object::Limits, workload.limits.iter());
        }
        Ok(())
    }
}

/// The fields of an object whose values are numbers.
struct Numbers<'a>(Vec<(Name<'a>, f64)>);

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl Numbers<'_> {
    fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.0.as_ref(), *value))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Numbers<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Numbers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut numbers = Vec::with_capacity(32);
                while let Some((name, Number(value))) = map.next_entry()? {
                    if let Some(value) = value {
                        numbers.push((name, value));
                    }
                }
                Ok(Numbers(numbers))
            }
        }
        json.deserialize_map(Fields)
    }
}

/// A number; anything else counts as unknown, so that a field of another kind does no harm.
struct Number(Option<f64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
                Ok(Number(Some(value)))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
                Ok(Number(Some(value as f64)))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
                Ok(Number(Some(value as f64)))
            }

            fn visit_unit<E>(self) -> Result<Number, E> {
                Ok(Number(None))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Number, E> {
                Ok(Number(None))
            }

            fn visit_str<E>(self, _: &str) -> Result<Number, E> {
                Ok(Number(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Number, A::Error> {
                let rest = serde::de::value::SeqAccessDeserializer::new(seq);
                IgnoredAny::deserialize(rest).map(|_| Number(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Number, A::Error> {
                let rest = serde::de::value::MapAccessDeserializer::new(map);
                IgnoredAny::deserialize(rest).map(|_| Number(None))
            }
        }
        json.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use llmos_proto::status::{Limits, Usage};
    use serde_json::json;

    use super::*;
    use crate::Column;

    fn cells(tick: &Tick) -> Vec<(&str, f64)> {
        let rows: Vec<_> = tick.rows().collect();
        let names = tick.columns().iter().map(|c| c.name.as_ref());
        let known = names.zip(rows[0].2).filter(|(_, value)| !value.is_nan());
        known.map(|(name, value)| (name, *value)).collect()
    }

    #[test]
    fn numbers_of_both_objects_find_their_columns() {
        let usage = Usage {
            cpu_cores: Some(0.25),
            oom_kills: Some(3),
            ..Usage::default()
        };
        let limits = Limits {
            cpu_cores: Some(2.0),
            ..Limits::default()
        };
        let answer = json!({
            "api_version": API_VERSION,
            "at_unix_ms": 1_700_000_000_123_u64,
            "workloads": [{
                "id": u64::MAX.to_string(),
                "cgroup": "a\\x2db/\"c\"",
                "usage": usage,
                "limits": limits,
            }],
        });
        let mut tick = Tick::new(Column::all());
        tick.push(9, "from before");
        tick.read_json(answer.to_string().as_bytes()).unwrap();
        assert_eq!(tick.at_unix_ms, 1_700_000_000_123);
        let (id, path, _) = tick.rows().next().unwrap();
        assert_eq!((id, path), (u64::MAX, "a\\x2db/\"c\""));
        assert_eq!(tick.len(), 1);
        let mut found = cells(&tick);
        found.sort_by(|a, b| a.0.cmp(b.0));
        let wanted = [
            ("cpu_cores", 0.25),
            ("limit_cpu_cores", 2.0),
            ("oom_kills", 3.0),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn order_and_unknown_fields_do_not_matter() {
        let body = br#"{"workloads":[{"limits":{"memory_max_bytes":7},"new":[1],
            "usage":{"tx_bytes_per_s":-1,"shiny":5,"list":[[1],{"a":2}],"text":"x","flag":true,
            "object":{"a":[]},"cpu_cores":null,"memory_bytes":12},
            "cgroup":"c","id":"4"}],"at_unix_ms":1,"api_version":"v1","new":{}}"#;
        let mut tick = Tick::new(Column::all());
        tick.read_json(body).unwrap();
        let mut found = cells(&tick);
        found.sort_by(|a, b| a.0.cmp(b.0));
        let wanted = [
            ("limit_memory_max_bytes", 7.0),
            ("memory_bytes", 12.0),
            ("tx_bytes_per_s", -1.0),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let mut tick = Tick::new(Column::all());
        let mut error = |body: &str| tick.read_json(body.as_bytes()).unwrap_err().to_string();
        assert!(error("{").starts_with("expected the workloads of a status socket: "));
        let rows = |id: &str| format!(r#"{{"id":"{id}","cgroup":"","usage":{{}},"limits":{{}}}}"#);
        let answer = |version: &str, at: u64, rows: &str| {
            format!(r#"{{"api_version":"{version}","at_unix_ms":{at},"workloads":[{rows}]}}"#)
        };
        assert!(error(&answer("v2", 1, "")).ends_with("found \"v2\""));
        assert!(error(&answer("v1", 1, &rows("web"))).ends_with("found \"web\""));
        assert!(error(&answer("v1", u64::MAX, "")).contains("milliseconds since 1970"));
        assert!(error(r#"{"api_version":"v1","at_unix_ms":1}"#).contains("workloads"));
    }
}
