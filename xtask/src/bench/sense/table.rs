//! The figures that `bench sense` always gives, with the limits that the project has set itself.

use crate::bench::figures::Limit::{self, AtLeast, AtMost, Below};
use crate::bench::figures::{Figure, figure};

/// See the module.
pub const FIGURES: [Figure; 17] = [
    figure(
        "accuracy",
        "cpu_err_pct_max",
        AtMost(1.0),
        "CPU time and switches, worst error against the kernel's accounts",
    ),
    figure(
        "accuracy",
        "net_err_pct_max",
        AtMost(1.0),
        "bytes and packets, worst error against the namespace's counters",
    ),
    figure(
        "accuracy",
        "wait_err_pct_max",
        AtMost(1.0),
        "run-queue wait, worst error against schedstat",
    ),
    figure(
        "switch",
        "probe_ns_per_switch",
        AtMost(150.0),
        "all scheduler programs a context switch, by BPF statistics, clock reads included",
    ),
    figure(
        "switch",
        "switch_slowdown_ratio",
        Limit::None,
        "context switch over pipes with probes on, times that with probes off",
    ),
    figure(
        "cost",
        "agent_cpu_pct_100",
        AtMost(1.0),
        "agent at 100 cgroups, % of a core",
    ),
    figure(
        "cost",
        "agent_cpu_pct_1000",
        AtMost(3.0),
        "agent at 1,000 cgroups, % of a core",
    ),
    figure(
        "cost",
        "agent_rss_mib_1000",
        AtMost(40.0),
        "agent's resident memory at 1,000 cgroups",
    ),
    figure(
        "cost",
        "tick_read_ms_1000",
        AtMost(2.0),
        "reading step of a tick at 1,000 cgroups",
    ),
    figure(
        "churn",
        "churn_10k_rss_growth_mib",
        AtMost(1.0),
        "agent's memory after 10,000 cgroups came and went",
    ),
    figure(
        "churn",
        "churn_10k_fds_growth",
        AtMost(0.0),
        "agent's open files after the same",
    ),
    figure(
        "churn",
        "churn_10k_stale_map_entries",
        AtMost(0.0),
        "entries of the agent's maps for cgroups that are gone, after the same",
    ),
    figure(
        "peers",
        "cpu_ratio_vs_cadvisor",
        Below(1.0),
        "agent's CPU over cAdvisor's",
    ),
    figure(
        "peers",
        "rss_ratio_vs_cadvisor",
        Below(1.0),
        "agent's memory over cAdvisor's",
    ),
    figure(
        "peers",
        "cpu_ratio_vs_rezolus",
        Below(1.0),
        "agent's CPU over rezolus'",
    ),
    figure(
        "peers",
        "rss_ratio_vs_rezolus",
        Below(1.0),
        "agent's memory over rezolus'",
    ),
    figure(
        "near_quota",
        "near_quota_early_share",
        AtLeast(0.95),
        "bursts whose event came before the first throttled period",
    ),
];
