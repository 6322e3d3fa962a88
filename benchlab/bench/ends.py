"""Why a step ended, and which reasons make it complete."""

from __future__ import annotations

import math
from enum import StrEnum

from benchlab.model.program import StepPlan

__all__ = ["NOT_FAST", "OWN_ENDS", "End", "is_own_end"]


class End(StrEnum):
    """What a reading or the time means for the step under way.

    ``CONFIRM`` asks for a second reading at once; ``TRANSITION`` says that constant voltage has
    begun; every other one ends the step and is stored as its reason.
    """

    CONFIRM = "confirm"
    TRANSITION = "transition"
    VOLTAGE = "voltage"
    CURRENT = "current"
    CAPACITY = "capacity"
    TIME = "time"
    HOLD_TIME = "hold_at_most"
    AT_MOST = "at_most"
    ALREADY_MET = "already_met"
    VOLTAGE_LIMIT = "voltage_limit"
    ALL = "all"
    SKIPPED = "skipped"
    CHAMBER = "chamber"
    OPERATOR = "operator"


OWN_ENDS = frozenset(
    {
        End.VOLTAGE,
        End.CURRENT,
        End.CAPACITY,
        End.TIME,
        End.ALREADY_MET,
        End.ALL,
        End.CHAMBER,
        End.OPERATOR,
    }
)
NOT_FAST = frozenset(
    {End.TIME, End.CAPACITY, End.AT_MOST, End.SKIPPED, "net_capacity", "energy", "clock"}
)


def is_own_end(plan: StepPlan, reason: str) -> bool:
    """Say whether a step that ended for this reason came to an end of its own: it is complete."""
    if reason == End.VOLTAGE and not math.isnan(plan.end_volt):
        return plan.end_volt_own
    return reason in OWN_ENDS or any(item.reason == reason for item in plan.watched)
