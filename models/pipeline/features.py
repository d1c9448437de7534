"""Reference features, one tick at a time for many rows: what the agent computes, in numpy."""

import numpy as np

from . import spec

DECAY = 2.0 ** (-1.0 / spec.SCALE_HALF_LIFE_TICKS)


class FeatureRows:
    """The state of `n` rows between ticks. A row starts with its first present sample."""

    def __init__(self, resource, floor):
        """`resource`: index into spec.RESOURCES for each row; `floor`: smallest scale of each row."""
        self.resource = np.array(resource, dtype=np.int64)
        self.floor = np.array(floor, dtype=np.float64)
        n = len(self.resource)
        self.started = np.zeros(n, dtype=bool)
        self.s = self.floor.copy()
        self.fast = np.zeros(n)
        self.slow = np.zeros(n)
        self.last = np.zeros(n)
        self.ring = np.zeros((n, spec.RING))
        self.pos = np.zeros(n, dtype=np.int64)
        self.one_hot = np.eye(len(spec.RESOURCES), dtype=np.float32)[self.resource]

    def restart(self, row, resource, floor):
        """Forget a row and give its place to another series."""
        self.resource[row], self.floor[row] = resource, floor
        self.started[row], self.pos[row] = False, 0
        self.one_hot[row] = np.eye(len(spec.RESOURCES), dtype=np.float32)[resource]

    def step(self, x):
        """Take one tick of raw usage (NaN = missing) and return features [n, F], f32.

        Rows that have not seen a sample yet give zeros apart from the resource flags.
        """
        x = np.asarray(x, dtype=np.float64)
        present = ~np.isnan(x)
        first = present & ~self.started
        later = self.started
        v = np.where(present, x, self.last)

        s_prev = np.where(first, np.maximum(v, self.floor), self.s)
        s = np.where(later, np.maximum(s_prev * DECAY, self.floor), s_prev)
        s = np.where(present, np.maximum(s, v), s)

        old = later & present
        self.fast = np.where(first, v, np.where(old, self.fast + spec.ALPHA_FAST * (v - self.fast), self.fast))
        self.slow = np.where(first, v, np.where(old, self.slow + spec.ALPHA_SLOW * (v - self.slow), self.slow))
        if first.any():
            self.ring[first] = v[first, None]
        rows = np.flatnonzero(old)
        self.ring[rows, self.pos[rows]] = v[rows]
        self.pos[rows] = (self.pos[rows] + 1) % spec.RING
        self.last, self.s = v, s
        self.started = later | present

        out = np.zeros((len(x), spec.F), dtype=np.float32)
        shape = np.stack([v, self.fast, self.slow, self.ring.max(axis=1), self.ring.min(axis=1)], axis=1)
        out[:, 0:5] = np.clip(shape / s[:, None], spec.CLIP_LOW, spec.CLIP_HIGH)
        out[:, 5] = np.minimum(np.log(s / s_prev), spec.SCALE_JUMP_MAX)
        out[:, 6] = present
        out[~self.started, 0:7] = 0.0
        out[:, 7:] = self.one_hot
        return out


def peaks(x):
    """Peak of the next h ticks for each tick and horizon, in raw units: [len(x), horizons].

    NaN where the window runs past the end or where more than half of it is missing.
    """
    out = np.full((len(x), len(spec.HORIZONS)), np.nan)
    missing = np.isnan(x)
    filled = np.where(missing, -np.inf, x)
    for k, h in enumerate(spec.HORIZONS):
        if len(x) <= h:
            continue
        top = np.lib.stride_tricks.sliding_window_view(filled[1:], h).max(axis=1)
        gone = np.lib.stride_tricks.sliding_window_view(missing[1:], h).sum(axis=1)
        out[: len(top), k] = np.where(2 * gone > h, np.nan, top)
    return out
