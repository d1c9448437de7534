//! When limits are left alone: bounds and messages.

use super::*;
use crate::Freeze;

#[test]
fn a_freeze_has_bounds_and_a_place() {
    let freeze = Home::new("state_dir = \"/s\"\n").load().unwrap().freeze;
    assert_eq!(freeze.file, Path::new("/s/freeze"));
    assert_eq!(freeze.memory_pressure, Some(0.2));
    let off = "[freeze]\nfile = \"/run/stop\"\nmemory_pressure = 0\nio_pressure = 0\n\
               state_free = 0\nclock_jump_s = 0\nlost_per_tick = 0\nhold_s = 60\n";
    let freeze = Home::new(off).load().unwrap().freeze;
    let expected = Freeze {
        file: PathBuf::from("/run/stop"),
        memory_pressure: None,
        io_pressure: None,
        state_free: None,
        clock_jump_s: None,
        lost_per_tick: None,
        hold: Duration::from_secs(60),
    };
    assert_eq!(freeze, expected);
    for (file, expected) in [
        (
            "[freeze]\nmemory_pressure = 20",
            "freeze.memory_pressure = 20 (agent.toml line 2): expected 0 to 1, a share of the time, \
             or 0 for never",
        ),
        (
            "[freeze]\nio_pressure = nan",
            "freeze.io_pressure = NaN (agent.toml line 2): expected 0 to 1, a share of the time, or \
             0 for never",
        ),
        (
            "[freeze]\nclock_jump_s = -1",
            "freeze.clock_jump_s = -1 (agent.toml line 2): expected 0 to 86400, seconds, or 0 for \
             never",
        ),
        (
            "[freeze]\nhold_s = 0",
            "freeze.hold_s = 0 (agent.toml line 2): expected 1 to 3600, seconds",
        ),
        (
            "[freeze]\nfile = \"/\"",
            "freeze.file = \"/\" (agent.toml line 2): expected a path that ends in a name",
        ),
    ] {
        assert_eq!(Home::new(file).error(), expected);
    }
    let error = Home::new("[freeze]\nstate_free = \"16MB\"\n").error();
    assert!(
        error.starts_with("agent.toml line 2: \"16MB\" is no size"),
        "{error}"
    );
}
