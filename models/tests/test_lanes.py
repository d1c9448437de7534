"""Training batches: no look into held-out parts, targets that fit their features, weights that look back only."""

import numpy as np
import pytest

from pipeline import spec, synthetic
from pipeline.data import Series
from pipeline.features import FeatureRows, peaks
from pipeline.lanes import Lanes, valid_from, validation
from pipeline.weight import Weight

HELD_OUT = 1e6  # what stands after the training part; must never be seen in a batch


def series(n=2000, first=None, family="made"):
    values = np.random.default_rng(3).random(n) + 0.5
    s = Series(family, "a", "cpu", "cpu", 1, values)
    values[(valid_from(s) if first is None else first) :] = HELD_OUT
    return s


def test_lanes_draw_only_from_the_part_before_validation():
    s = series()
    assert s.peak == HELD_OUT  # the mark would be noticed
    lanes = Lanes([s], 16, 32, np.random.default_rng(0))
    highest = 0.0
    for _ in range(200):
        x, resource, floor = lanes.segment()
        highest = max(highest, np.nanmax(x))
        assert 0 <= resource < 3 and floor > 0
    assert 1.4 < highest < 3.0


def test_validation_ends_before_the_evaluation_part():
    s = series(first=1400)
    assert s.cut == 1400
    x, y, w, share = validation([s], np.random.default_rng(0), warm=64, score=400)
    assert y.max() < 3.0 and np.isfinite(x).all()
    scored = np.flatnonzero((w[:, 0, 1] > 0))
    assert scored[0] == 64 and scored[-1] == 64 + (1400 - 1200) - 1 - 30
    assert share.tolist() == [1.0]


def test_chunks_carry_on_where_the_last_one_ended():
    lanes = Lanes([series()], 4, 32, np.random.default_rng(1))
    parts = [lanes.chunk() for _ in range(6)]
    assert parts[0][3].all()
    lane = 2
    run = [parts[0]]
    for p in parts[1:]:
        if p[3][lane]:
            break
        run.append(p)
    assert len(run) >= 2
    raw, at = lanes_raw(1, lane)
    rows = FeatureRows([at[0]], [at[1]])
    want = np.array([rows.step([v])[0] for v in raw[: 32 * len(run)]])
    got = np.concatenate([p[0][:, lane] for p in run])
    assert np.array_equal(got, want)


def lanes_raw(seed, lane):
    """The raw segment that a fresh set of lanes with this seed gives to `lane`, its resource and floor."""
    lanes = Lanes([series()], 4, 32, np.random.default_rng(seed))
    lanes.chunk()
    return lanes.x[lane], (lanes.rows.resource[lane], lanes.rows.floor[lane])


def test_targets_are_the_peaks_in_scale_units():
    lanes = Lanes([series()], 4, 32, np.random.default_rng(1))
    _, y, w, _ = lanes.chunk()
    raw, (resource, floor) = lanes_raw(1, 0)
    rows = FeatureRows([resource], [floor])
    top = peaks(raw)
    for t in range(32):
        rows.step(raw[t : t + 1])
        for k in range(len(spec.HORIZONS)):
            if np.isnan(top[t, k]):
                assert w[t, 0, k] == 0
            else:
                assert w[t, 0, k] > 0
                assert y[t, 0, k] == pytest.approx(min(top[t, k] / rows.s[0], spec.TARGET_CAP), rel=1e-6)


def test_the_same_seed_gives_the_same_batches():
    a, b = (Lanes([series()], 8, 32, np.random.default_rng(5)) for _ in range(2))
    for _ in range(3):
        for u, v in zip(a.chunk(), b.chunk()):
            assert np.array_equal(u, v)


def weights(values):
    rows, weight = FeatureRows([0], [1e-3]), Weight(1)
    return np.array([weight.step(rows.step([v]))[0] for v in values])


def test_quiet_rows_weigh_more_and_a_jump_ends_it():
    quiet = weights([1.0] * 300)
    restless = weights([1.0, 0.0] * 150)
    assert quiet[-1] > 5 * restless[-1]
    assert quiet[0] < 0.3 * quiet[64]
    jumped = weights([1.0] * 299 + [3.0])
    assert jumped[-1] < 0.2 * quiet[-1]
    assert np.array_equal(jumped[:-1], quiet[:-1])


def test_made_up_series_are_usable():
    rng = np.random.default_rng(0)
    for _ in range(200):
        x, resource = synthetic.draw(rng, 500)
        assert len(x) == 500 and np.isfinite(x).all() and (x >= 0).all() and 0 <= resource < 3
