"""What is said of each chemistry, against what its simulated cell is made of."""

import math

import numpy as np
import pytest

from benchlab.bench.twin import TwinSpec
from benchlab_analysis import (
    half_cell,
    large_cell,
    lfp,
    lithium_metal,
    lithium_sulfur,
    second_life,
    sodium_ion,
    solid_state,
)
from benchlab_analysis._first_cycle import first_cycle
from benchlab_analysis._phases import phases
from benchlab_drivers.cells import (
    assb_nmc_lpscl_inli,
    lfp_graphite_26650,
    li_cu_coin,
    li_s_pouch,
    make_cell,
    nmc811_4680,
)

CHARGED, DISCHARGED = "cycle_charging_capacity_ah", "cycle_discharging_capacity_ah"


def table_of(result, name):
    return next(table for table in result.tables if table.name == name)


def true_sum(it, name, labels):
    """Return the truth of one direction, over the steps with these labels, first cycle only."""
    steps = list(zip(it.run.steps.records(), it.truth["steps"], strict=True))
    seen, total = set(), 0.0
    for step, moved in steps:
        if step["label"] in labels and step["label"] not in seen:
            seen.add(step["label"])
            total += moved[name]
    return total


# --- lithium metal ---------------------------------------------------------------------------


def test_the_reservoir_gives_the_efficiency_of_the_copper(template):
    result = lithium_metal.analyse(template("li_cu_modified_aurbach").run, lithium_metal.Options())
    (row,) = table_of(result, "reservoirs").records()
    true = 1.0 - li_cu_coin.CELL.lost_per_discharged
    assert row["coulombic_efficiency"] == pytest.approx(
        true, abs=row["coulombic_efficiency_half_width"]
    )
    assert row["coulombic_efficiency_half_width"] < 1e-3
    assert row["small_cycles"] == 10
    assert not row["exhausted"]
    (conventional,) = table_of(result, "conventional cycles").records()
    assert conventional["coulombic_efficiency"] == pytest.approx(
        true, abs=conventional["coulombic_efficiency_half_width"]
    )


def test_an_exhausted_reservoir_gives_no_efficiency(template):
    # 0.03 mAh/cm2 last three cycles that lose 0.01 each
    cut = {"{label: QT, plate: 0.5 mA/cm2, until: 5 mAh/cm2": "{label: QT, plate: 0.5 mA/cm2, "
           "until: 1.03 mAh/cm2"}  # fmt: skip
    it = template("li_cu_modified_aurbach", cut)
    result = lithium_metal.analyse(it.run, lithium_metal.Options())
    (row,) = table_of(result, "reservoirs").records()
    assert row["exhausted"]
    assert 1 <= row["small_cycles"] <= 5
    assert math.isnan(row["coulombic_efficiency"])
    assert any("was exhausted" in text for text in result.warnings)
    assert "EXHAUSTED" in result.sentences[0]


# --- lithium-sulfur --------------------------------------------------------------------------


def test_the_shuttle_constant_lies_in_its_interval(template):
    result = lithium_sulfur.analyse(
        template("lithium_sulfur_shuttle").run, lithium_sulfur.Options()
    )
    table = table_of(result, "shuttle")
    found, width = table["k_s_per_hour"][0], table["k_s_half_width_per_hour"][0]
    true = li_s_pouch.CELL.shuttle_per_hour
    assert found == pytest.approx(true, abs=width)
    assert width < 0.1 * true
    factor = true * li_s_pouch.UPPER * 3.0 / 0.3
    assert table["shuttle_factor"][0] == pytest.approx(
        factor, abs=table["shuttle_factor_half_width"][0] + 0.06 * factor
    )


def test_plateaus_are_what_the_sulfur_holds(template):
    result = lithium_sulfur.analyse(
        template("lithium_sulfur_shuttle").run, lithium_sulfur.Options()
    )
    row = next(table_of(result, "plateaus").records().__iter__())
    assert row["lower_over_upper"] > 0.0
    second = list(table_of(result, "plateaus").records())[1]
    # the upper plateau is a quarter of it, less what the charge did not fill at 2.45 V
    assert second["lower_over_upper"] == pytest.approx(3.0, rel=0.1)


def test_a_lid_makes_the_efficiency_its_own(template):
    cut = {
        "repeat: 200": "repeat: 2",
        "110 % of dis, 12 h]": "95 % of dis, 12 h]",
        "{110 % of dis: flag CE imposed": "{95 % of dis: flag CE imposed",
    }
    result = lithium_sulfur.analyse(
        template("lithium_sulfur_life", cut).run, lithium_sulfur.Options()
    )
    imposed = table_of(result, "plateaus")["imposed"]
    assert imposed.any()
    assert any("a lid (capacity or time) ended the charge" in text for text in result.warnings)


def test_a_decay_without_rests_is_no_decay():
    found = lithium_sulfur.decay(np.zeros(5), np.full(5, 0.7), np.zeros(5), 0.95)
    assert math.isnan(found.per_hour)


def test_the_interval_of_the_decay_covers_as_often_as_it_says():
    noise = np.random.default_rng(4)
    hour = np.array([0.0, 2.0, 5.0, 10.0, 24.0])
    inside = 0
    for _ in range(1000):
        charge = 0.7 * np.exp(-0.02 * hour + noise.normal(0.0, 0.01, hour.size))
        found = lithium_sulfur.decay(hour, charge, np.zeros(5), 0.95)
        inside += abs(found.per_hour - 0.02) <= found.half_width
    assert 930 <= inside <= 970


# --- all-solid-state -------------------------------------------------------------------------


CUT_ASSB = {"repeat: 50": "repeat: 2"}


def test_the_activation_energy_is_that_of_the_cell(template):
    result = solid_state.analyse(template("assb", CUT_ASSB).run, solid_state.Options())
    rows = {row["quantity"]: row for row in table_of(result, "fit").records()}
    energy = rows["activation_energy_kj_per_mol"]
    true = assb_nmc_lpscl_inli.CELL.activation_energy_j_per_mol / 1e3
    assert energy["value"] == pytest.approx(true, abs=energy["half_width"])
    assert energy["half_width"] < 0.1 * true
    assert any("the pressure was not varied" in text for text in result.warnings)


def test_the_first_cycle_is_that_of_the_truth(template):
    it = template("assb", CUT_ASSB)
    found = first_cycle(phases(it.run))
    true = true_sum(it, DISCHARGED, {"form_dis"}) / true_sum(it, CHARGED, {"form_chg"})
    assert found.efficiency == pytest.approx(true, abs=found.half_width)
    assert found.said in solid_state.analyse(it.run, solid_state.Options()).sentences[0]


def squeezed(share):
    """Return areal resistances of the cell over pressures and temperatures, as its file says."""
    cell = assb_nmc_lpscl_inli.CELL
    grid = [(p, t) for p in (10.0, 25.0, 50.0, 100.0) for t in (25.0, 40.0, 60.0)]
    pressure, celsius = (np.array(x) for x in zip(*grid, strict=True))
    at_50 = cell.resistance_ohm * assb_nmc_lpscl_inli.AREA_CM2
    factor = 1.0 + cell.contact_share * (50.0 / pressure - 1.0)
    heat = np.exp(
        cell.activation_energy_j_per_mol / 8.314462618 * (1.0 / (celsius + 273.15) - 1.0 / 298.15)
    )
    return at_50 * factor * heat * share, pressure, celsius


def test_pressure_and_temperature_come_apart():
    noise = np.random.default_rng(5)
    areal, pressure, celsius = squeezed(np.exp(noise.normal(0.0, 0.01, 12)))
    fit = solid_state.fit_areal(areal, pressure, celsius, np.zeros(12))
    assert fit.bulk == pytest.approx(30.0, abs=fit.bulk_half_width)
    assert fit.contact == pytest.approx(20.0 * 50.0, abs=fit.contact_half_width)
    assert fit.energy == pytest.approx(33.8, abs=fit.energy_half_width)


def test_the_intervals_of_the_fit_cover_as_often_as_they_say():
    noise = np.random.default_rng(6)
    inside = np.zeros(3)
    for _ in range(300):
        areal, pressure, celsius = squeezed(np.exp(noise.normal(0.0, 0.01, 12)))
        fit = solid_state.fit_areal(areal, pressure, celsius, np.zeros(12))
        inside += [
            abs(fit.bulk - 30.0) <= fit.bulk_half_width,
            abs(fit.contact - 1000.0) <= fit.contact_half_width,
            abs(fit.energy - 33.8) <= fit.energy_half_width,
        ]
    assert (inside >= 0.91 * 300).all()
    assert (inside <= 0.99 * 300).all()


# --- sodium-ion, LFP, half cells -------------------------------------------------------------


CUT_SODIUM = {"repeat: 200": "repeat: 2", "every: 50 it": "every: 2 it"}


def test_sodium_keeps_and_recovers_what_the_terminals_saw(template):
    it = template("sodium_ion", CUT_SODIUM)
    result = sodium_ion.analyse(it.run, sodium_ion.Options())
    (first,) = table_of(result, "first cycle").records()
    true = true_sum(it, DISCHARGED, {"form_dis"}) / true_sum(it, CHARGED, {"pre", "top"})
    assert first["first_cycle_efficiency"] == pytest.approx(true, abs=first["half_width"])
    moved = {step["step_count"]: step[DISCHARGED] for step in it.truth["steps"]}
    rows = list(table_of(result, "recovery").records())
    zero = rows[0]["rest_step"]
    reference = max(
        (p for p in phases(it.run) if p.label == "cap" and p.number < zero), key=lambda p: p.number
    )
    for row in rows:
        expected = moved[row["step_count"]] / moved[reference.number]
        assert row["recovery"] == pytest.approx(expected, abs=row["recovery_half_width"])
    assert rows[0]["recovery"] > 0.98


def test_lfp_keeps_a_gap_however_slow(template):
    cut = {"repeat: 500": "repeat: 2", "every: 100 it": "every: 2 it"}
    result = lfp.analyse(template("lfp_life_and_pocv", cut).run, lfp.Options())
    (row,) = table_of(result, "summary").records()
    true = 2.0 * lfp_graphite_26650.CELL.hysteresis_volt
    assert row["hysteresis_volt"] == pytest.approx(true, abs=row["half_width_volt"])
    assert row["half_width_volt"] < 0.2 * true


def test_graphite_is_judged_by_its_delithiation(template):
    it = template("graphite_half_cell")
    result = half_cell.analyse(it.run, half_cell.Options())
    table = table_of(result, "cycles")
    first = next(iter(table.records()))
    true = true_sum(it, CHARGED, {"delith"}) / true_sum(it, DISCHARGED, {"lith"})
    assert first["coulombic_efficiency"] == pytest.approx(
        true, abs=first["coulombic_efficiency_half_width"]
    )
    moved = {step["step_count"]: step[CHARGED] for step in it.truth["steps"]}
    own = [moved[number] for number in table["step_count"]]
    assert table["capacity_ah"] == pytest.approx(own, rel=1e-3)
    assert np.isnan(table["coulombic_efficiency"][-1])  # at 4C it comes back faster than it went
    assert any("no plating" in text for text in result.sentences)


def test_plating_below_zero_is_said(from_steps):
    time = np.arange(0.0, 7200.0, 60.0)
    down = time < 3600.0
    voltage = np.where(down, 0.5 - time / 6000.0, (time - 3600.0) / 2400.0)
    rows = {
        "test_time_second": time,
        "voltage_volt": voltage,
        "current_ampere": np.where(down, -1e-3, 1e-3),
    }
    run = from_steps([], rows, cell={"role": "graphite_half_cell"})
    result = half_cell.analyse(run, half_cell.Options())
    assert any("plated" in text for text in result.warnings)


# --- large cells, second life ----------------------------------------------------------------


def test_cold_resists_more_by_what_the_cell_is_made_of(template):
    result = large_cell.analyse(template("nmc_4680_dcir_map").run, large_cell.Options())
    table = table_of(result, "DCIR map")
    cell = nmc811_4680.CELL
    half = (np.abs(table["state_of_charge"] - 0.5) < 0.05) & (np.round(table["c_rate"]) == 1.0)
    slow = sum(ohm * -math.expm1(-10.0 / tau) for ohm, tau in cell.elements)
    slope = 0.24e-3  # of the open-circuit voltage, in 10 s, by 1 V over 22.5 Ah, doubled
    for celsius, ohm in zip(
        table["temperature_celsius"][half], table["resistance_ohm"][half], strict=True
    ):
        arrhenius = math.exp(
            cell.activation_energy_j_per_mol
            / 8.314462618
            * (1.0 / (celsius + 273.15) - 1.0 / 298.15)
        )
        true = (cell.resistance_ohm + slow) * arrhenius
        # 1.5 K is what the thermocouple may be off: 5 % of a resistance
        assert ohm == pytest.approx(true + slope / 2.0, abs=0.05 * true + slope / 2.0)


def test_heat_leaves_as_fast_as_the_cell_is_made(template):
    it = template("nmc_4680_fast_charge", {"repeat: 10": "repeat: 2"})
    result = large_cell.analyse(it.run, large_cell.Options())
    cell = nmc811_4680.CELL
    for row in table_of(result, "heat").records():
        (true,) = [c for c in it.truth["cycles"] if c["cycle_count"] == row["cycle_count"]]
        lost = true["cycle_charging_energy_wh"] - true["cycle_discharging_energy_wh"]
        assert row["heat_wh"] == pytest.approx(lost, abs=row["heat_half_width_wh"])
        assert row["transfer_watt_per_kelvin"] == pytest.approx(
            cell.conductance_surface_ambient, abs=row["transfer_half_width_watt_per_kelvin"]
        )
    (bound,) = table_of(result, "heat capacity").records()
    true = cell.heat_capacity_core + cell.heat_capacity_surface
    width = bound["half_width_joule_per_kelvin"]
    assert bound["heat_capacity_joule_per_kelvin"] + width >= true
    assert bound["heat_capacity_joule_per_kelvin"] == pytest.approx(1.08 * true, abs=width)


WITHOUT_SENSOR = {"--sensor sim:keithley_daq6510 ": ""}


def test_a_used_cell_is_graded_by_what_it_is(template):
    it = template("second_life_grading", WITHOUT_SENSOR)
    run = it.run
    cell = make_cell(TwinSpec("second_life", 0.2, 7, False, False))
    result = second_life.analyse(run, second_life.Options(new_resistance=0.256))
    rows = {row["quantity"]: row for row in table_of(result, "grade").records()}
    health, ratio = rows["state of health / %"], rows["resistance ratio"]
    # at C/3 a little less comes out than at the C/20 that the state of health is stated for
    assert health["value"] == pytest.approx(100.0 * cell.state_of_health, rel=0.02)
    last = [p for p in phases(run) if p.label == "cap"][-1].number
    true = {step["step_count"]: step[DISCHARGED] for step in it.truth["steps"]}[last]
    assert health["value"] == pytest.approx(100.0 * true / 0.2, abs=health["half_width"])
    assert ratio["value"] == pytest.approx(cell.resistance_factor, rel=0.05)
    assert "grade A" in result.sentences[0] or "grade B" in result.sentences[0]


def test_the_worst_number_decides_and_a_near_limit_is_said():
    near = second_life.Finding("state of health / %", 75.01, 0.05, 75.0, 65.0, True)
    assert second_life.grade_of(near) == ("A", True)
    far = second_life.Finding("resistance ratio", 2.5, 0.01, 1.8, 2.4, False)
    assert second_life.grade_of(far) == ("waste", False)
    unknown = second_life.Finding("K", math.nan, math.nan, 5.0, 5.0, False)
    assert second_life.grade_of(unknown) == ("", False)
