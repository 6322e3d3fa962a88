"""Cycle tables of foreign runs: published files against the cycler's own table, and traps."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from benchlab_analysis import cycle_table
from benchlab_analysis.importers import read


@pytest.fixture(scope="module")
def cell_25r(shared_data):
    return read(shared_data("arbin_25r/*Wb_1.csv"))


@pytest.fixture(scope="module")
def cell_k2(shared_data):
    return read(shared_data("arbin_k2_lfp/*.csv"))


def own_table(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["Cycle Index"]]
    return {name: [row[name] for row in rows] for name in rows[0]}


def assert_as_printed(found, printed, at_least=0.0):
    """Equal as far as the digits go that the cycler printed."""
    for value, text in zip(found, printed, strict=True):
        mantissa, _, exponent = text.lower().partition("e")
        decimals = len(mantissa.partition(".")[2])
        unit = 10.0 ** (int(exponent or 0) - decimals)
        assert abs(value - float(text)) <= max(0.51 * unit, at_least), (value, text)


def test_25r_equals_the_cyclers_own_table(cell_25r, shared_data):
    own = own_table(shared_data("arbin_25r/*StatisticByCycle.CSV"))
    table = cycle_table(cell_25r.run())
    assert table["cycle_count"].tolist() == [int(text) for text in own["Cycle Index"]]
    for name, theirs in (
        ("cycle_charging_capacity_ah", "Charge Capacity (Ah)"),
        ("cycle_discharging_capacity_ah", "Discharge Capacity (Ah)"),
        ("cycle_charging_energy_wh", "Charge Energy (Wh)"),
        ("cycle_discharging_energy_wh", "Discharge Energy (Wh)"),
    ):
        np.testing.assert_allclose(table[name], np.array(own[theirs], float), atol=1e-6, rtol=0)
        assert_as_printed(table[name], own[theirs], at_least=1e-8)
    # its own rows carry six decimals: the resolution of the table says what that is worth
    theirs = np.array(own["Coulombic Efficiency (%)"], float)[1:] / 100.0
    off = np.abs(table["coulombic_efficiency"][1:] - theirs)
    assert (off <= table["coulombic_efficiency_resolution"][1:]).all()
    assert off.max() < 1e-6
    assert np.isnan(table["coulombic_efficiency"][0])  # cycle 1 is a discharge only
    assert table["complete"].tolist() == [False] + [True] * 8
    assert table["cycle_charging_capacity_ah"][2] == pytest.approx(2.457060, abs=5e-7)
    assert table["cycle_discharging_capacity_ah"][2] == pytest.approx(2.451407, abs=5e-7)
    assert table["coulombic_efficiency"][2] == pytest.approx(0.99770, abs=5e-6)


def test_25r_says_how_it_came_about(cell_25r):
    told = cycle_table(cell_25r.run()).provenance
    assert told.source == "counters"
    assert told.reset_scope == "each cycle"
    assert told.reset_count == 8
    assert told.noise_drop_count == 0
    assert told.pairing == "same index"
    assert told.reference_cycle == 2
    assert "LOOKS WRONG" not in told.sign_check
    assert any("reset 8 times" in text for text in told.corrections)


def test_k2_has_its_cycles_and_no_reset_artefact(cell_k2):
    table = cycle_table(cell_k2.run())
    assert table.rows == 101
    assert np.median(table["cycle_discharging_capacity_ah"]) == pytest.approx(1.6463, abs=5e-5)
    assert table["cycle_charging_capacity_ah"].max() < 1.8
    assert table.provenance.reset_scope == "never"
    assert table.provenance.pairing == "discharge over previous charge"
    assert any("discharge comes before the charge" in text for text in table.provenance.notes)
    # the short charge before the first discharge is not taken for the charge of a cycle
    assert np.isnan(table["coulombic_efficiency"][0])
    assert table["coulombic_efficiency"][1] == pytest.approx(0.9995, abs=1e-4)


def test_k2_pairing_changes_single_cycles_by_more_than_5e_4(cell_k2):
    run = cell_k2.run()
    previous = cycle_table(run)["coulombic_efficiency"]
    same = cycle_table(run, pairing="same index")
    assert same.provenance.pairing_reason == "as asked for"
    apart = np.abs(previous - same["coulombic_efficiency"])[1:100]
    assert apart.max() > 5e-4


def without(imported, *names):
    """Return the run as a file would give it that lacks those columns."""
    rows = {
        name: values
        for name, values in imported.rows.items()
        if not any(part in name for part in names)
    }
    return type(imported)(rows, imported.meta).run()


@pytest.mark.parametrize("name", ["cell_25r", "cell_k2"])
def test_without_counters_rows_are_integrated_and_the_error_is_said(name, request):
    imported = request.getfixturevalue(name)
    truth = cycle_table(imported.run())
    table = cycle_table(without(imported, "capacity", "energy"))
    assert table.provenance.source == "integration"
    assert any(text.startswith("THERE ARE NO COUNTERS") for text in table.provenance.notes)
    off = np.abs(table["coulombic_efficiency"] - truth["coulombic_efficiency"])
    doubt = table["coulombic_efficiency_resolution"]
    known = np.isfinite(off)
    assert known.sum() >= 8
    assert (off[known] <= doubt[known]).all()


@pytest.mark.parametrize(("name", "cycles"), [("cell_25r", 8), ("cell_k2", 101)])
def test_without_index_half_cycles_are_found_in_the_current(name, cycles, request):
    imported = request.getfixturevalue(name)
    truth = cycle_table(imported.run())
    table = cycle_table(without(imported, "cycle_count"))
    complete = table["complete"]
    assert table.rows in (cycles, cycles - 1)
    expected = truth["cycle_discharging_capacity_ah"][truth["complete"]]
    np.testing.assert_allclose(
        table["cycle_discharging_capacity_ah"][complete], expected, rtol=1e-6
    )
    assert any("no cycle index" in text for text in table.provenance.corrections)


def test_a_half_cell_of_the_format_can_be_paired_by_hand(shared_data):
    run = read(shared_data("bdf/SINTEF*")).run()
    table = cycle_table(run, pairing="delithiation-over-lithiation")
    assert table["coulombic_efficiency"][0] == pytest.approx(0.0032 / 0.0063)
    assert table["complete"].tolist() == [True, False]  # ends under current
    assert any("steps of 0.0001 Ah" in text for text in table.provenance.notes)
    assert table["coulombic_efficiency_resolution"][0] > 0.01


# one cell, made here: what each cycle charges and discharges is known


def made_rows(cycles=6, *, reset="never", noise=0.0, advance="after discharge", partial=0.0):
    """Return rows at 100 s of 1 A half cycles; charge 1 Ah, discharge 0.99 Ah, rests between."""
    time, current, index, voltage, charge, discharge = [], [], [], [], [], []
    now = total_charge = total_discharge = 0.0
    number = 1

    def add(amperes, volts, seconds=100.0):
        nonlocal now, total_charge, total_discharge
        now += seconds
        total_charge += max(amperes, 0.0) * seconds / 3600.0
        total_discharge += max(-amperes, 0.0) * seconds / 3600.0
        time.append(now)
        current.append(amperes)
        voltage.append(volts)
        index.append(number)
        charge.append(total_charge)
        discharge.append(total_discharge)

    def rest():
        for row in range(5):
            add(0.0, 3.6)
            current[-1] = noise if row % 2 else -noise

    rest()
    if partial:
        for _ in range(round(partial * 36)):
            add(1.0, 3.9)
        rest()
    for cycle in range(cycles):
        halves = (
            ((1.0, 36), (-0.99, 36)) if advance == "after discharge" else ((-0.99, 36), (1.0, 36))
        )
        for amperes, rows in halves:
            for row in range(rows):
                add(amperes, 3.5 + 0.01 * row * np.sign(amperes))
            if amperes == halves[1][0] and cycle < cycles - 1 and reset == "tail":
                number += 1
            rest()
        if cycle < cycles - 1 and reset != "tail":
            number += 1
    rows = {
        "test_time_second": np.array(time),
        "current_ampere": np.array(current),
        "voltage_volt": np.array(voltage),
        "cycle_count": np.array(index, dtype=np.uint32),
        "charging_capacity_ah": np.array(charge),
        "discharging_capacity_ah": np.array(discharge),
    }
    if reset == "each cycle":
        starts = np.flatnonzero(np.diff(index)) + 1
        for name in ("charging_capacity_ah", "discharging_capacity_ah"):
            values = rows[name].copy()
            for start in starts:
                rows[name][start:] = values[start:] - values[start - 1]
    return rows


@pytest.mark.parametrize("reset", ["never", "each cycle"])
def test_made_cycles_come_out_whatever_resets_the_counters(from_steps, reset):
    table = cycle_table(from_steps(rows=made_rows(reset=reset)))
    np.testing.assert_allclose(table["cycle_charging_capacity_ah"], 1.0, rtol=1e-12)
    np.testing.assert_allclose(table["coulombic_efficiency"], 0.99, rtol=1e-12)
    assert table.provenance.reset_scope == reset
    assert table["complete"].all()


def test_noise_in_rests_makes_no_half_cycles(from_steps):
    rows = made_rows(noise=3e-3)
    del rows["cycle_count"]
    table = cycle_table(from_steps(rows=rows))
    assert table.rows == 6
    np.testing.assert_allclose(table["coulombic_efficiency"], 0.99, rtol=1e-12)
    assert any("12 half cycles" in text for text in table.provenance.corrections)


def test_an_index_that_advances_after_the_charge_is_paired_backwards(from_steps):
    run = from_steps(rows=made_rows(advance="after charge", partial=0.5))
    table = cycle_table(run)
    assert table.provenance.pairing == "discharge over previous charge"
    assert np.isnan(table["coulombic_efficiency"][0])
    np.testing.assert_allclose(table["coulombic_efficiency"][1:], 0.99, rtol=1e-12)


def test_the_cell_decides_where_there_is_no_index(from_steps):
    rows = made_rows()
    del rows["cycle_count"]
    cell = {"role": "graphite_half_cell", "first_half_cycle": "discharge"}
    table = cycle_table(from_steps(rows=rows, cell=cell))
    assert table.provenance.pairing == "delithiation over lithiation"
    assert table.rows == 6
    np.testing.assert_allclose(table["coulombic_efficiency"][:5], 1.0 / 0.99, rtol=1e-12)
    assert not table["complete"][5]  # it has no charge any more


def test_the_tail_of_a_half_cycle_is_credited_to_its_own_cycle(from_steps):
    """The index advances at the last row under current: its charge shows in the next row."""
    rows = made_rows(cycles=3, reset="tail")
    counter = rows["discharging_capacity_ah"]
    first = np.flatnonzero(np.diff(rows["cycle_count"])) + 1
    assert (rows["current_ampere"][first] == 0.0).all()
    late = 0.002
    for row in first:
        counter[row:] += late
    table = cycle_table(from_steps(rows=rows))
    expected = [0.99 + late, 0.99 + late, 0.99]
    np.testing.assert_allclose(table["cycle_discharging_capacity_ah"], expected, rtol=1e-12)
    assert any("tail of the half cycle before" in text for text in table.provenance.corrections)


def test_a_counter_that_starts_high_is_not_counted_as_charge_of_the_first_cycle(from_steps):
    rows = made_rows()
    rows["charging_capacity_ah"] += 164.0
    table = cycle_table(from_steps(rows=rows))
    assert table["cycle_charging_capacity_ah"][0] == pytest.approx(1.0)
    assert any("stands at 164" in text for text in table.provenance.corrections)


def test_the_charge_before_the_first_row_counts(from_steps):
    """A first row after 100 s under current has already charged: 1.3 % would be lost."""
    rows = {name: values[5:] for name, values in made_rows().items()}
    rows["test_time_second"] = rows["test_time_second"] - 500.0
    table = cycle_table(from_steps(rows=rows))
    assert rows["charging_capacity_ah"][0] > 0.0
    assert table["cycle_charging_capacity_ah"][0] == pytest.approx(1.0, rel=1e-12)


def test_a_flipped_current_is_noticed(from_steps):
    rows = made_rows()
    rows["current_ampere"] = -rows["current_ampere"]
    told = cycle_table(from_steps(rows=rows)).provenance
    assert "LOOKS WRONG" in told.sign_check


def test_a_file_cut_under_current_ends_with_an_incomplete_cycle(from_steps):
    rows = {name: values[:-20] for name, values in made_rows().items()}
    table = cycle_table(from_steps(rows=rows))
    assert table["complete"].tolist() == [True] * 5 + [False]


def test_rests_alone_give_no_efficiency(from_steps):
    rows = {name: values[:5] for name, values in made_rows().items()}
    table = cycle_table(from_steps(rows=rows))
    assert not table["complete"].any()
    assert np.isnan(table["coulombic_efficiency"]).all()


def test_a_run_of_ours_without_a_finished_step_has_no_cycles_yet(from_steps):
    run = from_steps(rows=made_rows())
    run.meta["origin"] = "benchlab"
    table = cycle_table(run)
    assert table.rows == 0
    assert table.provenance.source == "step index"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_rows_are_no_error(from_steps, count):
    for rows in (made_rows(), {n: v for n, v in made_rows().items() if "capacity" not in n}):
        few = {name: values[:count] for name, values in rows.items()}
        assert not cycle_table(from_steps(rows=few))["complete"].any()


def test_rows_without_a_reading_are_rest(from_steps):
    rows = made_rows()
    rows["current_ampere"][:3] = np.nan
    rows["voltage_volt"][:3] = np.nan
    table = cycle_table(from_steps(rows=rows))
    np.testing.assert_allclose(table["coulombic_efficiency"], 0.99, rtol=1e-12)


@pytest.mark.parametrize("imported", [False, True])
def test_what_a_reset_counter_shows_belongs_to_the_new_cycle(from_steps, imported):
    """The index advances with the reset, in the first row of rest, which shows 0.002 Ah already."""
    rows = made_rows(cycles=3, reset="tail")
    raw = rows["discharging_capacity_ah"].copy()
    late = 0.002
    first = np.flatnonzero(np.diff(rows["cycle_count"])) + 1
    for row in first:
        raw[row:] += late - raw[row - 1]
    if imported:  # an importer keeps the counter and puts its reset-safe sum beside it
        rows["schedule_discharging_capacity_ah"] = raw
        rows["schedule_charging_capacity_ah"] = rows["charging_capacity_ah"]
        for row in first:
            rows["discharging_capacity_ah"][row:] += late
    else:
        rows["discharging_capacity_ah"] = raw
    table = cycle_table(from_steps(rows=rows))
    assert table.provenance.reset_count == 2
    expected = [0.99, 0.99 + late, 0.99 + late]
    np.testing.assert_allclose(table["cycle_discharging_capacity_ah"], expected, rtol=1e-12)


def test_a_cycle_index_that_holds_next_to_no_charge_is_not_complete(from_steps):
    rows = made_rows()
    few = rows["cycle_count"] == 3
    for name in ("charging_capacity_ah", "discharging_capacity_ah"):
        values = rows[name]
        rises = np.diff(values, prepend=0.0)
        rises[few] *= 0.01
        rows[name] = np.cumsum(rises)
    assert cycle_table(from_steps(rows=rows))["complete"].tolist() == [
        True, True, False, True, True, True,
    ]  # fmt: skip


def test_pulses_are_no_half_cycles(from_steps):
    rows = made_rows()
    del rows["cycle_count"]
    discharging = np.flatnonzero(rows["current_ampere"] < -0.5)
    pulse = discharging[18]  # one row of charge in the middle of a discharge
    rows["current_ampere"][pulse] = 0.5
    rows["charging_capacity_ah"][pulse:] += 0.5 * 100 / 3600
    rows["discharging_capacity_ah"][pulse:] -= 0.99 * 100 / 3600
    table = cycle_table(from_steps(rows=rows))
    assert table.rows == 6
    assert any("1 pulses were merged" in text for text in table.provenance.corrections)
