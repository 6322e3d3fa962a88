"""Lets the runs of several channels use one executor: one owner, one line, one fault.

Each run has an `Executor` of its own to talk to. One at a time is on the line; a line that failed
is opened anew once, by whoever comes first, for all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from benchlab.bench.executor import Attached, ChannelStatus, Compiled, Executor, Fetched
from benchlab.bench.roles import Identity, OffProof, Reading
from benchlab.errors import LinkError
from benchlab.model.program import Program

__all__ = ["Share", "SharedLine"]

Answer = TypeVar("Answer")


class SharedLine:
    """One executor for several runs, each in a thread of its own.

    Attributes
    ----------
    recoveries : int
        How often the line was opened anew.
    """

    def __init__(self, executor: Executor) -> None:
        self.recoveries = 0
        self.executor = executor
        self.lock = threading.RLock()
        self._users = 0
        self._identity: Identity | None = None

    def share(self) -> Share:
        """Return what one run talks to."""
        self._users += 1
        return Share(self)

    def open(self) -> Identity:
        """Connect where nobody did yet."""
        if self._identity is None:
            self._identity = self.executor.open()
        return self._identity

    def recover(self, seen: int) -> None:
        """Open the line anew, unless somebody did since a run saw it fail."""
        if self.recoveries == seen:
            self.executor.recover()
            self.recoveries += 1

    def leave(self) -> None:
        """Release the line when its last run left."""
        self._users -= 1
        if not self._users:
            self.executor.close()


class Share:
    """A `benchlab.bench.executor.Executor` that several runs are behind.

    `stop` and `start` wait for the instrument with the line in their hands; the others wait.
    """

    def __init__(self, line: SharedLine) -> None:
        self._line = line
        self._seen = line.recoveries
        self._left = False
        self.capabilities = line.executor.capabilities

    def _with(self, ask: Callable[[Executor], Answer]) -> Answer:
        line = self._line
        with line.lock:
            recoveries = line.recoveries
            try:
                return ask(line.executor)
            except LinkError:
                self._seen = recoveries
                raise

    def open(self) -> Identity:
        """Connect and identify, where nobody did yet."""
        return self._with(lambda _: self._line.open())

    def attach(self, channel: str) -> Attached:
        """Say what runs at a channel."""
        return self._with(lambda executor: executor.attach(channel))

    def look(self, channel: str) -> Reading:
        """See the cell without any current."""
        return self._with(lambda executor: executor.look(channel))

    def compile(self, program: Program) -> Compiled:
        """Return the program in the instrument's own words."""
        return self._line.executor.compile(program)

    def start(self, channel: str, compiled: Compiled, name: str) -> str:
        """Start a program under a name."""
        return self._with(lambda executor: executor.start(channel, compiled, name))

    def status(self, channel: str) -> ChannelStatus:
        """Ask where a channel stands."""
        return self._with(lambda executor: executor.status(channel))

    def fetch(self, channel: str, run_id: str, since: int) -> Fetched:
        """Return what was recorded after a cursor."""
        return self._with(lambda executor: executor.fetch(channel, run_id, since))

    def pause(self, channel: str) -> str:
        """Ask for a pause."""
        return self._with(lambda executor: executor.pause(channel))

    def resume(self, channel: str) -> None:
        """Go on after a pause."""
        self._with(lambda executor: executor.resume(channel))

    def skip(self, channel: str, step: int) -> None:
        """End the step under way."""
        self._with(lambda executor: executor.skip(channel, step))

    def stop(self, channel: str) -> OffProof:
        """End the test."""
        return self._with(lambda executor: executor.stop(channel))

    def recover(self) -> None:
        """Trust the line again; where another run opened it anew already, do nothing."""
        with self._line.lock:
            self._line.recover(self._seen)
            self._seen = self._line.recoveries

    def safe(self, channel: str) -> OffProof:
        """Stop and prove it; never raises."""
        with self._line.lock:
            return self._line.executor.safe(channel)

    def close(self) -> None:
        """Leave the line to the others; the last one releases it."""
        with self._line.lock:
            if not self._left:
                self._left = True
                self._line.leave()
