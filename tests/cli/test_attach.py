"""A host that is killed while an instrument runs the protocol by itself, and the next one.

The instrument is in a process of its own, on a real socket and clock.
"""

import shutil
import signal
import socket

import numpy as np
import pytest

import benchlab as api
from benchlab.errors import FileNotReadable
from benchlab.model.columns import ROW_COLUMNS
from benchlab.store.closed import table_digest
from benchlab.store.journal import run_folder
from benchlab.store.journal_read import read_journal

PROTOCOL = """\
name: short
cell: {type: nmc811_graphite_pouch, nominal_capacity: 0.2 Ah}
capacity: {C: 0.2 Ah}
control: {period: 1 s}
record: {every: 0.1 s}
steps:
  - repeat: 2
    counts_as: cycle
    steps:
      - Charge at C/2 for 1 s
      - Rest for 0.3 s
      - Discharge at C/2 for 1 s
      - Rest for 0.3 s
"""
SECONDS = 5.5


def rows_when(out, run, rows):
    """Return once the run under way has that many rows."""
    for _ in range(800):
        if (run_folder(out) / "journal").exists():
            try:
                if len(api.open(out)) >= rows:
                    return
            except FileNotReadable:
                continue
        assert run.poll() is None, run.communicate()
        pause(0.02)
    raise AssertionError(f"no {rows} rows")


def pause(seconds):
    """Let time pass for other processes without sleeping here: nobody writes to this pipe."""
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.settimeout(seconds)
        with pytest.raises(TimeoutError):
            reader.recv(1)


def recorded(path):
    """Return what does not depend on who recorded it, and when: digests of rows and steps."""
    run = api.open(path)
    return table_digest(run.rows()), table_digest(run.steps)


def neither_lost_nor_doubled(path):
    """Hold each row and step of a closed run against what the protocol must give."""
    run = api.open(path)
    times = run["test_time_second"]
    assert np.all(np.diff(times[run["step_count"] == 1]) > 0.0)
    assert run.steps["step_count"].tolist() == list(range(1, 9))
    for step in run.steps.records():
        inside = run["step_count"] == step["step_count"]
        second = step["end_time_second"] - step["start_time_second"]
        assert inside.sum() == round(second / 0.1) + 1, step
        assert np.flatnonzero(inside).tolist() == list(
            range(step["first_row"], step["last_row"] + 1)
        )
    assert run.meta["end_reason"] == "done"


@pytest.mark.parametrize("after_its_end", [False, True], ids=["under way", "ended meanwhile"])
def test_kill_the_host_and_attach(tmp_path, serve, start, benchlab, after_its_end):
    protocol = tmp_path / "p.yaml"
    protocol.write_text(PROTOCOL)
    resource = serve(driver="neware_bts8")["resource"]
    channel = f"neware_bts8@{resource}#3"
    out = tmp_path / "a.h5"
    host = start("run", protocol, "--channel", channel, "--out", out)
    rows_when(out, host, 1)
    # what a host leaves that dies in its first second: the next one records nearly everything
    shutil.copytree(run_folder(out), tmp_path / "b.run")
    early = len(read_journal(tmp_path / "b.run").rows)
    rows_when(out, host, 20)
    host.send_signal(signal.SIGKILL)
    host.wait(20)
    left = read_journal(run_folder(out))
    assert 20 <= left.row_count < 56
    if after_its_end:
        pause(SECONDS)
    done = benchlab("attach", protocol, run_folder(out), "--channel", channel)
    assert done.returncode == 0, done.stderr
    assert f"behind {left.row_count} rows" in done.stderr
    neither_lost_nor_doubled(out)
    run = api.open(out)
    for name in ROW_COLUMNS:
        np.testing.assert_array_equal(run[name][: left.row_count], left.rows[name], err_msg=name)

    again = benchlab("attach", protocol, tmp_path / "b.run", "--channel", channel)
    assert again.returncode == 0, again.stderr
    assert early < left.row_count
    assert recorded(tmp_path / "b.h5") == recorded(out)
    assert benchlab("check", out).returncode == 0


def test_another_protocol_or_channel_is_left_alone(tmp_path, serve, start, benchlab):
    protocol = tmp_path / "p.yaml"
    protocol.write_text(PROTOCOL)
    resource = serve(driver="neware_bts8")["resource"]
    host = start(
        "run", protocol, "--channel", f"neware_bts8@{resource}", "--out", tmp_path / "a.h5"
    )
    rows_when(tmp_path / "a.h5", host, 5)
    host.send_signal(signal.SIGKILL)
    host.wait(20)
    folder = tmp_path / "a.run"
    other = tmp_path / "q.yaml"
    other.write_text(PROTOCOL.replace("for 1 s", "for 2 s"))
    for words in (
        ("attach", other, folder, "--channel", f"neware_bts8@{resource}"),
        ("attach", protocol, folder, "--channel", f"neware_bts8@{resource}#2"),
    ):
        refused = benchlab(*words)
        assert refused.returncode != 0
        assert "left alone" in refused.stderr
    assert folder.is_dir()
