"""Simple forecasts of the same peaks that a model must beat to be worth its cost. All look only backwards."""

import numpy as np

from . import spec

PEAKS_SEEN = 120  # ticks of realised peaks that `past peaks` looks at
WINDOW = 60  # ticks that `window quantile` looks at
NORMAL = {0.5: 0.0, 0.9: 1.2816, 0.95: 1.6449, 0.99: 2.3263}  # quantiles of the normal distribution


def hold(x):
    """Missing samples repeat the last present one; the first sample must be present."""
    at = np.maximum.accumulate(np.where(np.isnan(x), 0, np.arange(len(x))))
    return x[at]


def trailing(x, n):
    """Windows of the last n values up to each tick, NaN before the start: [len(x), n]."""
    return np.lib.stride_tricks.sliding_window_view(np.concatenate([np.full(n - 1, np.nan), x]), n)


def windowed_quantiles(x, n):
    """Quantiles of the last n values (NaN left out) per tick: [len(x), quantiles]. Nearest rank from above."""
    ordered = np.sort(trailing(x, n), axis=1)  # NaN sorts to the end
    count = np.maximum((~np.isnan(ordered)).sum(axis=1), 1)
    ranks = np.clip(np.ceil(np.outer(count, spec.QUANTILES)).astype(int) - 1, 0, n - 1)
    return np.take_along_axis(ordered, ranks, axis=1)


def ewma(x, alpha):
    out, level = np.empty_like(x), x[0]
    for i, v in enumerate(x):
        level += alpha * (v - level)
        out[i] = level
    return out


def forecasts(x, peak, horizon):
    """Name -> [len(x), quantiles] in raw units, for series x (NaN = missing) and its peaks at this horizon."""
    held = hold(x)
    n = len(spec.QUANTILES)
    level = ewma(held, spec.ALPHA_FAST)
    spread = np.sqrt(ewma((held - np.concatenate([held[:1], level[:-1]])) ** 2, spec.ALPHA_SLOW))
    known = np.concatenate([np.full(horizon, np.nan), peak[:-horizon]])  # a peak is known h ticks later
    past = windowed_quantiles(known, PEAKS_SEEN)
    recent = np.repeat(trailing_max(held)[:, None], n, axis=1)
    return {
        "last": np.repeat(held[:, None], n, axis=1),
        "recent max": recent,
        "ewma+dev": level[:, None] + spread[:, None] * np.array([NORMAL[q] for q in spec.QUANTILES]),
        "window quantile": windowed_quantiles(held, WINDOW),
        "past peaks": np.where(np.isnan(past), recent, past),
    }


def trailing_max(x):
    return np.nanmax(trailing(x, spec.RING), axis=1)
