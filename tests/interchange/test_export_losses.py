"""Each thing that a target cannot carry is found by its name before the exporter is called."""

from __future__ import annotations

import pytest

from benchlab.errors import ProtocolError, UsageError
from benchlab.interchange.document import Document
from benchlab.interchange.report import Report
from benchlab.interchange.table import EXPORTS, TARGETS
from benchlab.interchange.targets import find
from benchlab.interchange.to_unicycler import export_protocol
from benchlab.model.protocol_text import parse_protocol

CELL = "cell: {id: A1, type: nmc811_graphite_pouch}\n"
LI_CU = "cell: {id: A1, type: li_cu_coin}\n"
# What finds each item: lines above the steps, and the steps.
HEADS = {
    "protocol-name": CELL,
    "cell-description": CELL,
    "hard-limits": CELL,
    "capacity-basis": "capacity: {C: 2 mAh, basis: measured}\n",
    "control-period": "control: {period: 2 s}\n",
    "temperature-limits": "limits: {temperature: {always: 0 to 50 degC}}\n",
    "armed-limit": "limits: {voltage: {low_once_formed: 2 V}}\n",
    "fast-steps": "limits: {fast_steps: 3 steps in a row shorter than 9 s}\n",
    "cell-contact": "limits: {cell_contact: by current only}\n",
    "record-charge-change": "record: {every: 1 s, or_change: 1 mAh}\n",
    "record-log-time": "record: {every: 1 s, log_time: 5 per decade}\n",
    "record-at-times": "record: {every: 1 s, at: 1 s 2 s}\n",
    "record-without-time": "record: {or_change: 5 mV}\n",
}
STEPS = {
    "role-words": (LI_CU, "- {plate: 0.1 mA, for: 1 h}"),
    "current-by-size": (LI_CU, "- {plate: 0.5 mA/cm2, for: 1 h}"),
    "one-step-hold": ("", "- Charge at 1 mA to 4.2 V then hold until 0.1 mA for at most 2 h"),
    "zero-current-rest": ("", "- Rest for 1 h at zero current"),
    "current-bound": ("", "- {hold: 4 V, for: 1 h, current_at_most: 1 mA}"),
    "inherited-bound": (
        "",
        "- Charge at 1 mA until 4.2 V\n  - Rest for 1 h\n  - Hold at 4.2 V until 0.1 mA",
    ),
    "power": ("", "- Discharge at 5 mW until 2.8 V"),
    "resistance": ("", "- Discharge at 5 ohm until 2.8 V"),
    "scan-corners": ("", "- Sweep from 2.5 V to 4 V and back at 0.1 mV/s with at most 10 mA"),
    "profile": (CELL, "- {profile: p.csv}"),
    "chamber": ("", "- {chamber: 25 degC}"),
    "operator": ("", "- {operator: weigh}"),
    "record-of-a-step": ("", "- {rest: 1 h, record: {every: 1 s}}"),
    "at-most": ("", "- {charge: 1 mA, until: 4.2 V, at_most: 3 h}"),
    "at-most-over-hold": (
        "",
        "- {charge: 1 mA, to: 4.2 V, then_hold_until: 0.1 mA, at_most: 3 h}",
    ),
    "stop-at": ("", "- {charge: 1 mA, for: 10 s, stop_at: 4.2 V}"),
    "zero-voltage-end-alone": ("capacity: {C: 2 mAh}\n", "- Discharge at C/10 until 0 V"),
    "other-side-end": ("", "- {charge: 1 mA, for: 1 h, until: below 3 V}"),
    "charge-end": ("", "- {charge: 1 mA, until: 2 mAh}"),
    "net-charge-end": ("", "- {charge: 1 mA, for: 1 h, until: net charge since m reaches 1 mAh}"),
    "energy-end": ("", "- {charge: 1 mA, for: 1 h, until: 2 mWh}"),
    "clock-end": ("", "- {rest: 9 h, until: clock 06:00 UTC}"),
    "sensor-end": ("", "- {rest: 9 h, until: surface temperature below 25 degC}"),
    "slope-end": ("", "- {rest: 9 h, until: dV/dt below 1 mV/min}"),
    "change-end": ("", "- {rest: 9 h, until: change below 1 mV in 1 h}"),
    "drop-end": ("", "- {charge: 1 mA, for: 1 h, until: drop of 10 mV from peak}"),
    "all-ends": ("", "- {charge: 1 mA, until_all: [1 mAh, 4 V], at_most: 1 h}"),
    "scan-end": ("", "- {sweep: 3 V to 4 V, rate: 1 mV/s, current_at_most: 1 mA, for: 1 min}"),
    "measured-end": ("", "- {charge: 1 mA, for: 1 h, until: 95 % of cap}"),
    "second-cutoff": ("capacity: {C: 2 mAh}\n", "- {hold: 4 V, until: [C/20, 0.3 mA]}"),
    "flag": ("", "- {charge: 1 mA, until: 4 V, if_ended_by: {4 V: flag early}}"),
    "goto": ("", "- {if: surface temperature above 40 degC, then: go to x}"),
    "skip-rest-of-loop": ("", "- {charge: 1 mA, for: 1 h, skip_rest_of_loop_if: below 2.5 V}"),
    "no-end-left": ("", "- {charge: 1 mA, until: 2 mWh}"),
    "phase-twice": (
        "",
        "- {phase: a, steps: [Rest for 1 s]}\n  - {phase: a, steps: [Rest for 1 s]}",
    ),
    "cycle-kind": ("", "- {repeat: 2, counts_as: check-up, steps: [Rest for 1 s, Rest for 2 s]}"),
    "procedure": ("procedures: {p: [Rest for 1 s]}\n", "- run: p"),
    "every": (
        "",
        "- {repeat: 5, steps: [{every: 2 iterations, steps: [Rest for 1 s]}, Rest for 2 s]}",
    ),
    "loop-variable": ("", "- {repeat: {soc: [90 %, 50 %]}, steps: [Rest for 1 s, Rest for 2 s]}"),
    "loop-until": (
        "",
        "- repeat: {at_most: 3 times, until: x ended by 2 V}\n    steps: [rest: 1 s, rest: 2 s]",
    ),
    "set-c": ("", "- {set: C, to: capacity of cap, only_if: 80 % to 120 % of nominal}"),
    "kept-value": ("", "- {keep: k, as: capacity of cap}"),
    "net-charge-mark": ("", "- {zero: m}"),
    "result": ("", "- result: {CE: a / b}"),
    "named-end": ("", "- end: done"),
    "after-the-end": ("", "- end: done\n  - Rest for 1 h"),
}
STEPS |= {name: (head, "- Rest for 1 h") for name, head in HEADS.items()}

REST = {"step": "open_circuit_voltage", "until_time_s": 60}
DOWN = {"step": "constant_current", "current_mA": -5, "until_voltage_V": 2.8}
HOLD = {"step": "constant_voltage", "voltage_V": 2.8, "until_time_s": 60}
EIS = {
    "step": "impedance_spectroscopy",
    "amplitude_V": 0.01,
    "start_frequency_Hz": 1000,
    "end_frequency_Hz": 1,
}
SCAN = {
    "step": "voltage_scan",
    "start_voltage_V": 2.5,
    "end_voltage_V": 4.0,
    "scan_rate_mV_per_s": 0.1,
}
TAG = {"step": "tag", "tag": "t"}
LOOP = {"step": "loop", "loop_to": "t", "cycle_count": 2}
DOCUMENTS = {
    "sample-name": {"sample": {"name": "s"}},
    "placeholder-name": {"sample": {"name": "$NAME"}},
    "capacity": {"sample": {"name": "s", "capacity_mAh": 2}},
    "no-capacity": {"method": [{**DOWN, "current_mA": None, "rate_C": -1}]},
    "voltage-limits": {"safety": {"min_voltage_V": 0}},
    "current-limits": {"safety": {"max_current_mA": 5, "min_current_mA": -5}},
    "one-current-limit": {"safety": {"max_current_mA": 5, "min_current_mA": -4}},
    "zero-current-limit": {"safety": {"max_current_mA": 0}},
    "charge-limit": {"safety": {"max_capacity_mAh": 3}},
    "zero-charge-limit": {"safety": {"max_capacity_mAh": 0}},
    "must-last": {"safety": {"delay_s": 0.5}},
    "must-last-above-1-s": {"safety": {"delay_s": 2}},
    "zero-delay": {"safety": {"delay_s": 0}},
    "record-time": {},
    "record-voltage-change": {"record": {"time_s": 1, "voltage_V": 0.01}},
    "record-current-change": {"record": {"time_s": 1, "current_mA": 0.5}},
    "record-in-spectra": {"method": [EIS]},
    "scan": {"method": [SCAN]},
    "spectrum": {"method": [EIS]},
    "step-label": {"method": [{**REST, "id": "r"}]},
    "zero-voltage-end": {"method": [{**DOWN, "until_voltage_V": 0, "until_time_s": 60}]},
    "cutoff-in-amperes": {"method": [{**HOLD, "until_current_mA": 1}]},
    "negative-cutoff": {"method": [{**HOLD, "until_current_mA": -1}]},
    "repeat": {"method": [TAG, REST, LOOP]},
    "phase": {"method": [TAG, REST]},
    "fine-rounding": {"method": [{**DOWN, "current_mA": -100 / 3}]},
    "coarse-rounding": {"method": [{**HOLD, "until_current_mA": 1.00000004e-3 / 3}]},
    "current-above-1-A": {"method": [{**DOWN, "current_mA": -1001}]},
    "current-above-10-mA": {"method": [{**DOWN, "current_mA": -11}]},
    "voltage-range": {"method": [{**DOWN, "until_voltage_V": 11}]},
    "frequency-below-1-mHz": {"method": [{**EIS, "end_frequency_Hz": 1e-4}]},
    "too-many-steps": {"method": [TAG, REST, {**LOOP, "cycle_count": 5001}]},
}
ALWAYS = {"rest", "constant-current", "hold", "time-end"}
"""Items that every target carries: nothing can be found of them."""


def exported(name: str, target: str = "unicycler"):
    head, steps = STEPS[name]
    text = f"name: t\n{head}steps:\n  {steps}\n"
    profile = "test_time_second,current_ampere\n0,0.1\n1,0\n"
    protocol = parse_protocol(text, "out.yaml", load=lambda name: profile)
    return export_protocol(protocol, target)


def found(name: str, target: str) -> Report:
    plain = {"sample": {"name": "s"}, "record": {"time_s": 1}, "method": [REST], **DOCUMENTS[name]}
    report = Report(EXPORTS, target, "out.yaml")
    document = Document.model_validate(plain)
    find(document, target, report, tuple(f"line {n}" for n in range(len(document.method))))
    return report


def test_each_item_of_the_table_has_its_case() -> None:
    assert set(STEPS).isdisjoint(DOCUMENTS)
    assert {*STEPS, *DOCUMENTS, *ALWAYS} == set(EXPORTS)
    assert all(set(EXPORTS[name].cells.values()) == {"yes"} for name in ALWAYS)


@pytest.mark.parametrize("name", STEPS)
def test_what_unicycler_cannot_carry_is_named_with_its_line(name: str) -> None:
    report = exported(name).report
    finding = next(finding for finding in report.findings if finding.item.name == name)
    assert finding.where.startswith("out.yaml:")
    if finding.outcome != "as":
        with pytest.raises(ProtocolError, match=name):
            report.check(())
    if finding.outcome == "never":
        with pytest.raises(ProtocolError, match=name):
            report.check(EXPORTS)
    else:
        report.check(EXPORTS)


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("target", TARGETS)
def test_what_a_single_target_cannot_carry_is_named(name: str, target: str) -> None:
    outcome = EXPORTS[name].cells[target].partition(":")[0]
    findings = [finding for finding in found(name, target).findings if finding.item.name == name]
    rounds = name.endswith("rounding") and target not in ("biologic", "neware")
    if outcome == "yes" or rounds:
        assert findings == []
    else:
        assert {finding.outcome for finding in findings} == {outcome}


@pytest.mark.parametrize("target", TARGETS)
def test_a_protocol_of_the_plainest_kind_loses_nothing_in_unicycler_and_a_cycler(target) -> None:
    text = "name: t\ncapacity: {C: 2 mAh}\nrecord: {every: 10 s}\nsteps:\n"
    text += (
        "  - {charge: 1C, until: 4.2 V, for: 2 h}\n  - {hold: 4.2 V, until: C/20}\n  - rest: 1 h\n"
    )
    exported = export_protocol(parse_protocol(text, "t.yaml"), target)
    find(exported.document, target, exported.report, exported.origins)
    lost = {finding.item.name for finding in exported.report.of("no", "never")}
    assert lost == ({"sample-name", "capacity", "record-time"} if target == "pybamm" else set())


def test_an_end_by_charge_that_is_waived_becomes_the_time_that_the_current_needs() -> None:
    exported_ = exported("charge-end")
    assert exported_.document.method[0].until_time_s == 2 * 3600.0


def test_a_check_up_every_so_many_rounds_at_the_end_of_a_repeat_is_repeats_in_repeats() -> None:
    text = """\
name: t
steps:
  - repeat: 100
    steps:
      - Charge at 1 mA until 4.2 V
      - Discharge at 1 mA until 2.8 V
      - every: 50 iterations
        steps: [Rest for 1 h]
"""
    exported_ = export_protocol(parse_protocol(text, "t.yaml"), "unicycler")
    assert exported_.report.of("no", "never") == []
    flat = [(s.step, getattr(s, "loop_to", 0), getattr(s, "cycle_count", 0)) for s in exported_.document.method]  # fmt: skip  # noqa: E501
    assert flat == [
        ("constant_current", 0, 0),
        ("constant_current", 0, 0),
        ("loop", 1, 50),
        ("open_circuit_voltage", 0, 0),
        ("loop", 1, 2),
    ]


def test_a_waiver_of_nothing_known_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no item 'temperature'"):
        exported("flag").report.check({"temperature"})


def test_the_report_says_in_plain_values_what_it_says_in_words() -> None:
    report = exported("flag").report
    record = report.record({"flag"})
    assert [(f["item"], f["outcome"], f["waived"]) for f in record["findings"]] == [
        ("flag", "lost", True)
    ]
    assert record["findings"][0]["where"] in str(report.findings[0])
