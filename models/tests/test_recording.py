"""The reader of recordings, on the very file that the Rust writer's tests hold to their bytes, and on files made here."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import ipc

from pipeline import data, recording

FIXTURE = Path(__file__).resolve().parents[2] / "recording/tests/fixtures/small.arrows"
TICKS, GAP = 260, range(100, 105)  # as in recording/tests/fixture.rs
HERE = np.array([i for i in range(TICKS) if i not in GAP])


def schema(**metadata):
    given = {"format": "llmos-recording", "format_version": "1", "tick_ms": "1000"} | metadata
    return pa.schema(
        [
            ("at_unix_ms", pa.timestamp("ms", "UTC")),
            ("workload", pa.uint64()),
            ("cgroup", pa.dictionary(pa.int32(), pa.utf8())),
            ("cpu_cores", pa.float64()),
        ],
        {k: v for k, v in given.items() if v is not None},
    )


def write(path, clocks, of=schema()):
    """One workload whose CPU use is 1, 2, 3 ..."""
    n = len(clocks)
    with ipc.new_stream(path, of, options=ipc.IpcWriteOptions(compression="lz4")) as stream:
        columns = [clocks, [7] * n, pa.array(["a"] * n).dictionary_encode(), [i + 1.0 for i in range(n)]]
        stream.write_batch(pa.record_batch([pa.array(c, f.type) for c, f in zip(columns, of)], schema=of))
    return path


def test_every_number_of_the_rust_writer_arrives():
    read = recording.read(FIXTURE)
    assert (read.tick_s, read.cut) == (1.0, None)
    web, short, other = read.workloads
    assert [w.name for w in read.workloads] == ["a.slice/web.service@7", "m.slice@9", f'z.slice/ü,"q"@{2**64 - 1}']
    assert np.array_equal(web.t, 1_700_000_000 + HERE)
    assert np.array_equal(web.columns["cpu"], 0.25 * (HERE % 4))
    memory = 1_000_000.0 + 4096 * HERE
    assert np.array_equal(web.columns["mem"], np.where(HERE % 10 == 3, memory, memory - 65536)), "the working set leads"
    net = np.where(HERE % 10 == 5, np.nan, 100.0 * HERE + 50)
    assert np.array_equal(web.columns["net"], net, equal_nan=True), "half of the traffic is not the traffic"
    assert np.array_equal(other.t, 1_700_000_000 + HERE[HERE >= 30])
    assert (other.columns["cpu"] == 1.5).all() and np.isnan(other.columns["mem"]).all()
    assert len(short.t) == 10


def test_a_recording_becomes_series_beside_csv_traces(tmp_path):
    (tmp_path / "node-a.arrows").write_bytes(FIXTURE.read_bytes())
    rows = "".join(f"x,{i},1\n" for i in range(220))
    (tmp_path / "b.csv").write_text("series_id,t,cpu\n" + rows)
    progress = io.StringIO()
    found = {(s.family, s.name, s.column): s for s in data.read_folder(tmp_path, progress)}
    web = "a.slice/web.service@7"
    names = {("node-a", web, c) for c in ("cpu", "mem", "net")} | {("b", "x", "cpu")}
    assert set(found) == names | {("node-a", f'z.slice/ü,"q"@{2**64 - 1}', "cpu")}, "ten rows are too few"
    assert "node-a.arrows: 4 series\n" in progress.getvalue()
    cpu = found["node-a", web, "cpu"]
    assert (cpu.resource, cpu.step_s) == ("cpu", 1)
    assert len(cpu.values) == TICKS and np.flatnonzero(np.isnan(cpu.values)).tolist() == list(GAP)
    assert found["node-a", web, "net"].resource == "network"


def test_cut_at_any_byte_it_gives_what_is_whole_and_says_so(tmp_path):
    whole = FIXTURE.read_bytes()
    part, rows = tmp_path / "part.arrows", []
    header = 8 + int.from_bytes(whole[4:8], "little")
    # All cuts near the end, and some before.
    for cut in [*range(header, len(whole) - 64, 101), *range(len(whole) - 64, len(whole))]:
        part.write_bytes(whole[:cut])
        read = recording.read(part)
        assert read.cut, f"cut at byte {cut} and called whole"
        rows.append(sum(len(w.t) for w in read.workloads))
    assert rows == sorted(rows) and rows[0] == 0 and rows[-1] == 255 + 225 + 10
    assert len(set(rows)) == 6, "none, and after each of the five batches"
    progress = io.StringIO()
    with pytest.raises(ValueError, match="no usable series"):
        part.write_bytes(whole[:header])
        data.read_folder(tmp_path, progress)
    assert "(not whole: " in progress.getvalue()


def test_a_clock_that_was_set_back_begins_a_new_series(tmp_path):
    clocks = [i * 1000 for i in (0, 1, 2, 1, 2, 3, 3)]
    read = recording.read(write(tmp_path / "f.arrows", clocks))
    assert [w.columns["cpu"].tolist() for w in read.workloads] == [[1, 2, 3], [4, 5, 6], [7]]


def test_the_tick_is_the_agents_also_when_ticks_come_late(tmp_path):
    rng = np.random.default_rng(0)
    clocks = [500 * i + int(rng.integers(0, 120)) for i in range(400) if i != 50]
    file = write(tmp_path / "f.arrows", clocks, schema(tick_ms="500"))
    (cpu,), cut = data.read_recording(file)
    assert (cpu.step_s, len(cpu.values), cut) == (0.5, 400, None)
    assert np.flatnonzero(np.isnan(cpu.values)).tolist() == [50]


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (schema(format=None), "no recording of llmosctl"),
        (schema(format_version="2"), "expected version 1 of the format, found 2"),
        (schema(tick_ms="soon"), "without a number 'tick_ms'"),
        (schema(tick_ms="0"), "expected a tick longer than nothing"),
        (schema().remove(0), "without the column at_unix_ms"),
    ],
)
def test_what_is_no_recording_is_named(tmp_path, of, words):
    path = tmp_path / "f.arrows"
    with ipc.new_stream(path, of):
        pass
    with pytest.raises(ValueError, match=words) as error:
        recording.read(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("content", [b"", b"series_id,t,cpu\n", b"ARROW1\0\0" + b"\xff" * 64])
def test_what_is_no_arrow_stream_is_named(tmp_path, content):
    path = tmp_path / "f.arrow"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no Arrow stream begins it"):
        recording.read(path)
