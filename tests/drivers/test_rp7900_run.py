"""Whole runs of a large cell on a simulated RP7900, against the truth of the cell behind it."""

import json
import subprocess
import sys

import pytest

import benchlab as api
from benchlab_analysis import cycle_table
from benchlab_drivers.wire.rp7900_models import DEFAULT_MODEL, MODELS

LIFE = """\
name: large cell
cell: {type: nmc811_graphite_pouch, nominal_capacity: 22.5 Ah}
capacity: {C: 22.5 Ah}
record: {every: 60 s}
steps:
  - repeat: 2
    steps:
      - {charge: 2C, to: 4.2 V, then_hold_until: C/20, hold_at_most: 2 h, at_most: 4 h}
      - Rest for 10 min
      - {discharge: 4C, until: 2.8 V, at_most: 2 h}
      - {rest: 10 min, output: zero current}
"""
FAST = ("--channel", "sim:keysight_rp7900", "--fast")


@pytest.fixture
def run(tmp_path):
    """Run a protocol by the command and return the recording, the truth and the process."""

    def go(text, *words):
        (tmp_path / "p.yaml").write_text(text)
        paths = ("--truth", tmp_path / "t.json", "--out", tmp_path / "o.h5")
        done = subprocess.run(
            [sys.executable, "-m", "benchlab", "run", "p.yaml", *FAST, *map(str, words + paths)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
        )
        recorded = api.open(tmp_path / "o.h5") if (tmp_path / "o.h5").exists() else None
        truth = json.loads((tmp_path / "t.json").read_text()) if recorded else None
        return recorded, truth, done

    return go


@pytest.mark.parametrize("seed", [1, 2])
def test_charge_agrees_with_the_truth_within_the_instruments_own_accuracy(run, seed):
    recorded, truth, done = run(LIFE, "--seed", seed)
    assert done.returncode == 0, done.stderr
    stated = MODELS[DEFAULT_MODEL].current
    steps = [s for s in recorded.steps.records() if s["step_type"] != "REST"]
    times = recorded["test_time_second"]
    assert [s["cycle_count"] for s in steps] == [1, 1, 2, 2]
    for step in steps:
        true = next(t for t in truth["steps"] if t["step_count"] == step["step_count"])
        name = "charging" if step["step_type"].endswith("CHG") else "discharging"
        seen = abs(step[f"step_{name}_capacity_ah"])
        moved = true[f"cycle_{name}_capacity_ah"]
        hours = (times[step["last_row"]] - times[step["first_row"]]) / 3600.0
        assert 0.0 < abs(seen - moved) < stated.gain * moved + stated.offset * (hours + 1e-3)
    for seen, true in zip(cycle_table(recorded).records(), truth["cycles"], strict=True):
        error = abs(seen["coulombic_efficiency"] - true["coulombic_efficiency"])
        assert error < seen["coulombic_efficiency_half_width"]
    open_rest = recorded["step_count"] == 2
    assert recorded["voltage_volt"][open_rest].min() > 3.5, "its meter sees the cell when off"


def test_an_ideal_one_is_exact_up_to_the_half_width_of_its_edges(run):
    """It turns on some time within 14 ms, which is stated with each step."""
    recorded, truth, done = run(LIFE, "--ideal")
    assert done.returncode == 0, done.stderr
    for seen, true in zip(cycle_table(recorded).records(), truth["cycles"], strict=True):
        for name, ampere in (("charging", 45.0), ("discharging", 90.0)):
            column = f"cycle_{name}_capacity_ah"
            assert abs(seen[column] - true[column]) < 0.008 * ampere / 3600.0 + 2e-6 * true[column]


def test_a_discharge_that_is_to_hold_its_voltage_is_refused(run):
    text = LIFE[: LIFE.index("  - repeat")] + (
        "  - {discharge: 1C, to: 3.2 V, then_hold_until: C/20, hold_at_most: 1 h}\n"
    )
    recorded, _, done = run(text)
    assert recorded is None
    assert done.returncode == 26
    assert "holds a voltage only while it charges" in done.stderr


def test_a_hold_that_turns_out_to_be_on_the_way_down_ends_switched_off_and_says_why(run):
    """Which way a hold is entered hangs on the cell: it is warned of, and tried."""
    text = LIFE[: LIFE.index("  - repeat")] + (
        "  - {hold: 3.2 V, until: C/20, current_at_most: 1C, at_most: 4 h}\n"
    )
    recorded, truth, done = run(text)
    assert "3.2 V may be held on the way down" in " ".join(done.stderr.split())
    assert done.returncode not in (0, 26)
    assert "undervoltage" in done.stderr
    assert recorded.meta["output_proven_off"]
    assert truth["total"]["cycle_discharging_capacity_ah"] > 1.0


def test_beyond_the_instrument_is_refused_before_anything_moves(run):
    recorded, _, done = run(LIFE.replace("22.5 Ah", "120 Ah"))
    assert recorded is None
    assert done.returncode == 26
    assert "beyond keysight_rp7900" in done.stderr
