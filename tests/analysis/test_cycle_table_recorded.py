"""Cycle tables of recorded runs, whose truth is known by construction."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchlab.errors import UsageError
from benchlab_analysis import cycle_table

PAIRS = [(1.0, 0.8), (0.9, 0.895), (0.896, 0.893), (0.894, 0.890)]
KINDS = ["formation cycle", "cycle", "cycle", "cycle"]


def test_sums_efficiencies_and_retention(recorded):
    cell = {"role": "full_cell", "first_half_cycle": "charge", "nominal_capacity_ah": 0.9}
    table = cycle_table(recorded(PAIRS, kinds=KINDS, cell=cell))
    charge, discharge = np.array(PAIRS).T
    assert table.provenance.source == "step index"
    assert table.provenance.pairing == "same index"
    assert table["cycle_count"].tolist() == [1, 2, 3, 4]
    assert table["kind"].tolist() == KINDS
    assert table["complete"].all()
    np.testing.assert_allclose(table["cycle_charging_capacity_ah"], charge, rtol=1e-15)
    np.testing.assert_allclose(table["cycle_discharging_capacity_ah"], discharge, rtol=1e-15)
    np.testing.assert_allclose(table["coulombic_efficiency"], discharge / charge, rtol=1e-15)
    np.testing.assert_allclose(
        table["energy_efficiency"], 3.5 * discharge / (3.7 * charge), rtol=1e-14
    )
    np.testing.assert_allclose(table["charging_mean_voltage_volt"], 3.7)
    np.testing.assert_allclose(table["discharging_mean_voltage_volt"], 3.5)
    # the first complete cycle of kind "cycle", not the formation cycle before it
    assert table.provenance.reference_cycle == 2
    np.testing.assert_allclose(table["capacity_retention"], discharge / discharge[1])
    np.testing.assert_allclose(table["equivalent_full_cycles"], np.cumsum(charge + discharge) / 1.8)
    np.testing.assert_allclose(table["duration_second"], (charge + discharge) / 0.5 * 3600 + 1200.0)
    assert table["charging_start_voltage_volt"].tolist() == [3.0] * 4
    assert table["discharging_end_voltage_volt"].tolist() == [2.8] * 4


def test_half_width_is_the_worst_case_of_the_stated_accuracy(recorded, ranges):
    run = recorded(
        PAIRS, instrument={"current_ranges": ranges}, cell={"first_half_cycle": "charge"}
    )
    table = cycle_table(run)
    charge, discharge = np.array(PAIRS).T
    d_charge = 2e-4 * charge + 1e-5 * charge / 0.5
    d_discharge = 2e-4 * discharge + 1e-5 * discharge / 0.5
    worst = (discharge + d_discharge) / (charge - d_charge) - discharge / charge
    np.testing.assert_allclose(table["coulombic_efficiency_half_width"], worst, rtol=1e-9)
    assert "limited by the gain of the 1 A range" in table.provenance.interval


def test_a_slow_cycle_is_limited_by_the_offset(recorded, ranges):
    run = recorded(PAIRS, current=0.002, instrument={"current_ranges": ranges})
    assert "limited by the offset of the 1 A range" in cycle_table(run).provenance.interval


def test_edges_widen_the_interval(steps_of, from_steps, ranges):
    steps = steps_of(PAIRS)
    plain = cycle_table(from_steps(steps, instrument={"current_ranges": ranges}))
    for step in steps:
        step["end_half_width_second"] = 36.0
        step["end_current_ampere"] = 0.5 if step["step_type"] == "CC_CHG" else 0.0
    wide = cycle_table(from_steps(steps, instrument={"current_ranges": ranges}))
    charge, discharge = PAIRS[0]
    d_charge, d_discharge = 2.2e-4 * charge + 0.005, 2.2e-4 * discharge
    expected = (discharge + d_discharge) / (charge - d_charge) - discharge / charge
    assert wide["coulombic_efficiency_half_width"][0] == pytest.approx(expected, rel=1e-9)
    assert (
        wide["coulombic_efficiency_half_width"] > plain["coulombic_efficiency_half_width"]
    ).all()


def test_unknown_accuracy_is_nan_and_said(recorded, ranges):
    table = cycle_table(recorded(PAIRS))
    assert np.isnan(table["coulombic_efficiency_half_width"]).all()
    assert table.provenance.interval.startswith("not known")
    other = cycle_table(recorded(PAIRS, instrument={"current_ranges": ranges[1:]}))
    assert np.isnan(other["coulombic_efficiency_half_width"]).all()
    assert any("no current range" in text for text in other.provenance.notes)


def test_discharge_first_divides_by_the_charge_of_the_cycle_before(recorded, ranges):
    """Lithium-sulfur is made charged: CE_n = Qd_n / Qc_(n-1), and there is none for cycle 1."""
    cell = {"role": "full_cell", "first_half_cycle": "discharge"}
    run = recorded(
        PAIRS, first="discharge", cell=cell, lead=False, instrument={"current_ranges": ranges}
    )
    table = cycle_table(run)
    charge, discharge = np.array(PAIRS).T
    assert table.provenance.pairing == "discharge over previous charge"
    assert math.isnan(table["coulombic_efficiency"][0])
    np.testing.assert_allclose(table["coulombic_efficiency"][1:], discharge[1:] / charge[:-1])
    d_charge = 2.2e-4 * charge[:-1]
    d_discharge = 2.2e-4 * discharge[1:]
    worst = (discharge[1:] + d_discharge) / (charge[:-1] - d_charge) - discharge[1:] / charge[:-1]
    np.testing.assert_allclose(table["coulombic_efficiency_half_width"][1:], worst, rtol=1e-9)


@pytest.mark.parametrize(
    ("role", "pairing"),
    [
        ("graphite_half_cell", "delithiation over lithiation"),
        ("lithium_on_copper", "strip over plate"),
    ],
)
def test_half_cells_divide_charge_by_discharge(recorded, role, pairing):
    """At the terminals lithium goes into graphite, or onto copper, while the cell discharges."""
    cell = {"role": role, "first_half_cycle": "discharge"}
    table = cycle_table(recorded([(0.8, 1.0), (0.85, 0.9)], first="discharge", cell=cell))
    assert table.provenance.pairing == pairing
    np.testing.assert_allclose(table["coulombic_efficiency"], [0.8, 0.85 / 0.9])
    np.testing.assert_allclose(table["capacity_retention"], [1.0, 0.85 / 0.8])


def test_symmetric_cells_have_no_efficiency(recorded):
    table = cycle_table(recorded(PAIRS, cell={"role": "lithium_symmetric"}))
    assert table.provenance.pairing == "none"
    assert np.isnan(table["coulombic_efficiency"]).all()


def test_pairing_asked_for_wins_and_a_wrong_one_names_those_there_are(recorded):
    run = recorded(PAIRS, cell={"first_half_cycle": "charge"})
    for name in ("discharge over previous charge", "discharge-over-previous-charge"):
        table = cycle_table(run, pairing=name)
        assert table.provenance.pairing == "discharge over previous charge"
        assert table["coulombic_efficiency"][1] == pytest.approx(0.895 / 1.0)
    assert any("pairing matters" in text for text in cycle_table(run).provenance.notes)
    with pytest.raises(UsageError, match="strip over plate"):
        cycle_table(run, pairing="whatever")


def test_complete_needs_the_own_end_of_the_last_driven_step_of_each_half(steps_of, from_steps):
    steps = steps_of(PAIRS)
    driven = [step for step in steps if step["cycle_count"] == 2 and step["step_type"] != "REST"]
    driven[1]["own_end"] = 0
    table = cycle_table(from_steps(steps))
    assert table["complete"].tolist() == [True, False, True, True]
    # the charge was paused and went on in a second step: only its last end counts
    driven[1]["own_end"] = 1
    again = dict(driven[0], own_end=0)
    steps.insert(steps.index(driven[0]), again)
    table = cycle_table(from_steps(steps))
    assert table["complete"].all()
    assert table["cycle_charging_capacity_ah"][1] == pytest.approx(2 * 0.9)


def test_last_cycle_of_an_interrupted_run_is_not_complete(recorded):
    assert cycle_table(recorded(PAIRS))["complete"].all()
    for state in ("interrupted", "running"):
        table = cycle_table(recorded(PAIRS, state=state))
        assert table["complete"].tolist() == [True, True, True, False]
        assert any(state in text for text in table.provenance.notes)


def test_reference_can_be_chosen(recorded):
    run = recorded(PAIRS, kinds=KINDS)
    table = cycle_table(run, reference=1)
    assert table["capacity_retention"][0] == 1.0
    assert table.provenance.reference_cycle == 1
    with pytest.raises(UsageError, match="cycle 9"):
        cycle_table(run, reference=9)


def test_without_a_complete_cycle_of_kind_cycle_there_is_no_retention(recorded):
    table = cycle_table(recorded(PAIRS, kinds=["formation cycle"] * 4))
    assert table.provenance.reference_cycle is None
    assert np.isnan(table["capacity_retention"]).all()


def test_steps_of_cycle_zero_alone_give_an_empty_table(from_steps, steps_of):
    table = cycle_table(from_steps(steps_of([])))
    assert table.rows == 0
    assert "coulombic_efficiency" in table
    assert list(table.records()) == []


def test_a_flipped_sign_is_noticed(steps_of, from_steps):
    steps = steps_of(PAIRS)
    for step in steps:
        step["start_voltage_volt"], step["end_voltage_volt"] = (
            step["end_voltage_volt"],
            step["start_voltage_volt"],
        )
    assert "LOOKS WRONG" in cycle_table(from_steps(steps)).provenance.sign_check


def test_a_run_under_way_shows_what_the_finished_one_will(steps_of, from_steps):
    """Live and offline are one function: cut after any step, finished cycles are the same."""
    steps = steps_of(PAIRS)
    whole = cycle_table(from_steps(steps))
    for cut in range(1, len(steps)):
        table = cycle_table(from_steps(steps[:cut], state="running"))
        finished = np.flatnonzero(table["complete"])
        for name in whole:
            if name != "kind":
                np.testing.assert_array_equal(
                    table[name][finished], whole[name][finished], err_msg=f"{name} after {cut}"
                )
    assert finished.size == 3
