"""Endless training batches: each lane streams one series segment after another, state carried from chunk to chunk."""

import numpy as np

from . import spec, synthetic
from .features import FeatureRows, peaks
from .weight import Weight

LONGEST_CHUNKS = 16  # chunks a lane stays on one segment
TAIL = max(spec.HORIZONS)
SYNTHETIC_SHARE = 0.05
OTHER_LABEL_SHARE = 0.2  # the traces hold mostly CPU; some rows are told to be another resource


def thin(x, k):
    """Mean of every k samples: the same series on a longer tick."""
    x = x[: len(x) // k * k].reshape(-1, k)
    there = ~np.isnan(x)
    return np.where(there.any(1), np.where(there, x, 0).sum(1) / np.maximum(there.sum(1), 1), np.nan)


def stretch(x, k, rng):
    """k samples out of each: the same series on a shorter tick, held with noise or joined by lines."""
    if rng.random() < 0.5:
        return np.interp(np.arange(len(x) * k) / k, np.arange(len(x)), x)
    return np.maximum(np.repeat(x, k) * (1 + rng.uniform(0, 0.1) * rng.standard_normal(len(x) * k)), 0)


class Lanes:
    """`lanes` rows side by side; `chunk()` gives the next features, targets, masks and reset flags."""

    def __init__(self, series, lanes, chunk, rng):
        """Only the first part of each series, before `valid_from`, is ever drawn."""
        self.rng, self.size, self.length = rng, lanes, chunk
        self.groups = {}
        for s in series:
            self.groups.setdefault(s.group, []).append(s)
        self.names = sorted(self.groups)
        rows = np.array([sum(len(s.values) for s in self.groups[g]) for g in self.names], dtype=float)
        # The fourth root lets each family count, and still gives the rich ones more.
        self.weights = rows**0.25 / (rows**0.25).sum()
        self.rows = FeatureRows(np.zeros(lanes, int), np.ones(lanes))
        self.weight = Weight(lanes)
        self.x = [None] * lanes
        self.y = [None] * lanes
        self.at = np.zeros(lanes, int)
        self.left = np.zeros(lanes, int)

    def segment(self):
        """Draw raw values with a tail for the targets, a resource index and a floor."""
        rng = self.rng
        want = self.length * int(rng.integers(2, LONGEST_CHUNKS + 1)) + TAIL
        if rng.random() < SYNTHETIC_SHARE:
            x, resource = synthetic.draw(rng, want)
            size = float(x.max()) or 1.0
        else:
            group = self.groups[self.names[rng.choice(len(self.names), p=self.weights)]]
            s = group[rng.integers(len(group))]
            k = int(rng.integers(2, 7)) if rng.random() < 0.3 else 1
            shorter = k > 1 and rng.random() < 0.5
            x = s.values[: valid_from(s)]
            need = want // k + 1 if shorter else want * k
            start = rng.integers(0, max(1, len(x) - need + 1))
            x = x[start : start + need]
            if k > 1:
                x = stretch(x, k, rng) if shorter else thin(x, k)
            resource, size = spec.RESOURCES.index(s.resource), s.peak
            if rng.random() < OTHER_LABEL_SHARE:
                resource = int(rng.integers(len(spec.RESOURCES)))
        if rng.random() < 0.2:
            x = np.where(rng.random(len(x)) < rng.uniform(0, 0.1), np.nan, x)
        # A random unit: mostly a floor far below the series, sometimes one that hides some of it.
        floor = size * 10.0 ** rng.uniform(-4.0, -1.0)
        return x, resource, floor

    def refill(self, lane):
        while True:
            x, resource, floor = self.segment()
            there = np.flatnonzero(~np.isnan(x))
            x = x[there[0] :] if len(there) else x[:0]
            chunks = (len(x) - TAIL) // self.length
            if chunks >= 1:
                break
        self.rows.restart(lane, resource, floor)
        self.weight.restart(lane)
        self.x[lane], self.y[lane] = x, peaks(x)
        self.at[lane], self.left[lane] = 0, chunks

    def chunk(self):
        """Features [T, B, F], targets [T, B, horizons] in scale units, their weights (0 = no target), reset [B]."""
        reset = self.left == 0
        for lane in np.flatnonzero(reset):
            self.refill(lane)
        t, b = self.length, self.size
        raw = np.stack([self.x[i][self.at[i] : self.at[i] + t] for i in range(b)], axis=1)
        top = np.stack([self.y[i][self.at[i] : self.at[i] + t] for i in range(b)], axis=1)
        x = np.empty((t, b, spec.F), dtype=np.float32)
        w = np.empty((t, b), dtype=np.float32)
        for k in range(t):
            x[k] = self.rows.step(raw[k])
            top[k] /= self.rows.s[:, None]
            w[k] = self.weight.step(x[k])
        self.at += t
        self.left -= 1
        return x, *targets(top, w), reset


def targets(top, w):
    """Peaks in scale units (NaN = none) to capped f32 targets and a weight for each."""
    valid = ~np.isnan(top)
    y = np.minimum(np.where(valid, top, 0), spec.TARGET_CAP).astype(np.float32)
    return y, valid * w[..., None]


def valid_from(series):
    """First tick kept for validation: the last seventh of the training part decides when to stop."""
    return int(series.cut * 6 / 7)


def validation(series, rng, per_group=32, warm=192, score=700):
    """A fixed batch (features, targets, weights, weight per row) from the validation part of each series, warmed up on what precedes."""
    groups = {}
    for s in series:
        groups.setdefault(s.group, []).append(s)
    picked, weights = [], []
    for name in sorted(groups):
        order = rng.permutation(len(groups[name]))[:per_group]
        picked += [groups[name][i] for i in order]
        weights += [1.0 / len(order)] * len(order)
    t, b = warm + score, len(picked)
    raw = np.full((t, b), np.nan)
    top = np.full((t, b, len(spec.HORIZONS)), np.nan)
    for i, s in enumerate(picked):
        a = valid_from(s)
        start = max(0, a - warm)
        x = s.values[start : min(s.cut, a + score)]
        y = peaks(x)
        y[: a - start] = np.nan
        raw[: len(x), i], top[: len(x), i] = x, y
    rows = FeatureRows([spec.RESOURCES.index(s.resource) for s in picked], [1e-3 * s.peak for s in picked])
    weight = Weight(b)
    x = np.empty((t, b, spec.F), dtype=np.float32)
    w = np.empty((t, b), dtype=np.float32)
    for k in range(t):
        x[k] = rows.step(raw[k])
        top[k] /= rows.s[:, None]
        w[k] = weight.step(x[k])
    return x, *targets(top, w), np.array(weights, dtype=np.float32)
