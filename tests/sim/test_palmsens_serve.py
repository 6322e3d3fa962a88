"""The command serves an instrument that streams, in a process of its own."""

import json
import subprocess
import sys

import pytest

from benchlab.bench.clock import RealClock
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
