"""Whatever a slip of the pen makes of a good protocol is run or refused, and is no traceback."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchlab.errors import BenchError
from benchlab.model.canonical import canonical
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol

GOOD = """\
name: all of it
cell: {type: nmc811_graphite_pouch, id: A1, area: 67 cm2, active_mass: 1.1 g}
capacity: {C: 0.2 Ah, basis: nominal}
limits:
  voltage: {low: -0.05 V, high: 4.25 V, low_once_formed: 2.4 V}
  current: {charge: 0.4 A, discharge: 0.8 A}
  charge_in_one_step: 130 % of C
  temperature: {when_charging: 5 to 50 degC, otherwise: -10 to 60 degC, no_reading_for: 30 s}
  fast_steps: 3 steps in a row shorter than 5 s
record: {every: 10 s, or_change: [5 mV, 1 mAh]}
procedures:
  check:
    - Charge at C/2 to 4.2 V then hold until C/20 for at most 2 h
    - {label: cap, discharge: C/3, until: [2.8 V, 95 % of C], at_most: 5 h}
steps:
  - {label: soak, rest: 12 h, until: change below 1 mV in 1 h}
  - {chamber: 25 degC, wait: within 0.5 degC for 30 min, at_most: 4 h}
  - {operator: "release gas, weigh", ask: [mass_g], resume_if: same barcode and within 100 mV}
  - {arm: low_once_formed}
  - run: check
  - {set: C, to: capacity of cap, only_if: 80 % to 120 % of nominal, otherwise: go to out}
  - {keep: reference, as: discharge capacity of cap}
  - {zero: mark}
  - repeat: {soc: 90 % to 10 % in steps of 20 %}
    counts_as: no cycle
    steps:
      - {discharge: C/3, until: [net discharge since mark reaches (100 % - soc) of cap, 2.8 V]}
      - {rest: 40 s, output: zero current, record: {at: 0.1 s 1 s 10 s}}
      - {discharge: 1 W, for: 10 s, skip_rest_of_loop_if: below 2.5 V, current_at_most: 0.6 A}
      - {sweep: [3 V, 4 V, 3 V], rate: 1 mV/s, current_at_most: C/2, times: 2}
      - {profile: us06.csv, scale: 0.5}
  - repeat: {at_most: 60 times, until: pulse ended by 2.80 V}
    steps:
      - {label: pulse, discharge: 2 ohm, for: 30 min, until: 2.8 V, current_at_most: 0.7 A}
      - {eis: 10 kHz to 10 mHz, amplitude: 10 mV}
  - repeat: 200
    label: life
    steps:
      - {charge: 0.5 mA/cm2, until: [dV/dt below -1 mV/min, clock 06:00 UTC, 4.1 V], at_most: 4 h}
      - {label: chg, charge: 100 mA/g, until: [4.2 V, 12 h], if_ended_by: {12 h: flag slow}}
      - {hold: 4.2 V, until: C/20, at_most: 1 h}
      - {label: dis, discharge: 1C, until_all: [3.0 V, 0.5 h], at_most: 2 h}
      - {if: surface temperature above 40 degC, then: go to chg, at_most: 6 times}
      - every: 50 iterations
        steps: [run: check]
      - {if: capacity of dis below 70 % of first dis, in: 3 complete cycles in a row,
         then: go to out}
  - {result: {CE: (sum of dis + 1) / sum of chg}}
  - {label: out, end: finished}
"""
CSV = "test_time_second,power_watt\n0,0.1\n1,-0.1\n2,0\n"
TOKENS = re.split(r"(\s+|[{}\[\],:])", GOOD)
PLACES = [place for place, token in enumerate(TOKENS) if token.strip()]
WORDS = sorted({TOKENS[place] for place in PLACES})
SLIPS = [*WORDS, "", "0", "-1", "1e999", "nan", "inf", "%", "'", '"', "&a", "*a", "!!x", "of", "µ",
         "١٢", "1e-320 s", "(", "or", "until", "|", ">", "first", "C", "\t", "#", "- "]  # fmt: skip


def load(name):
    return CSV


def test_the_protocol_that_is_damaged_is_good():
    protocol = parse_protocol(GOOD, "p.yaml", load=load)
    made = expand(protocol)
    again = expand(parse_protocol(canonical(protocol), "canonical.yaml", load=load))
    assert len(made.steps) == len(again.steps) == 18
    assert [s.current_ampere for s in made.steps] == [s.current_ampere for s in again.steps]
    assert [s.unknown for s in made.steps] == [s.unknown for s in again.steps]
    assert [s.watched for s in made.steps] == [s.watched for s in again.steps]


slip = st.tuples(
    st.sampled_from(["drop", "twice", "swap", "glue", "replace"]),
    st.sampled_from(PLACES),
    st.sampled_from(PLACES),
    st.sampled_from(SLIPS) | st.text(max_size=4),
)


def damaged(slips):
    tokens = list(TOKENS)
    for how, one, other, text in slips:
        if how == "drop":
            tokens[one] = ""
        elif how == "twice":
            tokens[one] += f" {tokens[one]}"
        elif how == "swap":
            tokens[one], tokens[other] = tokens[other], tokens[one]
        elif how == "glue":
            tokens[one] += text
        else:
            tokens[one] = text
    return "".join(tokens)


def is_told(error):
    return bool(error.what) and bool(error.where) and bool(error.remedy)


@settings(max_examples=300, deadline=None)
@given(st.lists(slip, min_size=1, max_size=3))
def test_a_damaged_protocol_is_run_or_refused(slips):
    text = damaged(slips)
    try:
        protocol = parse_protocol(text, "p.yaml", load=load)
        expand(protocol)
    except BenchError as problem:
        error = problem
    else:
        assert canonical(parse_protocol(canonical(protocol), "c", load=load)) == canonical(protocol)
        return
    assert is_told(error), error


@pytest.mark.parametrize("path", sorted(Path(__file__).with_name("malformed").glob("[0-9]*.yaml")))
def test_no_file_of_slips_is_read_differently_by_its_canonical_form(path):
    try:
        protocol = parse_protocol(path.read_text("utf-8"), path.name, load=load)
    except BenchError:
        return
    text = canonical(protocol)
    assert canonical(parse_protocol(text, "canonical.yaml", load=load)) == text
