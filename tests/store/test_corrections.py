"""Corrections: said by whom and why, applied on opening, and never a byte of the file changed."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import benchlab
from benchlab.cli.main import main
from benchlab.errors import FileNotReadable, UsageError
from benchlab.model.columns import COLUMNS, EVENT_COLUMNS, STEP_COLUMNS, records_table
from benchlab.model.run import ProtocolRecord
from benchlab.store.closed import write_closed
from benchlab.store.corrections import (
    corrections_path,
    cycle_ranges,
    cycle_words,
    read_corrections,
)
from benchlab.store.reader import open_run
from benchlab_analysis import cycle_table, fade_rate

WHO = ("--by", "A. Weber", "--why", "weighed later")


def cycles(count):
    """Return steps of cycles that lose 0.1 % each; every tenth one is disturbed."""
    steps = []
    for number in range(1, count + 1):
        for sign in (1, -1):
            step = {name: "" if COLUMNS[name].dtype == "text" else 0 for name in STEP_COLUMNS}
            moved = (1.0 - 0.001 * number) * (0.5 if number % 10 == 0 else 1.0)
            half = "charging" if sign > 0 else "discharging"
            step.update(
                {
                    "step_count": len(steps) + 1,
                    "step_type": "CC_CHG" if sign > 0 else "CC_DCH",
                    "cycle_count": number,
                    "cycle_kind": "cycle",
                    f"step_{half}_capacity_ah": moved,
                    "end_voltage_volt": 1.0 * sign,
                    "own_end": 1,
                    "end_reason": "voltage",
                }
            )
            steps.append(step)
    return records_table(STEP_COLUMNS, steps)


def write(path, *, run_id="1", cell="A1"):
    write_closed(
        path,
        rows={"test_time_second": np.arange(3.0)},
        steps=cycles(40),
        events=records_table(EVENT_COLUMNS, []),
        cell={"id": cell, "first_half_cycle": "charge", "active_mass_gram": None},
        protocol=ProtocolRecord(),
        instrument={},
        meta={"origin": "benchlab", "run_id": run_id},
    )
    return path


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "a.h5")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_mass_is_added_and_the_file_is_not_touched(file, capsys):
    before, when = digest(file), file.stat().st_mtime_ns
    assert main(["correct", str(file), "--set", "active_mass=12.3 mg", *WHO]) == 0
    assert (digest(file), file.stat().st_mtime_ns) == (before, when)
    run = benchlab.open(file)
    assert run.cell["active_mass_gram"] == pytest.approx(0.0123)
    assert open_run(file, as_recorded=True).cell["active_mass_gram"] is None
    (record,) = run.corrections
    assert (record["who"], record["why"], record["old"]) == ("A. Weber", "weighed later", None)
    assert record["when"].endswith("+00:00")
    capsys.readouterr()
    assert main(["info", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "A. Weber" in shown
    assert "active_mass_gram" in shown


def test_excluded_cycles_stay_in_the_table_and_out_of_the_fit(file):
    disturbed = fade_rate(cycle_table(benchlab.open(file)))
    words = ["correct", str(file), "--exclude-cycles", "1,10,20,30,40", *WHO]
    assert main(words) == 0
    table = cycle_table(benchlab.open(file))
    assert table["cycle_count"].tolist() == list(range(1, 41))
    assert np.flatnonzero(table["excluded"]).tolist() == [0, 9, 19, 29, 39]
    assert table.provenance.reference_cycle == 2
    assert any("5 cycles are excluded" in text for text in table.provenance.corrections)
    rate = fade_rate(table)
    assert rate.cycle_number == 35
    assert rate.percent_per_100_cycles == pytest.approx(0.1 * 100 / 0.998, rel=1e-6)
    assert rate.high - rate.low < disturbed.high - disturbed.low
    assert main(["correct", str(file), "--include-cycles", "1,20-30", *WHO]) == 0
    assert benchlab.open(file).excluded_cycles == (10, 40)


def test_swapped_cells_are_exchanged_in_both_runs(tmp_path, file):
    other = write(tmp_path / "b.h5", run_id="2", cell="B7")
    assert main(["correct", str(file), "--swap-with", str(other), *WHO]) == 0
    assert benchlab.open(file).cell["id"] == "B7"
    assert benchlab.open(other).cell["id"] == "A1"


def test_wrong_words_write_nothing(file, capsys):
    for words, text in (
        (["--set", "active_mass=heavy", *WHO], "active_mass"),
        (["--set", "colour=red", *WHO], "active_mass, area"),
        (["--set", "active_mass", *WHO], "NAME=VALUE"),
        (["--set", "id=A1", *WHO], "already"),
        (["--exclude-cycles", "7-3", *WHO], "12,15-17"),
        (["--exclude-cycles", "99", *WHO], "no cycle 99"),
        (["--set", "id=B", "--by", " ", "--why", "x"], "who corrects"),
        ([*WHO], "what to correct"),
    ):
        assert main(["correct", str(file), *words]) in (2, 14)
        assert text in capsys.readouterr().err
    assert not corrections_path(file).exists()


def test_a_wrong_value_is_not_said_to_be_in_a_file(file, capsys):
    assert main(["correct", str(file), "--set", "active_mass=abc", *WHO]) == 14
    said = capsys.readouterr().err
    assert "--set active_mass" in said
    assert "file" not in said.replace(str(file), "")
    assert "Nothing was started" not in said


@pytest.mark.parametrize("bad", ["a\x1b[2Jb", "a\nb", "a\udcffb", "a\x85x"])
def test_texts_that_a_terminal_obeys_or_utf8_cannot_hold_are_refused(file, bad):
    for words in (
        ["--set", f"comment={bad}", *WHO],
        ["--set", "id=B", "--by", bad, "--why", "x"],
        ["--set", "id=B", "--by", "x", "--why", bad],
    ):
        assert main(["correct", str(file), *words]) == 2
    assert not corrections_path(file).exists()


def test_corrections_of_another_run_are_refused(tmp_path, file):
    main(["correct", str(file), "--set", "id=C", *WHO])
    other = write(tmp_path / "b.h5", run_id="2")
    corrections_path(file).rename(corrections_path(other))
    with pytest.raises(FileNotReadable, match="another run"):
        benchlab.open(other)
    assert benchlab.open(file).cell["id"] == "A1"


def test_a_later_edit_of_the_record_shows(file):
    for name in ("C", "D"):
        main(["correct", str(file), "--set", f"id={name}", *WHO])
    assert read_corrections(file)[1] == []
    place = corrections_path(file)
    place.write_text(place.read_text().replace("A1", "Z9", 1))
    assert "changed" in read_corrections(file)[1][0]
    place.write_text(place.read_text() + "{}\n")
    with pytest.raises(FileNotReadable, match=r"corrections\.jsonl:3"):
        benchlab.open(file)


@settings(max_examples=20, deadline=None)
@given(share=st.floats(0.0, 1.0))
def test_half_a_line_was_never_a_correction_and_the_next_one_goes_on(tmp_path_factory, share):
    folder = tmp_path_factory.mktemp("torn")
    file = write(folder / "a.h5")
    main(["correct", str(file), "--set", "id=C", *WHO])
    place = corrections_path(file)
    first = place.read_bytes()
    main(["correct", str(file), "--set", "id=D", *WHO])
    second = place.read_bytes()[len(first) :]
    cut = int(share * (len(second) - 1))
    place.write_bytes(first + second[:cut])
    assert benchlab.open(file).cell["id"] == "C"
    main(["correct", str(file), "--set", "id=E", *WHO])
    records, problems = read_corrections(file)
    assert [record["new"] for record in records] == ["C", "E"]
    assert problems == []
    assert all(json.loads(line) for line in place.read_text().splitlines())


@given(st.sets(st.integers(0, 60), min_size=1))
def test_cycles_in_words_read_back(chosen):
    assert cycle_ranges(cycle_words(sorted(chosen))) == sorted(chosen)


def test_nobody_is_no_name(file):
    from benchlab.store.corrections import Correction, append_corrections

    with pytest.raises(UsageError):
        append_corrections(benchlab.open(file), file, [Correction("id", "x")], who="", why="x")


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no such rights on Windows")
def test_a_folder_that_cannot_be_written_is_a_sentence(file, capsys):
    import os

    if os.geteuid() == 0:
        corrections_path(file).mkdir()  # root may write anywhere: a folder in its place refuses
    else:
        Path(file).parent.chmod(0o500)
    code = main(["correct", str(file), "--set", "id=B", *WHO])
    Path(file).parent.chmod(0o700)
    assert code in (11, 50)
    assert "benchlab:" in capsys.readouterr().err
