import json
import os

import numpy as np
import pytest

import benchlab
from benchlab.cli.main import main
from benchlab.errors import FileExists, FileMissing, FileNotReadable
from benchlab.model.flags import RowFlag
from benchlab.store.compact import close_run
from benchlab.store.journal import JournalWriter, run_folder
from benchlab.store.journal_frame import HEADER, MAGIC, SEGMENT, FrameKind
from benchlab.store.journal_read import read_journal
from benchlab.store.recover import find_runs, recover_run

STEP = {"label": "", "step_type": "CC_CHG", "cycle_kind": "cycle", "current_ampere": 1.0}
HEAD = {
    "cell": {"id": "A1"},
    "protocol": {"name": "p", "text": "t", "sha256": "s", "steps": [STEP]},
    "instrument": {},
    "meta": {"origin": "benchlab"},
}
START = 1_700_000_000_000_000_000


def begin(path, count=10):
    """Return the writer of a run with some rows under way."""
    writer = JournalWriter(run_folder(path), durable=False)
    writer.open_record(HEAD)
    writer.intent({"output": "on", "unix_time_nanosecond": START})
    for k in range(count):
        second = 360.0 * k
        unix = START + round(second * 1e9)
        writer.row(second, unix, 3.5, 1.0, 1, 1, 0, 0.1 * k, 0.0, 0.35 * k, 0.0, 25.0, 0)
    writer.state({"test_time_second": 360.0 * (count - 1) + 5.0})
    return writer


def cut_off(path, count=10):
    begin(path, count).release()
    return path


def test_a_run_cut_off_is_closed_with_every_row_and_says_so(tmp_path):
    path = cut_off(tmp_path / "a.h5")
    before = benchlab.open(path)
    result = recover_run(path)
    assert result.error is None
    assert result.rows == 10
    run = benchlab.open(path)
    assert run.state == "closed"
    assert run.meta["end_reason"] == "interrupted"
    assert run.meta["recovered"] is True
    assert run.meta["digest"] == result.digest
    assert run["test_time_second"].tolist() == before["test_time_second"].tolist()
    assert run.steps["end_reason"].tolist() == ["unfinished"]
    assert run.steps["step_charging_capacity_ah"][0] == pytest.approx(0.9)
    assert run.steps["last_row"].tolist() == [9]
    assert run.events["kind"].tolist() == ["gap", "recovered"]
    assert run.events["test_time_second"][0] == 360.0 * 9 + 5.0
    assert "the output was on" in run.events["text"][0]
    assert not run_folder(path).exists()


def test_the_last_reading_of_a_step_under_way_becomes_its_last_row(tmp_path):
    path = tmp_path / "a.h5"
    writer = begin(path)
    seen = {
        "test_time_second": 3300.0,
        "unix_time_nanosecond": START + 3300 * 10**9,
        "voltage_volt": 3.75,
        "current_ampere": 1.0,
        "counters": (0.916, 0.0, 3.2, 0.0),
    }
    writer.state(seen)
    writer.release()
    assert recover_run(path).rows == 11
    run = benchlab.open(path)
    assert run["test_time_second"][-1] == 3300.0
    assert run["unix_time_nanosecond"][-1] == seen["unix_time_nanosecond"]
    assert run["voltage_volt"][-1] == 3.75
    assert run["step_count"][-1] == 1
    assert run["flags"].tolist() == [0] * 10 + [RowFlag.LAST_SEEN]
    assert run.steps["step_charging_capacity_ah"][0] == pytest.approx(0.916)
    assert run.steps["last_row"].tolist() == [10]
    assert "10 rows and the last reading" in run.events["text"][1]


@pytest.mark.parametrize("state", [{"executor": {}}, {"test_time_second": 3240.0}])
def test_a_state_that_tells_nothing_newer_makes_no_row(tmp_path, state):
    path = tmp_path / "a.h5"
    writer = begin(path)
    seen = {"test_time_second": 3300.0, "unix_time_nanosecond": START, "voltage_volt": 3.7}
    writer.state({**seen, "current_ampere": 1.0, "counters": (1.0, 0.0, 3.0, 0.0), **state})
    writer.release()
    assert recover_run(path).rows == 10


def test_what_the_guardian_said_is_kept(tmp_path):
    path = cut_off(tmp_path / "a.h5")
    (run_folder(path) / "guardian.log").write_text("output proven off: OUTP? is 0\n")
    recover_run(path)
    events = list(benchlab.open(path).events.records())
    assert [e["text"] for e in events if e["actor"] == "guardian"] == [
        "output proven off: OUTP? is 0"
    ]


def test_a_run_being_recorded_is_left_alone(tmp_path):
    path = tmp_path / "a.h5"
    writer = begin(path)
    result = recover_run(path)
    assert "another process is recording" in str(result.error)
    writer.row(9999.0, START, 3.5, 1.0, 1, 1, 0, 1.0, 0.0, 1.0, 0.0, 25.0, 0)
    writer.flush()
    assert len(benchlab.open(path)) == 11
    assert not path.exists()
    writer.release()


def test_a_run_killed_between_its_end_and_its_file_is_closed_as_it_ended(tmp_path):
    path = tmp_path / "a.h5"
    writer = begin(path)
    writer.end({"end_reason": "done"})
    writer.close()
    path.with_name("a.h5.partial").write_bytes(b"half a file")
    assert recover_run(path).error is None
    assert benchlab.open(path).meta["end_reason"] == "done"
    assert sorted(os.listdir(tmp_path)) == ["a.h5"]


def test_a_closed_file_whose_journal_was_not_removed_is_kept_and_the_journal_goes(tmp_path):
    path = cut_off(tmp_path / "a.h5")
    recover_run(path, close=lambda folder, out: close_keeping(folder, out, tmp_path))
    assert run_folder(path).is_dir()
    stamp = path.stat().st_mtime_ns
    result = recover_run(path)
    assert "verified but not removed" in result.found
    assert path.stat().st_mtime_ns == stamp
    assert sorted(p.name for p in tmp_path.glob("a*")) == ["a.h5"]
    assert recover_run(path).did == "nothing was to be done"


def close_keeping(folder, out, tmp_path):
    import shutil

    shutil.copytree(folder, tmp_path / "copy")
    closed = close_run(folder, out)
    (tmp_path / "copy").rename(folder)
    return closed


def test_another_file_at_the_output_path_is_never_touched(tmp_path):
    path = cut_off(tmp_path / "a.h5")
    other = cut_off(tmp_path / "b.h5")
    recover_run(other)
    other.rename(path)
    before = path.read_bytes()
    result = recover_run(path)
    assert isinstance(result.error, FileExists)
    assert path.read_bytes() == before
    path.unlink()
    assert len(benchlab.open(path)) == 10


def test_a_run_without_a_record_is_said_and_left(tmp_path):
    path = tmp_path / "a.h5"
    JournalWriter(run_folder(path), durable=False).release()
    result = recover_run(path)
    assert isinstance(result.error, FileNotReadable)
    assert run_folder(path).is_dir()


def test_a_damaged_journal_gives_all_other_rows_and_says_which_are_missing(tmp_path):
    path = tmp_path / "a.h5"
    writer = begin(path)
    for k in range(10, 20):
        writer.row(360.0 * k, START, 3.5, 1.0, 1, 1, 0, 0.1 * k, 0.0, 0.35 * k, 0.0, 25.0, 0)
        writer.flush()
    writer.release()
    (segment,) = (run_folder(path) / "journal").iterdir()
    data = bytearray(segment.read_bytes())
    data[len(data) - 124 * 4] ^= 1  # the fourth row from the end, a frame of its own
    segment.write_bytes(bytes(data))
    result = recover_run(path)
    assert result.missing_rows == 1
    run = benchlab.open(path)
    assert len(run) == 19
    assert np.diff(run["test_time_second"]).max() == 720.0
    assert run.meta["missing_rows"] == 1
    assert "rows 16 to 16" in run.events["text"][0]
    assert run.steps["last_row"].tolist() == [18]


def test_the_command_searches_a_folder_and_tells_each_run(tmp_path, capsys):
    cut_off(tmp_path / "a.h5")
    (tmp_path / "deep").mkdir()
    cut_off(tmp_path / "deep" / "b.h5", 3)
    writer = begin(tmp_path / "live.h5")
    code = main(["recover", str(tmp_path), "--json"])
    writer.release()
    told = {os.path.basename(r["file"]): r for r in json.loads(capsys.readouterr().out)}
    assert code == told["live.h5"]["exit_code"] == 10
    assert told["a.h5"]["rows"] == 10
    assert told["b.h5"]["rows"] == 3
    assert "cut off" in told["a.h5"]["found"]
    assert main(["recover", str(tmp_path / "live.run")]) == 0
    assert "10 rows are in live.h5" in capsys.readouterr().out
    assert find_runs(tmp_path) == []
    assert main(["recover", str(tmp_path)]) == 0
    with pytest.raises(FileMissing):
        find_runs(tmp_path / "no.h5")


def test_a_folder_half_removed_by_a_killed_closing_goes(tmp_path):
    path = cut_off(tmp_path / "a.h5")
    recover_run(path)
    done = tmp_path / "a.run.done" / "journal"
    done.mkdir(parents=True)
    (done / "000001.blj").write_bytes(b"what is left")
    assert find_runs(tmp_path) == [path]
    assert "removed what a killed closing had left" in recover_run(path).did
    assert sorted(os.listdir(tmp_path)) == ["a.h5"]


def test_a_half_removed_folder_without_its_closed_file_is_kept(tmp_path):
    done = tmp_path / "a.run.done"
    done.mkdir()
    recover_run(tmp_path / "a.h5")
    assert done.is_dir()


def lose(path, frame_kind, *, copies=1):
    """Flip a byte in the first so many frames of a kind."""
    (segment,) = (run_folder(path) / "journal").iterdir()
    data = bytearray(segment.read_bytes())
    place = SEGMENT.size
    while copies and data[place : place + 4] == MAGIC:
        _, kind, _, _, length, *_ = HEADER.unpack_from(data, place)
        if kind == frame_kind:
            data[place + HEADER.size] ^= 1
            copies -= 1
        place += HEADER.size + length
    assert not copies, "the test is about frames that are there"
    segment.write_bytes(bytes(data))


def test_a_lost_intent_is_told_and_nothing_is_said_of_the_output(tmp_path):
    path = cut_off(tmp_path / "a.h5")
    lose(path, FrameKind.INTENT)
    assert recover_run(path).error is None
    events = benchlab.open(path).events
    assert events["kind"].tolist() == ["damage", "gap", "recovered"]
    assert "1 record without rows" in events["text"][0]
    assert "whether the output was on is not known" in events["text"][1]


def test_rows_with_current_but_no_intent_say_nothing_of_the_output(tmp_path):
    for name, current in (("a.h5", 1.0), ("b.h5", 0.0)):
        path = tmp_path / name
        writer = JournalWriter(run_folder(path), durable=False)
        writer.open_record(HEAD)
        writer.row(1.0, START, 3.5, current, 1, 1, 0, 0.0, 0.0, 0.0, 0.0, 25.0, 0)
        writer.flush()
        writer.release()
        recover_run(path)
        said = benchlab.open(path).events["text"][0]
        assert ("is not known" in said) == (current != 0.0)
        assert ("the output was off" in said) == (current == 0.0)


def test_a_lost_step_is_told(tmp_path):
    path = tmp_path / "a.h5"
    writer = begin(path)
    writer.event(
        {
            "test_time_second": 3250.0,
            "unix_time_nanosecond": START,
            "kind": "x",
            "actor": "bench",
            "text": "",
        }
    )
    writer.row(3260.0, START, 3.5, 1.0, 1, 1, 0, 1.0, 0.0, 3.5, 0.0, 25.0, 0)
    writer.flush()
    writer.release()
    lose(path, FrameKind.EVENT)
    recover_run(path)
    events = benchlab.open(path).events
    assert events["kind"][0] == "damage"
    assert events["test_time_second"][0] == 3240.0


def blacked_out(path):
    """Lose what the first frames say, as a bad page does."""
    lose(path, FrameKind.OPEN, copies=2)


def zeroed(path):
    """Zero the start of the first segment, header and all, up to its first rows."""
    (segment,) = (run_folder(path) / "journal").iterdir()
    data = segment.read_bytes()
    stop = data.index(MAGIC, data.index(b'"output":"on"'))
    segment.write_bytes(bytes(stop) + data[stop:])


@pytest.mark.parametrize("damage", [blacked_out, zeroed])
def test_a_journal_whose_description_is_lost_still_gives_every_row(tmp_path, damage, capsys):
    path = cut_off(tmp_path / "a.h5")
    damage(path)
    run = benchlab.open(path)
    assert len(run) == 10
    assert "damaged" in run.meta["damaged"]
    assert run.steps["end_reason"].tolist() == ["unfinished"]
    assert main(["info", str(path)]) == 0
    assert main(["check", str(path)]) != 0
    told = capsys.readouterr()
    assert "description of this run" in told.out
    assert "no current" not in told.out + told.err
    assert "Remove" not in told.out + told.err
    result = recover_run(path)
    assert result.error is None
    assert "description of this run" in result.found
    assert "10 rows" in result.found
    closed = benchlab.open(path)
    assert closed["test_time_second"].tolist() == [360.0 * k for k in range(10)]
    assert "damaged" in closed.meta["damaged"]
    assert "whether the output was on is not known" in " ".join(closed.events["text"])


def test_a_journal_of_which_nothing_can_be_read_is_not_called_empty(tmp_path):
    path = cut_off(tmp_path / "a.h5")
    (segment,) = (run_folder(path) / "journal").iterdir()
    segment.write_bytes(segment.read_bytes().replace(MAGIC, b"????"))
    error = str(recover_run(path).error)
    assert "not known" in error
    assert "Keep the folder" in error
    with pytest.raises(FileNotReadable, match="not known"):
        benchlab.open(path)


def test_the_gap_of_rows_lost_behind_a_step_has_the_time_of_the_last_row(tmp_path):
    path = tmp_path / "a.h5"
    writer = JournalWriter(run_folder(path), durable=False)
    writer.open_record(HEAD)
    writer.row(100.0, START, 3.5, 1.0, 1, 1, 0, 0.0, 0.0, 0.0, 0.0, 25.0, 0)
    writer.step({"step_count": 1, "first_row": 0, "last_row": 0})
    before = (run_folder(path) / "journal" / "000000.blj").stat().st_size
    writer.row(110.0, START, 3.5, 1.0, 1, 2, 0, 0.0, 0.0, 0.0, 0.0, 25.0, 0)
    writer.flush()
    writer.state({"test_time_second": 110.0})
    writer.release()
    (segment,) = (run_folder(path) / "journal").iterdir()
    data = bytearray(segment.read_bytes())
    data[before + HEADER.size] ^= 1
    segment.write_bytes(bytes(data))
    (event,) = read_journal(run_folder(path)).events
    assert (event["kind"], event["test_time_second"]) == ("gap", 100.0)
    assert event["unix_time_nanosecond"] == START
