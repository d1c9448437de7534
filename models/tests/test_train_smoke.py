"""Training end to end on made-up traces: needs torch (conftest.py says so when it is missing)."""

import json
import subprocess
import sys

import numpy as np
import torch

from conftest import ROOT
from pipeline import graph, net, spec
from pipeline.runner import Model


def traces(folder):
    folder.mkdir()
    rng = np.random.default_rng(1)
    lines = ["series_id,t,cpu,mem"]
    for name in ("a", "b"):
        cpu = np.abs(np.sin(np.arange(900) / 9.0) + 0.1 * rng.standard_normal(900))
        lines += [f"{name},{i},{v:.4f},{0.5 + i / 3000:.4f}" for i, v in enumerate(cpu)]
    (folder / "made.csv").write_text("\n".join(lines) + "\n")


def pipeline(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )


def test_one_command_makes_a_whole_model(tmp_path):
    traces(tmp_path / "traces")
    out = tmp_path / "out"
    done = pipeline("--traces", tmp_path / "traces", "--sizes", "8-4", "--steps", 30, "--out", out)
    assert done.returncode == 0, done.stderr
    assert {p.name for p in out.iterdir()} == {
        "model.onnx", "contract.json", "golden.json", "card.md", "skill.png", "forecasts.png",
    }
    contract = json.loads((out / "contract.json").read_text())
    assert contract["layers"] == [8, 4] and contract["tick_seconds_trained"] == [1]
    assert "made/memory" in (out / "card.md").read_text()
    losses = [float(line.split("validation ")[1].split()[0]) for line in done.stderr.splitlines() if "validation" in line]
    assert min(losses) < losses[0]
    first = (out / "model.onnx").read_bytes()
    pipeline("--traces", tmp_path / "traces", "--sizes", "8-4", "--steps", 30, "--out", out)
    assert (out / "model.onnx").read_bytes() == first, "the same seed and steps give the same model"


def test_bad_folder_ends_in_one_line(tmp_path):
    done = pipeline("--traces", tmp_path / "nowhere")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("error: ") and "Traceback" not in done.stderr


def test_exported_graph_equals_the_trained_network(tmp_path):
    import onnx

    torch.manual_seed(0)
    for sizes in ((12,), (16, 8), (6, 5, 4)):
        trained = net.Net(sizes)
        with torch.no_grad():
            for p in trained.parameters():
                p.add_(0.3 * torch.randn_like(p))
        onnx.save(graph.build(*net.weights(trained), "t"), tmp_path / "m.onnx")
        x = torch.randn(20, 7, spec.F)
        with torch.no_grad():
            want, _ = trained(x, trained.start(7))
        model = Model(tmp_path / "m.onnx")
        h, c = model.start(7)
        for k in range(20):
            y, h, c = model.step(x[k].numpy(), h, c)
            assert np.abs(y - np.maximum(want[k].numpy(), 0)).max() < 1e-5
