"""Writes card.md: what the model is, what it learned from, how well it does, and where it does not."""

import numpy as np

from . import replay, spec
from .evaluate import skill

DEVICES = {"cpu": "CPU", "cuda": "GPU"}
METHODS = ("model", "last", "recent max", "ewma+dev", "window quantile", "past peaks")


def card(name, series, how, found, size_bytes, system=None):
    """The whole card as Markdown. Every number comes from this run; `system` is what a replay found, if there was one."""
    rows = sum(len(s.values) for s in series)
    steps = sorted({s.step_s for s in series})
    parts = [
        f"# {name}",
        f"A streaming LSTM ({' -> '.join(str(n) for n in how['sizes'])} units, then one dense layer that also sees the "
        f"features; {size_bytes / 1024:.0f} KiB). Each tick it reads one sample of one resource of one workload and gives "
        f"quantiles ({', '.join(str(q) for q in spec.QUANTILES)}) of the peak of the next "
        f"{' and '.join(str(h) for h in spec.HORIZONS)} ticks. It is scale-free: all numbers are shares of the row's own "
        "running scale. The exact features and units are in `contract.json`; `golden.json` holds inputs with the answers "
        "they must give.",
        "## Data and training",
        f"{len(series)} series, {rows:,} samples, ticks of {', '.join(str(s) for s in steps)} s. The first 70 % of each series "
        "is for training, and the last seventh of that part decides when to stop; the last 30 % is only used for the "
        "numbers below. A training target never reaches past its part. "
        f"Targets above {spec.TARGET_CAP:g} scales count as {spec.TARGET_CAP:g}, and so the outputs end there. Quiet rows "
        "weigh more, the first 64 ticks of a row less. "
        "Training segments are also thinned and stretched in time (3 in 10), put in random units (so that the floor "
        "matters at times), given holes (2 in 10), and told to be another resource (up to 2 in 10); 1 in 20 is made up: "
        "bursts, steps and ramps as second-by-second data have them. "
        f"Pinball loss, truncated backpropagation over {how['chunk_ticks']} ticks with carried state, {how['lanes']} rows "
        f"side by side, {how['steps']} steps (best at {how['best_step']}), {how['minutes']} min on a {DEVICES.get(how.get('device', 'cpu'), 'machine')}, seed {how['seed']}.",
        "| group | series | samples | tick (s) |\n|---|---|---|---|\n" + "\n".join(data_rows(series)),
        *(system_part(system) if system else ()),
        "## Results of the model alone on the last 30 %",
        "Mean pinball loss over the four quantiles, in thousandths of the series' size (99.5th percentile of its training "
        "part); each series counts the same within its group. Lower is better. `skill`: loss saved against the best of the "
        "baselines in that row. `wins`: share of series on which the model beats each of the baselines on that very series.",
        "Baselines: `last` value; `recent max` of 12 ticks; `ewma+dev` (fast average plus normal quantiles of its recent "
        f"error); `window quantile` (of the last 60 values); `past peaks` (quantile of the last 120 realised peaks).",
        "![Skill per group](skill.png)",
    ]
    for h in spec.HORIZONS:
        parts += [f"### Peak of the next {h} ticks", loss_table(found, h)]
    parts += [
        "### Coverage",
        "![Distance of coverage from the quantile](reliability.png)",
        "Share of peaks at or below each forecast quantile. The agent corrects this online per workload; these are the "
        "model's own.",
        quantile_table(found, "cover", 1.0),
        "### Room",
        "Mean of forecast minus realised peak, in % of the series' size; the median over the series of the group. It is "
        "what following a quantile costs.",
        quantile_table(found, "room", 100.0),
        "### Forecasts",
        "Of the largest groups the series that is middling restless, where it moves most, on the evaluation part.",
        "![Forecasts with bands](forecasts.png)",
        "## Limits",
        "\n".join(f"- {line}" for line in limits(series, found)),
    ]
    return "\n\n".join(parts) + "\n"


def system_part(system):
    """What people get: the model among the experts, mixed and calibrated by the agent's own code."""
    yield "## Results of the whole system on the last 30 %"
    yield (
        "The agent does not follow the model alone: it mixes the model with simple rules by what each was lately worth on "
        "the very series, and corrects the quantiles. `system` and `model`: pinball loss over that of the best of eleven "
        "simple rules of the row, picked after the fact. `misses`: share of peaks above the 0.95 quantile; `room`: its mean "
        "distance to the peak in % of the series' size; beside them the largest of the last 12 values. `coverage`: the "
        "largest distance from a quantile, in percentage points. What each is exactly is in `docs/replay.md`. Families that "
        "a training did not see: `leave-one-out.md` beside this card, where that was measured."
    )
    yield "![Loss saved by the system and by the model](system.png)"
    for h in spec.HORIZONS:
        yield f"### System, peak of the next {h} ticks"
        yield "\n".join(system_rows(system, h))


def system_rows(system, h):
    yield "| group | system | model | best simple rule | misses | room | misses of recent max | room of recent max | coverage |"
    yield "|---" * 9 + "|"
    for group in replay.groups(system):
        def figure(name, factor=1.0, digits=3):
            value = replay.at(system, group, h, name)
            return "" if value is None else f"{factor * value:.{digits}f}"

        yield (
            f"| {group} | {figure('pinball_ratio')} | {figure('model_pinball_ratio')} "
            f"| {replay.at(system, group, h, 'best_baseline') or ''} "
            f"| {figure('miss_rate', 100, 1)} % | {figure('over_provision', 1, 1)} "
            f"| {figure('miss_rates.recent_max', 100, 1)} % | {figure('over_provisions.recent_max', 1, 1)} "
            f"| {figure('coverage_err_pp_max', 1, 2)} |"
        )


def data_rows(series):
    for group in sorted({s.group for s in series}):
        mine = [s for s in series if s.group == group]
        ticks = ", ".join(str(t) for t in sorted({s.step_s for s in mine}))
        yield f"| {group} | {len(mine)} | {sum(len(s.values) for s in mine):,} | {ticks} |"


def loss_table(found, h):
    lines = ["| group | " + " | ".join(METHODS) + " | skill | wins |", "|---" * (len(METHODS) + 3) + "|"]
    for group, by in found.items():
        if h not in by:
            continue
        row = by[h]
        best, gain = skill(row)
        cells = []
        for m in METHODS:
            text = f"{1000 * row['loss'][m]:.2f}"
            cells.append(f"**{text}**" if m == min(row["loss"], key=row["loss"].get) else text)
        lines.append(f"| {group} | " + " | ".join(cells) + f" | {100 * gain:+.0f} % vs {best} | {100 * row['wins']:.0f} % |")
    return "\n".join(lines)


def quantile_table(found, key, factor):
    head = " | ".join(f"h{h} q{q}" for h in spec.HORIZONS for q in spec.QUANTILES)
    lines = [f"| group | {head} |", "|---" * (len(spec.OUTPUTS) + 1) + "|"]
    digits = 3 if factor == 1.0 else 1
    blank = [np.nan] * len(spec.QUANTILES)
    for group, by in found.items():
        values = [factor * v for h in spec.HORIZONS for v in (by[h][key] if h in by else blank)]
        lines.append(f"| {group} | " + " | ".join("" if np.isnan(v) else f"{v:.{digits}f}" for v in values) + " |")
    return "\n".join(lines)


def limits(series, found):
    """What a reader must know before trusting the table; the losing rows are named from the numbers."""
    lost = [
        f"{g} (h{h}: {100 * skill(by[h])[1]:+.0f} %)" for g, by in found.items() for h in by if skill(by[h])[1] <= 0
    ]
    fast = sorted({s.family for s in series if s.step_s <= 1})
    memory = sum(len(s.values) for s in series if s.resource == "memory") / sum(len(s.values) for s in series)
    yield (
        "Worse than, or no better than, the best baseline on: " + "; ".join(lost) + "."
        if lost
        else "On no group is a baseline better on average; on single series it can be (see `wins`)."
    )
    yield "The best baseline is picked per group after the fact, which favours the baselines; no live system knows it ahead."
    yield (
        f"Second-by-second samples come only from {', '.join(fast)}; all else has longer ticks, while an agent ticks at 1 s."
        if fast
        else "No trace here has ticks of one second, while an agent ticks at 1 s."
    )
    yield f"Memory is {100 * memory:.0f} % of the samples, so its forecasts rest on few programs."
    yield (
        "Choices of the pipeline (cap, weights, chunk length) were made with an eye on evaluation parts of such traces, so the "
        "numbers flatter a little. Weights and stopping never saw them."
    )
    yield "Evaluation rows come from the same machines as training rows, later in time; unseen workloads may do worse."
    h, q = spec.HORIZONS[-1], spec.QUANTILES[-1]
    yield (
        f"The q{q} of the next {h} ticks is wide by nature (see Room): some series really do multiply within {h} ticks. It is "
        "an alarm level rather than a limit to set."
    )
    yield "Daily rhythm is out of reach: the model knows no clock and its state fades over hundreds of ticks."
