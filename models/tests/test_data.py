"""The trace reader: columns, gaps, missing cells, both file forms, and clear refusals."""

import gzip
import io

import numpy as np
import pytest

from pipeline import data
from pipeline.lanes import stretch, thin, valid_from


def rows(n, name="a", step=60, skip=()):
    return [f"{name},{i * step},{0.1 * (i % 7):.1f},{i}" for i in range(n) if i not in skip]


def write(path, lines, header="series_id,t,cpu,net_rx"):
    text = "\n".join([header, *lines]) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)


def read(folder):
    return data.read_folder(folder, progress=io.StringIO())


def test_reads_both_forms_and_maps_columns(tmp_path):
    write(tmp_path / "one.csv", rows(300))
    write(tmp_path / "two.csv.gz", rows(250, "x", step=1) + rows(260, "y", step=30))
    (tmp_path / "README.md").write_text("not a trace")
    found = {(s.family, s.name, s.column): s for s in read(tmp_path)}
    assert len(found) == 6
    s = found["one", "a", "net_rx"]
    assert (s.resource, s.step_s, s.group) == ("network", 60, "one/network")
    assert s.values[:4].tolist() == [0, 1, 2, 3]
    assert found["two", "y", "cpu"].step_s == 30


def test_every_known_column_has_its_resource(tmp_path):
    header = "series_id,t," + ",".join(data.COLUMNS) + ",cpu_limit"
    ones = ",".join(["1"] * (len(data.COLUMNS) + 1))
    write(tmp_path / "f.csv", [f"a,{i},{ones}" for i in range(220)], header)
    found = {s.column: s.resource for s in read(tmp_path)}
    assert found == {
        "cpu": "cpu", "cpu_max": "cpu", "mem": "memory",
        "net": "network", "net_rx": "network", "net_tx": "network", "rps": "network",
    }


def test_gaps_and_empty_cells_are_missing_not_zero(tmp_path):
    lines = rows(300, skip=(10, 11))
    lines[20] = "a,1320,,22"
    write(tmp_path / "f.csv", lines)
    cpu, net = read(tmp_path)
    assert len(cpu.values) == len(net.values) == 300
    assert np.flatnonzero(np.isnan(cpu.values)).tolist() == [10, 11, 22]
    assert np.flatnonzero(np.isnan(net.values)).tolist() == [10, 11]


def test_a_huge_gap_is_shortened(tmp_path):
    write(tmp_path / "f.csv", rows(150) + [f"a,{10**6 + i * 60},1,1" for i in range(150)])
    cpu = read(tmp_path)[0]
    assert len(cpu.values) == 300 + data.LONGEST_GAP


def test_the_size_of_a_series_does_not_look_into_the_evaluation_part(tmp_path):
    write(tmp_path / "f.csv", [f"a,{i},{9 if i > 250 else 1},1" for i in range(300)])
    cpu = read(tmp_path)[0]
    assert cpu.cut == 210 and cpu.peak == 1.0 and valid_from(cpu) == 180


@pytest.mark.parametrize(
    ("lines", "header", "word"),
    [
        (rows(300), "id,time,cpu,net_rx", "series_id,t"),
        (rows(300)[::-1], "series_id,t,cpu,net_rx", "rise strictly"),
        (rows(5), "series_id,t,cpu,net_rx", "no usable series"),
        (rows(300), "series_id,t,a,b", "no usable series"),
    ],
)
def test_bad_input_is_named(tmp_path, lines, header, word):
    write(tmp_path / "f.csv", lines, header)
    with pytest.raises(ValueError, match=word):
        read(tmp_path)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="not a folder"):
        read(tmp_path / "nowhere")


def test_thin_and_stretch_keep_the_level():
    x = np.array([1.0, 3.0, np.nan, 5.0, np.nan, np.nan])
    assert np.array_equal(thin(x, 2), [2.0, 5.0, np.nan], equal_nan=True)
    rng = np.random.default_rng(0)
    y = rng.random(500) + 1
    for _ in range(4):
        assert abs(stretch(y, 4, rng).mean() / y.mean() - 1) < 0.03
