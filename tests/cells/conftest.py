"""What the tests of simulated cells drive them with."""

from types import SimpleNamespace

import pytest

from benchlab_drivers.cells.sources import OPEN, voltage_source


def to_voltage(cell, time, current, volts, period=20.0):
    """Let a current flow until the voltage crosses `volts`, within a millisecond; return the clock.

    Fails after 100 hours.
    """
    sign = 1.0 if current > 0.0 else -1.0
    cell.set_source(time, voltage_source(volts + sign * 0.05, abs(current)))
    end = time + 360_000.0
    before = cell.sample(time)[0]
    step = 1e-3
    while time < end:
        time += step
        now = cell.sample(time)[0]
        if sign * (now - volts) >= 0.0:
            return time
        slope = sign * (now - before) / step
        ahead = sign * (volts - now) / slope if slope > 0.0 else period
        step = min(max(0.5 * ahead, 1e-3), period, max(4.0 * step, 1.0))
        before = now
    raise AssertionError(f"{volts} V were not reached")


def hold(cell, time, volts, limit, until, period=10.0):
    """Hold a voltage until the current has fallen to `until`; return the clock."""
    cell.set_source(time, voltage_source(volts, limit))
    while True:
        time += period
        if abs(cell.sample(time)[1]) <= until:
            return time


def rest(cell, time, hours):
    """Leave the cell open; return the clock."""
    cell.set_source(time, OPEN)
    cell.advance(time + 3600.0 * hours)
    return time + 3600.0 * hours


@pytest.fixture(scope="session")
def bench():
    """Ways of driving a cell."""
    return SimpleNamespace(to_voltage=to_voltage, hold=hold, rest=rest)
