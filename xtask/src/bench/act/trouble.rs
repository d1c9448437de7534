//! The figures of the parts chaos and soak that the file always has, with their limits.

use super::table;
use crate::bench::figures::{Figure, Limit, figure};

/// The figures of a case of chaos.
macro_rules! case {
    ($name:literal) => {
        [
            figure(
                "chaos",
                concat!("chaos.", $name, ".runs"),
                Limit::AtLeast(100.0),
                concat!($name, ": runs that were made and judged"),
            ),
            figure(
                "chaos",
                concat!("chaos.", $name, ".left_behind"),
                Limit::AtMost(0.0),
                concat!($name, ": limits that were not as before"),
            ),
            figure(
                "chaos",
                concat!("chaos.", $name, ".below_floor"),
                Limit::AtMost(0.0),
                concat!($name, ": writes below the floor of the policy"),
            ),
            figure(
                "chaos",
                concat!("chaos.", $name, ".unopted_writes"),
                Limit::AtMost(0.0),
                concat!($name, ": writes to what nobody opted in"),
            ),
        ]
    };
}

const CHAOS: [[Figure; 4]; 10] = [
    case!("kill9"),
    case!("kill_between"),
    case!("reboot"),
    case!("disk_full"),
    case!("journal_damage"),
    case!("churn"),
    case!("sigstop"),
    case!("another_writer"),
    case!("clock_jump"),
    case!("maps_full"),
];

const SOAK: [Figure; 5] = [
    soak("soak.minutes", Limit::AtLeast(30.0), "how long it was"),
    soak("soak.ticks", Limit::None, "ticks of the agent in it"),
    soak(
        "soak.rss_growth_mib",
        Limit::AtMost(1.0),
        "resident memory: mean of the last third less that of the second sixth",
    ),
    soak(
        "soak.fd_growth",
        Limit::AtMost(1.0),
        "open descriptors: the same",
    ),
    soak(
        "soak.journal_growth_kib",
        Limit::AtMost(8.0),
        "the journal: the same",
    ),
];

const fn soak(key: &'static str, limit: Limit, what: &'static str) -> Figure {
    figure("soak", key, limit, what)
}

const OTHERS: usize = table::FIGURES.len();
const RUN: usize = CHAOS.len() * 4;
const COUNT: usize = OTHERS + RUN + SOAK.len();

/// Those of all parts.
pub const ALL: [Figure; COUNT] = {
    let mut all = [SOAK[0]; COUNT];
    let mut at = 0;
    while at < COUNT {
        all[at] = if at < OTHERS {
            table::FIGURES[at]
        } else if at < OTHERS + RUN {
            CHAOS[(at - OTHERS) / 4][(at - OTHERS) % 4]
        } else {
            SOAK[at - OTHERS - RUN]
        };
        at += 1;
    }
    all
};
