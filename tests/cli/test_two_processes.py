"""A simulated instrument in one process, the run in another, over a real socket and clock."""

import itertools
import os
import random
import signal
import socket

import pytest

import benchlab as api
from benchlab.errors import FileNotReadable
from benchlab.store.journal import run_folder

PROTOCOL = """\
name: short
cell: {{type: nmc811_graphite_pouch}}
capacity: {{C: 0.2 Ah}}
control: {{period: 0.1 s}}
record: {{every: 0.1 s}}
steps:
  - {{rest: 1 s, output: zero current}}
  - Charge at C/2 for {seconds} s
  - Rest for 1 s
"""


@pytest.fixture
def go(tmp_path, serve, start):
    """Serve an instrument and start a run on it; return the run, its file and the port."""

    def begin(seconds):
        (tmp_path / "p.yaml").write_text(PROTOCOL.format(seconds=seconds))
        resource = serve("--ideal")["resource"]
        out = tmp_path / "o.h5"
        run = start(
            "run", tmp_path / "p.yaml", "--channel", f"keithley2450@{resource}", "--out", out
        )
        return run, out, int(resource.split("::")[2])

    return begin


def ask(port, request):
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall(request + b"\n")
        return line.makefile("rb").readline().strip()


def wait_for_rows(out, count, run):
    """Return once the run has that many rows, by reading it as anybody may."""
    for _ in range(400):
        if (run_folder(out) / "journal").exists():
            try:
                opened = api.open(out)
            except FileNotReadable:
                continue
            if len(opened) >= count:
                return opened
        if run.poll() is not None:
            break
        with pytest.raises(TimeoutError):
            wait(0.05)
    raise AssertionError(f"no {count} rows: {run.communicate()}")


def wait(seconds):
    """Let time pass for another process without sleeping here: nobody ever writes to this pipe."""
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.settimeout(seconds)
        reader.recv(1)


def test_every_control_period_has_its_reading(go):
    run, out, port = go(5)
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 0, stderr
    assert "0 without a reading" in stderr
    opened = api.open(out)
    lateness = opened.meta["lateness"]
    assert lateness["missed"] == 0
    charge = opened.steps["reading_count"][1]
    assert charge >= 50
    gaps = opened["test_time_second"][opened["step_count"] == 2]
    assert max(b - a for a, b in itertools.pairwise(gaps)) < 0.2
    assert opened.steps["step_charging_capacity_ah"][1] == pytest.approx(0.1 * 5 / 3600, rel=5e-3)
    assert ask(port, b":OUTP?") == b"0"


def test_a_run_is_readable_while_it_goes_on_and_ctrl_c_switches_off(go):
    run, out, port = go(600)
    opened = wait_for_rows(out, 30, run)
    assert opened.state == "running"
    assert ask(port, b":OUTP?") == b"1"
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=30)
    assert run.returncode == 31, stderr
    assert ask(port, b":OUTP?") == b"0"
    closed = api.open(out)
    assert closed.state == "closed"
    assert closed.meta["end_reason"] == "stopped"
    assert len(closed) >= len(opened)
    assert closed["voltage_volt"][: len(opened)].tolist() == pytest.approx(
        opened["voltage_volt"].tolist(), nan_ok=True
    )
    assert not run_folder(out).exists()


def test_a_killed_run_keeps_every_flushed_row_and_its_output_goes_off(go):
    run, out, port = go(600)
    before = wait_for_rows(out, 30 + random.randrange(20), run)
    os.kill(run.pid, signal.SIGKILL)
    run.wait(20)
    after = api.open(out)
    assert after.state == "interrupted"
    assert len(after) >= len(before)
    for name in ("test_time_second", "voltage_volt", "current_ampere"):
        assert after[name][: len(before)].tolist() == pytest.approx(
            before[name].tolist(), nan_ok=True
        )
    for _ in range(200):
        if ask(port, b":OUTP?") == b"0":
            break
        with pytest.raises(TimeoutError):
            wait(0.05)
    assert ask(port, b":OUTP?") == b"0", "the guardian did not switch off"


def test_an_instrument_that_vanishes_is_said_to_be_not_proven_off(tmp_path, serve, start):
    (tmp_path / "p.yaml").write_text(PROTOCOL.format(seconds=600))
    served = serve("--ideal")
    out = tmp_path / "o.h5"
    channel = f"keithley2450@{served['resource']}"
    run = start("run", tmp_path / "p.yaml", "--channel", channel, "--out", out)
    seen = wait_for_rows(out, 20, run)
    os.kill(served["pid"], signal.SIGKILL)
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 40, stderr
    assert "by hand" in stderr
    assert "benchlab guardian: the process that drove" in stderr, "it must try once more"
    assert "Traceback" not in stderr
    closed = api.open(out)
    assert closed.meta["end_reason"] == "failed"
    assert closed.meta["output_proven_off"] is False
    assert len(closed) >= len(seen)
