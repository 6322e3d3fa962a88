import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchlab.bench.guard import Guard, Suspect, Trip
from benchlab.model.limits import RunLimits
from benchlab.model.program import Control, StepPlan

LIMITS = RunLimits(
    hard_low_volt=-0.05,
    hard_high_volt=4.30,
    hard_charge_ampere=0.5,
    hard_discharge_ampere=1.0,
    low_volt=2.5,
    high_volt=4.25,
    charge_ampere=0.25,
    discharge_ampere=0.45,
    step_charge_ah=0.26,
)
REST = StepPlan(0, "", "REST", "no cycle", 1, "", "", 0, 0.0, control=Control.OPEN)
CHARGE = StepPlan(0, "", "CC_CHG", "cycle", 1, "", "", 1, 0.2, end_volt=4.2)
HOLD = StepPlan(0, "", "CCCV_CHG", "cycle", 1, "", "", 1, 0.2, hold_volt=4.2, cutoff_ampere=0.01)


def guard_in(plan, *, bound=4.21):
    guard = Guard(LIMITS, 1.0)
    guard.begin(plan, plan.direction, bound, 0.0)
    return guard


@pytest.mark.parametrize(
    ("voltage", "current", "charge", "owner", "word"),
    [
        (4.31, 0.2, 0.0, "cell type", "voltage"),
        (-0.06, 0.2, 0.0, "cell type", "voltage"),
        (3.7, 0.51, 0.0, "cell type", "current"),
        (3.7, -1.01, 0.0, "cell type", "current"),
        (3.7, 0.2, 0.27, "protocol", "Ah moved"),
    ],
)
def test_one_reading_beyond_a_hard_limit_trips(voltage, current, charge, owner, word):
    verdict = guard_in(CHARGE).reading(1.0, voltage, current, charge)
    assert isinstance(verdict, Trip)
    assert verdict.owner == owner
    assert word in verdict.cause


@pytest.mark.parametrize(("voltage", "current"), [(4.26, 0.2), (2.4, 0.2), (3.7, 0.26)])
def test_a_protocol_limit_asks_for_a_second_reading_and_then_trips(voltage, current):
    guard = guard_in(CHARGE)
    assert isinstance(guard.reading(1.0, voltage, current, 0.0), Suspect)
    assert isinstance(guard.reading(1.02, voltage, current, 0.0), Suspect), "it must last 0.2 s"
    verdict = guard.reading(1.21, voltage, current, 0.0)
    assert isinstance(verdict, Trip)
    assert verdict.owner == "protocol"


@given(st.integers(1, 200))
def test_single_glitches_never_trip_a_protocol_limit(count):
    guard = guard_in(CHARGE)
    for k in range(count):
        assert isinstance(guard.reading(2.0 * k, 4.27, 0.2, 0.0), Suspect)
        assert guard.reading(2.0 * k + 0.02, 3.7, 0.2, 0.0) is None


def test_no_number_twice_trips_and_once_does_not():
    guard = guard_in(CHARGE)
    assert isinstance(guard.reading(1.0, math.nan, math.nan, 0.0), Suspect)
    assert guard.reading(1.02, 3.7, 0.2, 0.0) is None
    assert isinstance(guard.reading(2.0, math.nan, 0.2, 0.0), Suspect)
    assert isinstance(guard.reading(2.02, math.nan, 0.2, 0.0), Trip)


def test_an_unseen_voltage_is_what_an_open_rest_looks_like():
    guard = guard_in(REST, bound=math.nan)
    assert guard.reading(1.0, math.nan, 0.0, 0.0) is None


def test_current_through_an_open_circuit_trips():
    guard = guard_in(REST, bound=math.nan)
    assert isinstance(guard.reading(1.0, math.nan, 0.3, 0.0), Suspect)
    assert isinstance(guard.reading(1.02, math.nan, 0.3, 0.0), Trip)


def test_contact_lost_away_from_any_bound_trips_at_the_second_reading():
    guard = guard_in(CHARGE)
    assert isinstance(guard.reading(1.0, 3.7, 0.09, 0.0), Suspect)
    verdict = guard.reading(1.02, 3.7, 0.09, 0.0)
    assert isinstance(verdict, Trip)
    assert "contact lost" in verdict.cause


def test_contact_lost_at_the_rail_of_a_constant_current_trips():
    guard = guard_in(CHARGE)
    assert guard.reading(0.5, 3.9, 0.2, 0.0) is None
    assert isinstance(guard.reading(1.0, 4.21, 0.0, 0.0), Suspect)
    assert isinstance(guard.reading(1.02, 4.21, 0.0, 0.0), Trip)


def test_contact_lost_in_a_hold_trips_but_a_taper_does_not():
    guard = guard_in(HOLD, bound=4.2)
    for k in range(200):
        assert guard.reading(k, 4.2, 0.2 * 0.97**k, 0.0) is None
    guard = guard_in(HOLD, bound=4.2)
    assert guard.reading(1.0, 4.2, 0.1, 0.0) is None
    assert isinstance(guard.reading(2.0, 4.2, 0.0, 0.0), Suspect)
    assert isinstance(guard.reading(2.02, 4.2, 0.0, 0.0), Trip)


def test_contact_lost_in_a_hold_that_ends_by_time_trips_too():
    plan = StepPlan(0, "", "CV", "cycle", 1, "", "", 0, 0.2, hold_volt=4.2)
    guard = Guard(LIMITS, 1.0)
    guard.begin(plan, 1, 4.2, 0.0)
    assert guard.reading(1.0, 4.2, 0.08, 0.0) is None
    assert isinstance(guard.reading(2.0, 4.2, 1e-6, 0.0), Suspect)
    assert isinstance(guard.reading(2.02, 4.2, 1e-6, 0.0), Trip)


def test_a_current_the_wrong_way_round_trips():
    guard = guard_in(HOLD, bound=4.2)
    assert isinstance(guard.reading(1.0, 4.2, -0.1, 0.0), Suspect)
    verdict = guard.reading(1.02, 4.2, -0.1, 0.0)
    assert isinstance(verdict, Trip)
    assert "wrong way" in verdict.cause


def test_a_reading_after_a_long_silence_trips():
    guard = guard_in(CHARGE)
    assert guard.reading(9.9, 3.7, 0.2, 0.0) is None
    verdict = guard.reading(20.0, 3.7, 0.2, 0.0)
    assert isinstance(verdict, Trip)
    assert "no reading for 10.1 s" in verdict.cause


def test_silence_trips_after_ten_periods():
    guard = guard_in(CHARGE)
    guard.reading(1.0, 3.7, 0.2, 0.0)
    assert guard.tick(10.9) is None
    verdict = guard.tick(11.1)
    assert verdict is not None
    assert "no reading" in verdict.cause


@given(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(allow_nan=True, allow_infinity=True),
)
def test_whatever_lies_beyond_a_hard_limit_is_never_called_safe(voltage, current):
    verdict = guard_in(CHARGE).reading(1.0, voltage, current, 0.0)
    inside = -0.05 <= voltage <= 4.30 and -1.0 <= current <= 0.5
    assert inside or verdict is not None


def test_an_empty_reservoir_is_no_lost_contact_where_the_voltage_tells_nothing():
    strip = StepPlan(0, "", "CC_CHG", "cycle", 1, "", "", 1, 0.2, end_volt=1.0)
    verdicts = []
    for by_current in (False, True):
        guard = Guard(replace(LIMITS, low_volt=-0.05, by_current_only=by_current), 1.0)
        guard.begin(strip, 1, 1.01, 0.0)
        guard.reading(1.0, 0.02, 0.2, 0.0)
        verdicts.append(guard.reading(2.0, 1.0108, 6e-7, 0.0))
        away = guard.reading(3.0, 0.5, 6e-7, 0.0)
        assert away is not None, "away from its bound no current means no contact"
    assert isinstance(verdicts[0], Suspect)
    assert verdicts[1] is None
