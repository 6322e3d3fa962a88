"""A run that is ready to go, or goes: what carries it out, and what it records into."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from benchlab.bench import commands
from benchlab.bench.guard import Trip
from benchlab.bench.outcome import Outcome
from benchlab.bench.roles import OffProof
from benchlab.service.channel import Channel
from benchlab.service.recording import Recording
from benchlab.service.worker.run_clock import RunClock
from benchlab.service.worker.telling import Newest, TellingSink
from benchlab.store.compact import Closed

__all__ = ["Carries", "Going", "Rig"]


class Carries(Protocol):
    """What carries a run out, step after step or by an instrument that does so itself."""

    def put(self, command: commands.Command) -> None:
        """Ask for something."""

    def stop(self, why: str) -> None:
        """Ask for the run to be stopped, whatever it waits for."""

    def trip(self, trip: Trip) -> None:
        """End it by what was seen elsewhere on the bench."""

    def run(self) -> Outcome:
        """Carry it out to its end."""


@dataclass(slots=True)
class Going:
    """A run with everything that belongs to it.

    Attributes
    ----------
    path : Path
        Of the closed file.
    beside : ExitStack
        Sensors and chamber, released when the run is held or over.
    where : Mapping
        Of the newest progress: step, cycle.
    """

    run_id: str
    path: Path
    carries: Carries
    recording: Recording
    sink: TellingSink
    newest: Newest
    clock: RunClock
    beside: ExitStack
    where: Mapping[str, Any] = field(default_factory=dict)

    def later(self, kind: str, actor: str, text: str, *, at_once: bool) -> None:
        """Have what was asked recorded: now, or where another thread records, by that one."""
        if at_once:
            self.event(kind, actor, text)
        else:
            self.sink.waiting.append({"kind": kind, "actor": actor, "text": text})

    def event(self, kind: str, actor: str, text: str) -> None:
        """Record what is done to a run that no step is under way in."""
        last = self.newest.reading()
        began = last.get("test_time_second", 0.0)
        unix = self.clock.unix_ns()
        seconds = began
        if last:
            seconds += max(0.0, (unix - last["unix_time_nanosecond"]) / 1e9)
        self.sink.event(
            {
                "test_time_second": seconds,
                "unix_time_nanosecond": unix,
                "kind": kind,
                "actor": actor,
                "text": text,
            }
        )

    def end(self, record: Mapping[str, Any]) -> None:
        """Append the closing record, all of it on the disk when this returns.

        Raises
        ------
        benchlab.errors.StorageError
        """
        self.sink.end(record)
        self.recording.journal.close()

    def close_file(self) -> Closed:
        """Make the closed file of a run that was ended; takes seconds.

        Raises
        ------
        benchlab.errors.BenchError
        """
        return self.recording.finish()

    def put_aside(self) -> None:
        """Let go of the journal, so that it can be gone on with.

        Raises
        ------
        benchlab.errors.StorageError
            The disk did not take everything: it is kept.
        """
        if not self.recording.journal.flush():
            self.recording.journal.close()  # says why
        self.recording.leave()


class Rig(Protocol):
    """The instrument behind a channel, as the runs of that channel need it.

    Attributes
    ----------
    proof : OffProof or None
        What became of the output where a run could not begin; None: nothing was sent.
    """

    executes: bool
    channel: Channel
    proof: OffProof | None
    stop_bound_second: float
    clock: RunClock

    def facts(self) -> Mapping[str, Any]:
        """Return what is known of the instrument."""

    def claim(self) -> None:
        """Be the only program of this computer that drives it.

        Raises
        ------
        benchlab.errors.LinkRefused
        """

    def begin(self, start: Any) -> Going:
        """Open, look at the cell, make the journal; nothing is left behind where that fails."""

    def go_on(self, start: Any, left: Any) -> Going:
        """Go on with a run in its own journal."""

    def hurry(self) -> None:
        """Have whatever is waited for at the line waited for no longer."""

    def settle(self, outcome: Outcome) -> None:
        """Take note of how a run left the output."""

    def safe(self) -> OffProof:
        """Switch off and prove it."""

    def last_resort(self) -> str:
        """Have somebody else switch off; return who, in words."""

    def close(self) -> None:
        """Release the line and the claim."""
