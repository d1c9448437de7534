//! Every key that may be set, and the nearest right name for one that may not.

/// Keys outside of any section.
pub(crate) const TOP: [&str; 8] = [
    "mode",
    "tick_ms",
    "node_name",
    "cgroup_root",
    "state_dir",
    "socket",
    "log",
    "bpf_log",
];

/// Keys of `[policy]`, which each `[[workload]]` may set too.
pub(crate) const POLICY: [&str; 28] = [
    "preset",
    "hands_off",
    "cpu_floor_cores",
    "cpu_ceiling_cores",
    "cpu_margin",
    "cpu_margin_min",
    "cpu_margin_max",
    "cpu_throttle_tolerance",
    "cpu_stall_price",
    "cpu_burst",
    "cpu_weight",
    "memory_floor",
    "memory_ceiling",
    "memory_margin",
    "memory_margin_min",
    "memory_margin_max",
    "memory_max_margin",
    "quantile",
    "cooldown_s",
    "hysteresis",
    "max_step_down",
    "warmup_s",
    "stale_s",
    "memory_stall_veto",
    "oom_bump",
    "oom_half_life_s",
    "on_foreign_change",
    "hand_over_s",
];

/// Sections and their keys.
pub(crate) const SECTIONS: [(&str, &[&str]); 11] = [
    ("coordinator", &["address", "queue_reports"]),
    ("metrics", &["listen"]),
    ("model", &["dir", "enabled"]),
    ("forecast", &["save_every_s"]),
    ("enforce", &["lease_s", "systemd"]),
    (
        "probes",
        &[
            "cpu",
            "network",
            "tcp",
            "reclaim",
            "events",
            "facts",
            "near_quota_share",
        ],
    ),
    ("budget", &["cpu_cores"]),
    ("fast", &["cpu", "memory"]),
    (
        "freeze",
        &[
            "file",
            "memory_pressure",
            "io_pressure",
            "state_free",
            "clock_jump_s",
            "lost_per_tick",
            "hold_s",
        ],
    ),
    ("node", &["cpu_reserve", "memory_reserve", "lease_s"]),
    ("policy", &POLICY),
];

/// Keys of a `[[workload]]`, beside those of the policy.
pub(crate) const WORKLOAD: [&str; 3] = ["match", "enforce", "canary"];
/// The name of the list of workload rules.
pub(crate) const WORKLOADS: &str = "workload";

/// All keys that hold one value, as `section.key`; these can be set in the environment too.
pub(crate) fn scalars() -> impl Iterator<Item = String> {
    let top = TOP.into_iter().map(str::to_owned);
    let in_sections = SECTIONS
        .into_iter()
        .flat_map(|(section, keys)| keys.iter().map(move |key| format!("{section}.{key}")));
    top.chain(in_sections)
}

/// What may stand at a place: `""` is the top, else a section, or `workload` for a rule.
pub(crate) fn known_at(place: &str) -> Vec<&'static str> {
    match place {
        "" => TOP
            .into_iter()
            .chain(SECTIONS.map(|(name, _)| name))
            .chain([WORKLOADS])
            .collect(),
        WORKLOADS => WORKLOAD.into_iter().chain(POLICY).collect(),
        _ => SECTIONS
            .into_iter()
            .filter(|(name, _)| *name == place)
            .flat_map(|(_, keys)| keys.iter().copied())
            .collect(),
    }
}

/// The name that was most likely meant; `None` when nothing is like it.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|right| (strsim::jaro_winkler(name, right), right))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, right)| right)
}
