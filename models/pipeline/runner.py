"""Runs an exported model over many series tick by tick, with the state carried: the way the agent uses it."""

import numpy as np
import onnxruntime

from . import spec
from .features import FeatureRows


class Model:
    """One ONNX file in onnxruntime, and the width of its state."""

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.hidden = self.session.get_inputs()[1].shape[1]

    def start(self, rows):
        return np.zeros((rows, self.hidden), np.float32), np.zeros((rows, self.hidden), np.float32)

    def step(self, x, h, c):
        """One tick: features and state in; y, h, c out."""
        return self.session.run(["y", "h_next", "c_next"], {"x": x, "h": h, "c": c})


def stream(model, raw, resource, floor, keep_features=False):
    """Raw usage [T, N] (NaN = missing) to y [T, N, 8] in scale units, scale [T, N], and features if asked."""
    t, n = raw.shape
    rows = FeatureRows(resource, floor)
    h, c = model.start(n)
    y = np.empty((t, n, len(spec.OUTPUTS)), dtype=np.float32)
    scale = np.empty((t, n))
    features = np.empty((t, n, spec.F), dtype=np.float32) if keep_features else None
    for k in range(t):
        x = rows.step(raw[k])
        y[k], h, c = model.step(x, h, c)
        scale[k] = rows.s
        if keep_features:
            features[k] = x
    return y, scale, features
