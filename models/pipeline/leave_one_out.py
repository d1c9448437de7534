"""How good forecasts are on families that a training never saw: the whole training, again and again, each time without one.

Writes leave-one-out.json (what `cargo xtask bench forecast` reads) and leave-one-out.md into the model's folder.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import data, replay


def arguments():
    parser = argparse.ArgumentParser(prog="python -m pipeline.leave_one_out", description=__doc__)
    parser.add_argument("--traces", required=True, type=Path, help="the folder of traces that the model was trained on")
    parser.add_argument("--model", required=True, type=Path, help="the model's folder; its contract says how it was trained")
    parser.add_argument("--llmosctl", required=True, type=Path, help="program that replays the traces")
    parser.add_argument("--jobs", type=int, default=2, help="trainings side by side, one thread each")
    parser.add_argument("--work", type=Path, help="keep the models there, and go on from those that are there")
    parser.add_argument(
        "--together", metavar="FAMILY", nargs="+", action="append", default=[],
        help="leave these out together: fewer trainings, each of which sees even less; may be given again",
    )
    return parser.parse_args()


def main():
    args = arguments()
    args.traces, args.llmosctl = args.traces.resolve(), args.llmosctl.resolve()
    how = json.loads((args.model / "contract.json").read_text())["training"]
    how.setdefault("steps_wanted", how["steps"])
    files = {}
    for path in sorted(args.traces.iterdir()):
        if path.name.endswith((".csv", ".csv.gz", ".arrows")):
            files.setdefault(data.family_of(path), []).append(path)
    parts = args.together + [[family] for family in sorted(files) if family not in sum(args.together, [])]
    named = sum(parts, [])
    if len(set(named)) < len(named) or set(named) != set(files):
        raise ValueError(f"--together: expected each of {', '.join(sorted(files))} once at most, found {args.together}")
    with tempfile.TemporaryDirectory() as made:
        work = args.work or Path(made)
        work.mkdir(parents=True, exist_ok=True)
        work = work.resolve()
        with ThreadPoolExecutor(args.jobs) as pool:
            models = list(pool.map(lambda part: without(args, how, work, part), parts))
        found = [
            replay.figures(args.llmosctl, model, [path for family in part for path in files[family]])
            for part, model in zip(parts, models)
        ]
    rows = {group: row(figures, group) for figures in found for group in replay.groups(figures)}
    (args.model / "leave-one-out.json").write_text(json.dumps(summary(rows), indent=2) + "\n")
    (args.model / "leave-one-out.md").write_text(text(args.model.name, how, parts, rows))


def without(args, how, work, part):
    """Trains as the model was trained, without some families; returns the folder of what comes out."""
    family = "+".join(part)
    out = work / family
    if (out / "card.md").exists():
        print(f"{family}: already there", file=sys.stderr, flush=True)
        return out
    command = [
        sys.executable, "-m", "pipeline", "--traces", args.traces, "--leave-out", *part, "--out", out,
        "--sizes", "-".join(str(n) for n in how["sizes"]), "--steps", how["steps_wanted"], "--seed", how["seed"],
    ]
    here = Path(__file__).resolve().parent.parent
    print(f"{family}: training without it", file=sys.stderr, flush=True)
    done = subprocess.run([str(part) for part in command], cwd=here, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise ValueError(f"training without {family} ended with {done.returncode}: {done.stderr.strip().splitlines()[-1]}")
    print(f"{family}: done", file=sys.stderr, flush=True)
    return out



def row(figures, group):
    names = ("pinball_ratio", "model_pinball_ratio", "best_baseline", "coverage_err_pp_max")
    return {name: replay.at(figures, group, 5, name) for name in names}


def summary(rows):
    """Flat figures; the headline is over the CPU groups, as that of `bench forecast` is."""
    ratios = {group: r["pinball_ratio"] for group, r in rows.items() if r["pinball_ratio"] is not None}
    cpu = [ratio for group, ratio in ratios.items() if group.endswith("/cpu")]
    out = {
        "pinball_ratio_geomean_loo": geomean(cpu),
        "pinball_ratio_geomean_loo_all": geomean(ratios.values()),
        "pinball_ratio_max_loo": max(ratios.values(), default=None),
    }
    for group in sorted(rows):
        out.update((f"loo.{group}.{name}", value) for name, value in rows[group].items())
    return out


def geomean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def text(name, how, parts, rows):
    together = [" and ".join(part) for part in parts if len(part) > 1]
    lines = [
        f"# {name} on families that its training never saw",
        f"For each family the whole training was repeated without it (seed and steps as for the model: {how['seed']} and {how['steps_wanted']}), and "
        "the agent's code replayed the family with what came out: peak of the next 5 ticks, last 30 % of each series. "
        "`system` and `model`: pinball loss over that of the best simple rule of the row, which nobody knows ahead. "
        "`coverage`: the largest distance of the system's coverage from a quantile, in percentage points.",
        *([f"Left out together, so that a training saw even less: {'; '.join(together)}."] if together else ()),
        "| group | system | model | best simple rule | coverage |\n|---|---|---|---|---|\n"
        + "\n".join(
            f"| {group} | {shown(r['pinball_ratio'])} | {shown(r['model_pinball_ratio'])} | {r['best_baseline']} "
            f"| {shown(r['coverage_err_pp_max'])} |"
            for group, r in sorted(rows.items())
        ),
    ]
    return "\n\n".join(lines) + "\n"


def shown(value):
    return "" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"error: {error}")
