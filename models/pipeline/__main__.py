"""The one command: read a folder of traces, train, export, check, evaluate, write the card."""

import argparse
import json
import sys
import time
from pathlib import Path

from . import data

ARTIFACTS = Path(__file__).resolve().parent.parent / "artifacts"


def sizes(text):
    parts = text.split("-")
    if not all(n.isdigit() and int(n) > 0 for n in parts):
        raise argparse.ArgumentTypeError(f"expected units per layer such as 64-32, found {text!r}")
    return [int(n) for n in parts]


def arguments():
    parser = argparse.ArgumentParser(prog="python -m pipeline", description=__doc__)
    parser.add_argument("--traces", required=True, type=Path, help="folder of .csv or .csv.gz traces")
    parser.add_argument("--sizes", type=sizes, default="64-32", help="LSTM units per layer, such as 64-32 or 128-64")
    parser.add_argument("--out", type=Path, help="folder for the model (default: artifacts/lstm-SIZES beside the pipeline)")
    parser.add_argument("--steps", type=int, default=4500, help="training steps; the same seed and steps give the same model")
    parser.add_argument("--minutes", type=float, help="stop training after this long, even before --steps")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads for training")
    parser.add_argument(
        "--leave-out", metavar="FAMILY", nargs="+", default=[],
        help="train without these families, to see how the model does on them",
    )
    parser.add_argument("--again", metavar="DIR", type=Path, help="train nothing: evaluate this model and write its card anew")
    parser.add_argument("--llmosctl", type=Path, help="program that replays the traces as the agent would, for the card")
    return parser.parse_args()


def main():
    args = arguments()
    begin = time.monotonic()
    series = data.read_folder(args.traces)
    families = {s.family for s in series}
    wrong = sorted(set(args.leave_out) - families)
    if wrong or families <= set(args.leave_out):
        raise ValueError(
            f"{args.traces}: cannot leave out {', '.join(wrong or args.leave_out)}, expected some of {', '.join(sorted(families))}"
        )
    seen = [s for s in series if s.family not in args.leave_out]
    judged = [s for s in series if s.family in args.leave_out] if args.leave_out else series
    if args.again:
        out = args.again
        how = json.loads((out / "contract.json").read_text())["training"]
    else:
        name = "lstm-" + "-".join(str(n) for n in args.sizes)
        out = args.out or ARTIFACTS / name
        how = make(args, name, out, seen)
    describe(args, out, how, seen, judged)
    print(f"wrote {out} in {(time.monotonic() - begin) / 60:.1f} min", file=sys.stderr)


def make(args, name, out, seen):
    """Trains, exports and checks; returns how it was trained."""
    # Imported only now, so that --help and bad arguments do not wait for PyTorch.
    from . import check, export, graph, net, train

    trained, how = train.train(seen, args.sizes, args.steps, args.minutes, args.seed, args.threads)
    if args.leave_out:
        how["left_out"] = args.leave_out
    ticks = sorted({s.step_s for s in seen})
    export.export(out, graph.build(*net.weights(trained), name), name, args.sizes, ticks, how)
    print(f"graph equals the trained network within {check.same(trained, out / 'model.onnx'):.1g}", file=sys.stderr)
    return how


def describe(args, out, how, seen, judged):
    """Evaluates what lies in a folder, and writes its card and pictures."""
    from . import card, evaluate, pictures, replay

    path = out / "model.onnx"
    found = evaluate.table(evaluate.evaluate(path, judged))
    pictures.bars(found, out / "skill.png")
    pictures.bands(path, judged, out / "forecasts.png")
    system = replay.figures(args.llmosctl, out, [args.traces]) if args.llmosctl else None
    pictures.reliability(found, system, out / "reliability.png")
    if system:
        pictures.system_bars(system, out / "system.png")
    (out / "card.md").write_text(card.card(out.name, seen, how, found, path.stat().st_size, system))


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"error: {error}")
