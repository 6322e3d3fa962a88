"""What somebody may ask of a run while it goes on; safe from any thread and signal handler."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchlab.bench.guard import Trip

__all__ = [
    "AddCycles",
    "Answer",
    "Command",
    "Inbox",
    "Pause",
    "Resume",
    "Skip",
    "Stop",
    "StopAfter",
    "TripNow",
]


@dataclass(frozen=True, slots=True)
class Stop:
    """Open the circuit and end the run."""

    why: str
    actor: str = "operator"


@dataclass(frozen=True, slots=True)
class TripNow:
    """Open the circuit and end the run by what was seen elsewhere on the bench."""

    trip: Trip
    actor: str = "bench"


@dataclass(frozen=True, slots=True)
class StopAfter:
    """End the run when this step, or this cycle, is over."""

    what: str
    actor: str = "operator"


@dataclass(frozen=True, slots=True)
class Pause:
    """Open the circuit; the step's time stands still unless it rests."""

    actor: str = "operator"


@dataclass(frozen=True, slots=True)
class Resume:
    """Look at the cell again and go on where the run was paused."""

    actor: str = "operator"


@dataclass(frozen=True, slots=True)
class Skip:
    """End the step under way."""

    actor: str = "operator"


@dataclass(frozen=True, slots=True)
class AddCycles:
    """Let the outermost repeat that counts cycles have more rounds."""

    count: int
    actor: str = "operator"


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the operator's step under way: what was asked for, and ``barcode`` where it is."""

    values: Mapping[str, str] = field(default_factory=dict)
    actor: str = "operator"


Command = Stop | TripNow | StopAfter | Pause | Resume | Skip | AddCycles | Answer


class Inbox:
    """Commands in the order they came.

    Parameters
    ----------
    wake
        Ends the wait of whoever carries them out.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.waiting: deque[Command] = deque()
        self._wake = wake

    def put(self, command: Command) -> None:
        """Add a command."""
        self.waiting.append(command)
        self._wake()

    def take(self) -> Command | None:
        """Return the oldest command, or None."""
        return self.waiting.popleft() if self.waiting else None
