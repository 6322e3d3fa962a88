"""The commands import, cycles and plot, through real files."""

from __future__ import annotations

import argparse
import csv
import importlib
import io
import json

import numpy as np
import pytest

import benchlab
from benchlab.cli.main import main
from benchlab.errors import FileExists, FileMissing, ForeignDataError
from benchlab.model.run import ProtocolRecord
from benchlab.store.closed import write_closed
from benchlab_analysis import _print, cycle_table


def call(name, *words):
    module = importlib.import_module(f"benchlab_analysis.commands.{name}")
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return module.run(parser.parse_args([str(word) for word in words]))


@pytest.fixture
def stored(tmp_path, recorded, ranges):
    """A recorded run of three cycles, in a closed file."""

    def store(**options):
        run = recorded([(1.0, 0.8), (0.9, 0.895), (0.896, 0.893)], **options)
        path = tmp_path / "run.h5"
        write_closed(
            path,
            rows={"test_time_second": np.arange(3.0)},
            steps=run.steps,
            events=run.events,
            cell=run.cell,
            protocol=ProtocolRecord(),
            instrument=run.instrument,
            meta={},
        )
        return path

    return store


def test_import_carries_everything_into_the_file(tmp_path, shared_data, capsys):
    out = tmp_path / "out.h5"
    assert call("import_", shared_data("arbin_25r/*Wb_1.csv"), "-o", out) == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(out)
    assert "each cycle, 8 found" in told.err
    run = benchlab.open(out)
    assert run.row_count == 14_988
    assert run.meta["origin"] == "arbin csv"
    assert "schedule_charging_capacity_ah" in run
    assert run.events["kind"].tolist() == ["import"]
    assert cycle_table(run)["coulombic_efficiency"][2] == pytest.approx(0.99770, abs=5e-6)
    with pytest.raises(FileExists):
        call("import_", shared_data("arbin_25r/*Wb_1.csv"), "-o", out)


def test_import_of_a_wrong_file_writes_nothing(tmp_path):
    source = tmp_path / "x.csv"
    source.write_text("a,b\n1,2\n")
    with pytest.raises(ForeignDataError):
        call("import_", source, "-o", tmp_path / "out.h5")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["x.csv"]


def test_import_is_a_command_of_that_name(tmp_path, shared_data, capsys):
    out = tmp_path / "k2.h5"
    assert main(["import", str(shared_data("arbin_k2_lfp/*.csv")), "-o", str(out)]) == 0
    assert main(["cycles", str(out), "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 1 + 101
    assert main(["import", str(tmp_path / "none.csv"), "-o", str(tmp_path / "x.h5")]) == 10


def test_csv_is_a_plain_header_and_numbers(stored, capsys):
    path = stored()
    assert call("cycles", path, "--format", "csv") == 0
    told = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(told.out)))
    table = cycle_table(benchlab.open(path))
    assert list(rows[0]) == list(table)
    for name in ("cycle_charging_capacity_ah", "coulombic_efficiency"):
        assert [float(row[name]) for row in rows] == table[name].tolist()  # all digits
    assert rows[0]["coulombic_efficiency_half_width"] == ""
    assert "pairing: same index" in told.err


def test_json_is_valid_and_unknown_is_null(stored, capsys):
    assert call("cycles", stored(), "--format", "json") == 0

    def refuse(text):
        raise AssertionError(f"{text} is no JSON")

    document = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert document["pairing"] == "same index"
    assert document["provenance"]["source"] == "step index"
    assert document["cycles"][0]["coulombic_efficiency_half_width"] is None
    assert document["cycles"][1]["coulombic_efficiency"] == 0.895 / 0.9
    assert document["cycles"][1]["complete"] is True


def test_table_shows_no_more_digits_than_the_interval_supports(stored, ranges, capsys):
    assert call("cycles", stored(instrument={"current_ranges": ranges})) == 0
    told = capsys.readouterr().out
    # half-width 4.4e-4: three digits of 0.994444
    line = next(line for line in told.splitlines() if line.split()[:2] == ["2", "cycle"])
    assert "0.994" in line.split()
    assert "4.4e-04" in line.split()
    assert "limited by the gain" in told
    assert "retention refers to cycle" in told
    assert "fade rate: not supported, 3 complete cycles < 10" in told


@pytest.mark.parametrize(
    ("widths", "digits"),
    [((1e-4,), 4), ((2e-4,), 3), ((9.9e-4,), 3), ((1.1e-3,), 2), ((float("nan"), 0.03), 1),
     ((float("nan"), 0.0), 6), ((1e-9,), 6), ((5.0,), 0)],
)  # fmt: skip
def test_supported_digits(widths, digits):
    assert _print.supported_digits(*widths) == digits


def test_pairing_is_passed_on(stored, capsys):
    call("cycles", stored(), "--format", "json", "--pairing", "discharge-over-previous-charge")
    document = json.loads(capsys.readouterr().out)
    assert document["pairing"] == "discharge over previous charge"
    assert document["cycles"][0]["coulombic_efficiency"] is None


def test_plot_writes_a_png_and_never_over_something(stored, tmp_path, capsys):
    path, out = stored(), tmp_path / "out.png"
    assert call("plot", path, "-o", out) == 0
    assert out.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert capsys.readouterr().out.strip() == str(out)
    before = out.read_bytes()
    with pytest.raises(FileExists):
        call("plot", path, "-o", out)
    assert out.read_bytes() == before


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(FileMissing):
        call("cycles", tmp_path / "none.h5")
