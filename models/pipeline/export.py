"""Writes the released files of a model: model.onnx, contract.json and golden.json."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx

from . import spec
from .runner import Model, stream

GOLDEN_TICKS = 40


def export(folder, model, name, sizes, ticks_trained, how):
    """Write all three files into `folder` (made if missing)."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    onnx.save(model, path)
    write_json(folder / "contract.json", contract(path, name, sizes, ticks_trained, how))
    write_json(folder / "golden.json", golden(path))


def contract(path, name, sizes, ticks_trained, how):
    """Everything a program needs to feed the model and to read its answer."""
    return {
        "contract_version": spec.CONTRACT_VERSION,
        "name": name,
        "signature": "streaming",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "inputs": {"x": ["N", spec.F], "h": ["N", sum(sizes)], "c": ["N", sum(sizes)]},
        "outputs": {"y": ["N", len(spec.OUTPUTS)], "h_next": ["N", sum(sizes)], "c_next": ["N", sum(sizes)]},
        "hidden": sum(sizes),
        "layers": list(sizes),
        "row": "one (workload, resource) series; h and c start at zero",
        "features": [{"name": n, "meaning": m} for n, m in spec.FEATURES],
        "resources": list(spec.RESOURCES),
        "units": spec.UNITS,
        "scaling": {
            "half_life_ticks": spec.SCALE_HALF_LIFE_TICKS,
            "floors": spec.FLOORS,
            "alpha_fast": spec.ALPHA_FAST,
            "alpha_slow": spec.ALPHA_SLOW,
            "ring": spec.RING,
            "clip": [spec.CLIP_LOW, spec.CLIP_HIGH],
            "scale_jump_max": spec.SCALE_JUMP_MAX,
        },
        "horizons_ticks": list(spec.HORIZONS),
        "quantiles": list(spec.QUANTILES),
        "output_order": list(spec.OUTPUTS),
        "output_meaning": "peak of the next h ticks, in units of the row's scale s at this tick",
        "output_range": [0.0, spec.TARGET_CAP],
        "tick_seconds_trained": ticks_trained,
        "training": how,
    }


def golden_input():
    """Raw usage [T, 3] in real units: CPU bursts, memory that climbs and falls, a network row; with holes."""
    t = np.arange(GOLDEN_TICKS)
    rng = np.random.default_rng(7)
    cpu = np.where(t % 11 < 4, 1.6, 0.004) * (1 + 0.05 * rng.standard_normal(GOLDEN_TICKS))
    memory = np.rint(2.0e8 + 1.5e8 * np.sin(t / 6.0))
    network = np.rint(np.where(t < 8, 200.0, 4.0e5 * np.exp(-t / 20.0)))
    raw = np.stack([np.round(np.maximum(cpu, 0), 6), memory, network], axis=1)
    raw[5, 0] = raw[6, 0] = raw[20, 1] = raw[33, 2] = np.nan
    raw[24:31, 2] = np.nan
    return raw


def golden(path):
    """The real model's features and answers on `golden_input`; a missing sample is null."""
    raw = golden_input()
    resource = [0, 1, 2]
    floors = [spec.FLOORS[r] for r in spec.RESOURCES]
    y, scale, features = stream(Model(path), raw, resource, floors, keep_features=True)
    return {
        "what": "per row: raw usage per tick (null = missing), the features it must give, the model's y "
        "with the state carried from zero, and the scale s that turns y into raw units",
        "tolerance": 1e-4,
        "rows": [
            {
                "resource": spec.RESOURCES[i],
                "raw": [None if np.isnan(v) else float(v) for v in raw[:, i]],
                "scale": [float(v) for v in scale[:, i]],
                "features": [[short(v) for v in tick] for tick in features[:, i]],
                "y": [[short(v) for v in tick] for tick in y[:, i]],
            }
            for i in range(raw.shape[1])
        ],
    }


def short(value):
    """The shortest decimal that gives the same f32 again."""
    return float(str(np.float32(value)))


def write_json(path, value):
    """Indented down to lists of numbers, which stay on one line each so that diffs can be read."""
    path.write_text(layout(value) + "\n")


def layout(value, depth=0):
    pad = "  " * (depth + 1)
    if isinstance(value, dict):
        items = [f"{pad}{json.dumps(k)}: {layout(v, depth + 1)}" for k, v in value.items()]
        return "{\n" + ",\n".join(items) + "\n" + "  " * depth + "}"
    if isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value):
        return "[\n" + ",\n".join(pad + layout(v, depth + 1) for v in value) + "\n" + "  " * depth + "]"
    return json.dumps(value)
