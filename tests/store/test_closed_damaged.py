"""A closed file that lacks a part, or has one changed, is a sentence and never a traceback."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from benchlab.cli.main import main
from benchlab.store.check import check_run

GOLDEN = Path(__file__).parents[2] / "sample_data" / "golden" / "benchlab-run-1.h5"


@pytest.fixture
def file(tmp_path):
    return Path(shutil.copy(GOLDEN, tmp_path / "a.h5"))


@pytest.mark.parametrize("group", ["rows", "steps", "events", "documents"])
def test_a_missing_group(file, capsys, group):
    with h5py.File(file, "r+") as opened:
        del opened[group]
    for command in ("check", "info", "cycles"):
        assert main([command, str(file)]) == 11
        said = "".join(capsys.readouterr())
        assert f"/{group}" in said
        assert "since it was opened" not in said


@pytest.mark.parametrize("name", ["current_ampere", "test_time_second", "unix_time_nanosecond"])
@pytest.mark.parametrize("more", [-1, 1])
def test_a_column_of_another_length(file, capsys, name, more):
    with h5py.File(file, "r+") as opened:
        values = opened["rows"][name][:]
        del opened["rows"][name]
        opened["rows"][name] = np.resize(values, len(values) + more)
    for command in ("check", "info", "cycles"):
        assert main([command, str(file)]) == 11
        assert f"column {name} has {len(values) + more} rows" in "".join(capsys.readouterr())


@pytest.mark.parametrize("words", [[], ["--json"]])
@pytest.mark.parametrize("group", ["rows", "steps"])
def test_each_missing_column_is_found(file, capsys, group, words):
    with h5py.File(file) as opened:
        names = list(opened[group])
    for name in names:
        shutil.copy(GOLDEN, file)
        with h5py.File(file, "r+") as opened:
            del opened[group][name]
        if name == "unix_time_nanosecond":
            continue
        assert main(["check", str(file), *words]) == 16, name
        assert "Traceback" not in capsys.readouterr().err


def test_a_step_column_of_another_length(file, capsys):
    with h5py.File(file, "r+") as opened:
        del opened["steps/first_row"]
        opened["steps/first_row"] = np.arange(3)
    assert main(["check", str(file)]) == 11
    assert "differ in length" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["--json"]])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "name", ["test_time_second", "current_ampere", "voltage_volt", "charging_capacity_ah"]
)
def test_a_value_that_is_no_number(file, name, value, words):
    with h5py.File(file, "r+") as opened:
        opened["rows"][name][[0, 3, 4, 72]] = value
    assert main(["check", str(file), *words]) == 16
    kinds = {finding.kind for finding in check_run(file).findings}
    assert kinds >= ({"time", "digest"} if name == "test_time_second" else {"digest"})


def test_a_changed_text_of_the_protocol(file, capsys):
    assert main(["check", str(file)]) == 0
    assert "not covered by a checksum" in capsys.readouterr().out
    with h5py.File(file, "r+") as opened:
        text = opened["documents/protocol_text"][()].decode()
        opened["documents/protocol_text"][()] = text.replace("1", "2", 1)
    assert {finding.kind for finding in check_run(file).findings} == {"protocol"}
