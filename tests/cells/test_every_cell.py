"""What holds for each simulated cell and variant, whatever its chemistry."""

import random

import numpy as np
import pytest

from benchlab.bench.twin import TwinSpec
from benchlab.errors import CellError, UsageError
from benchlab.model.cell import cell_types, parse_cell
from benchlab.model.yaml_text import load_text
from benchlab_drivers.cells import CELL_TYPES, make_cell, offered
from benchlab_drivers.cells.sources import OPEN, current_source, voltage_source

EVERY = [name for each in CELL_TYPES for name in offered(each)]
OTHER_WINDOW = {"assb_nmc_lpscl_inli/lithium", "second_life/lfp"}
"""Variants for which a user describes a cell type of his own."""
LOSES_SITES = {"li_s_pouch", "li_s_pouch/shuttle", "assb_nmc_lpscl_inli"}
NO_FRESH_ONE = {"second_life", "second_life/lfp"}


def test_each_cell_type_has_a_cell():
    assert sorted(CELL_TYPES) == sorted(cell_types())


@pytest.mark.parametrize("name", EVERY)
def test_it_is_what_its_type_says(name):
    kind = cell_types()[name.partition("/")[0]]
    p = make_cell(TwinSpec(name)).parameters
    if name in OTHER_WINDOW:
        return
    assert (p.voltage_low_volt, p.voltage_high_volt) == (kind.window.low, kind.window.high)
    stated = parse_cell(load_text(f"type: {kind.name}", "test", CellError), "test").record()
    assert p.capacity_ah == pytest.approx(stated["nominal_capacity_ah"])
    assert p.name == kind.name
    hard = kind.hard_limits
    assert hard.temperature is not None
    for fresh in (True, False):
        volts, current = make_cell(TwinSpec(name, fresh=fresh)).sample(0.0)
        assert hard.voltage.low < volts < hard.voltage.high
        assert current == 0.0
    if hard.low_once_formed is not None:
        assert hard.voltage.low < hard.low_once_formed < kind.window.low


@pytest.mark.parametrize("name", EVERY)
def test_open_circuit_voltage_tells_the_charge(name):
    """Between the ends it rises with the charge, so each voltage belongs to one filling."""
    cell = make_cell(TwinSpec(name))
    p = cell.parameters
    for electrode in (p.negative, p.positive):
        falls = np.diff(electrode(np.linspace(0.0, 1.0, 4001)))
        assert (falls <= 1e-12).all()


@pytest.mark.parametrize("name", EVERY)
def test_it_stands_at_thirty_percent_when_formed(name, bench):
    cell = make_cell(TwinSpec(name))
    p = cell.parameters
    if name.startswith(("li_cu", "li_li")):  # no voltage ends their plating
        return
    bench.to_voltage(cell, 0.0, -p.capacity_ah / 50, p.voltage_low_volt, period=60.0)
    left = cell.truth().discharged_ah / p.capacity_ah
    assert left == pytest.approx(p.formed_charge, rel=0.03)


def driven(name, times, fresh=False):
    """Charge, hold, rest and discharge, looked at whenever; return the cell."""
    cell = make_cell(TwinSpec(name, fresh=fresh))
    p = cell.parameters
    cell.set_source(0.0, voltage_source(p.voltage_high_volt, 0.4 * p.capacity_ah))
    for time in times:
        cell.sample(time)
    cell.set_source(9000.0, OPEN)
    cell.set_source(9600.0, voltage_source(p.voltage_low_volt, 0.4 * p.capacity_ah))
    cell.advance(14_000.0)
    return cell


@pytest.mark.parametrize("name", EVERY)
def test_truth_does_not_depend_on_who_looks(name):
    rng = random.Random(1)
    looks = sorted(rng.uniform(0.0, 9000.0) for _ in range(1500))
    seen, reference = driven(name, looks).truth(), driven(name, []).truth()
    capacity = make_cell(TwinSpec(name)).parameters.capacity_ah
    for a, b in zip(seen[1:], reference[1:], strict=True):
        assert a == pytest.approx(b, rel=1e-12, abs=1e-13 * capacity)


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("name", EVERY)
def test_the_ledger_balances(name, fresh):
    start = make_cell(TwinSpec(name, fresh=fresh))
    cell = driven(name, [], fresh)
    cell._commit(cell._now)
    truth = cell.truth()
    net = truth.charged_ah - truth.discharged_ah - truth.reversible_side_ah
    small = 1e-12 * cell.parameters.capacity_ah + 1e-15
    moved = (cell.ions_negative - start.ions_negative) / 3600.0
    assert moved == pytest.approx(net - truth.negative_side_ah, abs=1e3 * small)
    if name.startswith(tuple(LOSES_SITES)):
        return
    moved = (cell.ions_positive - start.ions_positive) / 3600.0
    assert moved == pytest.approx(truth.positive_side_ah - net, abs=1e3 * small)


@pytest.mark.parametrize("name", EVERY)
def test_truth_is_the_integral_of_what_the_terminals_show(name):
    cell = make_cell(TwinSpec(name))
    p = cell.parameters
    cell.set_source(0.0, voltage_source(p.voltage_low_volt, 0.5 * p.capacity_ah))
    times = np.arange(0.0, 3600.01, 0.5)
    seen = np.array([cell.sample(float(t)) for t in times])
    truth = cell.truth()
    shown = np.trapezoid(seen[:, 1], times) / 3600.0
    assert shown == pytest.approx(truth.charged_ah - truth.discharged_ah, abs=2e-5 * p.capacity_ah)
    joule = np.trapezoid(seen[:, 0] * seen[:, 1], times) / 3600.0
    net = truth.charged_wh - truth.discharged_wh
    assert joule == pytest.approx(net, abs=1e-4 * p.capacity_ah)


@pytest.mark.parametrize("name", EVERY)
def test_size_changes_nothing_but_currents(name):
    small, large = (make_cell(TwinSpec(name, capacity_ah=q)) for q in (0.01, 5.0))
    for cell in (small, large):
        p = cell.parameters
        cell.set_source(0.0, current_source(-0.3 * p.capacity_ah, 20.0, 1e3))
    assert small.sample(1800.0)[0] == pytest.approx(large.sample(1800.0)[0], abs=1e-9)
    assert small.surface_celsius(1800.0) == pytest.approx(large.surface_celsius(1800.0), abs=1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_abuse_stays_finite(name):
    for volts in (20.0, -20.0):
        cell = make_cell(TwinSpec(name))
        cell.set_source(0.0, voltage_source(volts, 5.0 * cell.parameters.capacity_ah))
        seen = [cell.sample(t) for t in np.arange(5.0, 3600.0, 5.0).tolist()]
        assert np.isfinite(np.array(seen)).all()


@pytest.mark.parametrize("name", EVERY)
def test_it_follows_the_chamber(name):
    cell = make_cell(TwinSpec(name))
    assert cell.surface_celsius(10.0) == pytest.approx(25.0, abs=0.01)
    cell.set_ambient_celsius(100.0, 40.0)
    times = 100.0 + 60.0 * np.arange(1200)
    surface = [cell.surface_celsius(float(t)) for t in times]
    assert np.all(np.diff(surface) > -1e-6)
    assert surface[-1] == pytest.approx(40.0, abs=0.05)
    assert cell.truth().core_temperature_celsius == pytest.approx(40.0, abs=0.05)


def test_unknown_cells_and_variants_are_refused_by_name():
    for name in ("unobtainium", "li_s_pouch/unknown", "li_s_pouch/"):
        with pytest.raises(UsageError) as refusal:
            make_cell(TwinSpec(name))
        assert all(known in str(refusal.value) for known in EVERY)
