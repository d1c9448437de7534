"""What both examples share: windows out of traces, and the two files beside the ONNX file that LLMOS wants.

A windowed model sees the last `WINDOW` values of one series, the newest last, divided by the series' running scale at
the newest. It answers in the same unit. So one model serves workloads of every size, and the agent can keep the window.
Only the readers of traces are the pipeline's: the features of its streaming models are none of a window's business.
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np

from pipeline import data, recording

WINDOW = 30  # ticks
# The running scale is the largest value lately, never below the floor; without new peaks it halves in so many ticks.
HALF_LIFE_TICKS = 240
FLOORS = {"cpu": 0.01, "memory": 1048576.0, "network": 1000.0}  # cores, bytes, bytes per second
TARGET_CAP = 4.0  # in scale units; a burst out of an idle series has no bound, and would be all that the loss sees
GOLDEN_TICKS = 40


def arguments(what, out):
    """The command line of an example."""
    parser = argparse.ArgumentParser(description=what)
    add = parser.add_argument
    add("--traces", type=Path, nargs="+", required=True, metavar="FILE", help="CSV traces or recordings")
    add("--out", type=Path, default=out, metavar="DIR", help="where the model goes")
    add("--steps", type=int, default=600, metavar="N", help="training steps")
    add("--seed", type=int, default=1)
    return parser.parse_args()


def settings(args):
    """What of the command line a model depends on."""
    return {"traces": [path.name for path in args.traces], "steps": args.steps, "seed": args.seed}


def read(paths):
    """All series of the files."""
    found = []
    for path in paths:
        found += data.read_recording(path)[0] if path.suffix in recording.SUFFIXES else data.read_csv(path)
    if not found:
        raise SystemExit(f"no series of {data.SHORTEST} rows or more in {', '.join(map(str, paths))}")
    return found


def scaled(values, floor):
    """Missing values filled with the last one before, and the running scale at each tick, as the agent computes it."""
    filled, scale = np.empty(len(values)), np.empty(len(values))
    last, s = values[0], max(values[0], floor)
    for t, x in enumerate(values):
        s = max(s * 2.0 ** (-1.0 / HALF_LIFE_TICKS), floor) if t else s
        if not np.isnan(x):
            last, s = x, max(s, x)
        filled[t], scale[t] = last, s
    return filled, scale


class Windows:
    """Random windows of the training parts of many series, and what came after each."""

    def __init__(self, series, ahead, seed):
        """`ahead`: the target is the peak of so many next ticks; 1 is the next value."""
        self.rng = np.random.default_rng(seed)
        self.ahead = ahead
        self.series = []
        for one in series:
            # Traces have units of their own; relative to its own peak every series counts alike.
            values = one.values[: one.cut] / one.peak
            self.series.append(scaled(values, floor=0.01))

    def batch(self, size):
        """Inputs [size, WINDOW, 1] and targets [size, 1], f32."""
        x = np.empty((size, WINDOW, 1), np.float32)
        y = np.empty((size, 1), np.float32)
        for row in range(size):
            values, scale = self.series[self.rng.integers(len(self.series))]
            now = self.rng.integers(WINDOW, len(values) - self.ahead)
            x[row, :, 0] = values[now - WINDOW + 1 : now + 1] / scale[now]
            y[row, 0] = min(values[now + 1 : now + 1 + self.ahead].max() / scale[now], TARGET_CAP)
        return x, y


def golden_series():
    """Raw usage by resource in real units: CPU bursts, memory that climbs and falls, a network row; with holes."""
    t = np.arange(GOLDEN_TICKS)
    series = {
        "cpu": np.where(t % 11 < 4, 1.6, 0.004) * (1 + 0.05 * np.cos(t)),
        "memory": np.rint(2.0e8 + 1.5e8 * np.sin(t / 6.0)),
        "network": np.rint(np.where(t < 8, 200.0, 1.2e5 * np.exp(-t / 20.0))),
    }
    series["cpu"][5:7] = series["memory"][20] = series["network"][24:31] = np.nan
    return series


def golden_windows():
    """The windows of each tick of the golden series, series after series: [series x ticks, WINDOW, 1], f32."""
    windows = []
    for resource, values in golden_series().items():
        filled, scale = scaled(values, FLOORS[resource])
        # A series that has just begun counts as if it had always been so.
        padded = np.concatenate([np.full(WINDOW - 1, filled[0]), filled])
        windows.append(np.lib.stride_tricks.sliding_window_view(padded, WINDOW) / scale[:, None])
    return np.concatenate(windows)[:, :, None].astype(np.float32)


def contract(onnx, name, outputs, how):
    """What the agent has to know of the model: docs/models.md explains each field."""
    return {
        "contract_version": 1,
        "name": name,
        "signature": "windowed",
        "sha256": hashlib.sha256(onnx).hexdigest(),
        "window": WINDOW,
        "features": [{"name": "value", "meaning": "x / s of the newest tick; where x is missing, the one before"}],
        "output_order": outputs,
        "output_meaning": "in units of the series' scale s at the newest tick",
        "scaling": {"half_life_ticks": HALF_LIFE_TICKS, "floors": FLOORS},
        "training": how,
    }


def golden(answers):
    """What a test compares the agent's own answers with; `answers`: the framework's for `golden_windows`."""
    series = golden_series()
    answers = np.asarray(answers, np.float64).reshape(len(series), GOLDEN_TICKS, -1)
    return {
        "what": "per row: raw usage per tick (null = missing), the scale s at each tick, and the framework's own "
        "answer y to the window of that tick",
        "tolerance": 1e-4,
        "rows": [
            {
                "resource": resource,
                "raw": [None if np.isnan(v) else float(v) for v in values],
                "scale": [float(v) for v in scaled(values, FLOORS[resource])[1]],
                "y": [[round(v, 7) for v in tick] for tick in y.tolist()],
            }
            for (resource, values), y in zip(series.items(), answers)
        ],
    }


def write(folder, name, outputs, answers, how):
    """`contract.json` and `golden.json` beside `model.onnx`."""
    onnx = (folder / "model.onnx").read_bytes()
    for file, content in [("contract.json", contract(onnx, name, outputs, how)), ("golden.json", golden(answers))]:
        (folder / file).write_text(json.dumps(content, indent=1) + "\n")
    print(f"wrote {folder}: try it with `llmosctl model check {folder}`")
