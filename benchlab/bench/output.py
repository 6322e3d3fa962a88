"""The output of one run: changes it, knows what it was set to, and makes the channel safe."""

from __future__ import annotations

from collections.abc import Callable

from benchlab.bench.clock import Clock
from benchlab.bench.roles import Edge, Mode, OffProof, Setpoint, Source
from benchlab.bench.run_log import RunLog
from benchlab.bench.surroundings import Chamber
from benchlab.bench.truth import EdgeWatcher

__all__ = ["Output"]


class Output:
    """The only way to a source's output while a run goes on.

    Attributes
    ----------
    setpoint : Setpoint
        What it was set to last.
    blind : bool
        Whether the cell has not been seen since the output was opened.
    off : OffProof
        What is known of the output since it was last made safe.
    applied : callable
        Told of each set point once it is set.
    """

    def __init__(
        self,
        source: Source,
        clock: Clock,
        log: RunLog,
        edges: EdgeWatcher,
        chamber: Chamber | None = None,
    ) -> None:
        self.setpoint = Setpoint(Mode.OPEN)
        self.blind = False
        self.off = OffProof(False, "nothing was sent")
        self.applied: Callable[[Setpoint], None] = lambda _: None
        self._source = source
        self._clock = clock
        self._log = log
        self._edges = edges
        self._on = False
        self._chamber = chamber
        self._warm: tuple[bool, str] | None = None

    def apply(self, setpoint: Setpoint) -> Edge:
        """Change the output; that it is to be on is recorded before it is for the first time."""
        if setpoint.mode is not Mode.OPEN and not self._on:
            self._on = True
            self._log.intend("on")
        self._edges.before_change()
        edge = self._source.apply(setpoint)
        self.setpoint = setpoint
        can_see = self._source.capabilities.measures_when_off
        self.blind = setpoint.mode is Mode.OPEN and not can_see
        self.applied(setpoint)
        return edge

    def make_safe(self) -> Edge:
        """Switch off, then make the chamber safe; nothing is recorded before both are done."""
        edge = self.switch_off()
        self.make_chamber_safe()
        return edge

    def make_chamber_safe(self) -> None:
        """Make the chamber safe where there is one; `tell_chamber` records it."""
        if self._chamber is not None:
            self._warm = self._chamber.safe()

    def tell_chamber(self) -> None:
        """Record what became of the chamber when it was made safe, once."""
        warm, self._warm = self._warm, None
        if warm is not None:
            proof = "" if warm[0] else "NOT PROVEN SAFE: "
            self._log.event("chamber", "bench", f"{proof}{warm[1]}")

    def switch_off(self) -> Edge:
        """Switch off, keep the proof in `off`, and return when; the chamber goes on."""
        self._edges.before_change()
        before = self._clock.now
        self.off = self._source.safe()
        after = self._clock.now
        middle, half = (before + after) / 2.0, (after - before) / 2.0
        return Edge(middle, half, middle, half)
