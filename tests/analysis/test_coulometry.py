"""Endpoint slippage against the side currents of a simulated cell, and its intervals."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from benchlab_analysis import coulometry, cycle_table
from benchlab_analysis.coulometry import slippage
from benchlab_drivers.cells.ledger import LedgerCell
from benchlab_drivers.cells.nmc811_graphite_pouch import CELL
from benchlab_drivers.cells.sources import voltage_source


@pytest.fixture(scope="module")
def slow_cycles():
    """The truth at each end of C/10 cycles of a pouch cell.

    Down to 2.5 V: at 2.8 V its positive electrode slopes too, and the discharge endpoint misses
    2.6 % of the side current at the negative one.
    """
    p = replace(CELL, voltage_low_volt=2.5)
    cell = LedgerCell(p)
    time, tops, bottoms = 0.0, [], []
    for _ in range(12):
        for volts, sign in ((p.voltage_high_volt, 1.0), (p.voltage_low_volt, -1.0)):
            # held at the end until the current is small: the end is one of the electrodes alone
            cell.set_source(time, voltage_source(volts, 0.1 * p.capacity_ah))
            while True:
                _, current = cell.sample(time + 60.0)
                time += 60.0
                if cell.held and abs(current) <= 0.001 * p.capacity_ah:
                    break
            (tops if sign > 0 else bottoms).append(cell.truth())
    return tops, bottoms


def test_both_side_currents_are_found_within_two_percent(slow_cycles, recorded):
    tops, bottoms = slow_cycles
    pairs = [
        (top.charged_ah - before.charged_ah, after.discharged_ah - top.discharged_ah)
        for before, top, after in zip(bottoms, tops[1:], bottoms[1:], strict=False)
    ]
    found = slippage(cycle_table(recorded(pairs)), first=3)
    seen = np.isfinite(found.charge)
    # tops[k] ends the charge of cycle k, bottoms[k] its discharge; cycle 1 begins at bottoms[0]
    first, last = int(found.cycle[seen][0]), int(found.cycle[seen][-1])
    positive = tops[last].positive_side_ah - tops[first - 1].positive_side_ah
    negative = bottoms[last].negative_side_ah - bottoms[first - 1].negative_side_ah
    assert found.charge[seen].sum() == pytest.approx(positive, rel=0.02)
    assert found.discharge[seen].sum() == pytest.approx(negative, rel=0.02)


def test_the_balance_of_the_axis_closes(recorded):
    pairs = [(1.0 - 1e-4 * n, 0.999 - 1.2e-4 * n) for n in range(12)]
    found = slippage(cycle_table(recorded(pairs)))
    charge = np.array([pair[0] for pair in pairs])
    np.testing.assert_allclose(found.charge, found.discharge - found.fade, atol=1e-15)
    np.testing.assert_allclose(
        found.inefficiency[1:], ((found.charge + found.fade) / charge)[1:], atol=1e-15
    )
    np.testing.assert_allclose(found.cumulative[-1], found.inefficiency.sum())
    assert np.isnan(found.charge[0])


def test_a_cycle_that_is_missing_breaks_the_axis(recorded):
    pairs = [(1.0, 0.999)] * 6
    pairs[2] = (1.0, 0.0)  # its discharge never came
    found = slippage(cycle_table(recorded(pairs)))
    assert np.isnan(found.charge[found.cycle == 4]).all()


def test_the_accuracy_of_the_channel_is_in_every_interval(recorded, ranges):
    rng = np.random.default_rng(1)
    truth = [(1.0, 0.9998)] * 8
    inside = 0
    for _ in range(50):
        # any gain that the data sheet allows, of each direction on its own, and any offset
        gain, offset = rng.uniform(-2e-4, 2e-4, 2), rng.uniform(-1e-5, 1e-5)
        seen = [(c * (1 + gain[0]) + 2 * offset, d * (1 + gain[1]) - 2 * offset) for c, d in truth]
        found = slippage(cycle_table(recorded(seen, instrument={"current_ranges": ranges})))
        off = np.abs(found.discharge - 2e-4)
        inside += bool(
            (off <= found.discharge_reach * 1.001).all()
            and (np.abs(found.inefficiency - 2e-4) <= found.inefficiency_reach * 1.001).all()
        )
    assert inside == 50
    result = coulometry.analyse(
        recorded(truth, instrument={"current_ranges": ranges}), coulometry.Options()
    )
    assert "not told from nothing" in result.sentences[1]  # 0.2 mAh, by a channel of 0.4 mAh
    assert not any("ACCURACY" in text for text in result.warnings)


def test_an_unknown_accuracy_is_said_loudly(recorded):
    result = coulometry.analyse(recorded([(1.0, 0.999)] * 5), coulometry.Options())
    assert any("ACCURACY OF THE CHANNEL IS NOT KNOWN" in text for text in result.warnings)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_cycles_are_not_supported(recorded, count):
    result = coulometry.analyse(recorded([(1.0, 0.999)] * count), coulometry.Options())
    assert result.sentences[0].startswith("slippage: not supported")
    assert not result.tables
    assert json.dumps(result.sentences)
