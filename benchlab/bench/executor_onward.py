"""A sink behind which a journal already holds the beginning: nothing is written twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchlab.bench.sink import Sink

__all__ = ["Onward"]


class Onward:
    """A `benchlab.bench.sink.Sink` that lets nothing through which was written before.

    Parameters
    ----------
    rows, steps : int
        How many are there already.
    facts : Mapping
        Added to each whole state: what the next host needs to find the test again.

    Attributes
    ----------
    kept : callable
        Returns what is added to a whole state under ``record``; put in by who records.
    """

    def __init__(self, sink: Sink, rows: int, steps: int, facts: Mapping[str, Any]) -> None:
        self._sink = sink
        self._rows, self._steps = rows, steps
        self._seen = 0
        self.facts = dict(facts)
        self.kept: Callable[[], Mapping[str, Any] | None] = lambda: None

    @property
    def passes(self) -> bool:
        """Whether what was written before has gone by."""
        return self._seen >= self._rows

    def knows(self, step_count: int) -> bool:
        """Say whether a step was written before, with its events."""
        return step_count <= self._steps

    def begin_after(self, rows: int) -> None:
        """Take what comes next for the row behind the first `rows`."""
        self._seen = rows

    def row(self, *values: float) -> None:
        """Take one row."""
        self._seen += 1
        if self._seen > self._rows:
            self._sink.row(*values)

    def step(self, content: Mapping[str, Any]) -> None:
        """Take a step that ended."""
        if not self.knows(content["step_count"]):
            self._sink.step(content)

    def event(self, content: Mapping[str, Any]) -> None:
        """Take an event."""
        if self.passes:
            self._sink.event(content)

    def spectrum(self, content: Mapping[str, Any]) -> None:
        """Take a point of a spectrum, which belongs to the row before it."""
        if self._seen > self._rows:
            self._sink.spectrum(content)

    def state(self, content: Mapping[str, Any]) -> None:
        """Take counters, last reading and place in the program.

        A brief state follows a whole one and holds nothing that a host would begin from: the rows
        behind the whole one are fetched once more.
        """
        if not self.passes:
            return
        if "since_second" not in content:
            content = {**content, "executor": {**self.facts, "record": self.kept()}}
        self._sink.state(content)

    def end(self, content: Mapping[str, Any]) -> None:
        """Take the closing record."""
        self._sink.end(content)

    def clock(self, content: Mapping[str, Any]) -> None:
        """Take what the host's clocks say together."""
        self._sink.clock(content)

    def intent(self, content: Mapping[str, Any]) -> None:
        """Take what is about to be done to the output."""
        self._sink.intent(content)
