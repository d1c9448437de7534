//! Each workload is recognised as what it is, on the status socket and by `llmosctl explain`.

use anyhow::Result;
use serde_json::{Value, json};

use super::Stage;
use super::target::{Target, container_id, pod_uid};
use crate::agent;
use crate::report::Report;

/// What the socket and the command say of each workload, beside what they have to say.
pub fn run(report: &mut Report, stage: &Stage) -> Result<()> {
    let mut wrong = Vec::new();
    for target in &stage.targets {
        let row = agent::workload(&target.group.name).unwrap_or_default();
        let (wanted, said) = (wanted(target), &row["container"]);
        if wanted != *said {
            wrong.push(format!("{} is {said}, should be {wanted}", target.name));
        }
        let (ok, text) = agent::ctl(&["explain", &target.group.name])?;
        let line = text.lines().find(|line| line.starts_with("container "));
        let told = line.unwrap_or_default().to_owned();
        if !ok || !explained(&wanted, &told) {
            wrong.push(format!("explain of {} says {told:?}", target.name));
        }
        report.record(
            "identity",
            json!({ "workload": target.name, "container": said, "explain": told }),
        );
    }
    let detail = match wrong.first() {
        Some(first) => format!("{} wrong, the first: {first}", wrong.len()),
        None => format!("{} workloads", stage.targets.len()),
    };
    report.check("identities", wrong.is_empty(), &detail);
    Ok(())
}

/// The object that the socket has to show.
fn wanted(target: &Target) -> Value {
    let identity = &target.identity;
    if identity.container.is_none() && identity.pod.is_none() {
        return Value::Null;
    }
    json!({
        "container_id": identity.container.map(container_id),
        "runtime": identity.runtime,
        "pod_uid": identity.pod.map(pod_uid),
        "qos_class": identity.qos,
        "driver": identity.driver,
    })
}

/// Does a person read all of it, the id by its first twelve digits, and nothing where there is none?
fn explained(wanted: &Value, told: &str) -> bool {
    let Some(members) = wanted.as_object() else {
        return told.is_empty();
    };
    let words = members.iter().filter_map(|(key, value)| {
        let word = value.as_str()?;
        Some(if key == "container_id" {
            &word[..12]
        } else {
            word
        })
    });
    words.into_iter().all(|word| told.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_not_told_is_missed() {
        let wanted =
            json!({ "container_id": "0123456789abcdef", "runtime": null, "driver": "systemd" });
        assert!(explained(
            &wanted,
            "container 0123456789ab, cgroup by systemd"
        ));
        assert!(!explained(&wanted, "container 0123456789ab"));
        assert!(explained(&Value::Null, ""));
        assert!(!explained(&Value::Null, "container 0123456789ab"));
    }
}
