"""Half cells, and cells of unknown history: what their terminals show is what was put into them."""

import numpy as np
import pytest

from benchlab.bench.twin import TwinSpec
from benchlab_drivers.cells import make_cell
from benchlab_drivers.cells.sources import OPEN, current_source


def test_graphite_gives_back_what_it_did_not_lose(bench):
    cell = make_cell(TwinSpec("graphite_half_coin", fresh=True))
    assert 2.5 < cell.sample(0.0)[0] < 3.2
    q = cell.parameters.capacity_ah
    time, ends = 0.0, [cell.truth()]
    for _ in range(3):
        time = bench.to_voltage(cell, time, -q / 20, 0.005)
        time = bench.to_voltage(cell, time, q / 20, 1.5)
        ends.append(cell.truth())
    lithiated = np.diff([end.discharged_ah for end in ends])
    delithiated = np.diff([end.charged_ah for end in ends])
    lost = -np.diff([end.positive_side_ah for end in ends])
    efficiency = delithiated / lithiated
    assert efficiency[0] == pytest.approx(0.91, abs=0.003)
    assert efficiency[1:] == pytest.approx(0.999, abs=1e-5)
    assert 1.0 - efficiency[1:] == pytest.approx(lost[1:] / lithiated[1:], rel=0.01)
    assert delithiated == pytest.approx(q, rel=0.005)
    assert not cell.plating


def test_graphite_below_zero_volt_is_plated(bench):
    cell = make_cell(TwinSpec("graphite_half_coin"))
    bench.to_voltage(cell, 0.0, -cell.parameters.capacity_ah / 10, -0.02)
    cell.advance(cell.truth().time_second + 60.0)
    assert cell.plating


def test_lfp_half_cell(bench):
    cell = make_cell(TwinSpec("lfp_half_coin", fresh=True))
    assert 2.5 < cell.sample(0.0)[0] < 3.4
    q = cell.parameters.capacity_ah
    time, ends, middle = 0.0, [], []
    for _ in range(3):
        start = cell.truth()
        time = bench.to_voltage(cell, time, q / 10, 4.0)
        top = cell.truth()
        time = bench.to_voltage(cell, time, -q / 10, 2.5)
        end = cell.truth()
        ends.append((top.charged_ah - start.charged_ah, end.discharged_ah - top.discharged_ah))
        middle.append((end.reversible_side_ah - start.reversible_side_ah) / ends[-1][0])
    charged, discharged = np.array(ends).T
    assert discharged[0] / charged[0] == pytest.approx(0.98, abs=0.003)
    assert discharged[1:] / charged[1:] == pytest.approx(0.999, abs=1e-4)
    assert 1.0 - discharged[1:] / charged[1:] == pytest.approx(middle[1:], rel=0.03)
    assert discharged == pytest.approx(q, rel=0.01)


def test_lfp_half_cell_plateaus():
    seen = []
    for sign in (1.0, -1.0):
        cell = make_cell(TwinSpec("lfp_half_coin"))
        q = cell.parameters.capacity_ah
        cell.set_source(0.0, current_source(0.2 * q, 20.0, 1.0))
        cell.advance(7200.0 if sign < 0 else 3600.0)
        time = 7200.0 if sign < 0 else 3600.0
        cell.set_source(time, current_source(sign * 0.2 * q, 20.0, 1.0))
        seen.append(cell.sample(time + 3600.0)[0])
        cell.set_source(time + 3600.0, OPEN)
        seen.append(cell.sample(time + 3600.0 + 40_000.0)[0])
    charging, rested, discharging, rested_down = seen
    assert charging == pytest.approx(3.45, abs=0.015)
    assert discharging == pytest.approx(3.38, abs=0.03)
    assert 12e-3 < rested - rested_down < 30e-3


@pytest.mark.parametrize("name", ["second_life", "second_life/lfp"])
def test_a_used_cell_has_the_capacity_that_its_state_of_health_says(bench, name):
    known = make_cell(TwinSpec(name.replace("second_life/lfp", "lfp_graphite_26650")))
    if name == "second_life":
        known = make_cell(TwinSpec("nmc811_graphite_pouch"))
    for seed in range(3):
        cell = make_cell(TwinSpec(name, seed=seed))
        p = cell.parameters
        time = bench.to_voltage(cell, 0.0, p.capacity_ah / 20, p.voltage_high_volt)
        top = cell.truth().discharged_ah
        bench.to_voltage(cell, time, -p.capacity_ah / 20, p.voltage_low_volt)
        capacity = cell.truth().discharged_ah - top
        assert capacity / p.capacity_ah == pytest.approx(cell.state_of_health, abs=0.01)
        ratio = p.resistance_ohm / known.parameters.resistance_ohm
        assert ratio == pytest.approx(cell.resistance_factor, rel=1e-9)


def test_used_cells_are_a_population():
    cells = [make_cell(TwinSpec("second_life", seed=seed)) for seed in range(300)]
    health = np.array([cell.state_of_health for cell in cells])
    assert 0.60 <= health.min() < 0.63
    assert 0.82 < health.max() <= 0.85
    leaks = np.array([cell.parameters.leak_per_hour for cell in cells])
    assert 0.05 < (leaks > 2e-5).mean() < 0.16
    assert leaks.max() <= 1e-4
    again = make_cell(TwinSpec("second_life", seed=7))
    assert again.state_of_health == cells[7].state_of_health
    # voltage at 30 % of what is left differs from cell to cell, by more than a meter's error
    assert np.std([cell.sample(0.0)[0] for cell in cells]) > 5e-3


def test_nvpf_has_two_plateaus(bench):
    cell = make_cell(TwinSpec("nvpf_hardcarbon"))
    time = bench.to_voltage(cell, 0.0, 0.05, 4.2)
    cell.set_source(time, current_source(-0.05, 20.0, 1.0))
    volts = np.array([cell.sample(time + 720.0 * k)[0] for k in range(1, 100)])
    assert np.median(volts[:40]) == pytest.approx(4.11, abs=0.06)
    assert np.median(volts[50:80]) == pytest.approx(3.4, abs=0.15)
