"""The card's pictures: forecasts with their bands, and skill over the best simple baseline."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from . import replay, spec
from .evaluate import held_out, skill
from .features import peaks
from .runner import Model, stream

SHOWN = 240  # ticks in each forecast panel
FAR_LEFT = -100  # % skill at which a bar is cut
INK, BLUE, GREY = "#222222", "#2563a8", "#9a9a9a"


def bars(found, path):
    """Skill of the model per group and horizon."""
    groups = list(found)
    rows = [
        (f"peak of the next {h} ticks", colour, [100 * skill(found[g][h])[1] if h in found[g] else 0.0 for g in groups])
        for h, colour in zip(spec.HORIZONS, ("#8fb8de", BLUE))
    ]
    pairs(groups, rows, "pinball loss saved against the best simple baseline of that row (%)", path)


def pairs(groups, rows, what, path):
    """Two bars for each group; those that run out of the picture carry their number. `rows`: (name, colour, values)."""
    fig, ax = plt.subplots(figsize=(7.5, 0.36 * len(groups) + 1.2))
    at = np.arange(len(groups))[::-1]
    for k, (name, colour, values) in enumerate(rows):
        y = at + 0.19 - 0.38 * k
        ax.barh(y, np.maximum(values, FAR_LEFT), height=0.36, color=colour, label=name)
        for v, row in zip(values, y):
            if v < FAR_LEFT:
                ax.text(FAR_LEFT + 1, row, f"{v:.0f} %", fontsize=7, va="center", color="white" if k else INK)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_xlim(FAR_LEFT, 50)
    ax.set_ylim(-0.6, len(groups) - 0.4)
    ax.set_yticks(at, groups, fontsize=8)
    ax.set_xlabel(what, fontsize=8)
    ax.tick_params(axis="x", labelsize=8)
    ax.legend(fontsize=8, ncol=2, loc="lower left", bbox_to_anchor=(0, 1.0), frameon=False)
    ax.grid(axis="x", alpha=0.25)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    save(fig, path)


def reliability(found, system, path):
    """How far the share of peaks at or below each quantile is from it: the model's own, and the system's where known.

    The distance is drawn and not the share itself, since one percentage point could not be seen on a diagonal.
    """
    columns = [("model alone", own_coverage(found))]
    if system:
        columns.append(("system: model, experts, calibration", system_coverage(system)))
    horizons = spec.HORIZONS
    fig, axes = plt.subplots(len(horizons), len(columns), figsize=(4.6 * len(columns), 2.7 * len(horizons)), squeeze=False)
    at = np.arange(len(spec.QUANTILES))
    for row, h in enumerate(horizons):
        for column, (title, coverage) in enumerate(columns):
            ax = axes[row, column]
            ax.axhspan(-1, 1, color="#d7ead7", linewidth=0)
            for group, covered in coverage[h].items():
                colour = {"cpu": BLUE, "memory": "#b4532a"}.get(group.split("/")[1], GREY)
                ax.plot(at, 100 * (np.array(covered) - spec.QUANTILES), color=colour, linewidth=0.9, marker=".", alpha=0.75)
            ax.axhline(0, color=INK, linewidth=0.8)
            ax.set_ylim(-20, 20)
            ax.set_xticks(at, spec.QUANTILES, fontsize=8)
            ax.tick_params(axis="y", labelsize=8)
            ax.set_title(f"{title}, next {h} ticks", fontsize=8, loc="left")
            ax.set_ylabel("covered too often (+) or not often\nenough (-), percentage points", fontsize=7)
            for side in ("top", "right"):
                ax.spines[side].set_visible(False)
    for colour, name in ((BLUE, "cpu"), ("#b4532a", "memory"), (GREY, "network")):
        axes[0, 0].plot([], [], color=colour, label=name)
    axes[0, 0].fill_between([], [], [], color="#d7ead7", label="within 1 point")
    axes[0, 0].legend(fontsize=7, frameon=False, ncol=4, loc="lower left", bbox_to_anchor=(0, 1.1))
    for ax in axes[-1]:
        ax.set_xlabel("quantile", fontsize=8)
    save(fig, path)


def own_coverage(found):
    return {h: {group: by[h]["cover"] for group, by in found.items() if h in by} for h in spec.HORIZONS}


def system_coverage(system):
    out = {h: {} for h in spec.HORIZONS}
    for h in spec.HORIZONS:
        for group in replay.groups(system):
            errors = [replay.at(system, group, h, f"coverage_err_pp.q{q:g}") for q in spec.QUANTILES]
            if None not in errors:
                # Where many peaks are the same number, any share in a range is right: the error is from that range.
                out[h][group] = [q + e / 100 for q, e in zip(spec.QUANTILES, errors)]
    return out


def system_bars(system, path):
    """Loss of the system and of the model alone against that of the best simple rule of the row."""
    groups = [g for g in replay.groups(system) if replay.at(system, g, 5, "pinball_ratio") is not None]
    rows = [
        (name, colour, [100 * (1 - (replay.at(system, g, 5, key) or np.nan)) for g in groups])
        for name, colour, key in (("model alone", "#c9c9c9", "model_pinball_ratio"), ("system", BLUE, "pinball_ratio"))
    ]
    pairs(groups, rows, "pinball loss saved against the best of eleven simple rules of that row (%), next 5 ticks", path)


def bands(model_path, series, path):
    """Use, realised peak and forecast band on the evaluation part, one panel per picked series."""
    picked = pick(series)
    model = Model(model_path)
    fig, axes = plt.subplots(len(picked), 1, figsize=(8.5, 2.1 * len(picked)), squeeze=False)
    h = spec.HORIZONS[-1]
    n = len(spec.QUANTILES)
    for ax, s in zip(axes[:, 0], picked):
        x, warm = held_out(s)
        y, scale, _ = stream(model, x[:, None], [spec.RESOURCES.index(s.resource)], [1e-3 * s.peak])
        own = y[:, 0, n:] * scale / s.peak
        a = warm + liveliest(x[warm:])
        view = slice(a, a + SHOWN)
        t = np.arange(SHOWN)[: len(x[view])]
        ax.fill_between(t, own[view, 0], own[view, 3], color=BLUE, alpha=0.18, linewidth=0, label="forecast q0.5 to q0.99")
        ax.plot(t, own[view, 2], color=BLUE, linewidth=1.2, label="forecast q0.95")
        ax.plot(t, peaks(x)[view, -1] / s.peak, color=GREY, linewidth=1.0, label=f"realised peak of the next {h} ticks")
        ax.plot(t, x[view] / s.peak, color=INK, linewidth=0.8, label="use")
        ax.set_title(f"{s.family}: {s.name}, {s.column}, tick {s.step_s} s", fontsize=8, loc="left")
        ax.set_ylim(0, 1.05 * max(np.nanmax(own[view, 3]), np.nanmax(x[view] / s.peak)))
        ax.set_ylabel("share of p99.5", fontsize=7)
        ax.tick_params(labelsize=7)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
    axes[0, 0].legend(fontsize=7, ncol=4, loc="lower left", bbox_to_anchor=(0, 1.12), frameon=False)
    axes[-1, 0].set_xlabel("tick of the evaluation part", fontsize=8)
    save(fig, path)


def pick(series):
    """Of the largest groups the series that is middling restless, so that no panel is chosen for its looks."""
    groups = {}
    for s in series:
        groups.setdefault(s.group, []).append(s)
    rich = sorted(groups, key=lambda g: -sum(len(s.values) for s in groups[g]))
    order = [g for r in ("cpu", "memory", "network") for g in rich if g.endswith(r)]
    first = [g for r in spec.RESOURCES for g in [g for g in order if g.endswith(r)][: 3 if r == "cpu" else 2 if r == "memory" else 1]]
    return [sorted(groups[g], key=restless)[len(groups[g]) // 2] for g in first]


def restless(series):
    return float(np.nanstd(np.diff(series.values[series.cut :]))) / series.peak


def liveliest(x):
    """Start of the window in which the series moves most: a flat line shows nothing."""
    if len(x) <= SHOWN:
        return 0
    starts = np.arange(0, len(x) - SHOWN, SHOWN // 4)
    return int(starts[np.argmax([np.nanstd(x[a : a + SHOWN]) for a in starts])])


def save(fig, path):
    fig.tight_layout()
    fig.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(fig)
