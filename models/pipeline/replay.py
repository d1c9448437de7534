"""What the agent makes of a model: `llmosctl replay forecast` runs its own code (experts, mixture, calibration) on traces."""

import json
import subprocess
import tempfile
from pathlib import Path


def figures(llmosctl, model, traces):
    """All figures of a model folder on trace files or folders, under the flat names of docs/replay.md.

    Raises ValueError when the replay fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figures.json"
        command = [llmosctl, "replay", "forecast", "--model", model, "--json", out, "--traces", *traces]
        done = subprocess.run([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise ValueError(f"{llmosctl} replay forecast ended with {done.returncode}: {last}")
        return json.loads(out.read_text())


def groups(found):
    """Names of the groups of one resource (family/resource) in the figures."""
    names = {key.split(".")[1] for key in found if key.startswith("families.")}
    return sorted(name for name in names if "/" in name)


def at(found, group, horizon, name):
    """A figure of a group at a horizon in ticks; None where it is not known."""
    between = "" if horizon == 5 else f"h{horizon}."
    return found.get(f"families.{group}.{between}{name}")
