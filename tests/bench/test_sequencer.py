import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchlab.bench.ends import End
from benchlab.bench.results import Finished
from benchlab.bench.sequencer import Sequencer
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol

MARGIN = 0.01


def finished(reason):
    return Finished(reason, True, 0.0, 0.0, 0.5, 3.7, 3.7)


def started(program):
    sequencer = Sequencer(program)
    plan = sequencer.advance()
    sequencer.begin(100.0, plan.direction, MARGIN, math.nan)
    return sequencer


def walk(program):
    """Return (step_id, cycle_count) of each step carried out."""
    sequencer = Sequencer(program)
    seen = []
    while (plan := sequencer.advance()) is not None:
        seen.append((plan.step_id, sequencer.cycle_count))
    return seen


def test_cycles_are_counted_when_their_first_half_begins(program):
    seen = walk(
        program(
            "  - Rest for 1 min\n"
            "  - {phase: formation, counts_as: formation cycle,"
            " steps: [Rest for 1 min, Charge at C/10 until 4.2 V, Discharge at C/10 until 3 V]}\n"
            "  - {repeat: 2, steps: [Rest for 1 min, Charge at 1C until 4 V, Charge at C/2 until"
            " 4.2 V, Rest for 1 min, Discharge at 1C until 3 V], counts_as: cycle}\n"
            "  - Rest for 1 min\n"
        )
    )
    assert [cycle for _, cycle in seen] == [0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3]


def test_discharge_first_cells_count_at_the_discharge(program):
    head = (
        "name: s\ncell: {type: nmc811_graphite_pouch, first_half_cycle: discharge}\n"
        "capacity: {C: 0.2 Ah}\n"
    )
    seen = walk(
        program(
            "  - {repeat: 2, steps: [Charge at 1C until 4.2 V, Discharge at 1C until 3 V]}\n", head
        )
    )
    assert [cycle for _, cycle in seen] == [0, 1, 1, 2]


def test_pulses_and_checks_without_a_cycle_count_nothing(program):
    steps = (
        "  - {repeat: 3, counts_as: no cycle, steps: [Charge at 1C for 10 s, Rest for 40 s,"
        " Discharge at 1C for 10 s]}\n"
    )
    made = program(steps)
    assert {cycle for _, cycle in walk(made)} == {0}
    assert {step.cycle_kind for step in made.steps} == {"no cycle"}


def test_a_cycle_ended_by_time_alone_is_imposed(program):
    made = program("  - {repeat: 3, steps: [Charge at 1C for 1 h, Discharge at 1C for 1 h]}\n")
    assert {step.cycle_kind for step in made.steps} == {"imposed cycle"}


def test_a_voltage_end_needs_two_readings(program):
    sequencer = started(program("  - {charge: C/2, until: 4.2 V, at_most: 3 h}\n"))
    assert sequencer.reading(101.0, 4.19, 0.1, 0.0) is None
    assert sequencer.reading(102.0, 4.2, 0.1, 0.0) is End.CONFIRM
    assert sequencer.reading(102.1, 4.19, 0.1, 0.0) is None
    assert sequencer.reading(103.0, 4.201, 0.1, 0.0) is End.CONFIRM
    assert sequencer.reading(103.1, 4.201, 0.1, 0.0) is End.VOLTAGE


def test_an_end_that_holds_at_entry_is_already_met(program):
    sequencer = started(program("  - {charge: C/2, until: 4.0 V, at_most: 3 h}\n"))
    assert sequencer.reading(100.1, 4.1, 0.1, 0.0) is End.CONFIRM
    assert sequencer.reading(100.2, 4.1, 0.1, 0.0) is End.ALREADY_MET


def test_the_instruments_own_bound_ends_a_step_that_its_meter_would_not(program):
    sequencer = started(program("  - {discharge: C/2, until: 2.8 V, at_most: 3 h}\n"))
    assert sequencer.reading(101.0, 2.81, -0.1, 0.0) is None
    assert sequencer.reading(102.0, 2.805, -0.08, 0.0) is End.CONFIRM
    assert sequencer.reading(102.1, 2.805, -0.07, 0.0) is End.VOLTAGE


def hold(program):
    return started(
        program("  - {charge: C/2, to: 4.2 V, then_hold_until: C/20, hold_at_most: 1 h}\n")
    )


def test_constant_voltage_begins_when_the_current_falls_at_the_hold(program):
    sequencer = hold(program)
    assert sequencer.reading(101.0, 4.1, 0.1, 0.0) is None
    assert sequencer.reading(102.0, 4.1999, 0.0999, 0.0) is None
    assert sequencer.reading(103.0, 4.2, 0.095, 0.0) is End.TRANSITION
    assert sequencer.in_hold


def test_a_cut_off_needs_three_readings_not_within_two_seconds_and_signed(program):
    sequencer = hold(program)
    sequencer.reading(101.0, 4.1, 0.1, 0.0)
    assert sequencer.reading(103.0, 4.2, 0.09, 0.0) is End.TRANSITION
    for _ in range(5):
        assert sequencer.reading(104.0, 4.2, 0.005, 0.0) is None
    assert sequencer.reading(105.1, 4.2, 0.0099, 0.0) is End.CONFIRM
    assert sequencer.reading(105.2, 4.2, 0.011, 0.0) is None
    assert sequencer.reading(106.0, 4.2, 0.0099, 0.0) is End.CONFIRM
    assert sequencer.reading(106.1, 4.2, -0.02, 0.0) is None, "a reversed current is no taper"
    assert sequencer.reading(106.2, 4.2, 0.0099, 0.0) is End.CONFIRM
    assert sequencer.reading(106.3, 4.2, -0.0001, 0.0) is End.CONFIRM
    assert sequencer.reading(106.4, 4.2, 0.0099, 0.0) is End.CURRENT


def test_a_hold_that_lasts_too_long_ends_by_its_own_bound(program):
    sequencer = hold(program)
    sequencer.reading(101.0, 4.1, 0.1, 0.0)
    sequencer.reading(103.0, 4.2, 0.09, 0.0)
    assert sequencer.wake == 103.0 + 3600.0
    assert sequencer.tick(sequencer.wake - 0.1) is None
    assert sequencer.tick(sequencer.wake) is End.HOLD_TIME


def test_time_is_an_end_of_its_own_only_where_the_protocol_says_so(program):
    sequencer = started(program("  - Charge at C/2 for 10 min\n"))
    assert sequencer.wake == 700.0
    assert sequencer.tick(700.0) is End.TIME
    sequencer = started(program("  - {charge: C/2, until: 4.2 V, at_most: 10 min}\n"))
    assert sequencer.tick(700.0) is End.AT_MOST


def test_charge_ends_a_step_in_either_direction(program):
    sequencer = started(program("  - {discharge: C/2, until: [10 mAh, 2.8 V]}\n"))
    assert sequencer.reading(101.0, 3.7, -0.1, -0.0099) is None
    assert sequencer.reading(102.0, 3.7, -0.1, -0.01) is End.CAPACITY


def test_a_look_is_asked_for_where_the_charge_will_be_reached(program):
    sequencer = started(program("  - {discharge: C/2, until: [10 mAh, 2.8 V]}\n"))
    assert sequencer.reading(101.0, 3.7, -0.1, -0.00995) is None
    assert sequencer.look == math.inf
    assert sequencer.reading(102.0, 3.7, -0.1, -0.01 + 0.1 * 0.4 / 3600.0) is None
    assert sequencer.look == pytest.approx(102.4)


def test_a_current_that_the_voltage_limit_takes_back_ends_its_step_by_that(program):
    made = program("  - Charge at C/2 for 9 h\n")
    sequencer = Sequencer(made)
    sequencer.advance()
    sequencer.begin(100.0, 1, MARGIN, 4.29)
    assert sequencer.reading(101.0, 4.285, 0.099, 0.0) is None
    assert sequencer.reading(102.0, 4.29, 0.08, 0.0) is End.CONFIRM
    assert sequencer.reading(102.1, 4.29, 0.08, 0.0) is End.VOLTAGE_LIMIT


def test_a_look_is_asked_for_where_the_voltage_should_cross(program):
    sequencer = started(program("  - {charge: C/2, until: 4.2 V, at_most: 3 h}\n"))
    sequencer.reading(101.0, 4.190, 0.1, 0.0)
    sequencer.reading(102.0, 4.194, 0.1, 0.0)
    assert sequencer.look == math.inf
    sequencer.reading(103.0, 4.198, 0.1, 0.0)
    assert sequencer.look == pytest.approx(103.5)


def test_a_hold_is_read_more_often_while_its_current_falls_fast(program):
    sequencer = hold(program)
    sequencer.reading(101.0, 4.1, 0.1, 0.0)
    assert sequencer.reading(103.0, 4.2, 0.09, 0.0) is End.TRANSITION
    assert sequencer.look == pytest.approx(103.02)
    sequencer.reading(103.5, 4.2, 0.088, 0.0)
    assert sequencer.look == pytest.approx(103.5 + 0.0005 * 0.5 / 0.002)
    sequencer.reading(104.5, 4.2, 0.0876, 0.0)
    assert sequencer.look == math.inf


def test_three_steps_that_end_at_once_hold_the_run(program):
    made = program("  - {repeat: 9, steps: [Charge at 1C until 4 V, Discharge at 1C until 3 V]}\n")
    sequencer = Sequencer(made)
    held = []
    for k in range(3):
        plan = sequencer.advance()
        sequencer.begin(float(k), plan.direction, MARGIN, math.nan)
        held.append(sequencer.ended(finished(End.VOLTAGE), k + 0.5))
    assert held == [False, False, True]


def test_short_steps_that_the_protocol_asks_for_hold_nothing(program):
    made = program(
        "  - {repeat: 9, counts_as: no cycle, steps: [Charge at 1C for 1 s,"
        " Discharge at 1C for 1 s]}\n"
    )
    sequencer = Sequencer(made)
    for k in range(18):
        plan = sequencer.advance()
        sequencer.begin(float(k), plan.direction, MARGIN, math.nan)
        assert not sequencer.ended(finished(End.TIME), k + 1.0)


STEPS = st.sampled_from(
    [
        "Rest for 1 min",
        "Charge at C/2 until 4.2 V",
        "{charge: 1C, to: 4.2 V, then_hold_until: C/20, hold_at_most: 1 h}",
        "Discharge at 1C until 2.8 V",
        "Discharge at C/2 for 10 min",
        "{discharge: C/5, until: [2.8 V, 50 mAh]}",
    ]
)
BLOCKS = st.recursive(
    STEPS,
    lambda inner: st.builds(
        lambda count, items: f"{{repeat: {count}, steps: [{', '.join(items)}]}}",
        st.integers(1, 4),
        st.lists(inner, min_size=1, max_size=4),
    ),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.lists(BLOCKS, min_size=1, max_size=4))
def test_any_protocol_carries_out_as_many_steps_as_it_says_and_ends(items):
    text = (
        "name: t\ncell: {type: nmc811_graphite_pouch}\ncapacity: {C: 0.2 Ah}\nsteps:\n"
        + "".join(f"  - {item}\n" for item in items)
    )
    made = expand(parse_protocol(text, "t.yaml"))
    seen = walk(made)
    assert len(seen) == made.executions()
    cycles = [cycle for _, cycle in seen]
    assert cycles == sorted(cycles)
    assert cycles[-1] <= made.cycles()
    assert all(math.isfinite(step.at_most_second) for step in made.steps)
