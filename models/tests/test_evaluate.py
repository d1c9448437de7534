"""The baselines and the scoring: right on cases that can be worked out by hand."""

import numpy as np
import pytest

from pipeline import spec
from pipeline.baselines import forecasts, windowed_quantiles
from pipeline.data import Series
from pipeline.evaluate import evaluate, pinball, skill, table
from pipeline.features import peaks


def test_pinball_by_hand():
    loss = pinball(np.array([[1.0, 1.0, 1.0, 1.0]]), np.array([2.0]))
    assert loss[0] == pytest.approx(list(spec.QUANTILES))
    loss = pinball(np.array([[3.0, 3.0, 3.0, 3.0]]), np.array([2.0]))
    assert loss[0] == pytest.approx([1 - q for q in spec.QUANTILES])


def test_windowed_quantiles_take_the_nearest_rank():
    out = windowed_quantiles(np.arange(100.0), 100)
    assert out[-1].tolist() == [49, 89, 94, 98]
    assert out[0].tolist() == [0, 0, 0, 0]


def test_baselines_never_look_ahead():
    rng = np.random.default_rng(5)
    a = rng.random(400)
    b = a.copy()
    b[200:] += 10.0
    for k, h in enumerate(spec.HORIZONS):
        before = forecasts(a, peaks(a)[:, k], h)
        after = forecasts(b, peaks(b)[:, k], h)
        for name in before:
            assert np.array_equal(before[name][:200], after[name][:200]), name
            assert not np.array_equal(before[name][200:], after[name][200:]), name


def test_constant_series_is_scored_and_the_future_part_only(released):
    values = np.full(400, 2.0)
    values[:100] = 50.0  # long before the evaluation part
    quiet = Series("made", "quiet", "cpu", "cpu", 1, values)
    found = table(evaluate(released / "model.onnx", [quiet], progress=open("/dev/null", "w")))
    row = found["made/cpu"][5]
    assert row["loss"]["last"] == 0.0 and row["loss"]["recent max"] == 0.0
    assert row["series"] == 1 and row["loss"]["model"] < 0.1
    assert skill(row)[1] == 0.0
