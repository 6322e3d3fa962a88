"""Whole runs on disks that fill, and recorders that die, over a real socket and clock."""

import contextlib
import json
import os
import signal
import socket
import sys

import h5py
import numpy as np
import pytest

import benchlab as api
from benchlab.errors import FileNotReadable
from benchlab.store.journal_frame import run_folder
from benchlab.store.journal_read import has_journal, read_journal
from benchlab.store.recover import recover_run

PROTOCOL = """\
name: short
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.2 Ah}
control: {period: 0.1 s}
record: {every: 0.1 s}
steps:
  - Charge at C/2 for 600 s
"""


@pytest.fixture
def go(tmp_path, serve, start):
    """Start a run in a folder; return it and its instrument's port."""

    def begin(folder, *words):
        (tmp_path / "p.yaml").write_text(PROTOCOL)
        resource = serve("--ideal")["resource"]
        channel = f"keithley2450@{resource}"
        out = folder / "o.h5"
        run = start(
            "run", tmp_path / "p.yaml", "--channel", channel, "--out", out, *words,
            start_new_session=True,
        )  # fmt: skip
        return run, out, int(resource.split("::")[2])

    return begin


@pytest.fixture
def small_disk(disk_of):
    """A disk of 48 MB of its own."""
    return disk_of(48)


def wait_for_rows(out, count, run):
    for _ in range(400):
        if has_journal(run_folder(out)):
            try:
                if len(api.open(out)) >= count:
                    return
            except FileNotReadable:
                pass
        if run.poll() is not None:
            break
        pause()
    raise AssertionError(f"no {count} rows: {run.communicate()}")


def pause():
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.settimeout(0.05)
        with pytest.raises(TimeoutError):
            reader.recv(1)


def is_on(port):
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall(b":OUTP?\n")
        return line.makefile("rb").readline().strip() == b"1"


def live_rows(path):
    try:
        with h5py.File(path, "r", swmr=True, locking=False) as file:
            return int(file["state"]["rows"][0])
    except (OSError, KeyError):
        return -1


def recorder_of(run):
    """Return the process id of a run's recorder."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as stat, open(f"/proc/{name}/cmdline") as words:
                    ours = stat.read().rsplit(")", 1)[1].split()[1] == str(run.pid)
                    if ours and "benchlab.store.recorder" in words.read():
                        return int(name)
            except OSError:
                continue
    raise AssertionError("the run has no recorder")


def test_a_filling_disk_makes_the_cell_safe_and_the_file_is_complete(go, small_disk):
    run, out, port = go(small_disk, "--reserve-mb", "12")
    wait_for_rows(out, 20, run)
    assert is_on(port)
    state = read_journal(run_folder(out)).state
    assert state["disk_free_bytes"] > state["disk_reserve_bytes"] == 12_000_000
    (small_disk / "ballast").write_bytes(bytes(28_000_000))
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 50, stderr
    assert "less than the reserve of 12 MB" in " ".join(stderr.split())
    assert not is_on(port)
    closed = api.open(out)
    assert closed.meta["end_reason"] == "failed"
    assert closed.meta["output_proven_off"] is True
    assert len(closed) >= 20
    assert not run_folder(out).exists()


def test_a_disk_without_the_reserve_starts_nothing(go, small_disk):
    run, out, _ = go(small_disk, "--reserve-mb", "100")
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 50
    assert "nothing was started" in " ".join(stderr.split())
    assert list(small_disk.iterdir()) == []
    assert not out.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="children are found in /proc")
def test_a_killed_recorder_is_replaced_and_ctrl_c_for_the_whole_group_closes_it(go, tmp_path):
    run, out, port = go(tmp_path)
    wait_for_rows(out, 20, run)
    live = run_folder(out) / "live.h5"
    for _ in range(200):
        if live.exists():
            break
        pause()
    killed = recorder_of(run)
    os.kill(killed, signal.SIGKILL)
    seen = len(api.open(out))
    wait_for_rows(out, seen + 15, run)
    other = killed
    for _ in range(400):
        with contextlib.suppress(AssertionError):
            other = recorder_of(run)
        if other != killed and live_rows(live) > seen:
            break
        pause()
    assert other != killed, "no recorder was started again"
    assert live_rows(live) > seen
    os.killpg(run.pid, signal.SIGINT)
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 31, stderr
    assert not is_on(port)
    closed = api.open(out)
    assert closed.state == "closed"
    assert len(closed) >= seen + 15
    assert closed["step_count"].min() == 1
    # each 0.1 s has its row, from the first to the last
    assert np.diff(closed["test_time_second"]).max() < 0.35
    told = [e["text"] for e in closed.events.records() if e["kind"] == "recorder"]
    assert len(told) == 1
    assert "signal 9" in told[0]
    assert not run_folder(out).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="children are found in /proc")
def test_ctrl_c_reaches_the_run_and_not_its_recorder(go, tmp_path):
    run, out, _ = go(tmp_path)
    wait_for_rows(out, 20, run)
    recorder_of(run)
    os.killpg(run.pid, signal.SIGINT)
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 31, stderr
    assert "given up" not in stderr
    assert "Traceback" not in stderr
    assert api.open(out).meta["end_reason"] == "stopped"


def test_a_killed_run_is_recovered_by_the_command(go, tmp_path, benchlab):
    run, out, port = go(tmp_path)
    wait_for_rows(out, 20, run)
    with h5py.File(run_folder(out) / "mine.h5", "w") as strange:
        strange["x"] = 1
    alive = benchlab("recover", out)
    assert alive.returncode == 10
    assert "another process is recording" in alive.stderr
    os.kill(run.pid, signal.SIGKILL)
    run.wait(20)
    for _ in range(200):
        if not is_on(port):
            break
        pause()
    before = api.open(out)
    assert before.state == "interrupted"
    done = benchlab("recover", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    (told,) = json.loads(done.stdout)
    closed = api.open(out)
    assert told["rows"] == len(closed) == len(before)
    assert closed.meta["end_reason"] == "interrupted"
    assert closed.events["kind"].tolist()[-1] == "recovered"
    assert "guardian" in closed.events["actor"].tolist()
    assert closed["voltage_volt"].tolist() == before["voltage_volt"].tolist()
    assert not run_folder(out).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows moves no folder of an open file")
def test_a_moved_folder_is_told_once_with_one_remedy(go, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    run, out, port = go(home)
    wait_for_rows(out, 20, run)
    home.rename(tmp_path / "elsewhere")
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 50, stderr
    assert not is_on(port)
    (said,) = [line for line in stderr.splitlines() if line.startswith("benchlab: ")]
    assert said.count(str(run_folder(out))) == 1
    assert said.count("benchlab recover") == 1
    assert "its closed file was not written" in said
    assert recover_run(tmp_path / "elsewhere" / out.name).error is None
    assert len(api.open(tmp_path / "elsewhere" / out.name)) >= 20
