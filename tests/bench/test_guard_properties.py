"""What follows a reading beyond a limit is off and nothing else; what follows one glitch is not."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchlab.bench.guard import Guard, Suspect, Trip
from benchlab.model.limits import RunLimits
from benchlab.model.program import StepPlan

LIMITS = RunLimits(-0.05, 4.30, 0.5, 1.0, 2.5, 4.25, 0.25, 0.45, 0.26)
CHARGE = StepPlan(0, "", "CC_CHG", "cycle", 1, "", "", 1, 0.2, end_volt=4.2)
GLITCHES = (5.3, -2.5, 0.0, 9.9e37, float("nan"), float("inf"), 4.27, 2.4)
AGAIN_SECOND = 0.02


def guard_at(volt):
    guard = Guard(LIMITS, 1.0)
    guard.seen(volt)
    guard.begin(CHARGE, 1, 4.21, 0.0)
    return guard


def off_within(guard, began, reading, last=10.0):
    """Return the seconds until the guard trips when every reading is this one; None: never."""
    time, verdict = began, None
    while time - began < last:
        verdict = guard.reading(time, *reading, 0.0)
        if isinstance(verdict, Trip):
            return time - began
        assert isinstance(verdict, Suspect)
        time += AGAIN_SECOND
    return None


BEYOND = st.one_of(
    st.floats(4.3001, 100.0), st.floats(-100.0, -0.0501), st.sampled_from([9.9e37, float("nan")])
)


@given(st.floats(2.6, 4.2), BEYOND)
def test_a_voltage_that_stays_beyond_a_hard_limit_is_off_with_the_second_reading(stood, volt):
    assert off_within(guard_at(stood), 1.0, (volt, 0.2)) <= AGAIN_SECOND * 1.01


@given(st.floats(4.06, 4.24), st.floats(1e-6, 0.009))
def test_a_voltage_that_creeps_beyond_a_hard_limit_is_off_at_once(stood, beyond):
    assert off_within(guard_at(stood), 1.0, (4.30 + beyond, 0.2)) == 0.0


@given(st.floats(2.6, 4.2), st.one_of(st.floats(0.5001, 10.0), st.floats(-10.0, -1.0001)))
def test_a_current_beyond_a_hard_limit_is_off_at_once(volt, ampere):
    assert off_within(guard_at(volt), 1.0, (volt, ampere)) == 0.0


@given(st.floats(2.6, 4.2), st.one_of(st.floats(4.2501, 4.2999), st.floats(-0.04, 2.4999)))
def test_a_voltage_beyond_a_limit_of_the_protocol_is_off_within_its_time_and_a_period(stood, volt):
    within = off_within(guard_at(stood), 1.0, (volt, 0.2))
    assert LIMITS.must_last_second <= within <= LIMITS.must_last_second + 1.0


@given(st.lists(st.tuples(st.sampled_from(GLITCHES), st.integers(1, 5)), min_size=1, max_size=60))
def test_no_single_glitch_trips_wherever_it_comes(glitches):
    guard, time = guard_at(3.7), 0.0
    for volt, good in glitches:
        time += 1.0
        assert isinstance(guard.reading(time, volt, 0.2, 0.0), Suspect)
        for _ in range(good):
            time += AGAIN_SECOND
            assert guard.reading(time, 3.7, 0.2, 0.0) is None


def test_many_single_glitches_trip_nothing():
    """BENCHLAB_GLITCHES=1000000 runs as many as the decision speaks of (a few seconds)."""
    guard, count = guard_at(3.7), int(os.environ.get("BENCHLAB_GLITCHES", "20000"))
    for k in range(count):
        verdict = guard.reading(float(k), GLITCHES[k % len(GLITCHES)], 0.2, 0.0)
        assert isinstance(verdict, Suspect)
        assert guard.reading(k + AGAIN_SECOND, 3.7, 0.2, 0.0) is None


@pytest.mark.parametrize("glitch", [5.3, -2.5, 9.9e37, float("nan"), float("inf")])
def test_two_false_readings_in_a_row_are_no_single_glitch(glitch):
    guard = guard_at(3.7)
    assert isinstance(guard.reading(1.0, glitch, 0.2, 0.0), Suspect)
    assert isinstance(guard.reading(1.02, glitch, 0.2, 0.0), Trip)
