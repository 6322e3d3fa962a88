"""Each check of a protocol against its instruments, on the capabilities of the real drivers."""

from dataclasses import replace

import pytest

from benchlab import plugins
from benchlab.bench.checks import check_instrument
from benchlab.errors import Unsupported
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol

from .conftest import HEAD

BIG = """\
name: big
cell: {type: nmc811_4680}
capacity: {C: 22.5 Ah}
"""
TALL = """\
name: tall
cell:
  type:
    first_half_cycle: charge
    nominal_capacity: 5 Ah
    window: {low: 2 V, high: 8 V}
    hard_limits: {voltage: {low: 1 V, high: %s V}, current: {charge: 2C, discharge: 2C}}
capacity: {C: 5 Ah}
"""
SMU, SUPPLY = "keithley2450", "keysight_rp7900"


def slow(period):
    return HEAD + f"control: {{period: {period}}}\n"


# instrument, head, steps, name, severity, words
SAID = [
    (SMU, slow("10 ms"), "  - Rest for 1 s\n", "beyond-instrument", "error", "control period"),
    (SUPPLY, "name: t\ncell: {type: li_cu_coin}\n", "  - Rest for 1 s\n", "beyond-instrument",
     "error", "the limits -0.6 V"),
    (SMU, BIG, "  - Charge at C/10 until 4 V\n", "beyond-instrument", "error", "2.25 A is beyond"),
    ("keithley2460", TALL % "8", "  - Charge at 6 A until 7.9 V\n", "beyond-instrument", "error",
     "carries 5.25 A where the upper voltage limit is 8 V"),
    (SUPPLY, HEAD, "  - {sweep: 3 V to 4 V, rate: 1 mV/s, current_at_most: 0.1 A}\n",
     "beyond-instrument", "error", "no mode 'voltage'"),
    (SMU, HEAD, "  - {eis: 10 kHz to 10 mHz, amplitude: 10 mV}\n", "beyond-instrument", "error",
     "spectrum"),
    (SUPPLY, BIG, "  - {discharge: 1C, to: 3 V, then_hold_until: C/10}\n", "discharge-hold",
     "error", "3 V would be held on the way down"),
    (SUPPLY, BIG, "  - Charge at 1C until 4.1 V\n  - {hold: 4.0 V, until: C/10}\n",
     "discharge-hold", "error", "4 V would be held"),
    (SUPPLY, BIG, "  - {hold: 4.0 V, until: C/10, current_at_most: 1C}\n", "discharge-hold",
     "warning", "4 V may be held"),
    (SUPPLY, slow("20 s"), "  - Rest for 1 h\n", "watchdog-period", "error", "after 15 s"),
    (SUPPLY, slow("10 s"), "  - Rest for 1 h\n", "watchdog-period", "warning", "after 15 s"),
    (SMU, HEAD, "  - {rest: 1 h, until: change below 1 mV in 10 min}\n", "blind-rest", "error",
     "can never end"),
    (SMU, HEAD, "  - Rest for 1 h\n", "blind-rest", "warning", "line 6 stays empty"),
    (SMU, HEAD, "  - {rest: 1 h, until: surface temperature below 30 degC}\n", "nothing-measures",
     "error", "surface_temperature_celsius"),
    (SMU, HEAD, "  - {label: a, rest: 1 s}\n  - {if: surface temperature above 30 degC,"
     " then: go to a, at_most: 3 times}\n", "nothing-measures", "warning", "never holds"),
    (SMU, HEAD, "  - {chamber: 25 degC}\n", "chamber", "error", "no chamber"),
    (SUPPLY, HEAD, "  - Charge at C/10 until 4 V\n", "poor-accuracy", "warning", "0.02 A"),
    (SMU, HEAD, "  - Rest for 1 s\n", "temperature-unwatched", "warning", "0 to 50 degC"),
    (SMU, HEAD, "  - Rest for 1 s\n", "host-dies", "warning", "output stays as it was"),
    (SUPPLY, HEAD, "  - Rest for 1 s\n", "host-dies", "note", "watchdog switches"),
    (SUPPLY, HEAD, "  - Rest for 1 s\n", "software-limits", "note", "after 2 s"),
]  # fmt: skip


@pytest.mark.parametrize(("instrument", "head", "steps", "name", "severity", "words"), SAID)
def test_said_of_an_instrument(remarks, instrument, head, steps, name, severity, words):
    found = remarks(steps, head, instrument)[name]
    assert (str(found[0].severity), len(found)) == (severity, 1)
    assert words in found[0].reason
    assert found[0].where.startswith("test.yaml")


# what lies next to it, and is well
UNSAID = [
    (SMU, slow("50 ms"), "  - Rest for 1 s\n", "beyond-instrument"),
    (SUPPLY, BIG, "  - Charge at C/10 until 4 V\n", "beyond-instrument"),
    ("keithley2460", TALL % "8", "  - Charge at 5 A until 7.9 V\n", "beyond-instrument"),
    ("keithley2460", TALL % "7", "  - Charge at 6 A until 6.9 V\n", "beyond-instrument"),
    (SMU, HEAD, "  - {sweep: 3 V to 4 V, rate: 1 mV/s, current_at_most: 0.1 A}\n",
     "beyond-instrument"),
    ("keithley2460", HEAD, "  - {discharge: 1C, to: 3 V, then_hold_until: C/10}\n",
     "discharge-hold"),
    (SUPPLY, BIG, "  - {charge: 1C, to: 4.1 V, then_hold_until: C/10}\n", "discharge-hold"),
    (SUPPLY, BIG, "  - Charge at 1C until 4.1 V\n  - Rest for 1 h\n"
     "  - {hold: 4.1 V, until: C/10}\n", "discharge-hold"),
    (SUPPLY, slow("5 s"), "  - Rest for 1 h\n", "watchdog-period"),
    (SMU, slow("60 s"), "  - Rest for 1 h\n", "watchdog-period"),
    (SUPPLY, HEAD, "  - {rest: 1 h, until: change below 1 mV in 10 min}\n", "blind-rest"),
    (SMU, HEAD, "  - {rest: 1 h, output: zero current}\n", "blind-rest"),
    (SMU, HEAD, "  - Charge at C/10 until 4 V\n", "poor-accuracy"),
]  # fmt: skip


@pytest.mark.parametrize(("instrument", "head", "steps", "name"), UNSAID)
def test_unsaid_of_an_instrument(remarks, instrument, head, steps, name):
    assert name not in remarks(steps, head, instrument)


def test_a_sensor_and_a_chamber_answer(remarks):
    seen = {"channels": {"surface_temperature_celsius"}}
    steps = "  - {chamber: 25 degC}\n  - {rest: 1 h, until: surface temperature below 30 degC}\n"
    air = plugins.plugin("drivers", "espec_p300").CAPABILITIES
    found = remarks(steps, instrument=SMU, chamber=air, **seen)
    assert not {"chamber", "nothing-measures", "temperature-unwatched"} & found.keys()
    hot = replace(air, temperature_celsius=(30.0, 90.0))
    assert "30 to 90 degC" in remarks(steps, instrument=SMU, chamber=hot)["chamber"][0].reason


def test_power_is_that_of_the_steps_own_highest_voltage(remarks):
    supply = plugins.plugin("drivers", SUPPLY).CAPABILITIES
    weak = replace(supply, power_watt=80.0)
    low, high = "  - Charge at 1C until 3.5 V\n", "  - Charge at 1C until 4.1 V\n"
    assert "beyond-instrument" not in remarks(low, BIG, SUPPLY, can=weak)
    assert "80 W" in remarks(high, BIG, SUPPLY, can=weak)["beyond-instrument"][0].reason
    assert (
        "4.25 V"
        in remarks("  - Discharge at 1C until 3 V\n", BIG, SUPPLY, can=weak)["beyond-instrument"][
            0
        ].reason
    )


def test_c_is_taken_as_large_as_it_may_become(remarks):
    steps = (
        "  - {label: cap, discharge: C/3, until: 2.8 V}\n"
        "  - {set: C, to: discharge capacity of cap, only_if: 80 % to 200 % of nominal}\n"
        "  - Charge at 2C until 4.2 V\n"
    )
    head = HEAD.replace("0.2 Ah", "0.28 Ah").replace("pouch}", "pouch, nominal_capacity: 0.5 Ah}")
    found = remarks(steps, head, SMU)["beyond-instrument"]
    assert found[0].reason.startswith("1.12 A is beyond keithley2450")
    assert "beyond-instrument" not in remarks(steps.replace("200 %", "180 %"), head, SMU)


def test_what_the_software_alone_keeps_is_named(remarks):
    wide = HEAD.replace("limits: {voltage: {low: 2.5 V, high: 4.25 V}}\n", "")
    note = remarks("  - Rest for 1 s\n", wide, SUPPLY)["software-limits"][0].reason
    only = note.partition("Only software")[2]
    for limit in ("formed cell (2.4 V)", "charge in one step (0.26 Ah)", "temperature", "5 K"):
        assert limit in only
    bare = replace(plugins.plugin("drivers", SUPPLY).CAPABILITIES, arms=())
    note = remarks("  - Rest for 1 s\n", wide, SUPPLY, can=bare)["software-limits"][0].reason
    assert "itself keeps no limit" in note
    assert "low voltage, charge current" in note.partition("Only software")[2]


def test_a_run_refuses_the_first_error_and_hears_of_the_rest():
    program = expand(parse_protocol(HEAD + "steps:\n  - Charge at 1C until 4 V\n", "test.yaml"))
    can = plugins.plugin("drivers", SMU).CAPABILITIES
    said = check_instrument(program, can, SMU)
    assert any(text.startswith("warning: test.yaml") and "[host-dies]" in text for text in said)
    with pytest.raises(Unsupported) as caught:
        check_instrument(program, replace(can, current_ampere=(-0.1, 0.1)), SMU)
    assert caught.value.where == "test.yaml:6, steps[1]"
    assert caught.value.remedy
