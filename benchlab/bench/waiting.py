"""Steps that wait for something else than the cell: a chamber, or an operator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

from benchlab.bench.ends import End
from benchlab.bench.sensing import Surroundings
from benchlab.model.program import StepPlan

__all__ = ["ChamberWait", "Wait", "answer_problem"]

LOOK_SECOND = 5.0


class Wait(Protocol):
    """Says when a step that waits is over.

    Attributes
    ----------
    idle_second : float
        How much of the time since it was asked last is none of the step's.
    """

    idle_second: float

    def over(self, now: float) -> str | None:
        """Return the reason for the step's end, or None."""


class ChamberWait:
    """Waits until the chamber has been near its set point for long enough.

    Attributes
    ----------
    alarm : str
        What the chamber complained of last; empty: nothing.
    waits_for : tuple of str
        Channels that share the chamber and are not there yet: their time is none of this step's.
    """

    def __init__(self, plan: StepPlan, surroundings: Surroundings) -> None:
        self._within, self._second = plan.chamber_within
        self._target = plan.chamber_celsius
        self._surroundings = surroundings
        self._since = math.nan
        self._due = -math.inf
        self.alarm = ""
        self.waits_for: tuple[str, ...] = ()
        self.idle_second = 0.0
        self._asked = math.nan

    def over(self, now: float) -> str | None:
        """Return the reason for the step's end, or None."""
        since, self._asked = now - self._asked, now
        self.idle_second = since if self.waits_for and since > 0.0 else 0.0
        if now < self._due:
            return None
        self._due = now + LOOK_SECOND
        state = self._surroundings.state()
        self.waits_for = () if state is None else state.waits_for
        if self.waits_for:
            self._since = math.nan
            return None
        if math.isnan(self._within):
            return End.CHAMBER
        if state is None or not abs(state.actual_celsius - self._target) <= self._within:
            self._since = math.nan
            if state is not None:
                self.alarm = "; ".join(state.alarms)
            return None
        if math.isnan(self._since):
            self._since = now
        return End.CHAMBER if now - self._since >= self._second else None


def answer_problem(plan: StepPlan, values: Mapping[str, str], cell_id: str) -> str:
    """Return what is wrong with an operator's answer; empty: nothing."""
    missing = [name for name in plan.ask if not values.get(name, "").strip()]
    if missing:
        return f"asked for and not answered: {', '.join(missing)}"
    if plan.same_barcode and values.get("barcode", "") != cell_id:
        return f"the barcode is {values.get('barcode', '')!r}, expected {cell_id!r}"
    return ""
