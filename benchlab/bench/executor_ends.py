"""Why an instrument ended a step, where it does not say so itself: from plan and last row; pure."""

from __future__ import annotations

import math

from benchlab.bench.ends import End
from benchlab.bench.executor import StepEnd
from benchlab.model.program import Control, StepPlan

__all__ = ["INSTRUMENT", "end_reason"]

INSTRUMENT = "instrument"
"""The reason of a step that none of its own ends explains."""
NEAR_VOLT = 1e-3
NEAR_SHARE = 0.01
NEAR_AH = 1e-6
AT_ONCE_SECOND = 0.2


def end_reason(
    plan: StepPlan,
    sign: int,
    end: StepEnd,
    *,
    second: float,
    charge_ah: float,
    held_second: float = math.nan,
) -> str:
    """Return the end of its plan that a step came to.

    Parameters
    ----------
    sign : int
        Direction of its current.
    second, charge_ah : float
        Of the whole step: the instrument may have made two of it.
    held_second : float
        Of them, how long constant voltage lasted; NaN: not known, or none.
    """
    if end.reason:
        return end.reason
    late = second + 2.0 * end.half_width_second
    flowing = end.current * sign
    if plan.has_hold and not math.isnan(plan.cutoff_ampere):
        near = abs(end.voltage - plan.hold_volt) <= 10.0 * NEAR_VOLT
        if near and flowing <= plan.cutoff_ampere * (1.0 + NEAR_SHARE):
            return End.CURRENT
    if not math.isnan(plan.end_volt) and (end.voltage - plan.end_volt) * sign >= -NEAR_VOLT:
        return End.ALREADY_MET if second <= AT_ONCE_SECOND else End.VOLTAGE
    if abs(charge_ah) >= plan.end_charge_ah * (1.0 - NEAR_AH):
        return End.CAPACITY
    if late >= plan.end_time_second:
        return End.TIME
    if late >= plan.at_most_second:
        return End.AT_MOST
    if plan.control is Control.HOLD:
        held_second = second
    if held_second + 2.0 * end.half_width_second >= plan.hold_end_second:
        return End.TIME if plan.hold_own_end else End.HOLD_TIME
    return INSTRUMENT
