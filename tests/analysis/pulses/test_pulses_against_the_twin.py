"""What pulses and rests are said to be, against what the simulated cells are made of."""

import math

import numpy as np
import pytest

from benchlab_analysis import dcir, hppc, rate_capability, relaxation, self_discharge
from benchlab_analysis._phases import phases
from benchlab_drivers.cells.balance import balance, volts
from benchlab_drivers.cells.nmc811_graphite_pouch import CELL


def made_of(second):
    """Return what the cell's elements resist after so many seconds, in ohm."""
    slow = sum(ohm * -math.expm1(-second / tau) for ohm, tau in CELL.elements)
    return CELL.resistance_ohm + slow


def open_circuit_ohm(charge, second):
    """Return what the open-circuit voltage changes by in so many seconds, per ampere."""
    sizes = balance(CELL, CELL.capacity_ah)

    def at(moved):
        negative = (sizes.empty_negative + moved) / sizes.sites_negative
        positive = (sizes.empty_positive - moved) / sizes.sites_positive
        return volts(CELL.positive, positive) - volts(CELL.negative, negative)

    moved = charge * CELL.capacity_ah
    step = 1e-3 * CELL.capacity_ah
    return (at(moved + step) - at(moved - step)) / (2.0 * step) * second / 3600.0


def test_each_pulse_resists_what_its_cell_is_made_of(template):
    result = dcir.analyse(template("dcir").run, dcir.Options(method="from rest", at="0.1 1 10"))
    table = result.tables[0]
    chosen = [row for row in table.records() if row["label"] == "pulse_10s"]
    assert [round(row["time_second"], 1) for row in chosen] == [0.1, 1.0, 10.0]
    for row in chosen:
        true = made_of(row["time_second"]) + open_circuit_ohm(0.5, row["time_second"])
        # it has aged a little and is a hair warmer: half a percent on top of the interval
        assert row["resistance_ohm"] == pytest.approx(true, abs=row["half_width_ohm"] + 5e-3 * true)
        assert row["half_width_ohm"] < 0.02 * true


def test_two_currents_leave_out_what_is_slow(template):
    result = dcir.analyse(template("dcir").run, dcir.Options(method="two currents"))
    (row,) = result.tables[0].records()
    assert row["label"] == "large"
    assert row["resistance_ohm"] == pytest.approx(made_of(1.0), abs=2 * row["half_width_ohm"])
    assert row["resistance_ohm"] < made_of(10.0) - row["half_width_ohm"]


def test_the_table_sits_where_the_charge_was_counted(template):
    result = hppc.analyse(template("hppc").run, hppc.Options())
    table = result.tables[0]
    assert table["state_of_charge"] == pytest.approx(np.arange(0.9, 0.05, -0.1), abs=1e-3)
    true = np.array([made_of(10.0) + open_circuit_ohm(s, 10.0) for s in table["state_of_charge"]])
    off = np.abs(table["discharge_resistance_ohm"] - true)
    # below 20 % the open-circuit voltage bends within the pulse
    assert (off <= table["discharge_half_width_ohm"] + 0.02 * true)[:8].all()
    ocv = table["open_circuit_voltage_volt"]
    power = 2.8 * (ocv - 2.8) / table["discharge_resistance_ohm"]
    assert table["discharge_power_watt"] == pytest.approx(power, rel=1e-3)


def test_rates_are_shares_of_the_truth(template):
    it = template("rate_capability")
    result = rate_capability.analyse(it.run, rate_capability.Options())
    table = result.tables[0]
    true = {step["step_count"]: step["cycle_discharging_capacity_ah"] for step in it.truth["steps"]}
    own = np.array([true[number] for number in table["step_count"]])
    assert (np.abs(table["capacity_ah"] - own) <= table["capacity_half_width_ah"]).all()
    assert (np.abs(table["share"] - own / own[0]) <= table["share_half_width"] + 1e-12).all()
    assert table["label"].tolist()[-1] == "rate_back"
    assert not any("empty" in label for label in table["label"])
    assert "damage" in result.sentences[1]


def test_a_month_costs_what_the_terminals_saw(template):
    it = template("ocv_and_self_discharge")
    result = self_discharge.analyse(it.run, self_discharge.Options())
    by_capacity = next(table for table in result.tables if table.name == "by capacity")
    (row,) = by_capacity.records()
    labels = {step["label"]: step["step_count"] for step in it.run.steps.records()}
    true = {step["step_count"]: step["cycle_discharging_capacity_ah"] for step in it.truth["steps"]}
    reference, retained, recovered = (
        true[labels[name]] for name in ("reference", "retained", "recovered")
    )
    for name, above, below in (
        ("lost", reference, retained),
        ("reversible", recovered, retained),
        ("irreversible", reference, recovered),
    ):
        expected = 100.0 * (above - below) / reference
        assert row[f"{name}_percent"] == pytest.approx(expected, abs=row["half_width_percent"])
    assert row["days"] == pytest.approx(28.0, abs=0.1)
    assert any("no gain in health" in text for text in result.warnings)


def test_a_fall_of_the_voltage_becomes_the_charge_that_leaked(template):
    it = template("ocv_and_self_discharge")
    result = self_discharge.analyse(it.run, self_discharge.Options())
    table = next(table for table in result.tables if table.name == "by voltage")
    half = list(table.records())[1]
    first = int(half["step_count"])
    steps = {step["step_count"]: step for step in it.truth["steps"]}
    # at half charge both electrodes lean on the voltage: between what either of them lost
    lost = [
        steps[first + 2][name] / 7.0 * 30.4375 for name in ("negative_side_ah", "positive_side_ah")
    ]
    width = half["charge_half_width_ah_per_month"]
    assert min(lost) - width <= half["charge_ah_per_month"] <= max(lost) + width


def two_terms(time):
    return 3.7 - 0.02 * np.exp(-time / 30.0) - 0.01 * np.exp(-time / 600.0)


def test_a_relaxation_goes_to_its_end():
    noise = np.random.default_rng(1)
    time = np.geomspace(0.1, 3600.0, 120)
    found = relaxation.fit_relaxation(time, two_terms(time) + noise.normal(0.0, 2e-5, time.size))
    assert found.final == pytest.approx(3.7, abs=found.half_width)
    assert found.half_width < 0.2 * 0.03
    assert found.times[:2] == pytest.approx([30.0, 600.0], rel=0.1)


def test_the_interval_of_a_relaxation_holds_its_end():
    noise = np.random.default_rng(2)
    time = np.geomspace(0.1, 3600.0, 60)
    inside = 0
    for _ in range(100):
        seen = two_terms(time) + noise.normal(0.0, 5e-5, time.size)
        found = relaxation.fit_relaxation(time, seen, terms=2)
        inside += abs(found.final - 3.7) <= found.half_width
    assert inside >= 93


def test_the_rest_of_a_cell_shows_its_fastest_element(template):
    result = relaxation.analyse(template("dcir").run, relaxation.Options())
    table = result.tables[0]
    assert table["tau_1_second"] == pytest.approx([3.0, 3.0], rel=0.05)


def test_blind_rests_are_counted(template):
    result = relaxation.analyse(template("dcir").run, relaxation.Options())
    assert any("fewer than 8" in text for text in result.warnings)


def test_foreign_rows_have_the_same_pulses(template, from_steps):
    run = template("dcir").run
    names = [n for n in run.column_names if n not in ("step_id", "cycle_count", "flags")]
    foreign = from_steps([], {name: run[name] for name in names})
    assert not foreign.steps.rows
    for step, other in zip(phases(run)[2:3], phases(foreign)[2:3], strict=True):
        assert other.charge == pytest.approx(step.charge, rel=1e-3)
    own = dcir.analyse(run, dcir.Options(method="from rest", at="10")).tables[0]
    theirs = dcir.analyse(foreign, dcir.Options(method="from rest", at="10"))
    table = theirs.tables[0]
    assert table["resistance_ohm"] == pytest.approx(own["resistance_ohm"], rel=5e-3)
    assert any("no accuracy" in text for text in theirs.warnings)
