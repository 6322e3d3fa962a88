"""Derivatives of curves: the charge is kept, peaks lie where the cell's potentials put them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchlab_analysis import delta_q, incremental_capacity, peaks, voltage_curves
from benchlab_analysis._curves import SMOOTHERS, HalfCurve, charge_below, density, voltage_grid
from benchlab_drivers.cells.balance import balance, volts
from benchlab_drivers.cells.nmc811_graphite_pouch import CELL


def half(voltage, charge):
    charge = np.asarray(charge, dtype=float)
    return HalfCurve(
        1, 1, "", 1, 0.1, np.asarray(voltage, dtype=float), charge, np.diff(charge), charge[-1]
    )


@given(st.lists(st.floats(2.5, 4.2), min_size=2, max_size=40))
def test_what_moved_below_a_level_only_rises_whatever_the_voltage_does(levels):
    voltage = np.array(levels)
    pieces = np.full(voltage.size - 1, 1e-3)
    grid = np.arange(2.4, 4.3, 1e-3)
    below = charge_below(voltage, pieces, grid)
    assert (np.diff(below) >= -1e-12).all()
    assert below[-1] == pytest.approx(pieces.sum())
    assert below[0] == 0.0


def test_a_voltage_that_turns_back_is_counted_both_ways():
    below = charge_below(np.array([3.0, 3.2, 3.1, 3.3]), np.full(3, 1.0), np.array([3.1, 3.2, 3.4]))
    assert below == pytest.approx([0.5, 2.5, 3.0])


@pytest.mark.parametrize("smoother", SMOOTHERS)
def test_the_integral_of_each_smoother_is_the_charge(smoother):
    noise = np.random.default_rng(3)
    charge = np.linspace(0.0, 1.0, 3000)
    clean = 3.5 + 0.2 * charge + 0.03 * np.tanh((charge - 0.5) / 0.05)
    curve = half(clean + noise.normal(0.0, 2e-3, charge.size), charge)
    assert (np.diff(curve.voltage) < 0.0).any()
    edges = voltage_grid([curve], 2e-3)
    found = density(curve, edges, smoother, 0.01)
    assert np.isfinite(found).all()
    assert found.sum() * 2e-3 == pytest.approx(1.0, rel=0.01)


def true_peaks(current, ohm):
    """Return the maxima of dQ/dV of the cell at rest, shifted by current times resistance."""
    sizes = balance(CELL, CELL.capacity_ah)
    moved = np.linspace(0.002, 0.998, 4000) * CELL.capacity_ah
    at = np.array(
        [
            volts(CELL.positive, (sizes.empty_positive - q) / sizes.sites_positive)
            - volts(CELL.negative, (sizes.empty_negative + q) / sizes.sites_negative)
            for q in moved
        ]
    )
    curve = half(at + current * ohm, moved)
    found = peaks.peaks_of(curve, smoother="gaussian", window=0.015, step=1e-3, prominence=0.05)
    return [peak.position for peak in found]


def test_peaks_lie_where_the_potentials_put_them(template):
    run = template("ocv_and_self_discharge").run
    ohm = CELL.resistance_ohm + sum(ohm for ohm, _ in CELL.elements)
    slow = {s["label"]: s for s in run.steps.records()}["ocv_down"]
    result = peaks.analyse(run, peaks.Options(direction="discharge"))
    rows = [r for r in result.tables[0].records() if r["step_count"] == slow["step_count"]]
    true = true_peaks(slow["set_current_ampere"], ohm)
    assert len(rows) >= 3
    for row in rows:
        nearest = min(true, key=lambda at: abs(at - row["voltage_volt"]))
        assert row["voltage_volt"] == pytest.approx(nearest, abs=row["voltage_half_width_volt"])
        assert row["voltage_half_width_volt"] < 0.01
    assert any("currents differ" in text for text in result.warnings)


def test_the_smoothing_stands_on_the_figure(template):
    run = template("ocv_and_self_discharge").run
    for smoother in SMOOTHERS:
        result = incremental_capacity.analyse(
            run, incremental_capacity.Options(smoother=smoother, direction="discharge")
        )
        assert smoother in result.figures[0].panels[0].note
    slope = incremental_capacity.analyse(run, incremental_capacity.Options(quantity="dV/dQ"))
    assert "% of the charge" in slope.figures[0].panels[0].note


def test_curves_hold_the_charge_of_the_truth(template):
    it = template("ocv_and_self_discharge")
    result = voltage_curves.analyse(it.run, voltage_curves.Options(direction="discharge"))
    true = {step["step_count"]: step["cycle_discharging_capacity_ah"] for step in it.truth["steps"]}
    for row in result.tables[0].records():
        assert row["charge"] == pytest.approx(true[row["step_count"]], rel=2e-3)


def test_a_row_that_is_not_a_number_is_bridged(from_steps):
    time = np.arange(0.0, 3600.0, 10.0)
    voltage = 3.0 + time / 3600.0
    voltage[::3] = np.nan
    rows = {
        "test_time_second": time,
        "voltage_volt": voltage,
        "current_ampere": np.full(time.size, 1.0),
    }
    result = incremental_capacity.analyse(from_steps([], rows), incremental_capacity.Options())
    table = result.tables[0]
    middle = (table["voltage_volt"] > 3.1) & (table["voltage_volt"] < 3.9)
    assert table["charge_per_volt_ah"][middle] == pytest.approx(1.0, rel=1e-3)


def test_features_of_a_known_change():
    change = -1e-3 * np.linspace(0.0, 1.0, 1000)
    found = delta_q.features(change)
    assert found["log10_minimum"] == pytest.approx(-3.0)
    assert found["log10_mean"] == pytest.approx(np.log10(0.5e-3))
    assert found["log10_variance"] == pytest.approx(np.log10(1e-6 / 12.0), abs=1e-2)
    assert found["log10_kurtosis"] == pytest.approx(np.log10(1.8), abs=1e-2)
    assert found["at_lowest_voltage_ah"] == pytest.approx(-1e-3)


def test_delta_q_ends_at_the_lost_capacity(template):
    cut = {"repeat: 500": "repeat: 2", "every: 100 it": "every: 2 it"}
    it = template("lfp_life_and_pocv", cut)
    result = delta_q.analyse(it.run, delta_q.Options(early=4, late=5))
    by_cycle = {cycle["cycle_count"]: cycle for cycle in it.truth["cycles"]}
    table = next(table for table in result.tables if table.name == "delta Q")
    true = (
        by_cycle[5]["cycle_discharging_capacity_ah"] - by_cycle[4]["cycle_discharging_capacity_ah"]
    )
    # a last reading below the end is left out with its charge: 10 mV of steep end
    assert table["delta_charge_ah"][-1] == pytest.approx(true, abs=1e-3 * 2.3)


def test_a_cycle_that_is_not_there_is_said(template):
    result = delta_q.analyse(template("dcir").run, delta_q.Options())
    assert any("cycle 10" in text for text in result.warnings)
    assert not result.tables
