"""A world in another process: a source, a logger, a chamber and a relay around one cell."""

import json
import math
import subprocess
import sys

import pytest

from benchlab import plugins
from benchlab.bench.clock import RealClock
from benchlab.bench.roles import ArmLimits, Mode, Setpoint

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")

WORDS = [sys.executable, "-m", "benchlab", "sim", "serve"]
WORLD = """\
ideal: yes
cells:
  a: {type: nmc811_graphite_pouch, capacity: 0.2 Ah}
instruments:
  - {driver: keithley2450, cell: a}
  - {driver: keithley_daq6510, cell: a}
  - {driver: espec_p300, cell: a, wire: pty}
  - {driver: waveshare_relay, cell: a}
"""
FAULTS = """\
faults:
  - {instrument: keithley_daq6510, matching: INIT, request: 3, do: thermocouple_lost, for: 30 s}
"""


@pytest.fixture
def world(tmp_path):
    (tmp_path / "w.yaml").write_text(WORLD)
    (tmp_path / "f.yaml").write_text(FAULTS)
    process = subprocess.Popen(
        [*WORDS, "--world", tmp_path / "w.yaml", "--faults", tmp_path / "f.yaml"],
        stdout=subprocess.PIPE,
        text=True,
    )
    ready = json.loads(process.stdout.readline())
    drivers = {}
    for item in ready["instruments"]:
        module = plugins.plugin("drivers", item["driver"])
        drivers[item["name"]] = module.connect(item["resource"], RealClock())
    yield drivers
    for driver in drivers.values():
        driver.close()
    process.terminate()
    process.communicate(timeout=10)


def test_they_see_the_same_cell(world):
    """The relay holds the lead, the source drives the cell, the logger and the chamber feel it."""
    source, relay = world["keithley2450"], world["waveshare_relay"]
    relay.open()
    relay.set(1, True)
    source.open()
    source.arm(ArmLimits(2.5, 4.3, 0.5, 0.5))
    assert 3.4 < source.look(4.3).voltage < 3.8
    source.apply(Setpoint(Mode.CURRENT, 0.1, 4.2))
    assert source.read().current == pytest.approx(0.1, rel=0.01)
    relay.set(1, False)
    assert abs(source.read().current) < 1e-4, "the lead is broken"
    relay.set(1, True)
    assert source.read().current == pytest.approx(0.1, rel=0.01)
    logger, chamber = world["keithley_daq6510"], world["espec_p300"]
    logger.open()
    first, second, third = (logger.read().values for _ in range(3))
    assert all(celsius == pytest.approx(25.0, abs=0.5) for celsius in first.values())
    assert second.keys() == first.keys()
    assert math.isnan(third["surface_temperature_celsius"])
    assert not math.isnan(third["temperature_t1_celsius"])
    chamber.open()
    chamber.arm(0.0, 60.0)
    chamber.set_temperature(40.0)
    assert chamber.read().running
    assert chamber.safe()[0]
    assert source.safe().proven
    assert relay.safe()[0]


def test_two_sources_on_one_cell_are_refused_with_the_line(tmp_path):
    (tmp_path / "w.yaml").write_text(WORLD + "  - {driver: keysight_rp7900, cell: a}\n")
    done = subprocess.run(
        [*WORDS, "--world", tmp_path / "w.yaml"], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2
    assert "w.yaml:9" in done.stderr
    assert "One source" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "one instrument or one world"),
        (("keithley2450", "--world", "w.yaml"), "one instrument or one world"),
        (("--world", "w.yaml", "--ideal"), "--ideal does not go"),
        (("keithley2450", "--pty", "--port", "5025"), "no port"),
        (("keithley2450", "--faults", "watchdog.yaml"), "cannot have the fault 'watchdog'"),
        (("keithley2450", "--faults", "nothing.yaml"), "no such file"),
    ],
)
def test_words_that_do_not_fit_together(tmp_path, words, said):
    (tmp_path / "watchdog.yaml").write_text("faults:\n  - {at: 1 s, do: watchdog}\n")
    done = subprocess.run(
        [*WORDS, *words], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert done.returncode in (2, 10)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
