"""Training end to end on made-up traces: needs torch (conftest.py says so when it is missing)."""

import io
import json
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch

from conftest import ROOT
from pipeline import check, graph, net, train
from pipeline.data import Series


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
        "reliability.png",
    }
    contract = json.loads((out / "contract.json").read_text())
    assert contract["layers"] == [8, 4] and contract["tick_seconds_trained"] == [1]
    assert "made/memory" in (out / "card.md").read_text()
    card = (out / "card.md").read_bytes()
    (out / "card.md").unlink()
    again = pipeline("--traces", tmp_path / "traces", "--again", out)
    assert again.returncode == 0 and (out / "card.md").read_bytes() == card, again.stderr
    losses = [float(line.split("validation ")[1].split()[0]) for line in done.stderr.splitlines() if "validation" in line]
    assert min(losses) < losses[0]


def test_a_family_that_is_left_out_is_only_evaluated(tmp_path):
    traces(tmp_path / "traces")
    shutil.copy(tmp_path / "traces" / "made.csv", tmp_path / "traces" / "other.csv")
    out = tmp_path / "out"
    arguments = ("--traces", tmp_path / "traces", "--sizes", "4", "--steps", 5, "--out", out)
    done = pipeline(*arguments, "--leave-out", "other")
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "contract.json").read_text())["training"]["left_out"] == ["other"]
    card = (out / "card.md").read_text()
    assert "| made/cpu | 2 |" in card
    assert "other/cpu" in card.split("## Results")[1] and "made/cpu" not in card.split("## Results")[1]
    for wrong in (["nobody"], ["made", "other"]):
        done = pipeline(*arguments, "--leave-out", *wrong)
        assert done.returncode == 1 and "cannot leave out" in done.stderr.splitlines()[-1]


def test_the_same_seed_and_steps_give_the_same_model():
    values = np.abs(np.sin(np.arange(900) / 9.0))
    made = [Series("made", "a", "cpu", "cpu", 1, values)]
    models = []
    for seed in (3, 3, 4):
        trained, _ = train.train(made, (6,), 6, seed=seed, lanes=8, progress=io.StringIO())
        models.append(graph.build(*net.weights(trained), "t").SerializeToString())
    assert models[0] == models[1] != models[2]


def test_bad_folder_ends_in_one_line(tmp_path):
    done = pipeline("--traces", tmp_path / "nowhere")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("error: ") and "Traceback" not in done.stderr


def test_exported_graph_equals_the_trained_network_and_a_wrong_one_is_refused(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "m.onnx"
    for sizes in ((12,), (16, 8), (6, 5, 4)):
        trained = net.Net(sizes)
        with torch.no_grad():
            for p in trained.parameters():
                p.add_(0.3 * torch.randn_like(p))
        onnx.save(graph.build(*net.weights(trained), "t"), path)
        assert check.same(trained, path) < 1e-5
        with torch.no_grad():
            trained.head.bias[0] += 0.1
        with pytest.raises(ValueError, match="differs"):
            check.same(trained, path)
