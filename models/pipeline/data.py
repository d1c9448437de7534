"""Reads a folder of usage traces (CSV, or recordings of `llmosctl record`) into evenly spaced series."""

import csv
import gzip
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from . import recording

COLUMNS = {
    "cpu": "cpu", "cpu_max": "cpu",
    "mem": "memory",
    "net": "network", "net_rx": "network", "net_tx": "network", "rps": "network",
}
LONGEST_GAP = 60  # ticks; a longer hole is cut to this, it teaches nothing more
SHORTEST = 200  # ticks; shorter series leave nothing to evaluate
TRAIN_SHARE = 0.7


@dataclass(frozen=True)
class Series:
    """One (workload, resource) series on an even grid; NaN = missing."""

    family: str
    name: str
    column: str
    resource: str
    step_s: float
    values: np.ndarray

    @property
    def group(self):
        return f"{self.family}/{self.resource}"

    @property
    def cut(self):
        """First tick of the evaluation part."""
        return int(len(self.values) * TRAIN_SHARE)

    @cached_property
    def peak(self):
        """99.5th percentile of the training part: the size of the series, without a look at the future."""
        return float(np.nanpercentile(self.values[: self.cut], 99.5))


def to_grid(t, columns, step=None):
    """Put rows on the series' own step, or on `step`. Returns (step in s, [rows, columns] with NaN in gaps)."""
    diffs = np.diff(t)
    if len(diffs) == 0 or (diffs <= 0).any():
        raise ValueError("t must rise strictly within a series")
    step = step or int(np.median(diffs))
    jumps = np.clip(np.rint(diffs / step).astype(np.int64), 1, LONGEST_GAP + 1)
    at = np.concatenate([[0], np.cumsum(jumps)])
    grid = np.full((at[-1] + 1, columns.shape[1]), np.nan)
    grid[at] = columns
    return step, grid


def family_of(path):
    return path.name.split(".")[0]


def series_of(family, name, names, step, grid):
    """The usable series among the columns of a grid; below zero is unknown, as an empty cell is."""
    for k, column in enumerate(names):
        values = trim(np.where(grid[:, k] < 0, np.nan, grid[:, k]))
        series = Series(family, name, column, COLUMNS[column], step, values)
        if len(values) >= SHORTEST and series.peak > 0:
            yield series


def read_recording(path):
    """All usable series of a recording, and why the file is not whole, if it is not."""
    read = recording.read(path)
    step = int(read.tick_s) if read.tick_s == int(read.tick_s) else read.tick_s
    found = []
    for workload in read.workloads:
        if len(workload.t) >= SHORTEST:
            names = list(workload.columns)
            columns = np.stack([workload.columns[name] for name in names], axis=1)
            _, grid = to_grid(workload.t, columns, step)
            found += series_of(family_of(path), workload.name, names, step, grid)
    return found, read.cut


def read_csv(path):
    """All usable series of one CSV file. The family is the file's name up to the first dot."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        if header[:2] != ["series_id", "t"]:
            raise ValueError(f"{path}: expected a header that begins with series_id,t, found {header[:2]}")
        wanted = [(i, name) for i, name in enumerate(header) if name in COLUMNS]
        names, times, cells = [], [], []
        for row in rows:
            names.append(row[0])
            times.append(row[1])
            cells.append([row[i] or "nan" for i, _ in wanted])
    if not wanted or not names:
        return []
    times = np.array(times, dtype=np.float64)
    cells = np.array(cells, dtype=np.float64)
    ids = np.array(names)
    starts = np.concatenate([[0], np.flatnonzero(ids[1:] != ids[:-1]) + 1, [len(ids)]])
    found = []
    for a, b in zip(starts[:-1], starts[1:]):
        if b - a < SHORTEST:
            continue
        try:
            step, grid = to_grid(times[a:b], cells[a:b])
        except ValueError as error:
            raise ValueError(f"{path}: series {ids[a]}: {error}") from error
        found += series_of(family_of(path), str(ids[a]), [name for _, name in wanted], step, grid)
    return found


def trim(values):
    """Cut missing samples off both ends."""
    there = np.flatnonzero(~np.isnan(values))
    return values[there[0] : there[-1] + 1] if len(there) else values[:0]


def read_folder(folder, progress=sys.stderr):
    """Every series of every trace and recording in `folder`."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: not a folder of traces")
    endings = (".csv", ".csv.gz", *recording.SUFFIXES)
    paths = sorted(p for p in folder.iterdir() if p.name.endswith(endings))
    found = []
    for i, path in enumerate(paths, 1):
        got, cut = read_recording(path) if path.suffix in recording.SUFFIXES else (read_csv(path), None)
        found += got
        note = f" (not whole: {cut})" if cut else ""
        print(f"read {i}/{len(paths)} {path.name}: {len(got)} series{note}", file=progress, flush=True)
    if not found:
        raise ValueError(f"{folder}: no usable series in {', '.join(endings)} files (at least {SHORTEST} rows each)")
    return found
