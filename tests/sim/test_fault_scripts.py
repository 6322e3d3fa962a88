"""Scripts of faults and worlds: what they say wrong is named with its line."""

import random

import pytest

from benchlab.errors import UsageError
from benchlab_drivers.sim._spoil import spoiled
from benchlab_drivers.sim.faults import FOR_EVER, KINDS, parse_faults
from benchlab_drivers.sim.world import parse_world

REPLY = b"+3.700000E+00;-1.000000E-01;1;0;0\n"


def fault(text):
    return parse_faults(f"faults:\n  - {{{text}}}\n", "f.yaml")[0]


def test_when_a_fault_happens():
    late = fault("matching: READ, request: 10, times: for ever, do: late, by: 0.6 s")
    assert late.on_request
    assert (late.request, late.times, late.words) == (10, FOR_EVER, {"by": 0.6})
    assert late.matching.search(":read? 1")
    lost = fault("at: 5 s, do: contact_lost, for: 2 s")
    assert not lost.on_request
    assert (lost.second, lost.words) == (5.0, {"for": 2.0})
    assert fault("at: 5 s, do: silent").on_request, "a reply is spoiled when there is one"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("faults:\n  - {do: explode}\n", 2, "explode"),
        ("faults:\n  - {do: silent}\n  - {do: late}\n", 3, "needs 'by'"),
        ("faults:\n  - do: silent\n    whom: me\n", 3, "whom"),
        ("faults:\n  - {do: late, by: fast}\n", 2, "fast"),
        ("faults:\n  - {do: silent, request: 0}\n", 2, "above zero"),
        ("faults:\n  - {do: silent, matching: '['}\n", 2, "regular expression"),
        ("faults:\n  - {do: reboot}\n", 2, "does not say when"),
        ("faults: 3\n", 1, "list"),
        ("- 1\n", 1, "faults"),
    ],
)
def test_a_mistake_in_a_script_is_named_with_its_line(text, line, words):
    with pytest.raises(UsageError) as caught:
        parse_faults(text, "f.yaml")
    assert caught.value.where == f"f.yaml:{line}"
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sent", "end"),
    [
        ("do: late, by: 0.6 s", REPLY, ""),
        ("do: duplicated", REPLY + REPLY, ""),
        ("do: truncated, keep: 3", b"+3.", ""),
        ("do: truncated, keep: 3, terminated: yes", b"+3.\n", ""),
        ("do: split", REPLY, ""),
        ("do: nan", b"NAN;NAN;1;0;0\n", ""),
        ("do: overflow, which: 2", b"+3.700000E+00;+9.900000E+37;1;0;0\n", ""),
        ("do: silent", b"", ""),
        ("do: fin, keep: 2", b"+3", "fin"),
        ("do: rst", b"", "rst"),
    ],
)
def test_what_becomes_of_a_reply(text, sent, end):
    reply = spoiled(fault(text), REPLY, random.Random(0))
    assert (reply.data, reply.end) == (sent, end)


def test_garbled_is_no_text_any_more_but_still_a_line():
    reply = spoiled(fault("do: garbled, bytes: 2"), REPLY, random.Random(0)).data
    assert len(reply) == len(REPLY)
    assert reply.endswith(b"\n")
    assert sum(byte > 127 for byte in reply) == 2


def test_every_fault_is_told_in_the_documents():
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs/faults.md").read_text("utf-8")
    assert [kind for kind in KINDS if f"`{kind}`" not in page] == []


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("cells: {a: {type: x}}\n", 1, "no instruments"),
        ("instruments:\n  - {driver: keithley2450, cell: b}\n", 2, "no cell 'b'"),
        ("instruments:\n  - {driver: k}\n  - {driver: k}\n", 3, "two instruments"),
        ("instruments:\n  - {cell: a}\n", 2, "no driver"),
        ("instruments:\n  - {driver: k, wire: rope}\n", 2, "rope"),
        ("instruments:\n  - {driver: k, port: 70000}\n", 2, "70000"),
        ("cells:\n  a: {type: x, capacity: 2 V}\ninstruments: []\n", 1, "no instruments"),
        ("cells:\n  a: {type: x, capacity: 2 V}\ninstruments:\n  - {driver: k}\n", 2, "2 V"),
    ],
)
def test_a_mistake_in_a_world_is_named_with_its_line(text, line, words):
    with pytest.raises(UsageError) as caught:
        parse_world(text, "w.yaml")
    assert caught.value.where == f"w.yaml:{line}"
    assert words in str(caught.value)
