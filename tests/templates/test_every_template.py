"""Every template, on its simulated cell, through the driver's bytes, against the twin's truth."""

from collections import Counter
from pathlib import Path

import pytest

PROTOCOLS = Path(__file__).parents[2] / "sample_data" / "protocols"
THE_END = "the protocol came to its end"
EXPECTED = {
    # name: how it ended, cycles of each kind (loops cut as conftest says), ends of labelled steps
    "formation_li_ion": (
        "accepted",
        {"formation cycle": 2},
        {"pre": "voltage", "top": "current", "form_dis": "voltage", "pulse": "time"},
    ),
    "life_li_ion": (
        "finished",
        {"check-up": 3, "cycle": 2},
        {"chg": "current", "dis": "voltage", "cap": "voltage", "pulse": "time"},
    ),
    "hppc": (THE_END, {"check-up": 1}, {"pulse_dis": "time", "pulse_chg": "time", "ocv": "time"}),
    "dcir": (THE_END, {}, {"small": "time", "large": "time", "pulse_10s": "time"}),
    "gitt": (THE_END, {}, {"pulse_dis": "time voltage", "relax_dis": "change"}),
    "ici": (THE_END, {}, {"up": "time voltage", "down": "time voltage", "gap_up": "time"}),
    "ocv_and_self_discharge": (THE_END, {}, {"ocv_down": "voltage", "retained": "voltage"}),
    "rate_capability": (THE_END, {}, {"rate_C10": "voltage", "rate_3C": "voltage"}),
    "lfp_life_and_pocv": (
        "finished",
        {"check-up": 3, "imposed cycle": 2, "cycle": 2},
        {"loop_down": "capacity", "loop_up": "capacity", "chg": "current", "dis": "voltage"},
    ),
    "sodium_ion": (
        "finished",
        {"formation cycle": 1, "check-up": 6, "cycle": 2},
        {"to_zero": "current", "back": "voltage", "at_zero": "time"},
    ),
    "lithium_sulfur_life": (
        "finished",
        {"cycle": 3},
        {"dis": "voltage", "chg": "voltage", "first_dis": "voltage"},
    ),
    "lithium_sulfur_shuttle": (THE_END, {}, {"up_0": "voltage", "up_24": "voltage"}),
    "li_cu_modified_aurbach": (
        "finished",
        {"imposed cycle": 10},
        {"QC_strip": "capacity", "QC_plate": "capacity", "QT": "capacity", "QS": "voltage"},
    ),
    "li_nmc": ("still_alive", {"formation cycle": 2, "cycle": 3}, {"dis": "voltage"}),
    "assb": (
        "finished",
        {"formation cycle": 2, "cycle": 2},
        {"form_dis": "voltage", "dis": "voltage", "pulse": "time", "maps": "capacity"},
    ),
    "nmc_4680_dcir_map": ("finished", {}, {"pulse_4C": "time", "cap": "voltage"}),
    "nmc_4680_fast_charge": (
        "finished",
        {"cycle": 2},
        {"step_2C": "sensor", "cool_1": "sensor", "step_1_5C": "voltage", "step_1C": "current"},
    ),
    "graphite_half_cell": ("finished", {"formation cycle": 3}, {"lith": "current"}),
    "lfp_half_cell": ("finished", {"formation cycle": 3}, {"dis": "voltage", "rate_2C": "voltage"}),
    "second_life_grading": ("grade_a", {"check-up": 2}, {"cap": "voltage", "pulse": "time"}),
    "nmc811_full_program": (
        "finished",
        {"formation cycle": 1, "check-up": 2, "cycle": 2},
        {"pulse_dis": "time", "pulse": "time voltage", "chg": "current", "storage": "capacity"},
    ),
}
# Near empty the cell falls by volts in one control period, so the corner from constant current to
# constant voltage lies unseen between two readings: the trapezoid over it is no better than this.
STEEP = {("sodium_ion", "to_zero")}
PERIOD_SECOND = {"sodium_ion": 10.0}


def test_none_is_forgotten(harness):
    assert set(EXPECTED) == set(harness.names())


@pytest.mark.parametrize("name", EXPECTED)
def test_it_ends_as_it_says_with_its_cycles_and_its_own_ends(ran, name):
    ended, kinds, reasons = EXPECTED[name]
    it = ran(name)
    run, steps = it.run, list(it.run.steps.records())
    assert (it.code, run.meta["end_reason"], run.meta["output_proven_off"]) == (0, "done", True)
    assert run.meta["end_text"].endswith(ended)
    cycles = {
        (step["cycle_kind"], step["cycle_count"])
        for step in steps
        if step["cycle_kind"] != "no cycle" and step["cycle_count"] and step["set_current_ampere"]
    }
    # the strip that opens a round of lithium on copper still counts with the cycle before
    assert Counter(kind for kind, _ in cycles) == kinds
    for label, expected in reasons.items():
        found = {step["end_reason"] for step in steps if step["label"] == label}
        assert found == set(expected.split()), label
    # nothing was ended by a lid in time, a limit of the instrument or a hand
    assert all(step["own_end"] for step in steps if step["end_reason"] != "hold_at_most")
    trips = {"trip", "held", "late", "alarm", "at_most"} & set(run.events["kind"].tolist())
    assert not trips


@pytest.mark.parametrize("name", EXPECTED)
def test_its_charge_is_the_truth_within_the_accuracy_of_its_instrument(ran, name):
    it = ran(name)
    run = it.run
    ranges = {item["full_scale"]: item for item in run.instrument["current_ranges"]}
    driven = 0
    currents = [0.0, *(abs(value) for value in run.steps["set_current_ampere"].tolist()), 0.0]
    pairs = zip(run.steps.records(), it.truth["steps"], strict=True)
    for number, (step, true) in enumerate(pairs):
        if step["set_current_ampere"] == 0.0:
            continue
        driven += 1
        second = step["end_time_second"] - step["start_time_second"]
        edges = step["start_half_width_second"] + step["end_half_width_second"]
        # into another step of the same direction the larger current flows at the edge, and the
        # truth gives the whole change, until it is read back, to the step that ended
        near = 2.0 * max(currents[number : number + 3])
        accuracy = ranges[step["current_range_ampere"]]
        seen = step["step_net_capacity_ah"]
        was = true["cycle_charging_capacity_ah"] - true["cycle_discharging_capacity_ah"]
        bound = accuracy["gain"] * abs(was) + accuracy["offset"] * second / 3600.0
        # at each edge, the current may have flowed for the half-width more or less
        bound += near * edges / 3600.0
        if (name, step["label"]) in STEEP:
            bound += abs(step["set_current_ampere"]) * PERIOD_SECOND[name] / 2.0 / 3600.0
        assert abs(seen - was) <= bound, (step["step_count"], step["label"], seen, was, bound)
    assert driven
