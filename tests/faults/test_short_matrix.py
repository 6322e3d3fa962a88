"""The short form of the fault matrix: a simulator in another process, a real port or pty.

The whole of it is `python -m benchmarks.fault_matrix`; docs/faults.md keeps its table.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _matrix():
    spec = importlib.util.spec_from_file_location(
        "fault_matrix", ROOT / "benchmarks/fault_matrix.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks itself up
    spec.loader.exec_module(module)
    return module


matrix = _matrix()
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


def test_a_whole_run_goes_on_after_a_late_reply(tmp_path):
    """By the command, with its own time-out: no row under a wrong name, and an event says why."""
    import json

    import benchlab as api

    (tmp_path / "p.yaml").write_text(
        "name: short\ncell: {type: nmc811_graphite_pouch}\ncapacity: {C: 0.2 Ah}\n"
        "control: {period: 0.1 s}\nrecord: {every: 0.1 s}\n"
        "steps:\n  - Charge at C/2 for 5 s\n  - Discharge at 1C for 2 s\n"
    )
    (tmp_path / "f.yaml").write_text(
        "faults:\n  - {matching: READ, request: 12, do: late, by: 3.3 s}\n"
    )
    words = [sys.executable, "-m", "benchlab"]
    serve = subprocess.Popen(
        [*words, "sim", "serve", "keithley2450", "--ideal", "--faults", tmp_path / "f.yaml"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        resource = json.loads(serve.stdout.readline())["resource"]
        done = subprocess.run(
            [*words, "run", "p.yaml", "--channel", f"keithley2450@{resource}", "--out", "o.h5"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        serve.terminate()
        assert '"late"' in serve.communicate(timeout=10)[0]
    assert done.returncode == 0, done.stderr
    opened = api.open(tmp_path / "o.h5")
    step, current = opened["step_count"], opened["current_ampere"]
    for number, ampere in ((1, 0.1), (2, -0.2)):
        assert current[step == number] == pytest.approx(ampere, rel=0.02)
    volts = opened["voltage_volt"]
    assert ((volts > 3.0) & (volts < 4.2)).all()
    times = opened["test_time_second"]
    assert (times[1:] > times[:-1]).all()
    assert (times[1:] - times[:-1]).max() > 2.9, "the fault did not happen while it measured"
