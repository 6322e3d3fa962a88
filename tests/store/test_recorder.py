"""The recorder in its own process, beside a journal that a test writes."""

import contextlib
import shutil
import signal
import socket
import subprocess
import sys

import h5py
import numpy as np
import pytest

import benchlab
from benchlab.errors import StorageError
from benchlab.store.journal import JournalWriter, run_folder
from benchlab.store.journal_read import read_journal
from benchlab.store.recorder import DEATHS, Recorder, close_in_child
from benchlab.store.recover import recover_run

STEP = {"label": "", "step_type": "CC_CHG", "cycle_kind": "cycle", "current_ampere": 1.0}
HEAD = {
    "cell": {"id": "A1"},
    "protocol": {"name": "p", "text": "t", "sha256": "s", "steps": [STEP]},
    "instrument": {},
    "meta": {"origin": "benchlab"},
}
END = {"end_reason": "done"}


def add(writer, first, stop):
    for k in range(first, stop):
        writer.row(float(k), k + 1, 3.0 + k / 1e3, 1.0, 1, 1, 0, k / 9, 0.0, k / 3, 0.0, 25.0, 0)
    return writer.flush()


def pause():
    """Let a twentieth of a second pass for another process: nobody ever writes to this pipe."""
    reader, writer = socket.socketpair()
    with reader, writer, contextlib.suppress(TimeoutError):
        reader.settimeout(0.05)
        reader.recv(1)


def until(true, what):
    for _ in range(400):
        if true():
            return
        pause()
    raise AssertionError(f"it never came to this: {what}")


def live_rows(path):
    try:
        with h5py.File(path, "r", swmr=True, locking=False) as file:
            return int(file["state"]["rows"][0])
    except (OSError, KeyError):
        return -1


def right(run, count):
    assert run.state == "closed"
    assert run["test_time_second"].tolist() == list(np.arange(count, dtype=float))
    assert run["unix_time_nanosecond"].tolist() == list(range(1, count + 1))


@pytest.fixture
def begun(tmp_path):
    path = tmp_path / "a.h5"
    writer = JournalWriter(run_folder(path), durable=True)
    writer.open_record(HEAD)
    add(writer, 0, 100)
    recorder = Recorder(run_folder(path), path)
    yield path, writer, recorder
    writer.release()
    recorder.leave()


def finish(writer, recorder):
    writer.end(END)
    writer.close()
    return recorder.finish()


def test_the_live_view_follows_and_the_closed_file_replaces_it(begun):
    path, writer, recorder = begun
    live = run_folder(path) / "live.h5"
    until(lambda: live_rows(live) == 100, "100 rows in the live view")
    add(writer, 100, 1700)
    until(lambda: live_rows(live) == 1700, "1700 rows in the live view")
    closed = finish(writer, recorder)
    assert closed.rows == 1700
    right(benchlab.open(path), 1700)
    assert [p.name for p in path.parent.iterdir()] == ["a.h5"]


def test_a_killed_recorder_disturbs_nothing(begun):
    path, writer, recorder = begun
    until(lambda: live_rows(run_folder(path) / "live.h5") == 100, "the recorder at work")
    recorder._child.send_signal(signal.SIGKILL)
    recorder._child.wait(10)
    assert add(writer, 100, 200)
    assert finish(writer, recorder).rows == 200
    right(benchlab.open(path), 200)


def test_a_killed_recorder_is_started_again_and_finds_what_it_missed(begun):
    path, writer, recorder = begun
    live = run_folder(path) / "live.h5"
    until(lambda: live_rows(live) == 100, "the recorder at work")
    assert recorder.revive() == ""
    for first in (100, 200):
        killed = recorder._child
        killed.send_signal(signal.SIGKILL)
        killed.wait(10)
        assert add(writer, first, first + 100)
        assert recorder.revive() == ""
        said = []
        until(lambda said=said: said.append(recorder.revive()) or said[-1], "another recorder")
        assert len(said) > 10, "it was started again in a tight loop"
        assert "signal 9" in said[-1]
        assert recorder._child.pid != killed.pid
        until(lambda count=first + 100: live_rows(live) == count, "all rows in the live view")
    assert finish(writer, recorder).rows == 300
    right(benchlab.open(path), 300)


def test_a_recorder_that_keeps_dying_is_left_and_the_run_goes_on(begun, monkeypatch):
    path, writer, recorder = begun
    monkeypatch.setattr("benchlab.store.recorder.PAUSE_SECOND", 0.0)
    said = [""]
    while "left so" not in said[-1] and len(said) < 20:
        recorder._child.kill()
        recorder._child.wait(10)
        said.append(recorder.revive() or recorder.revive())
        assert said[-1]
    assert len(said) - 2 == DEATHS
    assert recorder.revive() == ""
    add(writer, 100, 200)
    assert finish(writer, recorder).rows == 200
    right(benchlab.open(path), 200)


@pytest.mark.parametrize("mode", ["w", "r+"])
def test_another_program_that_writes_into_the_live_view_spoils_only_that(begun, mode):
    path, writer, recorder = begun
    live = run_folder(path) / "live.h5"
    until(lambda: live_rows(live) == 100, "the recorder at work")
    script = (
        "import h5py, sys; f = h5py.File(sys.argv[1], sys.argv[2], locking=False);"
        " f['mine'] = [1]; f.close()"
    )
    subprocess.run([sys.executable, "-c", script, live, mode], check=False, capture_output=True)
    for first in range(100, 1000, 100):
        assert add(writer, first, first + 100)
    assert finish(writer, recorder).rows == 1000
    right(benchlab.open(path), 1000)


def test_a_live_view_that_is_removed_is_not_missed(begun):
    path, writer, recorder = begun
    live = run_folder(path) / "live.h5"
    until(lambda: live_rows(live) == 100, "the recorder at work")
    live.unlink()
    add(writer, 100, 300)
    assert finish(writer, recorder).rows == 300
    right(benchlab.open(path), 300)


def test_a_recorder_whose_run_was_cut_off_leaves_it_to_be_recovered(begun):
    path, writer, recorder = begun
    writer.release()
    assert recorder._child.wait(20) == 0
    assert benchlab.open(path).state == "interrupted"
    assert recover_run(path, close=close_in_child).rows == 100
    right(benchlab.open(path), 100)


def test_a_folder_removed_under_a_run_is_written_again(tmp_path):
    path = tmp_path / "a.h5"
    writer = JournalWriter(run_folder(path), durable=True, segment_bytes=4096)
    writer.open_record(HEAD)
    for first in range(0, 200, 10):
        add(writer, first, first + 10)
    shutil.rmtree(run_folder(path))
    caught = []

    def noticed():
        try:
            writer.flush()
        except StorageError as error:
            caught.append(error)
        return caught

    until(noticed, "an error that says so")
    assert "removed by another program" in str(caught[0])
    assert caught[0].remedy
    # what the bench does about it comes first, and later than the last row
    failed = {"test_time_second": 199.5, "unix_time_nanosecond": 200, "kind": "failed"}
    writer.event(failed | {"actor": "bench", "text": "the run is ended"})
    add(writer, 200, 210)
    writer.end(END)
    writer.close()
    events = read_journal(run_folder(path)).events
    assert [event["kind"] for event in events] == ["failed", "storage"]
    times = [event["test_time_second"] for event in events]
    assert times == sorted(times)
    close_in_child(run_folder(path), path)
    right(benchlab.open(path), 210)


@pytest.fixture
def small_disk(disk_of):
    """A disk of 24 MB of its own."""
    return disk_of(24)


def fill(place):
    """Take all the space there is."""
    ballast = place / "ballast"
    with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(1 << 16)):
            pass
    return ballast


def test_a_full_disk_holds_rows_in_memory_until_there_is_space(small_disk):
    path = small_disk / "a.h5"
    told = []
    writer = JournalWriter(run_folder(path), durable=True, segment_bytes=1 << 20, tell=told.append)
    writer.open_record(HEAD)
    recorder = Recorder(run_folder(path), path)
    add(writer, 0, 1000)
    ballast = fill(small_disk)
    handed = [add(writer, first, first + 1000) for first in range(1000, 60_000, 1000)]
    assert handed[-1] is False
    assert writer.waiting_bytes > 1 << 20
    ballast.unlink()
    assert add(writer, 60_000, 60_010)
    assert writer.waiting_bytes == 0
    assert "wait in memory" in told[0]
    assert "none was lost" in told[1]
    assert finish(writer, recorder).rows == 60_010
    run = benchlab.open(path)
    right(run, 60_010)
    assert "storage" in run.events["kind"].tolist()


def test_a_disk_full_at_the_close_leaves_the_journal_and_recover_finishes(small_disk):
    path = small_disk / "a.h5"
    writer = JournalWriter(run_folder(path), durable=True, segment_bytes=1 << 20)
    writer.open_record(HEAD)
    add(writer, 0, 20_000)
    writer.end(END)
    writer.close()
    ballast = fill(small_disk)
    with pytest.raises(StorageError) as caught:
        close_in_child(run_folder(path), path)
    assert caught.value.remedy
    assert not path.exists()
    assert len(benchlab.open(path)) == 20_000
    ballast.unlink()
    assert recover_run(path, close=close_in_child).rows == 20_000
    right(benchlab.open(path), 20_000)
    assert [p.name for p in small_disk.iterdir()] == ["a.h5"]


def test_a_reserve_that_is_touched_ends_the_run_while_its_file_can_be_closed(small_disk):
    path = small_disk / "a.h5"
    reserve = 6_000_000
    writer = JournalWriter(run_folder(path), durable=True, segment_bytes=1 << 20, reserve=reserve)
    writer.open_record(HEAD)
    add(writer, 0, 1000)
    (small_disk / "ballast").write_bytes(bytes(18_000_000))
    caught = []

    def noticed():
        try:
            writer.flush()
        except StorageError as error:
            caught.append(error)
        return caught

    until(noticed, "an error that says so")
    assert "less than the reserve of 6 MB" in str(caught[0])
    assert add(writer, 1000, 1010)
    writer.state({"test_time_second": 1.0})
    assert read_journal(run_folder(path)).state["disk_days_left"] == 0.0
    writer.end(END)
    writer.close()
    assert close_in_child(run_folder(path), path).rows == 1010


def test_a_folder_on_a_read_only_disk_is_a_sentence(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StorageError, match="Read-only file system"):
        JournalWriter(small_disk / "a.run", durable=True)
