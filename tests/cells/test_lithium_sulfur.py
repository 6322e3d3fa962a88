"""The lithium-sulfur cell: plateaus, the dip between them, the shuttle, and what precipitates."""

import math

import numpy as np
import pytest

from benchlab.bench.twin import TwinSpec
from benchlab_drivers.cells import make_cell
from benchlab_drivers.cells.sources import current_source

CAPACITY = 3.0


def charged(bench, name):
    cell = make_cell(TwinSpec(name))
    return cell, bench.to_voltage(cell, 0.0, CAPACITY / 5, 2.6)


@pytest.mark.parametrize(("rate", "ends"), [(1 / 10, False), (1 / 5, True)])
def test_with_a_strong_shuttle_a_slow_charge_never_ends(rate, ends):
    cell = make_cell(TwinSpec("li_s_pouch/shuttle"))
    factor = 2e-4 * 0.25 * cell.sites_positive / (rate * CAPACITY)
    assert factor == pytest.approx(0.18 / rate, rel=0.05)
    cell.set_source(0.0, current_source(rate * CAPACITY, 20.0, 1.0))
    highest = max(cell.sample(3600.0 * hour)[0] for hour in np.arange(0.5, 8.0 / rate, 0.5))
    if ends:
        assert highest > 2.6
        return
    assert highest < 2.45
    assert cell.high_polysulfides_ah == pytest.approx(rate * CAPACITY / 0.72, rel=1e-3)
    before = cell.truth()
    cell.advance(before.time_second + 36_000.0)
    leaked = cell.truth().reversible_side_ah - before.reversible_side_ah
    assert leaked == pytest.approx(10.0 * rate * CAPACITY, rel=1e-3)
    assert cell.surface_celsius(before.time_second + 36_000.0) > 27.0


def test_the_type_itself_holds_its_charge(bench):
    cell, _ = charged(bench, "li_s_pouch")
    truth = cell.truth()
    assert truth.reversible_side_ah < 0.01 * truth.charged_ah
    assert 0.02 * 0.25 * cell.sites_positive / 3600.0 / (CAPACITY / 10) == pytest.approx(0.05, 0.05)


@pytest.mark.parametrize(("name", "per_hour"), [("li_s_pouch", 0.02), ("li_s_pouch/shuttle", 0.72)])
def test_the_upper_plateau_decays_exponentially_at_rest(bench, name, per_hour):
    left = []
    hours = np.array([0.0, 1.0, 2.0, 5.0])
    for pause in hours:
        cell, time = charged(bench, name)
        time = bench.rest(cell, time, pause)
        before = cell.truth().discharged_ah
        bench.to_voltage(cell, time, -CAPACITY / 5, 2.2)
        left.append(cell.truth().discharged_ah - before)
    slope = np.polyfit(hours[:3], np.log(left[:3]), 1)[0]
    assert -slope == pytest.approx(per_hour, rel=0.2)  # not all of the plateau lies above 2.2 V
    cell, time = charged(bench, name)
    before = cell.high_polysulfides_ah
    cell.set_source(time, current_source(0.0, 20.0, 1.0))
    cell.advance(20.0 * math.ceil(time / 20.0) + 5.0 * 3600.0 + 1e-6)
    span = 20.0 * math.ceil(time / 20.0) + 5.0 * 3600.0 - time
    expected = before * math.exp(-per_hour * span / 3600.0)
    assert cell.high_polysulfides_ah == pytest.approx(expected, rel=2e-3)


def test_plateaus_with_a_dip_between_them(bench):
    cell, time = charged(bench, "li_s_pouch")
    cell.set_source(time, current_source(-CAPACITY / 5, 20.0, 1.0))
    depth = np.arange(0.02, 0.9, 0.01)
    volts = np.array([cell.sample(time + 18_000.0 * part)[0] for part in depth])
    assert volts[depth < 0.12] == pytest.approx(2.34, abs=0.02)
    lower = volts[(depth > 0.45) & (depth < 0.8)]
    assert lower == pytest.approx(2.09, abs=0.03)
    dip = volts[(depth > 0.2) & (depth < 0.35)].min()
    assert 2.03 < dip < lower.max() - 0.01


def test_sulfur_precipitates_and_lithium_is_lost(bench):
    cell = make_cell(TwinSpec("li_s_pouch"))
    time, capacities, ends = 0.0, [], []
    for _ in range(6):
        time = bench.to_voltage(cell, time, CAPACITY / 10, 2.6)
        top = cell.truth()
        time = bench.to_voltage(cell, time, -CAPACITY / 5, 1.8)
        ends.append(cell.truth())
        capacities.append(ends[-1].discharged_ah - top.discharged_ah)
    fade = 1.0 - np.array(capacities[2:]) / np.array(capacities[1:-1])
    assert fade == pytest.approx(0.003, rel=0.1)
    charge = ends[-1].charged_ah - ends[0].charged_ah
    lost = ends[-1].negative_side_ah - ends[0].negative_side_ah
    assert lost == pytest.approx(0.02 * charge, rel=1e-3)


def test_it_is_made_charged():
    cell = make_cell(TwinSpec("li_s_pouch", fresh=True))
    assert 2.35 < cell.sample(0.0)[0] < 2.5
    cell.set_source(0.0, current_source(-CAPACITY / 20, 20.0, 1.0))
    assert 1.8 < cell.sample(18.0 * 3600.0)[0] < 2.1
