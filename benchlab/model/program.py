"""A protocol in numbers: what the sequencer carries out and what the file keeps of it."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from typing import Any

from benchlab.model.limits import RunLimits
from benchlab.model.run import ProtocolRecord

__all__ = ["BlockPlan", "Program", "StepPlan"]


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step of the expanded table; magnitudes unless a direction is stated.

    Attributes
    ----------
    direction : int
        +1 charges, -1 discharges, 0 rests; a hold's is found when it is entered, and is 0 here.
    current_ampere : float
        Signed set current; for a hold the magnitude of its bound.
    hold_volt : float
        Held at constant voltage from there on; NaN: no hold.
    end_volt : float
        Ends the step when reached in its direction; NaN: none.
    cutoff_ampere : float
        Ends a hold when the current has come down to it; NaN: none.
    end_charge_ah, end_time_second, hold_end_second : float
        Ends of the step's own; infinite: none.
    at_most_second : float
        The bound in time that is not an end of the step's own.
    hold_own_end : bool
        Whether `hold_end_second` counts as an end of its own.
    """

    step_id: int
    label: str
    step_type: str
    cycle_kind: str
    line: int
    field: str
    text: str
    direction: int
    current_ampere: float
    hold_volt: float = math.nan
    end_volt: float = math.nan
    cutoff_ampere: float = math.nan
    end_charge_ah: float = math.inf
    end_time_second: float = math.inf
    hold_end_second: float = math.inf
    hold_own_end: bool = False
    at_most_second: float = math.inf
    output: str = "on"
    every_second: float = math.inf
    or_change_volt: float = math.inf

    @property
    def driven(self) -> bool:
        """Whether current is to flow."""
        return self.output == "on"

    @property
    def has_hold(self) -> bool:
        """Whether the step is, or ends in, a constant voltage."""
        return not math.isnan(self.hold_volt)

    def record(self) -> dict[str, Any]:
        """Return the step as plain values that JSON can carry; none and infinite become null."""
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """Steps and blocks carried out `repeat` times.

    Attributes
    ----------
    counts : bool
        Whether each round is a cycle of its own in ``cycle_count``.
    first_half : int
        The direction whose first step begins the cycle: +1, -1, or 0 for the first driven step.
    """

    items: tuple[StepPlan | BlockPlan, ...]
    repeat: int = 1
    label: str = ""
    counts: bool = False
    first_half: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """A protocol in numbers, checked against the cell.

    Attributes
    ----------
    notes : tuple of str
        What was filled in by default, to be printed before the start.
    """

    name: str
    source: str
    text: str
    root: BlockPlan
    steps: tuple[StepPlan, ...]
    limits: RunLimits
    capacity_ah: float
    capacity_basis: str
    period_second: float
    notes: tuple[str, ...]

    def record(self) -> ProtocolRecord:
        """Return what a file keeps of the protocol."""
        return ProtocolRecord(
            name=self.name,
            text=self.text,
            sha256=hashlib.sha256(self.text.encode()).hexdigest(),
            steps=tuple(step.record() for step in self.steps),
        )

    def executions(self) -> int:
        """Return how many steps a run that goes to the end carries out."""

        def count(block: BlockPlan) -> int:
            inner = sum(count(i) if isinstance(i, BlockPlan) else 1 for i in block.items)
            return block.repeat * inner

        return count(self.root)

    def cycles(self) -> int:
        """Return how many counted cycles a run that goes to the end has."""

        def count(block: BlockPlan) -> int:
            inner = sum(count(i) for i in block.items if isinstance(i, BlockPlan))
            return block.repeat * (inner + int(block.counts))

        return count(self.root)
