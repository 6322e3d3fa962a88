"""Exports: what other programs read is what was recorded, to the last digit."""

import csv
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import benchlab
from benchlab.cli.main import main
from benchlab.errors import SetupError
from benchlab.model.columns import (
    COLUMNS,
    EVENT_COLUMNS,
    ROW_COLUMNS,
    STEP_COLUMNS,
    records_table,
)
from benchlab.model.run import ProtocolRecord
from benchlab.store import export, export_csv
from benchlab.store.closed import write_closed

COUNT = 500
EPOCH = 1_767_225_600_000_000_000
BDF_NAME = "Institute__A-1__20260101_001.bdf.csv"


def columns():
    rng = np.random.default_rng(1)
    rows = {}
    for name in ROW_COLUMNS:
        dtype = "<" + COLUMNS[name].dtype
        values = rng.random(COUNT) * 3.0 if dtype[1] == "f" else np.arange(COUNT) // 100
        rows[name] = np.asarray(values).astype(dtype)
    rows["test_time_second"] = np.cumsum(rng.random(COUNT))
    rows["unix_time_nanosecond"] = EPOCH + np.arange(COUNT, dtype="<i8") * 10_000_000
    rows["current_ampere"][100:] *= -1.0
    for name in ROW_COLUMNS:
        if name.endswith(("_ah", "_wh")):
            rows[name] = np.cumsum(rows[name])
    return rows


def write(path, rows):
    step = {name: "" if COLUMNS[name].dtype == "text" else 0 for name in STEP_COLUMNS}
    step |= {"label": "a,b", "cycle_count": 1, "step_charging_capacity_ah": 0.1}
    event = dict.fromkeys(("kind", "actor"), "x") | {
        "test_time_second": 0.0,
        "unix_time_nanosecond": 0,
        "text": "=1+1\x01",
    }
    write_closed(
        path,
        rows=rows,
        steps=records_table(STEP_COLUMNS, [step]),
        events=records_table(EVENT_COLUMNS, [event]),
        cell={"id": "A 1"},
        protocol=ProtocolRecord("p", "text", "abc", ()),
        instrument={"model": "2450"},
        meta={"origin": "benchlab", "started_utc": "2026-01-01T00:00:00.000+00:00"},
    )
    return path


@pytest.fixture(scope="session")
def file(tmp_path_factory):
    return write(tmp_path_factory.mktemp("run") / "a.h5", columns())


def run(file, to, out):
    return main(["export", str(file), "--to", to, "-o", str(out)])


def test_csv_reads_back_the_same_bits(file, tmp_path, capsys):
    assert run(file, "csv", tmp_path / "o.csv") == 0
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / name)
        for name in ("o.csv", "o.csv.steps.csv", "o.csv.cycles.csv", "o.csv.provenance.json")
    ]
    with open(tmp_path / "o.csv", encoding="utf-8") as stream:
        header, *lines = csv.reader(stream)
    assert tuple(header) == ROW_COLUMNS
    for name, texts in zip(header, zip(*lines, strict=True), strict=True):
        source = columns()[name]
        kind = int if source.dtype.kind in "iu" else float
        assert np.array([kind(t) for t in texts], source.dtype).tobytes() == source.tobytes()
    with open(tmp_path / "o.csv.steps.csv", encoding="utf-8") as stream:
        assert next(csv.DictReader(stream))["label"] == "a,b"
    told = json.loads((tmp_path / "o.csv.provenance.json").read_text())
    assert told["digest"] == benchlab.open(file).meta["digest"]
    assert told["cell"]["id"] == "A 1"


def test_bdf_has_labels_required_columns_and_unix_seconds(file, tmp_path, capsys):
    assert run(file, "bdf", tmp_path / BDF_NAME) == 0
    said = capsys.readouterr().err
    assert "columns left out: flags" in said
    assert "wants a name" not in said
    with open(tmp_path / BDF_NAME, encoding="utf-8") as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == COUNT
    assert {"Test Time / s", "Voltage / V", "Current / A", "Step ID"} <= set(lines[0])
    seconds, _, part = lines[3]["Unix Time / s"].partition(".")
    assert int(seconds + part) == columns()["unix_time_nanosecond"][3]
    assert float(lines[7]["Voltage / V"]) == columns()["voltage_volt"][7]
    assert run(file, "bdf", tmp_path / "o.csv") == 0
    assert "Institution__A-1__20260101_001.bdf.csv" in capsys.readouterr().err


def test_bdf_comes_back_through_import(file, tmp_path):
    run(file, "bdf", tmp_path / BDF_NAME)
    words = [
        "import",
        str(tmp_path / BDF_NAME),
        "-o",
        str(tmp_path / "back.h5"),
        "--accept",
        "sign",
        "--accept",
        "unit",
    ]
    assert main(words) == 0
    back = benchlab.open(tmp_path / "back.h5")
    for name in ROW_COLUMNS:
        if name != "flags":
            assert back[name].tobytes() == columns()[name].tobytes(), name
    assert back.meta["columns_left_out"] == []


def test_csv_comes_back_through_import_with_every_column(tmp_path):
    rows = columns()
    rows["unix_time_nanosecond"][5:] += 123
    rows["unix_time_nanosecond"][7] = 0
    rows["flags"][:] = np.arange(COUNT)
    rows["flags"][3] = 2**32 - 1
    rows["voltage_volt"][5] = 0.1 + 0.2
    file = write(tmp_path / "a.h5", rows)
    for to, name in (("csv", "o.csv"), ("bdf", BDF_NAME)):
        run(file, to, tmp_path / name)
        words = [
            "import",
            str(tmp_path / name),
            "-o",
            str(tmp_path / f"{to}.h5"),
            "--accept",
            "sign",
            "--accept",
            "unit",
        ]
        assert main(words) == 0
        back = benchlab.open(tmp_path / f"{to}.h5")
        for column in ROW_COLUMNS:
            if to == "csv" or column != "flags":
                assert back[column].tobytes() == rows[column].tobytes(), (to, column)


def test_the_released_validator_of_the_format_finds_nothing(file, tmp_path):
    command = Path(sys.executable).with_name("bdf")
    if find_spec("bdf") is None or not command.exists():
        pytest.skip("the package batterydf is not installed")
    run(file, "bdf", tmp_path / BDF_NAME)
    words = [command, "validate", str(tmp_path / BDF_NAME), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout[done.stdout.index("{") :])
    assert told["ok"]
    assert told["missing"] == told["legacy_labels"] == []
    assert told["time_stats"]["violations"] == 0
    assert told["n_rows"] == COUNT
    # terms of ontology 1.3.0 that its release 0.1.0 does not know yet, and says to ignore
    assert set(told["extras"]) <= {"Step ID", "Surface Temperature / degC"}


def test_what_is_not_known_is_empty_or_left_out(tmp_path):
    rows = columns()
    rows["voltage_volt"][5] = np.nan
    rows["surface_temperature_celsius"][:] = np.nan
    rows["unix_time_nanosecond"][:] = 0
    file = write(tmp_path / "a.h5", rows)
    run(file, "bdf", tmp_path / BDF_NAME)
    with open(tmp_path / BDF_NAME, encoding="utf-8") as stream:
        lines = list(csv.DictReader(stream))
    assert lines[5]["Voltage / V"] == ""
    assert not {"Unix Time / s", "Surface Temperature / degC"} & set(lines[0])
    rows["test_time_second"][9] = 0.0
    file = write(tmp_path / "b.h5", rows)
    assert run(file, "bdf", tmp_path / "b.bdf.csv") == 2
    assert not [p for p in tmp_path.iterdir() if p.name.startswith("b.bdf")]


def test_blocks_do_not_matter_and_little_is_in_memory(file, tmp_path, monkeypatch):
    run(file, "csv", tmp_path / "whole.csv")
    monkeypatch.setattr(export_csv, "BLOCK_ROWS", 7)
    run(file, "csv", tmp_path / "parts.csv")
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_parquet_holds_types_units_and_provenance(file, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    assert run(file, "parquet", tmp_path / "o.parquet") == 0
    table = parquet.read_table(tmp_path / "o.parquet")
    for name in ROW_COLUMNS:
        assert table[name].to_numpy().tobytes() == columns()[name].tobytes()
    assert table.schema.field("voltage_volt").metadata[b"unit"] == b"V"
    told = json.loads(table.schema.metadata[b"benchlab"])
    assert told["protocol"]["name"] == "p"


def test_a_workbook_goes_on_to_further_sheets(file, tmp_path, monkeypatch, capsys):
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    from benchlab.store import export_xlsx

    monkeypatch.setattr(export_xlsx, "SHEET_ROWS", 201)
    assert run(file, "xlsx", tmp_path / "o.xlsx") == 0
    assert "3 sheets" in capsys.readouterr().err
    book = openpyxl.load_workbook(tmp_path / "o.xlsx", read_only=True)
    assert book.sheetnames == [
        "rows", "rows 2", "rows 3", "steps", "cycles", "events", "provenance",
    ]  # fmt: skip
    read = []
    for sheet in book.sheetnames[:3]:
        header, *lines = book[sheet].iter_rows(values_only=True)
        assert header == ROW_COLUMNS
        read += lines
    book.close()
    # the format's writer keeps 16 digits, Excel shows 15
    voltage = columns()["voltage_volt"]
    np.testing.assert_allclose([line[2] for line in read], voltage, rtol=1e-15)
    book = openpyxl.load_workbook(tmp_path / "o.xlsx")
    assert [cell.data_type for cell in book["events"][2]][-1] == "s", "a text, not a formula"
    assert any(line[0] == "digest" for line in book["provenance"].iter_rows(values_only=True))


def test_excels_limit_is_excels():
    pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    from benchlab.store.export_xlsx import SHEET_ROWS

    assert SHEET_ROWS == 2**20


def test_nothing_is_written_over_and_a_missing_package_is_a_sentence(file, tmp_path, monkeypatch):
    (tmp_path / "o.csv.steps.csv").touch()
    assert run(file, "csv", tmp_path / "o.csv") == 12
    assert run(file, "csv", tmp_path / "no" / "o.csv") == 50
    monkeypatch.setitem(sys.modules, "benchlab.store.export_xlsx", None)
    monkeypatch.delitem(sys.modules, "benchlab.store.export_xlsx")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(SetupError, match=r"benchlab\[export\]"):
        export.export_run(benchlab.open(file), tmp_path / "o.xlsx", "xlsx")
    assert [p.name for p in tmp_path.iterdir()] == ["o.csv.steps.csv"]


@pytest.mark.parametrize(
    ("text", "nanosecond"),
    [
        ("1767225600", EPOCH),
        ("1767225600.", EPOCH),
        ("1767225600.000000001", EPOCH + 1),
        ("1.7672256e9", EPOCH),
        ("17672256e2", EPOCH),
        ("1767225600.0299999714", EPOCH + 30_000_000),
        ("", 0),
        ("nan", 0),
    ],
)
def test_a_utc_is_read_to_the_nanosecond(tmp_path, text, nanosecond):
    (tmp_path / "a.csv").write_text(
        f"Test Time / s,Voltage / V,Current / A,Unix Time / s\n0,3.5,0,{text}\n1,3.5,0,{text}\n"
    )
    assert main(["import", str(tmp_path / "a.csv"), "-o", str(tmp_path / "a.h5")]) == 0
    assert set(benchlab.open(tmp_path / "a.h5")["unix_time_nanosecond"]) == {nanosecond}


def test_a_utc_that_is_none_is_refused(tmp_path):
    lines = "test_time_second,voltage_volt,current_ampere,unix_time_nanosecond\n0,3.5,0,1_0\n"
    (tmp_path / "a.csv").write_text(lines)
    assert main(["import", str(tmp_path / "a.csv"), "-o", str(tmp_path / "a.h5")]) != 0
    assert not (tmp_path / "a.h5").exists()
