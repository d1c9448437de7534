"""The reference features, checked against the contract's words one by one."""

import math

import numpy as np
import pytest

from pipeline import spec
from pipeline.features import FeatureRows, peaks

NAN = math.nan


def run(values, floor=0.01, resource=0):
    rows = FeatureRows([resource], [floor])
    return np.array([rows.step([v])[0] for v in values]), rows


def test_first_sample_fills_everything():
    out, rows = run([2.0])
    assert out[0].tolist() == [1, 1, 1, 1, 1, 0, 1, 1, 0, 0]
    assert rows.s[0] == 2.0


def test_scale_halves_in_its_half_life():
    _, rows = run([8.0] + [1.0] * spec.SCALE_HALF_LIFE_TICKS)
    assert rows.s[0] == pytest.approx(4.0)


def test_scale_follows_a_rise_at_once_and_stops_at_the_floor():
    out, rows = run([1.0, 3.0])
    assert rows.s[0] == 3.0
    assert out[1, 5] == pytest.approx(math.log(3.0 / 1.0), rel=1e-6)
    _, rows = run([0.0] * 10, floor=0.5)
    assert rows.s[0] == 0.5


def test_scale_jump_is_capped():
    out, _ = run([0.0, 1e6])
    assert out[1, 5] == spec.SCALE_JUMP_MAX


def test_averages_move_by_their_alphas():
    out, rows = run([1.0, 2.0])
    assert rows.fast[0] == pytest.approx(1.3)
    assert rows.slow[0] == pytest.approx(1.03)
    assert out[1, 1] == pytest.approx(1.3 / 2, rel=1e-6)


def test_ring_holds_the_last_twelve():
    out, rows = run([9.0] + [float(v) / 10 for v in range(1, 12)])
    assert (rows.ring.max(), rows.ring.min()) == (9.0, 0.1)  # 12 values: the first is still in
    assert out[-1, 3] * rows.s[0] == pytest.approx(9.0, rel=1e-6)
    rows.step([1.2])
    assert (rows.ring.max(), rows.ring.min()) == (1.2, 0.1)  # the 13th pushed it out


def test_missing_repeats_the_last_value_and_leaves_averages_and_ring():
    out, rows = run([4.0, 2.0, NAN, NAN])
    fast, slow, ring = rows.fast.copy(), rows.slow.copy(), rows.ring.copy()
    again = rows.step([NAN])[0]
    assert out[2, 6] == 0 and again[6] == 0
    assert rows.last[0] == 2.0
    assert again[0] == pytest.approx(2.0 / rows.s[0], rel=1e-6)
    assert rows.s[0] == pytest.approx(4.0 * 2 ** (-4 / spec.SCALE_HALF_LIFE_TICKS))
    assert (fast == rows.fast).all() and (slow == rows.slow).all() and (ring == rows.ring).all()


def test_a_long_silence_is_clipped():
    out, _ = run([1.0] + [NAN] * (3 * spec.SCALE_HALF_LIFE_TICKS))
    assert out[-1, :5].tolist() == [spec.CLIP_HIGH] * 5


def test_nothing_before_the_first_sample_and_flags_per_resource():
    rows = FeatureRows([0, 1, 2], [0.01, 1.0, 1.0])
    out = rows.step([NAN, NAN, NAN])
    assert (out[:, :7] == 0).all()
    assert (out[:, 7:] == np.eye(3)).all()
    assert rows.step([NAN, 5.0, NAN])[1, 0] == 1.0


def test_features_do_not_depend_on_the_unit():
    rng = np.random.default_rng(3)
    x = rng.gamma(1.0, 1.0, 300)
    a, _ = run(x, floor=0.1)
    b, _ = run(x * 1e9, floor=0.1e9)
    assert np.allclose(a, b, rtol=1e-6)


def test_rows_do_not_touch_each_other():
    rng = np.random.default_rng(4)
    x = np.where(rng.random((100, 5)) < 0.2, NAN, rng.random((100, 5)))
    together = FeatureRows([0, 1, 2, 0, 1], [0.01] * 5)
    alone = [FeatureRows([r], [0.01]) for r in (0, 1, 2, 0, 1)]
    for tick in x:
        out = together.step(tick)
        for i in range(5):
            assert (out[i] == alone[i].step(tick[i : i + 1])[0]).all()


def test_restart_forgets():
    rows = FeatureRows([0], [0.01])
    rows.step([100.0])
    rows.restart(0, 1, 0.5)
    assert rows.step([1.0])[0].tolist() == [1, 1, 1, 1, 1, 0, 1, 0, 1, 0]


def test_peaks_look_only_ahead():
    x = np.zeros(40)
    x[10] = 7.0
    top = peaks(x)
    assert top[10, 0] == 0.0 and top[9, 0] == 7.0 and top[5, 0] == 7.0 and top[4, 0] == 0.0
    assert np.isnan(top[35:, 0]).all() and not np.isnan(top[34, 0])
    assert np.isnan(top[10:, 1]).all() and not np.isnan(top[9, 1])


def test_peaks_of_windows_mostly_missing_are_masked():
    x = np.ones(20)
    x[2:4] = NAN
    assert peaks(x)[1, 0] == 1.0  # 2 of 5 missing
    x[4] = NAN
    assert np.isnan(peaks(x)[1, 0])  # 3 of 5
