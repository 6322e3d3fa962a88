"""How long a program takes, how many rows it makes and what they need on disk; pure.

`about` is for planning: a cell that gives C, and a hold whose current falls by a factor of e in a
tenth of the time that the constant current took. `at most` is what the bounds of the program allow.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from benchlab.model import instructions as code
from benchlab.model.program import Control, Program, StepPlan

__all__ = ["BlockEstimate", "Estimate", "ProgramEstimate", "StepEstimate", "estimate"]

HOLD_SHARE = 0.1
OPERATOR_SECOND = 1800.0
CHAMBER_SECOND = 3600.0
EDGE_ROWS = 3.0
"""A step's first and last row, and a confirmation or transition between."""
MOST_EXTRA_ROWS = 20.0
"""Readings beside the control periods: confirmations, predicted ends, the fall of a hold."""
CLOSED_ROW_BYTES = 35.0
CLOSED_FILE_BYTES = 80e3
JOURNAL_ROW_BYTES = 88.0
JOURNAL_STEP_BYTES = 960.0
JOURNAL_STATE_BYTES = 400.0
"""Counters each second and a whole state each minute, in the mean; held by a test."""
LIVE_ROW_BYTES = 84.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds, rows and bytes; journal and live view are those of a run on the real clock.

    Attributes
    ----------
    state_second : float
        How often the journal keeps the state that a restart needs.
    """

    about_second: float = 0.0
    at_most_second: float = 0.0
    about_rows: float = 0.0
    at_most_rows: float = 0.0
    steps: float = 0.0
    state_second: float = 1.0

    def times(self, count: float) -> Estimate:
        """Return what so many executions take."""
        return Estimate(
            self.about_second * count,
            self.at_most_second * count,
            self.about_rows * count,
            self.at_most_rows * count,
            self.steps * count,
            self.state_second,
        )

    def plus(self, other: Estimate) -> Estimate:
        """Return what both take."""
        return Estimate(
            self.about_second + other.about_second,
            self.at_most_second + other.at_most_second,
            self.about_rows + other.about_rows,
            self.at_most_rows + other.at_most_rows,
            self.steps + other.steps,
            other.state_second,
        )

    @property
    def about_closed_bytes(self) -> float:
        """Return the size of the closed file."""
        return CLOSED_FILE_BYTES + CLOSED_ROW_BYTES * self.about_rows

    @property
    def about_running_bytes(self) -> float:
        """Return the size of journal and live view just before the end."""
        return self._running(self.about_rows, self.about_second)

    @property
    def at_most_running_bytes(self) -> float:
        """Return the size that journal and live view can reach."""
        return self._running(self.at_most_rows, self.at_most_second)

    def _running(self, rows: float, second: float) -> float:
        return (
            (JOURNAL_ROW_BYTES + LIVE_ROW_BYTES) * rows
            + JOURNAL_STEP_BYTES * self.steps
            + JOURNAL_STATE_BYTES * second / self.state_second
        )

    def record(self) -> dict[str, Any]:
        """Return plain values, as for JSON; null where there is no bound."""
        found = {
            **asdict(self),
            "about_closed_bytes": self.about_closed_bytes,
            "about_running_bytes": self.about_running_bytes,
            "at_most_running_bytes": self.at_most_running_bytes,
        }
        return {
            name: round(value) if math.isfinite(value) else None for name, value in found.items()
        }


@dataclass(frozen=True, slots=True)
class StepEstimate:
    """What one step takes each time, and how often it comes at most."""

    step_id: int
    each: Estimate
    times: int


@dataclass(frozen=True, slots=True)
class BlockEstimate:
    """What a repeat, phase or procedure takes in the whole run."""

    number: int
    label: str
    rounds: int
    times: int
    whole: Estimate


@dataclass(frozen=True, slots=True)
class ProgramEstimate:
    """What a program takes: by step, by block and whole."""

    steps: tuple[StepEstimate, ...]
    blocks: tuple[BlockEstimate, ...]
    whole: Estimate


def estimate(program: Program) -> ProgramEstimate:
    """Return what a program takes; loops and jumps back at their highest counts.

    Steps that jumps leave out are counted too.
    """
    again = _again(program)
    steps = []
    for step, entry in zip(program.steps, program.entries, strict=True):
        steps.append(
            StepEstimate(step.step_id, _step(program, step), entry.times * again[step.step_id])
        )
    inside = [Estimate() for _ in program.blocks]
    for item, entry in zip(steps, program.entries, strict=True):
        for number in entry.blocks:
            inside[number] = inside[number].plus(item.each.times(item.times))
    blocks = [
        BlockEstimate(block.number, block.label, block.rounds, block.times, whole)
        for block, whole in zip(program.blocks, inside, strict=True)
    ]
    return ProgramEstimate(tuple(steps), tuple(blocks), _sum(steps))


def _sum(steps: list[StepEstimate]) -> Estimate:
    whole = Estimate()
    for item in steps:
        whole = whole.plus(item.each.times(item.times))
    return whole


def _again(program: Program) -> dict[int, int]:
    """Return how often jumps back let each step come again, at most."""
    counts = {step.step_id: 1 for step in program.steps}
    for place, item in enumerate(program.code):
        if isinstance(item, code.Branch) and item.at_most and item.then.place <= place:
            for inner in program.code[item.then.place : place]:
                if isinstance(inner, code.Do):
                    counts[inner.step_id] *= 1 + item.at_most
    return counts


def _step(program: Program, step: StepPlan) -> Estimate:
    most = min(step.at_most_second, step.end_time_second)
    if math.isfinite(step.hold_end_second) and math.isinf(most):
        most = step.hold_end_second
    about = min(_about_second(program, step), most)
    rows, most_rows = _about_rows(program, step, about), _most_rows(program, step, most)
    return Estimate(about, most, rows, most_rows, 1.0, max(1.0, program.period_second))


def _about_second(program: Program, step: StepPlan) -> float:
    if step.control is Control.OPERATOR:
        return OPERATOR_SECOND
    if step.control is Control.CHAMBER:
        return CHAMBER_SECOND if step.at_most_second else 0.0
    if not step.driven or step.control in (Control.SWEEP, Control.PROFILE, Control.EIS):
        return math.inf
    ampere = abs(step.current_ampere)
    if step.control in (Control.POWER, Control.RESISTANCE):
        middle = max(abs(program.limits.high_volt), 0.1) * 0.85
        asked = step.level / middle if step.control is Control.POWER else middle / step.level
        ampere = min(asked, ampere) if ampere > 0.0 else asked
    if math.isnan(ampere) or ampere <= 0.0:
        return math.inf
    whole = program.capacity_ah / ampere * 3600.0
    first = min(whole, step.end_charge_ah / ampere * 3600.0)
    if not step.has_hold:
        return first
    if math.isnan(step.cutoff_ampere):
        tail = step.hold_end_second
    else:
        tail = HOLD_SHARE * whole * max(math.log(ampere / step.cutoff_ampere), 0.0)
    tail = min(tail, step.hold_end_second)
    return tail if step.control is Control.HOLD else first + tail


def _about_rows(program: Program, step: StepPlan, second: float) -> float:
    rows = second / step.every_second if step.every_second else 0.0
    if step.log_per_decade and second > 0.0:
        rows += step.log_per_decade * max(math.log10(second / 1e-3), 0.0)
    rows += sum(at <= second for at in step.at_second)
    if step.driven:
        limits = program.limits
        low = limits.low_volt if limits.formed_low_volt is None else limits.formed_low_volt
        moved = 0.0 if step.control is Control.HOLD else limits.high_volt - max(low, 0.0)
        changes = moved / step.or_change_volt
        if step.has_hold:
            changes += abs(step.current_ampere) / step.or_change_ampere
        charge = abs(step.current_ampere) * second / 3600.0
        changes += min(charge, program.capacity_ah) / step.or_change_ah
        rows = max(rows, changes if changes == changes else 0.0)
    return EDGE_ROWS + min(rows, _most_rows(program, step, second))


def _most_rows(program: Program, step: StepPlan, second: float) -> float:
    """Return one row for each reading where a change makes one, else those of the time."""
    extra = MOST_EXTRA_ROWS + len(step.at_second)
    if step.log_per_decade and second > 0.0:
        extra += step.log_per_decade * max(math.log10(second / 1e-3), 0.0)
    by_change = min(step.or_change_volt, step.or_change_ampere, step.or_change_ah) < math.inf
    period = min(program.period_second, step.every_second) if by_change else step.every_second
    return extra + second / period
