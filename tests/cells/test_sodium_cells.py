"""Sodium-ion cells: to 0 V and back, and a film that dissolves at rest."""

import pytest

from benchlab.bench.twin import TwinSpec
from benchlab_drivers.cells import make_cell


def cycle(bench, cell, time, rate=0.1):
    p = cell.parameters
    time = bench.to_voltage(cell, time, rate * p.capacity_ah, p.voltage_high_volt)
    top = cell.truth()
    time = bench.to_voltage(cell, time, -rate * p.capacity_ah, p.voltage_low_volt)
    return time, top, cell.truth()


def test_it_comes_back_from_a_week_at_zero_volt(bench):
    cell = make_cell(TwinSpec("na_layered_hardcarbon"))
    time, _, _ = cycle(bench, cell, 0.0)
    time, top, before = cycle(bench, cell, time)
    capacity = before.discharged_ah - top.discharged_ah
    time = bench.hold(cell, time, 0.0, 0.05, 0.01)
    assert cell.ions_negative == pytest.approx(0.0, abs=0.005 * cell.sites_negative)
    time = bench.rest(cell, time, 7 * 24.0)
    assert abs(cell.sample(time)[0]) < 0.05
    assert cell.truth().negative_side_ah == pytest.approx(before.negative_side_ah, abs=1e-4)
    time, top, after = cycle(bench, cell, time)
    assert 0.98 < (after.discharged_ah - top.discharged_ah) / capacity < 1.0


def test_the_film_dissolves_at_rest_and_the_next_charge_pays(bench):
    cell = make_cell(TwinSpec("na_layered_hardcarbon"))
    time = bench.rest(cell, 0.0, 730.5)
    assert cell.formation / 3600.0 == pytest.approx(0.03, rel=1e-3)
    resting = cell.truth().negative_side_ah
    bench.to_voltage(cell, time, 0.1, 4.0)
    hours = cell.truth().time_second / 3600.0 - 730.5
    grown = cell.truth().negative_side_ah - resting
    assert cell.formation == pytest.approx(0.0, abs=1e-9)
    assert grown == pytest.approx(0.03 + 2e-4 * hours, rel=0.05)


def test_discharge_end_slips_by_what_the_negative_electrode_lost(bench):
    cell = make_cell(TwinSpec("na_layered_hardcarbon"))
    time, ends = 0.0, []
    for _ in range(4):
        time, _, low = cycle(bench, cell, time, rate=0.5)
        ends.append(low)
    first, last = ends[1], ends[-1]
    slip = (last.charged_ah - last.discharged_ah) - (first.charged_ah - first.discharged_ah)
    assert slip == pytest.approx(last.negative_side_ah - first.negative_side_ah, rel=0.03)
