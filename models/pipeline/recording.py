"""Reads a recording of `llmosctl record`: an Apache Arrow stream that docs/recording.md describes."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyarrow import ipc

SUFFIXES = (".arrows", ".arrow")
FORMAT, VERSION = b"llmos-recording", b"1"
KEYS = ("at_unix_ms", "workload", "cgroup")
NUMBERS = ("cpu_cores", "memory_bytes", "working_set_bytes", "rx_bytes_per_s", "tx_bytes_per_s")
END = b"\xff\xff\xff\xff\0\0\0\0"  # what Arrow writes when a stream is over


@dataclass(frozen=True)
class Recorded:
    """One workload while the node's clock ran forward: seconds, and by column the same values as its model gets."""

    name: str
    t: np.ndarray
    columns: dict


@dataclass(frozen=True)
class Recording:
    """All workloads of a file; `cut` says why it is not whole, if it is not."""

    tick_s: float
    workloads: list
    cut: str | None


def number(schema, key, path):
    try:
        return float(schema.metadata[key])
    except (KeyError, ValueError):
        raise ValueError(f"{path}: a recording without a number {key.decode()!r} in its metadata") from None


def check(schema, path):
    """Which columns there are to read, and the length of a tick in seconds."""
    metadata = schema.metadata or {}
    if metadata.get(b"format") != FORMAT:
        raise ValueError(f"{path}: an Arrow stream, but no recording of llmosctl")
    if metadata.get(b"format_version") != VERSION:
        found = metadata.get(b"format_version", b"none").decode()
        raise ValueError(f"{path}: expected version {VERSION.decode()} of the format, found {found}")
    missing = [name for name in KEYS if name not in schema.names]
    if missing:
        raise ValueError(f"{path}: a recording without the column {missing[0]}")
    tick_s = number(schema, b"tick_ms", path) / 1000
    if not tick_s > 0:
        raise ValueError(f"{path}: expected a tick longer than nothing, found {tick_s} s")
    return [i for i, name in enumerate(schema.names) if name in KEYS + NUMBERS], tick_s


def batches(path):
    """The batches that are whole, with the columns that are wanted; the tick; why the file is not whole."""
    with pa.OSFile(str(path)) as file:
        try:
            wanted, tick_s = check(ipc.open_stream(file).schema, path)
        except pa.ArrowException as error:
            raise ValueError(f"{path}: no Arrow stream begins it ({error})") from error
        file.seek(0)
        stream = ipc.open_stream(file, options=ipc.IpcReadOptions(included_fields=wanted))
        found, cut = [], None
        while True:
            try:
                found.append(stream.read_next_batch())
            except StopIteration:
                break
            except (pa.ArrowException, OSError) as error:
                cut = str(error)
                break
        file.seek(max(file.size() - len(END), 0))
        if cut is None and file.read() != END:
            cut = "no mark of the end"
    return found, tick_s, cut


def pieces(batch):
    """Each workload's rows: (path, id) and a table from column to values, NaN for unknown."""
    paths = batch.column("cgroup")
    keys = paths.indices.to_numpy()
    ids = batch.column("workload").to_numpy()
    starts = np.flatnonzero((ids[1:] != ids[:-1]) | (keys[1:] != keys[:-1])) + 1
    bounds = [0, *starts.tolist(), batch.num_rows]
    clock = batch.column("at_unix_ms").cast(pa.int64()).to_numpy()
    values = {n: batch.column(n).to_numpy(zero_copy_only=False) for n in NUMBERS if n in batch.schema.names}
    for a, b in zip(bounds[:-1], bounds[1:]):
        if a < b:
            rows = {"at_unix_ms": clock[a:b], **{name: column[a:b] for name, column in values.items()}}
            yield (paths.dictionary[int(keys[a])].as_py(), int(ids[a])), rows


def as_the_agent(rows):
    """What the agent makes of a row for its model: the working set where it is known, traffic in plus out."""
    unknown = np.full(len(rows["at_unix_ms"]), np.nan)
    get = lambda name: rows.get(name, unknown)
    memory = np.where(np.isnan(get("working_set_bytes")), get("memory_bytes"), get("working_set_bytes"))
    return {"cpu": get("cpu_cores"), "mem": memory, "net": get("rx_bytes_per_s") + get("tx_bytes_per_s")}


def read(path):
    """A `Recording`; raises ValueError with one line for what is none."""
    found, tick_s, cut = batches(path)
    by_workload = {}
    for batch in found:
        for key, rows in pieces(batch):
            by_workload.setdefault(key, []).append(rows)
    workloads = []
    for (cgroup, ident), parts in sorted(by_workload.items()):
        rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        t = rows["at_unix_ms"] / 1000
        columns = as_the_agent(rows)
        # A clock that was set back begins a new series: what lies between the two is not known.
        for at in np.split(np.arange(len(t)), np.flatnonzero(np.diff(t) <= 0) + 1):
            part = {name: values[at] for name, values in columns.items()}
            workloads.append(Recorded(f"{cgroup}@{ident}", t[at], part))
    return Recording(tick_s, workloads, cut)
