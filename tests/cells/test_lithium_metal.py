"""Cells with lithium metal: efficiency on copper, a soft short, and the knee where lithium ends."""

from dataclasses import replace

import numpy as np
import pytest

from benchlab.bench.twin import TwinSpec
from benchlab_drivers.cells import make_cell
from benchlab_drivers.cells.ledger import LedgerCell
from benchlab_drivers.cells.li_nmc811_coin import CELL, VARIANTS
from benchlab_drivers.cells.sources import current_source

AREA_CM2 = 1.54
AMPERE = 0.5e-3 * AREA_CM2


def drive(cell, time, current, ah):
    cell.set_source(time, current_source(current, 4.0, 1.0))
    time += 3600.0 * ah / abs(current)
    cell.advance(time)
    return time


@pytest.mark.parametrize("fresh", [True, False])
def test_the_modified_aurbach_efficiency_is_the_truth(bench, fresh):
    cell = make_cell(TwinSpec("li_cu_coin", fresh=fresh))
    reservoir, swing = 5e-3 * AREA_CM2, 1e-3 * AREA_CM2
    time = drive(cell, 0.0, -AMPERE, reservoir)
    time = bench.to_voltage(cell, time, AMPERE, 1.0)
    start = cell.truth()
    time = drive(cell, time, -AMPERE, reservoir)
    for _ in range(10):
        time = drive(cell, time, AMPERE, swing)
        time = drive(cell, time, -AMPERE, swing)
    before = cell.truth().charged_ah
    time = bench.to_voltage(cell, time, AMPERE, 1.0)
    end = cell.truth()
    stripped = end.charged_ah - before
    plated = end.discharged_ah - start.discharged_ah
    assert plated == pytest.approx(reservoir + 10 * swing, rel=1e-9)
    dead = start.positive_side_ah - end.positive_side_ah
    assert (10 * swing + stripped) / plated == pytest.approx(1.0 - dead / plated, abs=1e-6)
    assert dead == pytest.approx(0.010 * plated, rel=1e-9)


def test_copper_is_bare_then_plated_and_jumps_when_it_is_bare_again():
    cell = make_cell(TwinSpec("li_cu_coin", fresh=True))
    assert 2.5 < cell.sample(0.0)[0] < 3.2
    cell.set_source(0.0, current_source(-AMPERE, 4.0, 1.0))
    volts = np.array([cell.sample(float(t))[0] for t in range(1, 3601)])
    dip, plateau = volts.min(), volts[600]
    assert -0.08 < dip < -0.05
    assert -0.03 < plateau < -0.01
    assert volts[59] > dip + 0.02
    cell.set_source(3600.0, current_source(AMPERE, 1.5, 1.0))
    times = 3600.0 + np.arange(1.0, 3601.0)
    volts = np.array([cell.sample(float(t))[0] for t in times])
    assert 0.005 < volts[1800] < 0.03
    jump = times[volts > 0.05][0]
    assert times[volts > 1.0][0] - jump < 10.0
    assert volts[-1] == pytest.approx(1.5)


def test_each_plating_of_bare_copper_dips_and_no_other_does(bench):
    cell = make_cell(TwinSpec("li_cu_coin"))

    def plate(time):
        cell.set_source(time, current_source(-AMPERE, 4.0, 1.0))
        dip = min(cell.sample(time + t)[0] for t in range(1, 200))
        return dip, drive(cell, time + 200.0, -AMPERE, 1e-3 * AREA_CM2)

    first, time = plate(0.0)
    on_lithium, time = plate(drive(cell, time, AMPERE, 0.5e-3 * AREA_CM2))
    again, _ = plate(bench.to_voltage(cell, time, AMPERE, 1.0))
    assert first == pytest.approx(again, abs=0.015)
    assert on_lithium > max(first, again) + 0.03


def half_cycles(cell, count):
    """Return the voltages in the middle of half cycles at 1 mA/cm2, and the charge of each."""
    volts, charge, time = [], 1e-3 * AREA_CM2, 0.0
    for k in range(count):
        current = 2.0 * AMPERE * (-1.0 if k % 2 == 0 else 1.0)
        time = drive(cell, time, current, 0.5 * charge)
        volts.append(abs(cell.sample(time)[0]))
        time = drive(cell, time, current, 0.5 * charge)
    return np.array(volts)


def test_a_soft_short_halves_the_polarisation_within_a_half_cycle():
    cell = make_cell(TwinSpec("li_li_coin", seed=3))
    volts = half_cycles(cell, 110)
    assert volts[2:99] == pytest.approx(volts[50], rel=0.02)
    assert 0.02 < volts[50] < 0.05
    assert volts[103:] == pytest.approx(0.5 * volts[50], rel=0.15)
    assert volts[103:].std() > 0.01 * volts[50]
    before = cell.truth().reversible_side_ah
    drive(cell, cell.truth().time_second, 1e-3, 1e-3)
    assert cell.truth().reversible_side_ah - before == pytest.approx(0.5e-3, rel=1e-6)
    sound = half_cycles(make_cell(TwinSpec("li_li_coin/sound")), 110)
    assert sound[103:] == pytest.approx(sound[50], rel=0.02)


@pytest.mark.parametrize(("parameters", "knee"), [(CELL, 206), (VARIANTS["50um"], 515)])
def test_the_knee_is_where_the_lithium_ends(bench, parameters, knee):
    quick = replace(
        parameters,
        resistance_ohm=parameters.resistance_ohm / 20.0,
        elements=((1e-3, 3.0),),
        resistance_per_cycle=0.0,
    )
    cell = LedgerCell(quick)
    q = quick.capacity_ah
    time = bench.to_voltage(cell, 0.0, -4.0 * q, 3.0)
    start, charged, discharged = cell.truth(), [], []
    for _ in range(knee + 16):
        low = cell.truth().charged_ah
        time = bench.to_voltage(cell, time, 4.0 * q, 4.3)
        charged.append(cell.truth().charged_ah - low)
        top = cell.truth().discharged_ah
        time = bench.to_voltage(cell, time, -4.0 * q, 3.0)
        discharged.append(cell.truth().discharged_ah - top)
    kept = np.array(discharged) / discharged[0]
    assert kept[: knee - 3].min() > 0.999
    assert np.diff(kept[knee + 8 :]) == pytest.approx(-0.005, rel=0.1)
    short = int(np.argmax(kept < 0.999)) + 1  # the first discharge with lithium missing
    each = np.array(charged[: knee - 3]).mean()
    assert short == pytest.approx(quick.reserve * q / (0.005 * each), abs=2)
    assert short == pytest.approx(knee, rel=0.015)
    lost = cell.truth().negative_side_ah - start.negative_side_ah
    assert lost == pytest.approx(0.005 * sum(charged), rel=1e-3)


def test_before_the_knee_the_cell_looks_better_than_its_lithium(bench):
    cell = make_cell(TwinSpec("li_nmc811_coin"))
    q = cell.parameters.capacity_ah
    time = bench.to_voltage(cell, 0.0, -q / 3, 3.0)
    ends = [cell.truth()]
    for _ in range(3):
        time = bench.to_voltage(cell, time, q / 5, 4.3)
        time = bench.to_voltage(cell, time, -q / 3, 3.0)
        ends.append(cell.truth())
    charged = ends[-1].charged_ah - ends[1].charged_ah
    discharged = ends[-1].discharged_ah - ends[1].discharged_ah
    reversible = ends[-1].reversible_side_ah - ends[1].reversible_side_ah
    assert 1.0 - discharged / charged == pytest.approx(reversible / charged, rel=0.05)
    assert discharged / charged == pytest.approx(0.999, abs=2e-4)
