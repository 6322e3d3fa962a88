"""A closed file of each version of the format opens for ever, with the same data and digest."""

import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import benchlab
from benchlab.model.columns import (
    COLUMNS,
    EVENT_COLUMNS,
    ROW_COLUMNS,
    SPECTRUM_COLUMNS,
    STEP_COLUMNS,
)
from benchlab.model.flags import RowFlag
from benchlab.store.check import check_run
from benchlab.store.closed import FORMAT
from benchlab.store.journal_frame import FrameKind
from benchlab.store.live import LIVE_FORMAT
from benchlab_analysis import cycle_table

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "sample_data" / "golden"
PAGE = (ROOT / "docs" / "file_format.md").read_text("utf-8")
KEPT = {
    "benchlab-run-1.h5": {
        "format": "benchlab-run/1",
        "digest": "0caca4f6c517b8251212185b7f39d3a05bba13c8b71d04677118ca22a5317a74",
        "rows": 73,
        "steps": 8,
        "discharge": (0.197530, 0.197524),
    }
}


@pytest.mark.parametrize("name", KEPT)
def test_a_golden_file_opens_and_says_what_it_always_said(name):
    kept = KEPT[name]
    report = check_run(GOLDEN / name)
    assert report.findings == []
    assert report.digest == kept["digest"]
    run = benchlab.open(GOLDEN / name)
    assert (run.meta["format"], len(run), run.steps.rows) == (
        kept["format"],
        kept["rows"],
        kept["steps"],
    )
    table = cycle_table(run)
    np.testing.assert_allclose(table["cycle_discharging_capacity_ah"], kept["discharge"], atol=5e-7)
    assert run.events["kind"].tolist()[0] == "start"
    assert run.protocol.text == (GOLDEN / "golden.yaml").read_text("utf-8")


def test_every_version_has_its_golden_file():
    formats = set()
    for path in GOLDEN.glob("*.h5"):
        with h5py.File(path) as file:
            formats.add(file.attrs["format"])
    latest = int(FORMAT.rpartition("/")[2])
    assert formats == {f"benchlab-run/{number}" for number in range(1, latest + 1)}
    assert {path.name for path in GOLDEN.glob("*.h5")} == set(KEPT)


def test_the_page_names_every_column_with_its_unit_and_type():
    types = {"f8": "float64", "f4": "float32", "i8": "int64", "text": "UTF-8"}
    types |= {"u4": "uint32", "u1": "uint8"}
    for name in (*ROW_COLUMNS, *STEP_COLUMNS, *EVENT_COLUMNS, *SPECTRUM_COLUMNS):
        column = COLUMNS[name]
        start = f"| `{name}` | {types[column.dtype]} | {column.unit or '-'} | {column.meaning} |"
        assert start in PAGE, name
    for name in COLUMNS:
        assert f"`{name}`" in PAGE
    for flag in RowFlag:
        assert f"| {flag.value} | {flag.name.lower().replace('_', ' ')} |" in PAGE
    assert f"`{FORMAT}`" in PAGE
    assert f"`{LIVE_FORMAT}`" in PAGE
    for kind in FrameKind:
        assert re.search(rf"\b{kind.value} \w", PAGE.partition("Kinds:")[2]), kind


def test_the_page_names_everything_that_is_in_a_file():
    with h5py.File(GOLDEN / "benchlab-run-1.h5") as file:
        for name in file.attrs:
            assert f"`{name}`" in PAGE
        for group in file:
            assert f"`/{group}`" in PAGE
        for name in file["documents"]:
            assert f"`{name}`" in PAGE
        for name, dataset in (*file["rows"].items(), *file["steps"].items()):
            assert set(dataset.attrs) == {"unit", "label", "meaning"}
            assert name in COLUMNS


def test_the_pages_python_reads_the_golden_file():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    code = code.replace("NAME.h5", str(GOLDEN / "benchlab-run-1.h5"))
    code += "print(time[-1], voltage[-1], unit)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    run = benchlab.open(GOLDEN / "benchlab-run-1.h5")
    last = [run.column(name, -1)[0] for name in ("test_time_second", "voltage_volt")]
    assert done.stdout.split() == [str(last[0]), str(last[1]), "V"]
