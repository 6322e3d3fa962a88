"""Each thing that our language cannot carry is found by its name, and refused unless waived."""

from __future__ import annotations

import json

import pytest

from benchlab.errors import ProtocolError
from benchlab.interchange.document import lines, read_document
from benchlab.interchange.from_unicycler import import_document, unfaithful
from benchlab.interchange.table import IMPORTS
from benchlab.interchange.to_unicycler import export_protocol
from benchlab.model.protocol_text import parse_protocol

REST = {"step": "open_circuit_voltage", "until_time_s": 60}
CHARGE = {"step": "constant_current", "rate_C": 0.5, "until_voltage_V": 4.2}
HOLD = {"step": "constant_voltage", "voltage_V": 4.2, "until_rate_C": 0.05}
EIS = {
    "step": "impedance_spectroscopy",
    "amplitude_V": 0.01,
    "start_frequency_Hz": 1000,
    "end_frequency_Hz": 1,
}
TAG = {"step": "tag", "tag": "t"}
LOOP = {"step": "loop", "loop_to": "t", "cycle_count": 2}
CASES: dict[str, dict[str, object]] = {
    "unicycler-version": {"unicycler": {"version": "0.4.6"}},
    "unusable-name": {"sample": {"name": " two\nlines "}},
    "zero-current-limit": {"safety": {"max_current_mA": 0}},
    "current-limit-sign": {"safety": {"max_current_mA": -1.0, "min_current_mA": -5}},
    "zero-charge-limit": {"safety": {"max_capacity_mAh": 0}},
    "charge-limit": {"safety": {"max_capacity_mAh": 3}},
    "zero-delay": {"safety": {"delay_s": 0.0}},
    "long-delay": {"safety": {"delay_s": 11}},
    "unusable-id": {"method": [{**REST, "id": "two words"}]},
    "second-current": {"method": [{**CHARGE, "current_mA": 5}]},
    "zero-current": {"method": [{**CHARGE, "current_mA": 0}]},
    "zero-time": {"method": [{**CHARGE, "until_time_s": 0}]},
    "zero-cutoff": {"method": [CHARGE, {**HOLD, "until_current_mA": 0}]},
    "second-cutoff": {"method": [CHARGE, {**HOLD, "until_current_mA": 5}]},
    "cutoff-sign": {"method": [CHARGE, {**HOLD, "until_rate_C": -0.05}]},
    "measures-per-point": {"method": [{**EIS, "measures_per_point": 3}]},
    "drift-correction": {"method": [{**EIS, "drift_correction": True}]},
    "single-frequency": {"method": [{**EIS, "end_frequency_Hz": 1000}]},
    "empty-tag": {"method": [REST, TAG]},
    "loop-spelling": {"method": [TAG, REST, LOOP, REST, LOOP]},
}


def imported(change: dict[str, object]):
    plain = {"record": {"time_s": 1}, "method": [REST], **change}
    text = json.dumps(plain, indent=1)
    document = read_document(text, "in.json")
    return import_document(document, "in.json", line_of=lines(text))


def test_each_item_of_the_table_has_its_case() -> None:
    assert set(CASES) == set(IMPORTS)


@pytest.mark.parametrize("name", CASES)
def test_each_loss_is_named_with_its_line_and_nothing_else_is(name: str) -> None:
    found = imported(CASES[name])
    assert {finding.item.name for finding in found.report.findings} == {name}
    assert all(finding.where.startswith("in.json:") for finding in found.report.findings)
    outcome = IMPORTS[name].cells["benchlab"].partition(":")[0]
    if outcome == "as":
        found.report.check(())
        return
    with pytest.raises(ProtocolError, match=name):
        found.report.check(())
    if outcome == "never":
        with pytest.raises(ProtocolError, match=name):
            found.report.check({name})
        return
    found.report.check({name})
    exported = export_protocol(parse_protocol(found.text, "out.yaml"), "unicycler")
    assert unfaithful(found, exported.document) == []


@pytest.mark.parametrize("name", ["zero-current", "cutoff-sign", "drift-correction"])
def test_what_was_left_out_of_a_step_stands_beside_it_as_a_comment(name: str) -> None:
    comments = [line for line in imported(CASES[name]).text.splitlines() if "  # " in line]
    assert len(comments) == 1


def test_a_hold_with_no_current_before_it_asks_for_a_bound() -> None:
    found = imported({"method": [HOLD]})
    assert "needs current_at_most" in " ".join(found.report.notes)
    assert "# add current_at_most" in found.text


def test_a_scan_needs_a_bound_and_comes_back_with_one() -> None:
    scan = {
        "step": "voltage_scan",
        "start_voltage_V": 2.5,
        "end_voltage_V": 4.0,
        "scan_rate_mV_per_s": 0.1,
    }
    with pytest.raises(ProtocolError, match="--current-at-most"):
        imported({"method": [scan]})
    document = read_document(json.dumps({"record": {"time_s": 1}, "method": [scan]}), "")
    found = import_document(document, "", current_at_most="10 mA")
    exported = export_protocol(parse_protocol(found.text, ""), "unicycler")
    assert unfaithful(found, exported.document) == []
    assert {f.item.name for f in exported.report.of("no")} == {"current-bound"}


MALFORMED = [
    ("{", r"in.json:1: this is not valid JSON"),
    ("[]", "found no JSON object"),
    ("{}", "record: this key is missing"),
    ({"method": []}, r"method: "),
    ({"method": [{**REST, "until_time_s": "soon"}]}, r"method\[1\].until_time_s: found 'soon'"),
    ({"method": [{**REST, "until_times": 3}]}, r"method\[1\].until_times: this key is not one of"),
    ({"method": [{"step": "warm"}]}, r"method\[1\]"),
    ({"method": [{**REST, "until_time_s": True}]}, r"method\[1\].until_time_s: found 'True'"),
    ({"method": [{**REST, "until_time_s": float("nan")}]}, "found NaN"),
    ({"method": [{**REST, "until_time_s": 10**400}]}, r"method\[1\].until_time_s"),
    ({"method": [{"step": "constant_current", "rate_C": 1}]}, r"method\[1\]: found no end"),
    ({"method": [{**CHARGE, "rate_C": 0}]}, r"method\[1\]: found no current"),
    ({"method": [{**CHARGE, "rate_C": "C/0"}]}, r"method\[1\].rate_C: found 'C/0'"),
    ({"method": [{**CHARGE, "rate_C": 1e5}]}, r"in.json:\d+, method\[1\].rate_C: .*1000C"),
    ({"method": [REST, {**REST, "until_time_s": 1e12}]}, r"method\[2\].until_time_s: .*10 years"),
    ({"method": [REST, {**LOOP, "loop_to": 2}]}, r"method\[2\]: a loop goes back"),
    ({"method": [REST, LOOP]}, r"method\[2\]: there is no tag 't'"),
    ({"method": [TAG]}, r"in.json:\d+, method: there is no step, only tags"),
    ({"method": [REST, {"step": "tag"}]}, r"method\[2\].tag: this key is missing"),
    ({"method": [TAG, LOOP]}, r"method\[2\]: a loop goes back over at least one step"),
    ({"method": [TAG, REST, TAG, REST]}, r"method\[3\]: the tag 't' stands twice"),
    (
        {"method": [REST, TAG, REST, {**LOOP, "loop_to": 1}, REST, LOOP]},
        r"method\[6\]: this loop crosses another",
    ),
    ({"method": [TAG | {"tag": "a\x07b"}, REST]}, r"method\[1\].tag: found the character"),
    ({"sample": {"capacity_mAh": 0}}, r"sample.capacity_mAh: "),
    ({"safety": {"max_voltage_V": 1, "min_voltage_V": 2}}, r"safety: the lowest voltage"),
]


@pytest.mark.parametrize(("change", "words"), MALFORMED)
def test_a_malformed_file_is_refused_with_its_field(change: object, words: str) -> None:
    read = (lambda: read_document(change, "in.json")) if isinstance(change, str) else None
    with pytest.raises(ProtocolError, match=words):
        read() if read else imported(change)
