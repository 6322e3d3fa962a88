"""The 4680: what it becomes when charged fast, and where its heat goes."""

from dataclasses import replace

import numpy as np
import pytest

from benchlab_drivers.cells.ledger import LedgerCell
from benchlab_drivers.cells.nmc811_4680 import CELL
from benchlab_drivers.cells.sources import OPEN, current_source, voltage_source


def test_a_2c_charge_of_27_minutes_ends_at_69_degrees():
    cell = LedgerCell(replace(CELL, formed_charge=0.0))
    cell.set_source(0.0, voltage_source(4.2, 45.0))
    cell.advance(27 * 60.0)
    truth = cell.truth()
    assert truth.core_temperature_celsius == pytest.approx(69.0, abs=2.0)
    assert 0.85 * 22.5 < truth.charged_ah < 0.92 * 22.5
    surface = cell.surface_celsius(27 * 60.0)
    assert 62.0 < surface < truth.core_temperature_celsius


def test_ten_seconds_of_1c_show_6_milliohm():
    cell = LedgerCell(replace(CELL, formed_charge=0.5))
    before = cell.sample(0.0)[0]
    cell.set_source(0.0, current_source(-22.5, 20.0, 100.0))
    assert (before - cell.sample(0.0)[0]) / 22.5 == pytest.approx(2.5e-3, rel=0.01)
    assert (before - cell.sample(10.0)[0]) / 22.5 == pytest.approx(6e-3, rel=0.05)


def test_heat_is_the_energy_that_does_not_come_out():
    """Without loss to the air, C dT is what went in less what the open circuit takes."""
    alone = replace(
        CELL, conductance_surface_ambient=0.0, entropy_volt_per_kelvin=0.0, formed_charge=0.4
    )
    cell = LedgerCell(alone)
    shadow = LedgerCell(replace(alone, resistance_ohm=1e-12, elements=((1e-12, 3.0),)))
    for each in (cell, shadow):
        for k in range(10):
            each.set_source(360.0 * k, current_source(45.0 if k % 2 else -45.0, 20.0, 100.0))
            each.advance(360.0 * (k + 1))
    for each in (cell, shadow):
        each.set_source(3600.0, OPEN)
        each.advance(3600.0 + 36_000.0)
    dissipated = [
        3600.0 * (each.truth().charged_wh - each.truth().discharged_wh) for each in (cell, shadow)
    ]
    warmed = 340.0 * (cell.core_kelvin - 298.15)
    assert warmed == pytest.approx(dissipated[0] - dissipated[1], rel=2e-3)
    assert warmed > 15_000.0


def test_it_cools_into_the_chamber():
    cell = LedgerCell(CELL)
    cell.set_ambient_celsius(0.0, 45.0)
    times = np.arange(0.0, 9000.0, 7.0)
    surface = np.array([cell.surface_celsius(float(t)) for t in times])
    assert (np.diff(surface) >= 0.0).all()
    assert np.diff(surface).max() < 0.5  # no stairs at the cell's own grid
    left = (45.0 - surface) / 20.0
    hour = -np.diff(np.log(left[600:])).mean() / 7.0
    assert hour == pytest.approx(0.12 / 340.0, rel=0.15)
    assert cell.core_kelvin - 273.15 < surface[-1]
