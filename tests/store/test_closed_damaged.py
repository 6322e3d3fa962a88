"""A closed file that lacks a part, or has one changed, is a sentence and never a traceback."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import benchlab
from benchlab.cli.main import main
from benchlab.errors import FileNotReadable
from benchlab.store.check import check_run
from benchlab.store.closed import write_closed

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
    assert "not covered" in capsys.readouterr().out
    with h5py.File(file, "r+") as opened:
        text = opened["documents/protocol_text"][()].decode()
        opened["documents/protocol_text"][()] = text.replace("1", "2", 1)
    assert {finding.kind for finding in check_run(file).findings} == {"protocol"}


@pytest.fixture
def summed(tmp_path, file):
    """The golden file as it would be written now: with a checksum of each document."""
    run = benchlab.open(file)
    write_closed(
        tmp_path / "new.h5",
        rows=run.rows(),
        steps=run.steps,
        events=run.events,
        cell=run.cell,
        protocol=run.protocol,
        instrument=run.instrument,
        meta=run.meta,
    )
    return tmp_path / "new.h5"


@pytest.mark.parametrize("name", ["cell", "instrument", "meta", "protocol_steps", "protocol_text"])
def test_a_changed_document_is_refused_and_found(summed, name, capsys):
    assert main(["check", str(summed)]) == 0
    assert "not covered" not in capsys.readouterr().out
    with h5py.File(summed, "r+") as opened:
        text = opened["documents"][name][()].decode()
        assert "1" in text
        opened["documents"][name][()] = text.replace("1", "2", 1)
    with pytest.raises(FileNotReadable, match=rf"its {name} is not") as caught:
        benchlab.open(summed)
    assert caught.value.remedy
    kind = "protocol" if name == "protocol_text" else "document"
    found = check_run(summed).findings
    assert [finding.kind for finding in found] == [kind]
    assert name in found[0].text or kind == "protocol"
    assert main(["check", str(summed)]) == 16


def test_a_document_that_lost_its_checksum_is_named_and_one_added_disturbs_nobody(summed, capsys):
    with h5py.File(summed, "r+") as opened:
        del opened["documents/cell"].attrs["sha256"]
        opened["documents/later"] = "of a later version"
    assert benchlab.open(summed).cell
    assert main(["check", str(summed)]) == 0
    assert "not covered by a checksum: the documents cell, later" in capsys.readouterr().out
