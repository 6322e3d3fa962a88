"""Before the first current and beside the run: nothing may leave an output on."""

import os
import signal
import socket
import threading
from pathlib import Path

import pytest

import benchlab as api

PROTOCOL = """\
name: short
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.2 Ah}
control: {period: 0.1 s}
steps:
  - Charge at C/2 for %s s
"""


class Relay:
    """Passes lines between a run and an instrument, and says when a reading is asked for."""

    def __init__(self, port):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.instrument = port
        self.reading = threading.Event()
        self.go = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.pass_on, args=(near,), daemon=True).start()

    def pass_on(self, near):
        far = socket.create_connection(("127.0.0.1", self.instrument))
        with near, far, near.makefile("rb") as requests, far.makefile("rb") as answers:
            try:
                for line in requests:
                    far.sendall(line)
                    answer = answers.readline()
                    if line.startswith(b":READ?"):
                        self.reading.set()
                        self.go.wait(20)
                    near.sendall(answer)
            except OSError:
                return

    def close(self):
        self.go.set()
        self.server.close()


def ask(port, *requests):
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        for request in requests:
            line.sendall(request + b"\n")
        with line.makefile("rb") as answers:
            return answers.readline().strip()


def off_within(port, seconds):
    """Return once the output is off, asking again and again without sleeping."""
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.settimeout(0.05)
        for _ in range(int(seconds / 0.05)):
            if ask(port, b":OUTP?") == b"0":
                return True
            with pytest.raises(TimeoutError):
                reader.recv(1)
    return False


@pytest.fixture
def instrument(serve):
    """Serve an instrument and return its port."""
    return int(serve("--ideal")["resource"].split("::")[2])


@pytest.fixture
def run(tmp_path, start):
    """Start a run of some seconds on a port."""

    def begin(port, seconds=600, *words):
        path = tmp_path / "p.yaml"
        path.write_text(PROTOCOL % seconds)
        channel = f"keithley2450@TCPIP::127.0.0.1::{port}::SOCKET"
        return start("run", path, "--channel", channel, "--out", tmp_path / "o.h5", *words)

    return begin


def test_an_output_found_on_is_switched_off_whatever_errors_wait(instrument, run):
    volts = b":SOUR:VOLT:RANG 20;:SOUR:VOLT 3.5;:SOUR:VOLT:ILIM 0.01"
    assert ask(instrument, volts, b"BOGUS", b"BOGUS", b":OUTP ON;:OUTP?") == b"1"
    child = run(instrument, 1)
    _, stderr = child.communicate(timeout=60)
    assert child.returncode == 0, stderr
    assert ask(instrument, b":OUTP?") == b"0"


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 31), (signal.SIGTERM, 31), (signal.SIGHUP, 31), (signal.SIGKILL, -9)],
    ids=lambda x: getattr(x, "name", ""),
)
def test_a_signal_during_the_look_at_the_cell_leaves_the_output_off(
    instrument, run, tmp_path, number, code
):
    relay = Relay(instrument)
    child = run(relay.port)
    assert relay.reading.wait(30)
    assert ask(instrument, b":OUTP?") == b"1"
    os.kill(child.pid, number)
    relay.go.set()
    child.communicate(timeout=30)
    assert child.returncode == code
    assert off_within(instrument, 10)
    assert not (tmp_path / "o.h5").exists()
    relay.close()


def test_a_second_run_on_the_same_instrument_is_refused(instrument, run, start, tmp_path):
    relay = Relay(instrument)
    first = run(relay.port)
    assert relay.reading.wait(30)
    channel = f"keithley2450@TCPIP::127.0.0.1::{relay.port}::SOCKET"
    second = start("run", tmp_path / "p.yaml", "--channel", channel, "--out", tmp_path / "b.h5")
    _, stderr = second.communicate(timeout=30)
    assert second.returncode == 20
    assert "another run on this computer" in stderr
    first.send_signal(signal.SIGTERM)
    relay.go.set()
    first.communicate(timeout=30)
    relay.close()


def test_a_guardian_that_was_ended_is_replaced_and_the_run_goes_on(instrument, run, tmp_path):
    child = run(instrument, 6)
    killed = False
    for _ in range(400):
        found = guardians(child.pid)
        if found and (tmp_path / "o.run").exists():
            os.kill(found[0], signal.SIGKILL)
            killed = True
            break
        ask(instrument, b":OUTP?")
    assert killed
    _, stderr = child.communicate(timeout=60)
    assert child.returncode == 0, stderr
    assert "another was started" in stderr
    assert api.open(tmp_path / "o.h5").meta["end_reason"] == "done"


def guardians(parent):
    """Return the process numbers of a run's guardians."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes()
                status = (folder / "status").read_text()
            except OSError:
                continue
            if b"benchlab.service.guardian" in words and f"PPid:\t{parent}\n" in status:
                found.append(int(folder.name))
    return found


def test_the_truth_never_replaces_a_file(benchlab, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(PROTOCOL % 1)
    fast = ("run", path, "--channel", "sim:keithley2450", "--fast", "--out", tmp_path / "o.h5")
    for truth, code in ((path, 12), (tmp_path / "o.h5", 12), (tmp_path / "no" / "t.json", 50)):
        done = benchlab(*fast, "--truth", truth)
        assert done.returncode == code, done.stderr
    assert path.read_text() == PROTOCOL % 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.yaml"]


def test_a_name_that_is_too_long_is_a_sentence(benchlab, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(PROTOCOL % 1)
    out = tmp_path / ("x" * 300 + ".h5")
    done = benchlab("run", path, "--channel", "sim:keithley2450", "--fast", "--out", out)
    assert done.returncode == 50
    assert "shorter name" in done.stderr
