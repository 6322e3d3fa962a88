"""What ``benchlab drivers`` lists: every driver by its whole name, with its role."""

import json
import os
import subprocess
import sys

from benchlab import plugins
from benchlab.samples import sample


def listed(*words):
    done = subprocess.run(
        [sys.executable, "-m", "benchlab", "drivers", *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"COLUMNS": "80"},
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_driver_is_listed_with_its_role():
    found = {item["name"]: item for item in json.loads(listed("--json"))}
    assert set(found) == set(plugins.names("drivers"))
    assert found["keithley2450"]["role"] == "source"
    assert found["espec_p300"]["role"] == "chamber"
    assert found["espec_p300"]["temperature_celsius"] == [-75.0, 180.0]
    assert found["keithley_daq6510"]["role"] == "sensor"
    assert found["keithley_daq6510"]["channels"][0] == "surface_temperature_celsius"


def test_no_name_is_cut_short_on_a_narrow_terminal():
    text = listed()
    assert [name for name in plugins.names("drivers") if name not in text] == []
    assert "surface_temperature_celsius" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_chamber_is_no_channel(tmp_path):
    protocol = sample("protocols/demo_pouch.yaml")
    words = ["run", str(protocol), "--channel", "sim:espec_p300", "--out", str(tmp_path / "x.h5")]
    done = subprocess.run(
        [sys.executable, "-m", "benchlab", *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=30,
    )
    assert done.returncode == 2
    assert "drives no cell" in done.stderr
    assert list(tmp_path.iterdir()) == []
