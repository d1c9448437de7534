"""Scores a released model on the last 30 % of every series, beside the simple baselines."""

import sys

import numpy as np

from . import spec
from .baselines import forecasts
from .features import peaks
from .runner import Model, stream

WARM = 600  # ticks before the evaluation part that warm up state and baselines; they are not scored
BATCH = 96


def pinball(pred, y):
    """Loss per tick and quantile: pred [t, quantiles], y [t]."""
    d = y[:, None] - pred
    q = np.array(spec.QUANTILES)
    return np.maximum(q * d, (q - 1) * d)


def evaluate(path, series, progress=sys.stderr):
    """A list of one result per series: losses per method and horizon, coverage and room per horizon and quantile.

    Losses and room (mean of forecast minus peak) are in units of the series' size (99.5th percentile of its training part).
    """
    model = Model(path)
    order = sorted(series, key=lambda s: len(s.values))
    results = []
    for a in range(0, len(order), BATCH):
        batch = order[a : a + BATCH]
        parts = [held_out(s) for s in batch]
        raw = np.full((max(len(x) for x, _ in parts), len(batch)), np.nan)
        for i, (x, _) in enumerate(parts):
            raw[: len(x), i] = x
        resource = [spec.RESOURCES.index(s.resource) for s in batch]
        y, scale, _ = stream(model, raw, resource, [1e-3 * s.peak for s in batch])
        for i, (s, (x, warm)) in enumerate(zip(batch, parts)):
            own = y[: len(x), i] * scale[: len(x), i, None]
            results.append(score(s, x, warm, own.astype(float)))
        print(f"evaluated {len(results)}/{len(order)} series", file=progress, flush=True)
    return results


def held_out(series):
    """(values with their warm-up, number of warm-up ticks); begins with a present sample."""
    start = max(0, series.cut - WARM)
    while np.isnan(series.values[start]):
        start += 1
    return series.values[start:], max(0, series.cut - start)


def score(series, x, warm, own):
    """Losses and coverage of one series; `own` is the model's forecast [t, 8] in raw units."""
    top = peaks(x)
    n = len(spec.QUANTILES)
    loss, cover, room = {}, {}, {}
    for k, h in enumerate(spec.HORIZONS):
        valid = ~np.isnan(top[:, k])
        valid[:warm] = False
        if not valid.any():
            continue
        truth = top[valid, k]
        mine = own[valid, k * n : (k + 1) * n]
        methods = {"model": mine}
        methods.update((name, f[valid]) for name, f in forecasts(x, top[:, k], h).items())
        for name, f in methods.items():
            loss[name, h] = pinball(f, truth).mean(axis=0) / series.peak
        # A forecast equal to the peak covers it; f32 rounding must not decide that.
        cover[h] = (truth[:, None] <= mine + 1e-6 * series.peak).mean(axis=0)
        room[h] = (mine - truth[:, None]).mean(axis=0) / series.peak
    return {"series": series, "loss": loss, "cover": cover, "room": room}


def table(results):
    """Group -> horizon -> {loss: {method: mean pinball}, cover, room, wins, series}; each series weighs the same."""
    out = {}
    for group in sorted({r["series"].group for r in results}):
        mine = [r for r in results if r["series"].group == group]
        for h in spec.HORIZONS:
            rows = [r for r in mine if h in r["cover"]]
            if not rows:
                continue
            names = [name for name, at in rows[0]["loss"] if at == h]
            best = [min(r["loss"][m, h].mean() for m in names if m != "model") for r in rows]
            out.setdefault(group, {})[h] = {
                "loss": {m: float(np.mean([r["loss"][m, h] for r in rows])) for m in names},
                "cover": np.mean([r["cover"][h] for r in rows], axis=0),
                "room": np.median([r["room"][h] for r in rows], axis=0),
                "wins": float(np.mean([r["loss"]["model", h].mean() < b for r, b in zip(rows, best)])),
                "series": len(rows),
            }
    return out


def skill(row):
    """(best baseline of the group, 1 - model loss / its loss)."""
    others = {m: v for m, v in row["loss"].items() if m != "model"}
    best = min(others, key=others.get)
    return best, 1.0 - row["loss"]["model"] / others[best] if others[best] > 0 else 0.0
