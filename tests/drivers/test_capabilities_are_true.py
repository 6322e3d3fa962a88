"""What `benchlab drivers --json` says of an instrument is what its simulated one does."""

import json
import math
from dataclasses import fields
from pathlib import Path

import pytest

from benchlab import plugins
from benchlab.bench import surroundings
from benchlab.bench.clock import VirtualClock
from benchlab.bench.executor import ExecutorCapabilities
from benchlab.bench.roles import Capabilities, Mode, Setpoint
from benchlab.bench.twin import TwinSpec
from benchlab.cli.commands import drivers
from benchlab.errors import BenchError
from benchlab_drivers.sim import simulator
from benchlab_drivers.sim._alone import AloneCell

PAGE = Path(__file__).parents[2] / "docs" / "instruments.md"
ROLES = (
    Capabilities,
    ExecutorCapabilities,
    surroundings.ChamberCapabilities,
    surroundings.RelayCapabilities,
    surroundings.SensorCapabilities,
)


@pytest.fixture
def told(capsys):
    parser_like = type("Words", (), {"json": True})
    assert drivers.run(parser_like) == 0
    return json.loads(capsys.readouterr().out)


def documented():
    text = PAGE.read_text(encoding="utf-8")
    part = text.split("## What `benchlab drivers --json` says")[1].split("\n## ")[0]
    rows = [line.split(" | ")[0] for line in part.splitlines() if line.startswith("| `")]
    return {word for row in rows for word in row.split("`")[1::2]}


def test_every_key_is_documented_and_every_documented_key_is_told(told):
    keys = {key for item in told for key in item}
    assert keys == documented()


def test_every_fact_that_the_issue_asks_for_is_told_of_what_drives_a_cell(told):
    for item in told:
        assert item["host_dies"], item["name"]
        assert item["fastest_period_second"] > 0.0
        if item["role"] not in ("source", "executor"):
            continue
        assert item["off_leaves"]
        assert {"off_leak_ampere", "measures_when_off", "hardware_cccv"} <= item.keys()
        assert item["stop_bound_second"] > 0.0
        assert {limit for limit, _ in item["arms"]}
        for kind in ("current_ranges", "voltage_ranges"):
            assert item[kind]
            for stated in item[kind]:
                assert stated["gain"] > 0.0 or stated["offset"] > 0.0
    assert {field.name for role in ROLES for field in fields(role)} - {"controls"} <= documented()


def true_error(bench, level):
    """Return how far a current that is read is from the one that flows."""
    bench.driver.apply(Setpoint(Mode.CURRENT, level, 4.2 if level > 0.0 else 2.8))
    return abs(bench.driver.read().current - bench.flowing())


def test_each_current_range_is_as_accurate_as_it_says(name, bench):
    """Over seeds, within the stated accuracy and the noise; and not far better than stated."""
    largest = 0.0
    for seed in range(4):
        each = type(bench)(name, seed=seed)
        each.driver.open()
        each.driver.arm(each.limits)
        each.driver.look(each.limits.voltage_high_volt)
        for stated in each.can.current_ranges:
            level = min(0.5 * stated.full_scale, 2.0 * each.ampere)
            if level < 1e-3 * each.ampere:
                continue
            for sign in (1.0, -1.0):
                error = true_error(each, sign * level)
                bound = stated.gain * level + stated.offset
                assert error < 1.5 * bound, (seed, stated)
                largest = max(largest, error / bound)
    assert largest > 0.05, "a twin without errors would prove nothing"


def test_a_reading_fits_into_the_fastest_period(bench):
    bench.driver.open()
    bench.driver.arm(bench.limits)
    bench.driver.look(bench.limits.voltage_high_volt)
    bench.driver.apply(Setpoint(Mode.CURRENT, bench.ampere, 4.2))
    for _ in range(5):
        began = bench.clock.now
        bench.driver.read()
        assert bench.clock.now - began <= bench.can.fastest_period_second


def test_what_is_off_draws_no_more_than_its_leak(bench):
    """Where nobody stated one, its simulated one draws nothing, and says so by None."""
    bench.driver.open()
    bench.clock.sleep_until(bench.clock.now + 1.0)
    leak = bench.can.off_leak_ampere
    assert abs(bench.flowing()) <= (leak or 0.0)
    assert leak is None or bench.flowing() == pytest.approx(-leak)


def test_each_mode_is_taken_and_no_other(bench):
    bench.driver.open()
    bench.driver.arm(bench.limits)
    seen = bench.driver.look(bench.limits.voltage_high_volt).voltage
    setpoints = {
        Mode.OPEN: Setpoint(Mode.OPEN),
        Mode.ZERO: Setpoint(Mode.ZERO, 0.0, 4.2),
        Mode.CURRENT: Setpoint(Mode.CURRENT, bench.ampere, 4.2),
        Mode.VOLTAGE: Setpoint(Mode.VOLTAGE, bench.ampere, bench.driver.read().voltage),
    }
    if math.isnan(setpoints[Mode.VOLTAGE].voltage_volt):
        setpoints[Mode.VOLTAGE] = Setpoint(Mode.VOLTAGE, bench.ampere, seen)
    for mode, setpoint in setpoints.items():
        if mode in bench.can.modes:
            bench.driver.apply(setpoint)
            bench.driver.read()
        else:
            with pytest.raises(BenchError):
                bench.driver.apply(setpoint)


def beside(role):
    """Return drivers of a role by name, each beside a cell of its own, with its clock."""
    for name in plugins.names("drivers"):
        module = plugins.plugin("drivers", name)
        if isinstance(module.CAPABILITIES, role):
            clock = VirtualClock()
            cell = AloneCell(clock, TwinSpec("nmc811_graphite_pouch"))
            if role is surroundings.RelayCapabilities:
                source = simulator("keithley2450").make(clock, TwinSpec("nmc811_graphite_pouch"))
                yield clock, module.simulate_beside(clock, source)
            else:
                yield clock, module.simulate_beside(clock, cell)


@pytest.mark.parametrize("role", [surroundings.ChamberCapabilities, surroundings.RelayCapabilities])
def test_what_stands_around_is_safe_within_its_bound(role):
    found = list(beside(role))
    assert found
    for clock, driver in found:
        driver.open()
        if role is surroundings.ChamberCapabilities:
            driver.arm(0.0, 60.0)
            driver.set_temperature(40.0)
        else:
            driver.set(1, True)
        began = clock.now
        proven, _ = driver.safe()
        assert proven
        assert clock.now - began <= driver.capabilities.stop_bound_second
