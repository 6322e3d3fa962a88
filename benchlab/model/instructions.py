"""The instructions that a protocol becomes: steps and what lies between them, in one list."""

from __future__ import annotations

from dataclasses import dataclass

from benchlab.model.amount import Amount
from benchlab.model.conditions import Condition

__all__ = [
    "Arm",
    "Block",
    "Branch",
    "Compute",
    "Do",
    "Enter",
    "Instruction",
    "Jump",
    "Keep",
    "Leave",
    "SetC",
    "StepEntry",
    "Stop",
    "Zero",
]


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of instructions that belongs together: a repeat, a phase, an every.

    Attributes
    ----------
    first, last : int
        Places in the code of its `Enter` and its `Leave`.
    rounds : int
        How often it is carried out each time it is entered.
    every : int
        Entered only after so many rounds of the repeat around it; 0: always.
    values : tuple of float
        Of `variable`, one a round.
    until : Condition or None
        Ends it after the round in which it holds.
    counts : bool
        Whether each round is a cycle of its own in ``cycle_count``.
    first_half : int
        The direction whose first step begins the cycle: +1, -1, or 0 for the first driven step.
    times : int
        Rounds in a whole run at most.
    where : str
        File, line and field, here and in the other instructions.
    """

    number: int
    first: int
    last: int
    rounds: int
    every: int
    variable: str
    values: tuple[float, ...]
    until: Condition | None
    label: str
    counts: bool
    first_half: int
    times: int
    where: str = ""


@dataclass(frozen=True, slots=True)
class StepEntry:
    """Where a step stands: in which blocks, outermost first, and how often it comes at most."""

    blocks: tuple[int, ...]
    times: int


@dataclass(frozen=True, slots=True)
class Do:
    """Carry a step out."""

    step_id: int


@dataclass(frozen=True, slots=True)
class Enter:
    """Begin a block."""

    block: int


@dataclass(frozen=True, slots=True)
class Leave:
    """A round of a block is over."""

    block: int


@dataclass(frozen=True, slots=True)
class Jump:
    """A target of a jump: where it leads, and the blocks that stand around it there."""

    label: str
    place: int
    blocks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """Go to a target where a condition holds, at most so often in a row.

    Attributes
    ----------
    number : int
        Counts its own jumps; they begin anew when the condition does not hold.
    otherwise : Jump or None
        Where to go when they are used up; None: alarm, and go on.
    """

    number: int
    condition: Condition
    then: Jump
    at_most: int
    otherwise: Jump | None
    text: str
    line: int
    where: str = ""


@dataclass(frozen=True, slots=True)
class SetC:
    """Let C be a measured capacity if it lies within the band; else go on or go elsewhere."""

    to: Amount
    low_ah: float
    high_ah: float
    otherwise: Jump | None
    text: str
    line: int
    where: str = ""


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep a value under a name."""

    name: str
    value: Amount
    text: str
    line: int
    where: str = ""


@dataclass(frozen=True, slots=True)
class Zero:
    """Begin to count net charge under a name."""

    name: str


@dataclass(frozen=True, slots=True)
class Arm:
    """Arm the lower voltage limit of a formed cell."""

    low_volt: float


@dataclass(frozen=True, slots=True)
class Compute:
    """Compute a result from the capacities of labelled steps.

    Attributes
    ----------
    formula : tuple of str
        In postfix order: names of results, numbers, and the signs + - * /.
    """

    name: str
    formula: tuple[str, ...]
    text: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """End the run under a name."""

    name: str


Instruction = Do | Enter | Leave | Branch | SetC | Keep | Zero | Arm | Compute | Stop
