"""The twin cells against their own definition: capacity, losses, kinks, and who may look when."""

import dataclasses
import itertools
import random

import numpy as np
import pytest

from benchlab.bench.twin import TwinSpec
from benchlab.errors import UsageError
from benchlab_drivers.cells import circuit, make_cell
from benchlab_drivers.cells.ledger import LedgerCell
from benchlab_drivers.cells.nmc811_graphite_pouch import CELL as NMC
from benchlab_drivers.cells.sources import OPEN, current_source, voltage_source

CELL_TYPES = ("lfp_graphite_26650", "nmc811_graphite_pouch")
WINDOW = {"nmc811_graphite_pouch": (2.80, 4.20), "lfp_graphite_26650": (2.50, 3.65)}


def charge(cell, time, rate, cut, period=1.0):
    """CC-CV until the current falls to `cut` of the capacity; return the clock."""
    capacity = cell.parameters.capacity_ah
    cell.set_source(time, voltage_source(cell.parameters.voltage_high_volt, rate * capacity))
    while True:
        time += period
        _, current = cell.sample(time)
        if current <= cut * capacity:
            return time
        if cell.held and current < 1.02 * cut * capacity:
            period = min(period, 0.01)


def discharge(cell, time, rate, period=1.0):
    """CC down to the window's end, within a millisecond; return the clock."""
    low = cell.parameters.voltage_low_volt
    cell.set_source(time, voltage_source(low - 0.05, rate * cell.parameters.capacity_ah))
    while True:
        time += period
        volts, _ = cell.sample(time)
        if volts <= low:
            return time
        if volts < low + 0.05 * max(rate, 0.3):
            period = 1e-3


def cycles(cell, count, rate=1.0, cut=0.05, time=0.0):
    """Return the truth at the end of each half cycle."""
    ends = [cell.truth()]
    for _ in range(count):
        time = charge(cell, time, rate, cut)
        ends.append(cell.truth())
        time = discharge(cell, time, rate)
        ends.append(cell.truth())
    return ends


def halves(ends):
    """Return charged and discharged Ah and both side-current integrals of each cycle."""
    for before, top, after in zip(ends[::2], ends[1::2], ends[2::2], strict=False):
        yield (
            top.charged_ah - before.charged_ah,
            after.discharged_ah - top.discharged_ah,
            after.negative_side_ah - before.negative_side_ah,
            after.positive_side_ah - before.positive_side_ah,
        )


@pytest.mark.parametrize("name", CELL_TYPES)
def test_c20_capacity_is_nominal(name):
    low, high = WINDOW[name]
    cell = make_cell(TwinSpec(name))
    assert (cell.parameters.voltage_low_volt, cell.parameters.voltage_high_volt) == (low, high)
    time = charge(cell, 0.0, 1 / 20, 1 / 21, period=10.0)
    top = cell.truth()
    discharge(cell, time, 1 / 20, period=10.0)
    capacity = cell.truth().discharged_ah - top.discharged_ah
    assert capacity == pytest.approx(cell.parameters.capacity_ah, rel=0.01)


@pytest.mark.parametrize(("name", "first"), [(CELL_TYPES[0], 0.90), (CELL_TYPES[1], 0.89)])
def test_fresh_cell_stands_near_zero_and_loses_its_first_efficiency(name, first):
    cell = make_cell(TwinSpec(name, fresh=True))
    volts, current = cell.sample(0.0)
    assert 0.0 < volts < 0.5
    assert current == 0.0
    formation = cell.formation
    time = charge(cell, 0.0, 1 / 20, 1 / 21, period=10.0)
    discharge(cell, time, 1 / 20, period=10.0)
    truth = cell.truth()
    assert truth.discharged_ah / truth.charged_ah == pytest.approx(first, abs=0.01)
    assert cell.formation == pytest.approx(0.0, abs=1e-9)
    assert truth.negative_side_ah * 3600.0 > formation > 0.0


@pytest.mark.parametrize("name", CELL_TYPES)
def test_formed_cell_stands_at_thirty_percent(name):
    cell = make_cell(TwinSpec(name))
    discharge(cell, 0.0, 1 / 50, period=10.0)
    assert cell.truth().discharged_ah == pytest.approx(0.3 * cell.parameters.capacity_ah, rel=0.02)


def test_losses_are_the_side_currents():
    cell = make_cell(TwinSpec("nmc811_graphite_pouch"))
    rows = list(halves(cycles(cell, 12)))[7:]
    charged, discharged, negative, positive = map(np.array, zip(*rows, strict=True))
    assert 1 - discharged / charged == pytest.approx(negative / charged, rel=0.06)
    assert 2.0e-4 < negative.mean() / charged.mean() < 2.8e-4
    slip_of_charge_end = charged[1:] - discharged[:-1]
    assert slip_of_charge_end == pytest.approx(positive[1:], rel=0.12)
    fade = discharged[:-1] - discharged[1:]
    assert fade == pytest.approx((negative - positive)[1:], rel=0.12)


def test_lfp_charge_end_point_does_not_move():
    cell = make_cell(TwinSpec("lfp_graphite_26650"))
    rows = list(halves(cycles(cell, 4)))[1:]
    charged, discharged, negative, positive = map(np.array, zip(*rows, strict=True))
    assert 1 - discharged / charged == pytest.approx(negative / charged, rel=0.05)
    assert positive == pytest.approx(0.0, abs=0.0)
    slip = charged[1:] - discharged[:-1]
    assert abs(slip).max() < 0.05 * negative.mean()


@pytest.mark.parametrize("name", CELL_TYPES)
def test_ledger_balances_to_rounding(name):
    cell = make_cell(TwinSpec(name))
    before = cell.ions_negative, cell.ions_positive
    time = charge(cell, 0.0, 1.0, 0.05)
    discharge(cell, time, 1.0)
    cell._commit(cell._now)
    truth = cell.truth()
    net = truth.charged_ah - truth.discharged_ah
    moved = (cell.ions_negative - before[0]) / 3600.0
    assert moved == pytest.approx(net - truth.negative_side_ah, abs=1e-12)
    moved = (cell.ions_positive - before[1]) / 3600.0
    assert moved == pytest.approx(truth.positive_side_ah - net, abs=1e-12)


def looked_at(name, times):
    cell = make_cell(TwinSpec(name))
    capacity = cell.parameters.capacity_ah
    cell.set_source(0.0, voltage_source(cell.parameters.voltage_high_volt, 0.5 * capacity))
    for time in times:
        cell.sample(time)
    end = 9000.0
    cell.set_source(end, voltage_source(cell.parameters.voltage_low_volt, 0.5 * capacity))
    cell.advance(12000.0)
    return cell.truth()


@pytest.mark.parametrize("name", CELL_TYPES)
def test_truth_does_not_depend_on_who_looks(name):
    rng = random.Random(1)
    reference = looked_at(name, [])
    grids = [np.arange(p, 9000.0, p) for p in (0.5, 1.0, 7.0)]
    grids.append(np.array(sorted(rng.uniform(0.0, 9000.0) for _ in range(3000))))
    for grid in grids:
        truth = looked_at(name, grid.tolist())
        assert truth.charged_ah == pytest.approx(reference.charged_ah, rel=1e-12)
        assert truth.discharged_wh == pytest.approx(reference.discharged_wh, rel=1e-12)
    assert reference.charged_ah > 0.65 * make_cell(TwinSpec(name)).parameters.capacity_ah


@pytest.mark.parametrize("name", CELL_TYPES)
def test_constant_voltage_has_converged(name, monkeypatch):
    def charged():
        cell = make_cell(TwinSpec(name))
        high = cell.parameters.voltage_high_volt
        cell.set_source(0.0, voltage_source(high, cell.parameters.capacity_ah))
        cell.advance(6000.0)
        assert cell.held
        return cell.truth().charged_ah

    coarse = charged()
    monkeypatch.setattr(circuit, "LONGEST_HELD_SECOND", 0.078125)
    capacity = make_cell(TwinSpec(name)).parameters.capacity_ah
    assert abs(charged() - coarse) < 1e-9 * capacity


@pytest.mark.parametrize("name", CELL_TYPES)
def test_truth_is_the_integral_of_what_shows_at_the_terminals(name):
    cell = make_cell(TwinSpec(name))
    high = cell.parameters.voltage_high_volt
    cell.set_source(0.0, voltage_source(high, cell.parameters.capacity_ah))
    while not cell.held:
        cell.advance(cell.truth().time_second + 1.0)
    start = cell.truth()
    step = 0.01
    times = start.time_second + step * np.arange(20_001)
    seen = np.array([cell.sample(float(t)) for t in times])
    end = cell.truth()
    inner = seen[1:-1, 1].sum() + 0.5 * (seen[0, 1] + seen[-1, 1])
    shown = inner * step / 3600.0
    assert shown == pytest.approx(
        end.charged_ah - start.charged_ah, abs=1e-9 * cell.parameters.capacity_ah
    )
    assert seen[:, 0] == pytest.approx(high, abs=1e-12)


@pytest.mark.parametrize("name", CELL_TYPES)
def test_energy_is_the_integral_of_power(name):
    cell = make_cell(TwinSpec(name))
    cell.set_source(0.0, current_source(-0.5 * cell.parameters.capacity_ah, 20.0, 1.05))
    times = np.arange(0.0, 600.01, 0.1)
    volts = np.array([cell.sample(float(t))[0] for t in times])
    joule = np.trapezoid(volts, times) * 0.5 * cell.parameters.capacity_ah
    assert cell.truth().discharged_wh * 3600.0 == pytest.approx(joule, rel=1e-6)


def test_voltage_has_no_jumps_at_the_cells_own_grid():
    cell = make_cell(TwinSpec("nmc811_graphite_pouch"))
    cell.set_source(0.0, voltage_source(4.2, 0.2))
    for grid in np.arange(20.0, 1000.0, 20.0):
        before = cell.sample(grid - 1e-9)[0]
        after = cell.sample(grid + 1e-9)[0]
        assert abs(after - before) < 1e-6


def test_current_gives_way_to_voltage_and_back():
    cell = make_cell(TwinSpec("nmc811_graphite_pouch"))
    cell.set_source(0.0, voltage_source(4.0, 0.1))
    cell.advance(10_000.0)
    volts, current = cell.sample(10_000.0)
    assert cell.held
    assert volts == pytest.approx(4.0, abs=1e-12)
    assert 0.0 < current < 0.1
    cell.set_source(10_000.0, voltage_source(4.0, current / 2))
    assert cell.sample(10_000.1)[1] == pytest.approx(current / 2, rel=1e-12)
    assert not cell.held


def test_voltage_reached_again_from_below_ends_constant_voltage():
    cell = make_cell(TwinSpec("nmc811_graphite_pouch"))
    cell.set_source(0.0, voltage_source(3.9, 0.4))
    cell.advance(600.0)
    cell.set_source(600.0, voltage_source(3.3, 0.02))
    now = 600.0
    while not cell.held:
        now += 10.0
        cell.sample(now)
    volts, current = cell.sample(now + 1.0)
    assert volts == pytest.approx(3.3, abs=1e-12)
    assert -0.02 < current < 0.0


def test_short_discharges_and_open_does_not():
    cell = make_cell(TwinSpec("nmc811_graphite_pouch"))
    cell.set_source(0.0, voltage_source(0.0, 10e-6))
    cell.advance(3600.0)
    assert cell.truth().discharged_ah == pytest.approx(10e-6, rel=1e-9)
    cell.set_source(3600.0, OPEN)
    cell.advance(7200.0)
    assert cell.truth().discharged_ah == pytest.approx(10e-6, rel=1e-9)


def test_current_source_below_the_cell_sinks_far_more_than_was_set():
    cell = make_cell(TwinSpec("nmc811_graphite_pouch"))
    cell.set_source(0.0, current_source(0.01, 3.0, 0.105))
    assert cell.sample(1.0)[1] == pytest.approx(-0.105)


def test_leads_shift_where_the_voltage_is_held():
    cell = make_cell(TwinSpec("nmc811_graphite_pouch"))
    cell.set_source(0.0, voltage_source(4.0, 0.2), series_ohm=0.1)
    cell.advance(8000.0)
    volts, current = cell.sample(8000.0)
    assert cell.held
    assert volts + 0.1 * current == pytest.approx(4.0, abs=1e-12)


def test_lfp_remembers_its_path():
    rest = []
    for sign in (1.0, -1.0):
        cell = make_cell(TwinSpec("lfp_graphite_26650"))
        cell.set_source(0.0, current_source(-sign * 0.5, 20.0, 1.05))
        cell.advance(1800.0)
        cell.set_source(1800.0, current_source(sign * 0.5, 20.0, 1.05))
        cell.advance(3600.0)
        cell.set_source(3600.0, OPEN)
        rest.append(cell.sample(3600.0 + 40_000.0)[0])
    assert 8e-3 < rest[0] - rest[1] < 17e-3


def test_heat_ageing_and_lost_sites():
    cell = make_cell(TwinSpec("nmc811_graphite_pouch"))
    cold = make_cell(TwinSpec("nmc811_graphite_pouch"))
    cell.set_source(0.0, voltage_source(4.2, 0.6))
    cell.advance(600.0)
    assert cell.truth().core_temperature_celsius > 26.0
    assert cell.plating
    assert not cold.plating
    worn = LedgerCell(dataclasses.replace(NMC, loss_positive_per_cycle=0.01))
    rows = list(halves(cycles(worn, 3)))
    assert rows[2][1] < 0.995 * rows[1][1]


def test_scaling_keeps_what_the_voltage_does():
    small, large = (make_cell(TwinSpec("nmc811_graphite_pouch", capacity_ah=q)) for q in (0.01, 5))
    for cell in (small, large):
        capacity = cell.parameters.capacity_ah
        cell.set_source(0.0, voltage_source(4.2, capacity))
    assert small.sample(3000.0)[0] == pytest.approx(large.sample(3000.0)[0], abs=1e-9)
    assert small.truth().charged_ah / 0.01 == pytest.approx(large.truth().charged_ah / 5, rel=1e-9)


def test_abuse_far_outside_the_window_stays_finite():
    for source in (voltage_source(20.0, 1.05), voltage_source(-20.0, 1.05)):
        cell = make_cell(TwinSpec("nmc811_graphite_pouch", capacity_ah=1.5e-3))
        cell.set_source(0.0, source)
        seen = [cell.sample(t) for t in np.arange(1.0, 600.0, 1.0).tolist()]
        assert np.isfinite(np.array(seen)).all()


def test_unknown_cells_are_named():
    with pytest.raises(UsageError, match=r"lfp_graphite_26650.*nmc811"):
        make_cell(TwinSpec("unobtainium"))
    with pytest.raises(UsageError):
        make_cell(TwinSpec("nmc811_graphite_pouch", capacity_ah=-1.0))


def test_same_spec_same_life():
    truths = [cycles(make_cell(TwinSpec("lfp_graphite_26650")), 1) for _ in range(2)]
    assert truths[0] == truths[1]
    assert all(a.time_second < b.time_second for a, b in itertools.pairwise(truths[0]))
