"""What to ask of a source for a step; pure."""

from __future__ import annotations

import math

from benchlab.bench.roles import Mode, Setpoint
from benchlab.model.limits import RunLimits
from benchlab.model.program import StepPlan

__all__ = ["is_beyond", "setpoint_for"]


def setpoint_for(
    plan: StepPlan,
    limits: RunLimits,
    low_volt: float,
    margin_volt: float,
    voltage: float,
    direction_before: int,
) -> tuple[Setpoint, int]:
    """Return the set point and the direction of its current.

    The instrument's own voltage bound lies a margin beyond the step's end, inside the limits, so
    that source and meter need not agree on the last millivolt.

    Parameters
    ----------
    low_volt : float
        The lower voltage limit at this time of the run.
    voltage : float
        The cell's last known voltage; decides the direction of a hold.
    direction_before : int
        Of the last driven step; decides for a hold that is entered at its voltage.
    """
    if plan.is_open:
        return Setpoint(Mode.OPEN), 0
    if not plan.driven:
        return Setpoint(Mode.ZERO, 0.0, limits.high_volt), 0
    sign = plan.direction
    if not sign:
        away = plan.hold_volt - voltage
        near = math.isnan(away) or abs(away) < margin_volt
        sign = (direction_before or 1) if near else int(math.copysign(1, away))
    current = sign * abs(plan.current_ampere)
    if plan.has_hold:
        return Setpoint(Mode.CURRENT, current, plan.hold_volt), sign
    edge = limits.high_volt if sign > 0 else low_volt
    if math.isnan(plan.end_volt):
        return Setpoint(Mode.CURRENT, current, edge - sign * margin_volt), sign
    bound = plan.end_volt + sign * margin_volt
    return Setpoint(Mode.CURRENT, current, min(bound, edge) if sign > 0 else max(bound, edge)), sign


def is_beyond(plan: StepPlan, voltage: float, margin_volt: float) -> bool:
    """Say whether a voltage is past what the step is to reach; never for a hold of its own.

    A voltage source would drive the current the wrong way round there. Under load a cell may only
    seem to be beyond: a look at 0 A tells.
    """
    if plan.has_hold:
        return (voltage - plan.hold_volt) * plan.direction > margin_volt
    return (voltage - plan.end_volt) * plan.direction >= 0.0 if plan.direction else False
