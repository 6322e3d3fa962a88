"""Everything that is wrong with a protocol is told at once, each with its own line, each once."""

import pytest

from benchlab.errors import CellError, ProtocolError
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol

HEAD = "name: t\ncell: {type: nmc811_graphite_pouch}\ncapacity: {C: 0.2 Ah}\n"


def told(text, load=None):
    """Return line, field and first words of each error."""
    with pytest.raises((ProtocolError, CellError)) as caught:
        expand(parse_protocol(text, "t.yaml", **({"load": load} if load else {})))
    error = caught.value
    found = [error, *error.others]
    assert all(not other.others for other in error.others), "flat"
    assert str(error).count("\n") == len(error.others)
    return [one.where.removeprefix("t.yaml:").partition(", ")[::2] for one in found]


def test_slips_of_the_text_in_header_procedure_repeat_and_sentence():
    text = """\
name: t
cell: {type: nmc811_graphite_pouch, aera: 5 cm2}
capacity: {C: 0.2}
record: {every: 10 s, or_chnage: 5 mV}
procedures:
  check:
    - {charge: 1C, untl: 4.2 V}
steps:
  - Charge at 1C until 4.2
  - run: check
  - repeat: five times
    steps:
      - {rest: 10 min, for: 5 min}
      - Wait for 10 min
      - {dischrage: 1C, until: 2.8 V}
  - {rest: 10 min}
"""
    assert told(text) == [
        ("2", "cell.aera"),
        ("3", "capacity.C"),
        ("4", "record.or_chnage"),
        ("7", "procedures.check[1].untl"),
        ("9", "steps[1].until"),
        ("11", "steps[3].repeat"),
        ("13", "steps[3].steps[1].for"),
        ("14", "steps[3].steps[2]"),
        ("15", "steps[3].steps[3]"),
    ]


def test_what_cannot_be_run_step_by_step_and_jump_by_jump():
    text = (
        HEAD
        + """\
limits: {voltage: {low: -1 V, high: 5 V}, current: {charge: 5 A}}
procedures:
  check:
    - {label: cap, discharge: 30C, until: 2.8 V}
    - {discharge: 1C}
steps:
  - {label: a, charge: 1C, until: 5 V}
  - {hold: 4.2 V, until: C/20}
  - run: check
  - run: check
  - {if: discharge capacity of cap below 80 % of C, then: go to nowhere}
  - repeat: 5
    steps:
      - {label: x, charge: 50C, until: 4 V}
      - {discharge: 1C, until: 2.8 V}
  - {if: discharge capacity of cap below 80 % of reff, then: go to a}
  - {label: z, rest: 10 min}
  - {if: discharge capacity of cap below 80 % of C, then: go to z}
"""
    )
    assert told(text) == [
        ("4", "limits.voltage.low"),
        ("4", "limits.voltage.high"),
        ("4", "limits.current.charge"),
        ("7", "procedures.check[1].discharge"),
        ("8", "procedures.check[2].until"),
        ("10", "steps[1].until"),
        ("14", "steps[5].then"),
        ("17", "steps[6].steps[1].charge"),
        ("19", "steps[7].if"),
        ("21", "steps[9].then"),
    ]


def test_one_slip_is_told_once_and_nothing_that_follows_from_it():
    # the label, the block, the jump to it, the end that is asked for and the hold's bound
    text = (
        HEAD
        + """\
steps:
  - repeat: {at_most: 9 times, until: pulse ended by 2.80 V}
    steps:
      - {label: pulse, discharge: 50C, for: 30 min, until: 2.80 V}
  - {hold: 3.0 V, until: C/20}
  - {if: discharge capacity of pulse below 1 Ah, then: go to last}
  - {label: last, charge: 90C, until: 4.2 V}
"""
    )
    assert told(text) == [("7", "steps[1].steps[1].discharge"), ("10", "steps[4].charge")]


def test_procedures_that_run_each_other_tell_one_slip_once_and_soon():
    # written out they are 2 to the 24 steps
    lines = ["procedures:", "  p0: [{charge: 50C, until: 4 V}]"]
    lines += [f"  p{n}: [run: p{n - 1}, run: p{n - 1}]" for n in range(1, 25)]
    assert told(HEAD + "\n".join([*lines, "steps: [run: p24]"])) == [
        ("5", "procedures.p0[1].charge")
    ]


def test_another_file_is_told_with_its_own_name():
    other = "name: o\nsteps:\n  - Charge at 1C until 4.2\n  - Rest for 10\n"
    text = HEAD + "steps:\n  - run: o.yaml\n  - Rest for 5\n"
    found = told(text, load=lambda name: other)
    assert sorted(found) == [
        ("6", "steps[2].rest"),
        ("o.yaml:3", "steps[1].until"),
        ("o.yaml:4", "steps[2].rest"),
    ]


def test_a_hundred_slips_are_counted():
    text = HEAD + "steps:\n" + "  - Rest for 5\n" * 100
    with pytest.raises(ProtocolError) as caught:
        parse_protocol(text, "t.yaml")
    assert len(caught.value.others) == 99
    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    assert lines[-1] == "... and 79 more."


def test_a_procedure_that_runs_twice_tells_its_default_bound_once():
    steps = "procedures: {p: [Charge at 1C until 4 V]}\nsteps: [run: p, run: p]\n"
    notes = expand(parse_protocol(HEAD + steps, "t.yaml")).notes
    assert len(notes) == 1
    assert "states no at_most" in notes[0]
