"""The summary of trainings that left a family out, from figures as a replay writes them."""

import pytest

from pipeline import leave_one_out, replay

FIGURES = {
    "families.a.pinball_ratio": 9.0,
    "families.a/cpu.pinball_ratio": 0.5,
    "families.a/cpu.h30.pinball_ratio": 0.7,
    "families.a/cpu.best_baseline": "last",
    "families.b/cpu.pinball_ratio": 0.98,
    "families.b/network.pinball_ratio": 1.5,
    "families.c/memory.pinball_ratio": None,
    "pinball_ratio_max": 1.5,
}


def test_groups_are_those_of_one_resource():
    assert replay.groups(FIGURES) == ["a/cpu", "b/cpu", "b/network", "c/memory"]
    assert replay.at(FIGURES, "a/cpu", 30, "pinball_ratio") == 0.7
    assert replay.at(FIGURES, "b/cpu", 30, "pinball_ratio") is None


def test_the_headline_is_over_cpu_and_the_worst_over_all():
    rows = {group: leave_one_out.row(FIGURES, group) for group in replay.groups(FIGURES)}
    found = leave_one_out.summary(rows)
    assert found["pinball_ratio_geomean_loo"] == pytest.approx(0.7)
    assert found["pinball_ratio_max_loo"] == 1.5
    assert found["loo.a/cpu.best_baseline"] == "last"
    assert found["loo.c/memory.pinball_ratio"] is None
    how = {"seed": 1, "steps_wanted": 5}
    text = leave_one_out.text("m", how, [["a"], ["b", "c"]], rows)
    assert "b and c" in text and "| a/cpu | 0.500 |  | last |" in text


def test_nothing_known_is_no_figure():
    found = leave_one_out.summary({})
    assert found["pinball_ratio_geomean_loo"] is None and found["pinball_ratio_max_loo"] is None


def test_a_replay_that_fails_says_why(tmp_path):
    with pytest.raises(ValueError, match="ended with 1"):
        replay.figures("false", tmp_path, [tmp_path])
