"""How a run stands, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from benchlab.bench.guard import Trip
from benchlab.bench.lateness import Lateness
from benchlab.bench.roles import OffProof
from benchlab.model.program import StepPlan

__all__ = ["Outcome", "Progress"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes
    ----------
    end_reason : {"done", "stopped", "tripped", "held", "failed"}
    off : OffProof
        Whether the output was proven off, and how.
    error : BaseException or None
        What failed, where something did.
    trip : Trip or None
        What was beyond which limit, where one was.
    """

    end_reason: str
    text: str
    off: OffProof
    lateness: Lateness
    error: BaseException | None = None
    trip: Trip | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands, for whoever watches."""

    plan: StepPlan
    step_count: int
    cycle_count: int
    test_time_second: float
    voltage_volt: float
    current_ampere: float
