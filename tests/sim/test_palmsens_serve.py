"""The command serves an instrument that streams, in a process of its own."""

import json
import subprocess
import sys

import pytest

from benchlab.bench.clock import RealClock
from benchlab.errors import LinkError
from benchlab_drivers.palmsens_methodscript import connect

SERVE = (sys.executable, "-m", "benchlab", "sim", "serve")


@pytest.mark.parametrize(
    ("name", "model"), [("palmsens_methodscript", "EmStat4 HR"), ("palmsens_nexus", "Nexus")]
)
def test_a_served_instrument_is_identified_and_looks_at_its_cell(name, model):
    words = (*SERVE, name, "--cell", "lfp_half_coin")
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            driver = connect(json.loads(server.stdout.readline())["resource"], RealClock())
            assert driver.open().model == model
            assert 3.0 < driver.look("1").voltage < 3.7
            assert driver.safe("1").proven
            driver.close()
        finally:
            server.terminate()
    assert server.returncode == 0


def test_a_script_spoils_what_it_says_and_tells_so(tmp_path):
    script = tmp_path / "f.yaml"
    script.write_text("faults:\n  - {matching: '^i', do: garbled}\n")
    words = (*SERVE, "palmsens_methodscript", "--faults", str(script))
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            driver = connect(json.loads(server.stdout.readline())["resource"], RealClock())
            with pytest.raises(LinkError):
                driver.open()
            told = json.loads(server.stdout.readline())
            assert (told["fault"], told["said"][:1]) == ("garbled", "i")
            driver.recover()
            assert driver.safe("1").proven
            driver.close()
        finally:
            server.terminate()


def test_a_fault_that_it_cannot_have_is_refused_with_its_line(tmp_path):
    script = tmp_path / "f.yaml"
    script.write_text("faults:\n  - {at: 1 s, do: watchdog}\n")
    words = (*SERVE, "palmsens_methodscript", "--faults", str(script))
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "f.yaml:2" in done.stderr
