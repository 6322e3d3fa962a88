"""Each check of a protocol alone: a text that it must speak of, and one next to it that is well."""

from pathlib import Path

import pytest

from benchlab.cli.step_words import step_words
from benchlab.errors import ProtocolError
from benchlab.model.checks import Severity, check_program, refuse
from benchlab.model.estimate import estimate
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol, read_protocol
from benchlab.model.resolve import cell_of

from .conftest import HEAD

# name, severity, line and field, the steps, and the same steps made well
CASES = [
    ("unreachable", "warning", "test.yaml:8, steps[3]",
     "  - Rest for 1 s\n  - end: done\n  - Rest for 2 s\n",
     "  - Rest for 1 s\n  - Rest for 2 s\n  - end: done\n"),
    ("unreachable", "warning", "test.yaml:9, steps[1].steps[2].every",
     "  - repeat: 30\n    steps:\n      - Rest for 1 s\n"
     "      - {every: 50 iterations, steps: [Rest for 2 s]}\n",
     "  - repeat: 30\n    steps:\n      - Rest for 1 s\n"
     "      - {every: 10 iterations, steps: [Rest for 2 s]}\n"),
    ("unreachable", "warning", "test.yaml:8, steps[3]",
     "  - Rest for 1 s\n  - {if: voltage above 1 V, then: go to out}\n  - Rest for 2 s\n"
     "  - {label: out, rest: 3 s}\n",
     "  - Rest for 1 s\n  - {if: voltage above 3 V, then: go to out}\n  - Rest for 2 s\n"
     "  - {label: out, rest: 3 s}\n"),
    ("holds-at-once", "error", "test.yaml:6, steps[1].repeat",
     "  - repeat: {at_most: 9 times, until: discharge capacity of dis below 120 % of first dis}\n"
     "    steps:\n      - {charge: 1C, until: 4.2 V}\n"
     "      - {label: dis, discharge: 1C, until: 2.8 V}\n",
     "  - repeat: {at_most: 9 times, until: discharge capacity of dis below 80 % of first dis}\n"
     "    steps:\n      - {charge: 1C, until: 4.2 V}\n"
     "      - {label: dis, discharge: 1C, until: 2.8 V}\n"),
    ("holds-at-once", "warning", "test.yaml:7, steps[2].if",
     "  - Rest for 1 s\n  - {if: voltage below 5 V, then: go to out}\n"
     "  - {label: out, rest: 3 s}\n",
     "  - Rest for 1 s\n  - {if: voltage below 4 V, then: go to out}\n"
     "  - {label: out, rest: 3 s}\n"),
    ("never-holds", "warning", "test.yaml:6, steps[1].repeat",
     "  - repeat: {at_most: 9 times, until: voltage above 4.3 V}\n"
     "    steps: [Charge at C/20 for 1 min]\n",
     "  - repeat: {at_most: 9 times, until: voltage above 4.2 V}\n"
     "    steps: [Charge at C/20 for 1 min]\n"),
    ("never-holds", "warning", "test.yaml:10, steps[1].steps[3].if",
     "  - repeat: 2\n    steps:\n      - {label: dis, discharge: 1C, until: 2.8 V}\n"
     "      - {charge: 1C, until: 4.2 V}\n"
     "      - {if: discharge capacity of dis below 80 % of first dis, then: go to out,"
     " in: 3 complete cycles in a row}\n  - {label: out, rest: 1 s}\n",
     "  - repeat: 3\n    steps:\n      - {label: dis, discharge: 1C, until: 2.8 V}\n"
     "      - {charge: 1C, until: 4.2 V}\n"
     "      - {if: discharge capacity of dis below 80 % of first dis, then: go to out,"
     " in: 3 complete cycles in a row}\n  - {label: out, rest: 1 s}\n"),
    ("end-on-far-side", "warning", "test.yaml:8, steps[3]",
     "  - Charge at 1C until 3.6 V\n  - Rest for 1 h\n  - Discharge at 1C until 3.7 V\n",
     "  - Charge at 1C until 3.7 V\n  - Rest for 1 h\n  - Discharge at 1C until 3.6 V\n"),
    ("end-on-far-side", "warning", "test.yaml:6, steps[1].until",
     "  - {charge: 1C, until: [below 3.0 V, 10 min]}\n",
     "  - {charge: 1C, until: [above 3.0 V, 10 min]}\n"),
    ("end-on-far-side", "warning", "test.yaml:6, steps[1].at_most",
     "  - {charge: C/10, for: 3 h, at_most: 2 h}\n",
     "  - {charge: C/10, for: 2 h, at_most: 3 h}\n"),
    ("beyond-step-charge", "error", "test.yaml:6, steps[1].until",
     "  - {charge: 1C, until: 0.3 Ah}\n", "  - {charge: 1C, until: 0.2 Ah}\n"),
    ("beyond-step-charge", "warning", "test.yaml:6, steps[1].until",
     "  - {charge: 1C, until: [0.3 Ah, 4.2 V]}\n", "  - {charge: 1C, until: [0.2 Ah, 4.2 V]}\n"),
    ("beyond-step-charge", "warning", "test.yaml:6, steps[1]",
     "  - {charge: 1C, for: 2 h}\n", "  - {charge: 1C, for: 1 h}\n"),
    ("asked-before-run", "error", "test.yaml:6, steps[1].until",
     "  - {discharge: C/3, until: 50 % of cap}\n  - {label: cap, discharge: C/3, until: 2.8 V}\n",
     "  - {label: cap, discharge: C/3, until: 2.8 V}\n  - {charge: C/3, until: 50 % of cap}\n"),
    ("asked-before-run", "error", "test.yaml:6, steps[1].to",
     "  - {set: C, to: discharge capacity of cap, only_if: 80 % to 120 % of nominal}\n"
     "  - {label: cap, discharge: C/3, until: 2.8 V}\n",
     "  - {label: cap, discharge: C/3, until: 2.8 V}\n"
     "  - {set: C, to: discharge capacity of cap, only_if: 80 % to 120 % of nominal}\n"),
    ("asked-before-run", "warning", "test.yaml:8, steps[1].steps[1].until",
     "  - repeat: 3\n    steps:\n      - {charge: C/3, until: 50 % of cap}\n"
     "      - {label: cap, discharge: C/3, until: 2.8 V}\n",
     "  - repeat: 3\n    steps:\n      - {label: cap, discharge: C/3, until: 2.8 V}\n"
     "      - {charge: C/3, until: 50 % of cap}\n"),
    ("asked-before-run", "error", "test.yaml:6, steps[1].until",
     "  - {charge: C/3, until: net charge since start reaches 0.1 Ah}\n  - {zero: start}\n",
     "  - {zero: start}\n  - {charge: C/3, until: net charge since start reaches 0.1 Ah}\n"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "severity", "where", "wrong", "well"), CASES)
def test_said_of_what_is_wrong_and_not_of_what_is_well(remarks, name, severity, where, wrong, well):
    found = remarks(wrong)
    assert [str(remark.severity) for remark in found.get(name, [])] == [severity]
    assert found[name][0].where == where
    assert found[name][0].reason.endswith(".")
    assert found[name][0].remedy.endswith(".")
    assert name not in remarks(well)


WIDE = HEAD.replace("limits: {voltage: {low: 2.5 V, high: 4.25 V}}\n", "")


def test_a_formed_limit_that_no_step_arms(remarks):
    found = remarks("  - Rest for 1 s\n", WIDE)
    assert found["never-armed"][0].severity is Severity.WARNING
    assert "2.4 V" in found["never-armed"][0].reason
    assert "never-armed" not in remarks("  - Rest for 1 s\n  - arm: low_once_formed\n", WIDE)
    assert "never-armed" not in remarks("  - Rest for 1 s\n"), "the protocol's own is narrower"
    assert "never-armed" in remarks(
        "  - Rest for 1 s\n  - end: x\n  - arm: low_once_formed\n  - Rest for 1 s\n", WIDE
    ), "an arm that no run comes to arms nothing"


@pytest.mark.parametrize(
    ("cell", "capacity", "severity"),
    [
        ("type: nmc811_graphite_pouch", "0.2 Ah", None),
        ("type: nmc811_graphite_pouch", "200 Ah", "error"),
        ("type: nmc811_graphite_pouch", "0.2 mAh", "error"),
        ("type: nmc811_graphite_pouch", "5 Ah", "warning"),
        ("type: nmc811_graphite_pouch, nominal_capacity: 200 Ah", "200 Ah", "warning"),
        ("type: nmc811_graphite_pouch, area: 67 cm2", "0.2 Ah", None),
        ("type: nmc811_graphite_pouch, area: 6.7 cm2", "0.2 Ah", "warning"),
        ("type: nmc811_graphite_pouch, area: 0.067 cm2", "0.2 Ah", "error"),
        ("type: nmc811_graphite_pouch, active_mass: 1.2 g", "0.2 Ah", None),
        ("type: nmc811_graphite_pouch, active_mass: 1.2 mg", "0.2 Ah", "error"),
        ("type: nmc811_graphite_pouch, active_mass: 120 g", "0.2 Ah", "error"),
        ("type: li_cu_coin, area: 1.54 cm2", "7.7 mAh", None),
    ],
)
def test_a_slip_of_a_thousand_in_the_size(remarks, cell, capacity, severity):
    head = f"name: t\ncell: {{{cell}}}\ncapacity: {{C: {capacity}}}\n"
    found = remarks("  - Rest for 1 s\n", head)
    worst = [str(remark.severity) for remark in found.get("implausible-size", [])]
    assert (worst[0] if worst else None) == severity


def test_a_capacity_that_nobody_states_is_noted(remarks):
    found = remarks(
        "  - Charge at 10 mA until 4.2 V\n", HEAD.replace("capacity: {C: 0.2 Ah}\n", "")
    )
    assert found["missing-capacity"][0].severity is Severity.NOTE


@pytest.mark.parametrize(
    ("steps", "check", "where"),
    [
        ("  - {charge: 1C}\n", "cannot-end", "test.yaml:6, steps[1].until"),
        ("  - {charge: 1C, to: 4.2 V}\n", "cannot-end", "test.yaml:6, steps[1].then_hold_until"),
        ("  - Rest for 1 s\n  - {charge: 1C, until: 4.28 V}\n", "beyond-limits",
         "test.yaml:7, steps[2].until"),
        ("  - {charge: 30C, until: 4.2 V}\n", "beyond-limits", "test.yaml:6, steps[1].charge"),
        ("  - {label: a, rest: 1 s}\n  - {if: voltage below 3 V, then: go to a}\n", "cannot-end",
         "test.yaml:7, steps[2].then"),
    ],
)  # fmt: skip
def test_what_cannot_be_expanded_names_check_file_line_and_field(remarks, steps, check, where):
    with pytest.raises(ProtocolError) as caught:
        remarks(steps)
    assert caught.value.check == check
    assert caught.value.where == where


def test_a_c_rate_without_a_capacity_is_refused_by_name(remarks):
    with pytest.raises(ProtocolError) as caught:
        remarks("  - Charge at 1C until 4.2 V\n", HEAD.replace("capacity: {C: 0.2 Ah}\n", ""))
    assert caught.value.check == "missing-capacity"
    assert caught.value.where == "test.yaml:5, steps[1].charge"


def test_errors_come_first_and_refuse():
    protocol = parse_protocol(
        HEAD.replace("limits: {voltage: {low: 2.5 V, high: 4.25 V}}\n", "")
        + "steps:\n  - {charge: 1C, until: 50 % of cap}\n"
        "  - {label: cap, discharge: C/3, until: 2.8 V}\n",
        "test.yaml",
    )
    cell = cell_of(protocol, None)
    found = check_program(expand(protocol, cell), cell)
    assert [str(remark.severity) for remark in found] == ["error", "warning"]
    with pytest.raises(ProtocolError, match="asks for 'cap'") as caught:
        refuse(found)
    assert caught.value.where == "test.yaml:5, steps[1].until"
    assert caught.value.check == "asked-before-run"
    refuse(found[1:])


SAMPLES = Path(__file__).parents[2] / "sample_data/protocols"


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_sample_has_an_error_and_each_can_be_told_in_words(path):
    protocol = read_protocol(path)
    cell = cell_of(protocol, None)
    program = expand(protocol, cell)
    found = check_program(program, cell)
    assert [str(remark) for remark in found if remark.severity is Severity.ERROR] == []
    words = [step_words(step) for step in program.steps]
    assert all(words)
    assert "nan" not in " ".join(words)
    record = estimate(program).whole.record()
    assert 0 < record["about_second"] <= record["at_most_second"]
    assert 0 < record["about_rows"] <= record["at_most_rows"]
