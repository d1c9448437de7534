"""Finds the pipeline and the released model, and says when training could not be tried."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

HAS_TORCH = importlib.util.find_spec("torch") is not None
NOT_TRIED = "training smoke test NOT RUN: torch is not installed (pip install -r requirements.txt)"

if not HAS_TORCH:
    collect_ignore = ["test_train_smoke.py"]


def pytest_report_header():
    return None if HAS_TORCH else NOT_TRIED


def pytest_terminal_summary(terminalreporter):
    if not HAS_TORCH:
        terminalreporter.write_line(NOT_TRIED, yellow=True)


@pytest.fixture(params=sorted((ROOT / "artifacts").iterdir()), ids=lambda p: p.name)
def released(request):
    """The folder of each released model."""
    return request.param
