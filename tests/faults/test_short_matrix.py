"""The short form of the fault matrix: a simulator in another process, a real port or pty.

The whole of it is `python -m benchmarks.fault_matrix`; docs/faults.md keeps its table.
"""

import json
import signal
import subprocess
import sys
import time

import pytest

import benchlab as api
from benchlab import plugins
from benchmarks import fault_matrix as matrix

PTY = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
BOTH = [False, pytest.param(True, marks=PTY)]


@pytest.mark.parametrize("pty", BOTH, ids=["tcp", "pty"])
@pytest.mark.parametrize("driver", [*matrix.SOURCES, *matrix.BESIDE])
def test_a_late_reply_never_becomes_another_value(driver, pty):
    """0.6 s late with a time-out of 0.3 s, then the next values in turn."""
    result = matrix.one(driver, "late", pty=pty)
    assert result.happened
    assert result.wrong == []
    assert result.values > 3
    assert result.became == "resumed"
    assert result.good, result


@pytest.mark.parametrize("driver", matrix.OTHERS)
def test_a_late_reply_never_becomes_another_state_or_row(driver):
    """A relay is switched in turn; an executor's rows are those of its own steps."""
    result = matrix.one(driver, "late")
    assert result.happened
    assert result.wrong == []
    assert result.values >= 8
    assert result.became == "resumed" or driver == "palmsens_methodscript", "it only streams"
    assert result.good, result


def test_every_driver_is_in_the_matrix_and_its_table_is_kept():
    assert {*matrix.SOURCES, *matrix.BESIDE, *matrix.OTHERS} == set(plugins.names("drivers"))
    table = matrix.DOCS.read_text().partition(matrix.BEGIN)[2].partition(matrix.END)[0]
    faults = {line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[3:]}
    assert set(matrix.FAULTS) <= faults
    assert ", 0 bad;" in table


@pytest.mark.parametrize("fault", ["fin", "garbled", "request lost", "vanish"])
def test_a_source_on_a_port(fault):
    result = matrix.one("keithley2450", fault)
    assert result.good, result
    assert result.off == "proven" or "switched off when it was back" in result.off


@PTY
@pytest.mark.parametrize("fault", ["rst", "truncated"])
def test_a_source_on_a_pty(fault):
    result = matrix.one("keysight_rp7900", fault, pty=True)
    assert result.good, result


WORDS = [sys.executable, "-m", "benchlab"]
PROTOCOL = """\
name: short
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.2 Ah}
control: {period: 0.1 s}
record: {every: 0.1 s}
steps:
  - Charge at C/2 for 5 s
  - Discharge at 1C for 2 s
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Start a run on a served 2450 with one fault; return the run and the instrument's process."""
    monkeypatch.setenv("BENCHLAB_GUARDIAN_SECONDS", "2")
    started = []

    def start(fault):
        (tmp_path / "p.yaml").write_text(PROTOCOL)
        (tmp_path / "f.yaml").write_text(f"faults:\n  - {{{fault}}}\n")
        words = [*WORDS, "sim", "serve", "keithley2450", "--ideal", "--faults", "f.yaml"]
        serve = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        started.append(serve)
        resource = json.loads(serve.stdout.readline())["resource"]
        words = [*WORDS, "run", "p.yaml", "--channel", f"keithley2450@{resource}", "--out", "o.h5"]
        going = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        started.append(going)
        return going, serve

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


def test_a_whole_run_goes_on_after_a_late_reply(run, tmp_path):
    """By the command, with its own time-out: no row under a wrong name, and the file says why."""
    going, serve = run("matching: READ, request: 12, do: late, by: 3.3 s")
    _, stderr = going.communicate(timeout=60)
    assert going.returncode == 0, stderr
    assert json.loads(serve.stdout.readline())["fault"] == "late"
    opened = api.open(tmp_path / "o.h5")
    step, current = opened["step_count"], opened["current_ampere"]
    for number, ampere in ((1, 0.1), (2, -0.2)):
        assert current[step == number] == pytest.approx(ampere, rel=0.02)
    volts = opened["voltage_volt"]
    assert ((volts > 3.0) & (volts < 4.2)).all()
    times = opened["test_time_second"]
    assert (times[1:] > times[:-1]).all()
    assert (times[1:] - times[:-1]).max() > 2.9, "the fault did not happen while it measured"
    texts = {event["kind"]: event["text"] for event in opened.events.records()}
    assert "no answer to" in texts["transcript"]
    assert texts["transcript"].count("READ?") > 5


def test_a_stop_does_not_wait_for_an_instrument_that_fell_silent(run):
    going, serve = run("matching: '.', request: 75, times: for ever, do: silent")
    assert json.loads(serve.stdout.readline())["fault"] == "silent"
    asked = time.monotonic()
    going.send_signal(signal.SIGINT)
    going.wait(30)
    assert going.returncode == 40, "nobody can prove such an output off"
    # three waits of half a second, the guardian's two seconds, and starting it
    assert time.monotonic() - asked < 12.0
