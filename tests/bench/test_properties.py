"""Any protocol is refused or ends, and a run saved at any event ends as if it had not been."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchlab.bench.sequencer import Sequencer
from benchlab.bench.walker import NoStep
from benchlab.errors import ProtocolError
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol

from .drive import Drive

HEAD = """\
name: t
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.2 Ah}
limits: {voltage: {low_once_formed: 2.5 V}}
steps:
  - {zero: start}
  - {charge: C/2, until: 4.1 V, at_most: 3 h, label: top}
  - {discharge: 1C, until: 2.8 V, at_most: 3 h, label: dis}
"""
STEPS = [
    "Rest for 1 min",
    "{rest: 1 h, output: zero current, until: change below 10 mV in 5 min}",
    "{rest: 1 h, output: zero current, until: dV/dt below 1 mV/min over 10 min}",
    "{rest: 9 h, output: zero current, until: above 3.9 V}",
    "{rest: 9 h, until: clock 06:00 UTC}",
    "{charge: C/2, until: 4.2 V, at_most: 3 h}",
    "{charge: 1C, to: 4.2 V, then_hold_until: C/20, hold_at_most: 1 h}",
    "{discharge: 1C, until: 2.8 V, at_most: 2 h, label: dis}",
    "{discharge: C/5, until: [2.8 V, 50 mAh, 0.1 Wh]}",
    "{discharge: C/2, until: [2.8 V, net discharge since start reaches 0.05 Ah]}",
    "{discharge: C/2, until: [2.8 V, surface temperature above 45 degC]}",
    "{charge: C/2, until_all: [3.9 V, 10 min], at_most: 3 h}",
    "{charge: C/2, until: [4.2 V, drop of 100 mV from peak]}",
    "{charge: C/2, until: [4.2 V, below 2.7 V]}",
    "{hold: 4.1 V, until: C/20, at_most: 1 h, current_at_most: C/5}",
    "{charge: 0.4 W, until: 4.2 V, current_at_most: 0.2 A, at_most: 2 h}",
    "{discharge: 40 ohm, until: 2.8 V, current_at_most: 0.2 A, at_most: 2 h}",
    "{sweep: [3.0 V, 3.4 V, 3.0 V], rate: 1 mV/s, current_at_most: 0.1 A}",
    "{discharge: C/2, until: [2.8 V, 50 % of dis], at_most: 3 h}",
    "{discharge: C/2, for: 10 min, until: 2.8 V, if_ended_by: {2.8 V: flag empty}}",
    "{charge: C/2, for: 10 min, skip_rest_of_loop_if: below 3 V}",
    "{zero: start}",
    "{keep: ref, as: discharge capacity of dis}",
    "{arm: low_once_formed}",
    "{set: C, to: discharge capacity of dis, only_if: 50 % to 150 % of nominal}",
    "{if: voltage above 3.5 V, then: go to top, at_most: 2 times}",
    "{if: discharge capacity of dis below 0.1 Ah, then: go to dis, at_most: 2 times}",
    "{if: dis ended by 2.8 V, then: go to top, at_most: 1 times}",
]
SHARE = "{discharge: C/2, until: [2.8 V, soc of dis], at_most: 3 h}"
REPEATS = [
    "1",
    "2",
    "3",
    "{soc: 90 % to 50 % in steps of 20 %}",
    "{at_most: 3 times, until: discharge capacity of dis below 0.05 Ah}",
]


def block(repeat, items, every):
    inner = list(items)
    if every and repeat in "23":
        inner.append(f"{{every: {every} iterations, steps: [Rest for 1 min]}}")
    return f"{{repeat: {repeat}, steps: [{', '.join(inner)}]}}"


BLOCKS = st.recursive(
    st.sampled_from(STEPS),
    lambda inner: st.builds(
        block,
        st.sampled_from(REPEATS),
        st.lists(inner, min_size=1, max_size=4),
        st.integers(0, 2),
    ),
    max_leaves=6,
)
PROTOCOLS = st.lists(BLOCKS, min_size=1, max_size=4)


def made(items):
    """Return the program, or None where the protocol is refused."""
    try:
        return expand(parse_protocol(HEAD + "".join(f"  - {item}\n" for item in items), "t.yaml"))
    except ProtocolError:
        return None


def test_hardly_any_of_these_steps_is_refused_alone():
    """Else the tests below would show little."""
    refused = [step for step in STEPS if made([step]) is None]
    assert refused == ["{charge: C/2, for: 10 min, skip_rest_of_loop_if: below 3 V}"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROTOCOLS, st.integers(0, 2**32))
def test_any_protocol_is_refused_or_ends(items, seed):
    program = made(items)
    if program is not None:
        assert Drive(program, seed).run() in ("done", "held")


@pytest.mark.parametrize("step", STEPS)
def test_a_run_saved_at_any_event_ends_as_one_that_was_not(step):
    program = made([f"{{repeat: 3, steps: [Rest for 1 min, {step}]}}"])
    if program is None:
        program = made([step])
    if program is None:
        pytest.skip("it means nothing here")
    for seed in range(2):
        whole = Drive(program, seed)
        ended = whole.run()
        for save_at in sorted({1, 2, 5, whole.events // 3, 2 * whole.events // 3}):
            parts = Drive(program, seed, save_at)
            assert parts.run() == ended
            assert len(parts.trace) == len(whole.trace)
            for one, other in zip(parts.trace, whole.trace, strict=True):
                assert one[0] == other[0]
                assert one[1] == pytest.approx(other[1], rel=1e-12, abs=1e-15)
                assert one[2] == other[2]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROTOCOLS, st.integers(0, 2**32), st.data())
def test_any_run_saved_at_any_event_ends_as_one_that_was_not(items, seed, data):
    program = made(items)
    if program is None:
        return
    whole = Drive(program, seed)
    ended = whole.run()
    parts = Drive(program, seed, data.draw(st.integers(1, max(whole.events, 1))))
    assert parts.run() == ended
    assert [item[0] for item in parts.trace] == [item[0] for item in whole.trace]


def test_a_state_is_small():
    program = made([f"{{repeat: 3, steps: [{', '.join(s for s in STEPS if 'go to' not in s)}]}}"])
    drive = Drive(program, 1)
    drive.run()
    assert drive.largest < 3072, drive.largest


def test_the_sequencers_state_is_a_few_hundred_bytes_and_a_window_adds_its_parts():
    cycles = "{repeat: 3, counts_as: cycle, steps: [{charge: C/2, until: 4.2 V, at_most: 3 h}]}"
    window = "{rest: 9 h, output: zero current, until: change below 1 uV in 1 h}"
    for steps, most in (([cycles], 600), ([window], 1300)):
        drive = Drive(made(steps), 1)
        drive.run()
        assert 200 < drive.largest_sequencer < most, (steps, drive.largest_sequencer)


def test_a_jump_out_of_a_repeat_does_not_begin_anew_in_each_round():
    """Its condition holds in every other round only: counted in a row it would never end."""
    program = made(
        [
            "{rest: 1 min, label: begin}",
            "{repeat: 5, steps: [Rest for 1 min,"
            " {if: voltage above 3.5 V, then: go to begin, at_most: 2 times}]}",
        ]
    )
    sequencer = Sequencer(program)
    volts = itertools.cycle([3.0, 4.0])
    steps = 0
    while sequencer.advance({"voltage_volt": next(volts)}) is not None:
        steps += 1
        assert steps < 1000, "the program does not end"


def test_a_jump_within_a_round_is_counted_anew_in_the_next_round():
    program = made(
        [
            "{repeat: 3, steps: [{rest: 1 min, label: again},"
            " {if: voltage above 3.5 V, then: go to again, at_most: 2 times}]}"
        ]
    )
    sequencer = Sequencer(program)
    steps = 0
    while sequencer.advance({"voltage_volt": 4.0}) is not None:
        steps += 1
    assert steps == 2 + 3 * 3


def test_rounds_that_jump_over_all_their_steps_hold_the_run():
    program = made(
        [
            "{repeat: 50000, steps: [{if: voltage above 3.5 V, then: go to over},"
            " Rest for 1 min, {zero: start, label: over}]}"
        ]
    )
    sequencer = Sequencer(program)
    assert [sequencer.advance().step_id for _ in range(2)] == [0, 1]
    with pytest.raises(NoStep):
        sequencer.advance({"voltage_volt": 4.0})
