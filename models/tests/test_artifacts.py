"""Each released model keeps its contract: golden outputs, ordered quantiles, carried state, plain operators."""

import hashlib
import json

import numpy as np
import onnx
import pytest

from pipeline import spec
from pipeline.runner import Model, stream

PLAIN = {"MatMul", "Add", "Mul", "Split", "Concat", "Sigmoid", "Tanh", "Softplus", "Max", "Clip"}


@pytest.fixture
def golden(released):
    return json.loads((released / "golden.json").read_text())


@pytest.fixture
def model(released):
    return Model(released / "model.onnx")


def inputs(golden):
    raw = np.array([[np.nan if v is None else v for v in r["raw"]] for r in golden["rows"]]).T
    resource = [spec.RESOURCES.index(r["resource"]) for r in golden["rows"]]
    return raw, resource, [spec.FLOORS[r["resource"]] for r in golden["rows"]]


def noise(ticks, rows):
    rng = np.random.default_rng(11)
    raw = rng.gamma(0.5, 1.0, (ticks, rows)) * rng.choice([0.01, 1.0, 100.0], (ticks, rows))
    return np.where(rng.random(raw.shape) < 0.1, np.nan, raw)


def test_golden_features_and_outputs(golden, model):
    y, scale, features = stream(model, *inputs(golden), keep_features=True)
    for i, row in enumerate(golden["rows"]):
        assert np.abs(features[:, i] - np.array(row["features"])).max() <= 1e-5
        assert np.abs(y[:, i] - np.array(row["y"])).max() <= 1e-5
        assert np.allclose(scale[:, i], row["scale"], rtol=1e-9)


def test_golden_covers_the_hard_cases(golden):
    raw = [r["raw"] for r in golden["rows"]]
    assert all(None in r for r in raw)
    assert {r["resource"] for r in golden["rows"]} == set(spec.RESOURCES)
    features = np.array([r["features"] for r in golden["rows"]])
    assert (features[..., 5] > 1).any()  # a jump of the scale
    assert any(s == spec.FLOORS[r["resource"]] for r in golden["rows"] for s in r["scale"])  # a row at its floor


def test_contract_describes_this_file(released, model):
    contract = json.loads((released / "contract.json").read_text())
    assert contract["contract_version"] == spec.CONTRACT_VERSION
    assert contract["sha256"] == hashlib.sha256((released / "model.onnx").read_bytes()).hexdigest()
    assert contract["hidden"] == model.hidden == sum(contract["layers"])
    assert [f["name"] for f in contract["features"]] == [name for name, _ in spec.FEATURES]
    assert contract["output_order"] == list(spec.OUTPUTS)
    assert contract["scaling"]["floors"] == spec.FLOORS


def test_graph_is_one_step_of_plain_operators(released):
    graph = onnx.load(released / "model.onnx").graph
    assert {node.op_type for node in graph.node} <= PLAIN
    assert [i.name for i in graph.input] == ["x", "h", "c"]
    assert [o.name for o in graph.output] == ["y", "h_next", "c_next"]
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"


def test_quantiles_never_cross(model):
    raw = noise(200, 30)
    y, _, _ = stream(model, raw, np.arange(30) % 3, np.full(30, 0.01))
    near, far = y[..., :4], y[..., 4:]
    assert np.isfinite(y).all() and (y >= 0).all() and (y <= spec.TARGET_CAP).all()
    assert (np.diff(near, axis=-1) >= 0).all() and (np.diff(far, axis=-1) >= 0).all()
    assert (far >= near).all()


def test_quantiles_never_cross_on_any_state(model):
    rng = np.random.default_rng(2)
    h, c = (rng.uniform(-1, 1, (500, model.hidden)).astype(np.float32) for _ in range(2))
    x = rng.uniform(-2, 2, (500, spec.F)).astype(np.float32)
    y, _, _ = model.step(x, h, 5 * c)
    assert (np.diff(y[:, :4]) >= 0).all() and (np.diff(y[:, 4:]) >= 0).all() and (y[:, 4:] >= y[:, :4]).all()


def test_state_is_carried(model):
    x = np.tile(np.float32([1, 1, 1, 1, 1, 0, 1, 1, 0, 0]), (2, 1))
    fresh, h, c = model.step(x, *model.start(2))
    assert np.abs(h).max() > 0 and np.abs(c).max() > 0
    carried, _, _ = model.step(x, h, c)
    reset, _, _ = model.step(x, *model.start(2))
    assert (fresh == reset).all()
    assert np.abs(carried - fresh).max() > 1e-4


def test_a_row_does_not_depend_on_its_neighbours(model):
    raw = noise(50, 8)
    together, _, _ = stream(model, raw, np.zeros(8, int), np.full(8, 0.01))
    alone, _, _ = stream(model, raw[:, 3:4], [0], [0.01])
    assert np.allclose(together[:, 3], alone[:, 0], atol=1e-5)


def test_forecast_follows_the_level(model):
    """A steady row is forecast near its level, after a rise near the new level: a model that learned nothing fails."""
    raw = np.concatenate([np.full(120, 0.5), np.full(120, 2.0)])[:, None]
    y, scale, _ = stream(model, raw, [0], [0.01])
    median = y[:, 0, 0] * scale[:, 0]
    assert 0.4 < median[119] < 0.65
    assert 1.6 < median[239] < 2.4


def test_artifacts_stay_small(released):
    assert sum(p.stat().st_size for p in released.iterdir()) < 1_500_000
