//! Which workload a person means.

use llmos_proto::status::Workload;

use crate::error::CtlError;

/// The one workload that `wanted` names: by id, by path, by name, or by a part of the path or name
/// that no other workload has.
pub fn workload<'a>(all: &'a [Workload], wanted: &str) -> Result<&'a Workload, CtlError> {
    let path = wanted.trim_matches('/');
    let rules: [&dyn Fn(&Workload) -> bool; 4] = [
        &|w| w.id == wanted,
        &|w| w.cgroup.trim_matches('/') == path,
        &|w| w.name == wanted,
        &|w| !path.is_empty() && (w.cgroup.contains(path) || w.name.contains(path)),
    ];
    for rule in rules {
        let found: Vec<&Workload> = all.iter().filter(|w| rule(w)).collect();
        match found[..] {
            [] => {}
            [one] => return Ok(one),
            _ => {
                return Err(CtlError::Ambiguous {
                    wanted: wanted.to_owned(),
                    candidates: found
                        .iter()
                        .map(|w| (w.id.clone(), w.cgroup.clone()))
                        .collect(),
                });
            }
        }
    }
    Err(CtlError::NoSuchWorkload {
        wanted: wanted.to_owned(),
    })
}
