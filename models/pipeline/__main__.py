"""The one command: read a folder of traces, train, export, check, evaluate, write the card."""

import argparse
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
    parser.add_argument("--llmosctl", type=Path, help="program that replays the traces as the agent would, for the card")
    return parser.parse_args()


def main():
    args = arguments()
    begin = time.monotonic()
    name = "lstm-" + "-".join(str(n) for n in args.sizes)
    out = args.out or ARTIFACTS / name
    series = data.read_folder(args.traces)
    families = {s.family for s in series}
    wrong = sorted(set(args.leave_out) - families)
    if wrong or families <= set(args.leave_out):
        raise ValueError(
            f"{args.traces}: cannot leave out {', '.join(wrong or args.leave_out)}, expected some of {', '.join(sorted(families))}"
        )
    seen = [s for s in series if s.family not in args.leave_out]
    # Imported only now, so that --help and bad arguments do not wait for PyTorch.
    from . import card, check, evaluate, export, graph, net, pictures, replay, train

    trained, how = train.train(seen, args.sizes, args.steps, args.minutes, args.seed, args.threads)
    if args.leave_out:
        how["left_out"] = args.leave_out
        series = [s for s in series if s.family in args.leave_out]
    ticks = sorted({s.step_s for s in seen})
    export.export(out, graph.build(*net.weights(trained), name), name, args.sizes, ticks, how)
    path = out / "model.onnx"
    print(f"graph equals the trained network within {check.same(trained, path):.1g}", file=sys.stderr)
    found = evaluate.table(evaluate.evaluate(path, series))
    pictures.bars(found, out / "skill.png")
    pictures.bands(path, series, out / "forecasts.png")
    system = replay.figures(args.llmosctl, out, [args.traces]) if args.llmosctl else None
    pictures.reliability(found, system, out / "reliability.png")
    if system:
        pictures.system_bars(system, out / "system.png")
    (out / "card.md").write_text(card.card(name, seen, how, found, path.stat().st_size, system))
    print(f"wrote {out} in {(time.monotonic() - begin) / 60:.1f} min", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"error: {error}")
