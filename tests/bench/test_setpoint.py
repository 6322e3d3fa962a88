import math

import pytest

from benchlab.bench.roles import Mode
from benchlab.bench.setpoint import setpoint_for
from benchlab.model.limits import RunLimits
from benchlab.model.program import Control, StepPlan

LIMITS = RunLimits(-0.05, 4.30, 0.5, 1.0, 2.5, 4.25, 0.25, 0.45, 0.26)
MARGIN = 0.01


def plan(direction=1, current=0.1, **more):
    return StepPlan(0, "", "", "cycle", 1, "", "", direction, direction * current, **more)


@pytest.mark.parametrize(
    ("step", "volt"),
    [
        (plan(end_volt=4.2), 4.21),
        (plan(end_volt=4.245), 4.25),
        (plan(), 4.24),
        (plan(hold_volt=4.2), 4.2),
        (plan(-1, end_volt=2.8), 2.79),
        (plan(-1, end_volt=2.505), 2.5),
        (plan(-1), 2.51),
    ],
)
def test_the_instruments_own_bound_is_a_margin_beyond_the_end_and_inside_the_limits(step, volt):
    setpoint, sign = setpoint_for(step, LIMITS, LIMITS.low_volt, MARGIN, 3.7, 0)
    assert setpoint.mode is Mode.CURRENT
    assert setpoint.voltage_volt == pytest.approx(volt)
    assert sign == step.direction
    assert math.copysign(1, setpoint.current_ampere) == sign


@pytest.mark.parametrize(
    ("cell_volt", "before", "sign"),
    [(3.7, -1, 1), (4.24, 1, -1), (4.195, 1, 1), (4.205, 1, 1), (4.2, -1, -1), (math.nan, 0, 1)],
)
def test_a_hold_goes_towards_its_voltage_or_on_as_before(cell_volt, before, sign):
    step = StepPlan(0, "", "CV", "cycle", 1, "", "", 0, 0.1, hold_volt=4.2)
    setpoint, found = setpoint_for(step, LIMITS, LIMITS.low_volt, MARGIN, cell_volt, before)
    assert found == sign
    assert setpoint.current_ampere == pytest.approx(sign * 0.1)


def test_rests():
    rest = StepPlan(0, "", "REST", "cycle", 1, "", "", 0, 0.0, control=Control.OPEN)
    assert setpoint_for(rest, LIMITS, LIMITS.low_volt, MARGIN, 3.7, 1)[0].mode is Mode.OPEN
    zero = StepPlan(0, "", "REST", "cycle", 1, "", "", 0, 0.0, control=Control.ZERO)
    setpoint, sign = setpoint_for(zero, LIMITS, LIMITS.low_volt, MARGIN, 3.7, 1)
    assert (setpoint.mode, setpoint.voltage_volt, sign) == (Mode.ZERO, 4.25, 0)
