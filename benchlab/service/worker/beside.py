"""The sensors and the chamber of a channel, which processes of their own read."""

from __future__ import annotations

from contextlib import ExitStack

from benchlab.bench.clock import Clock
from benchlab.bench.sensing import Surroundings
from benchlab.errors import Unsupported
from benchlab.model.limits import RunLimits
from benchlab.service.worker.start import Start

__all__ = ["beside"]


def beside(start: Start, clock: Clock, limits: RunLimits) -> tuple[Surroundings, ExitStack]:
    """Return what stands around a cell, and what lets go of it.

    Raises
    ------
    benchlab.errors.BenchError
        A device does not answer, or is something else.
    """
    entry = start.entry
    if entry.sensors or entry.chamber:
        raise Unsupported(
            "this channel has sensors or a chamber, and their processes are not there yet.",
            where=f"channel of {entry.instrument}",
            remedy="Leave them out of bench.yaml.",
        )
    surroundings = Surroundings((), None, clock)
    surroundings.start()
    release = ExitStack()
    release.callback(surroundings.stop)
    return surroundings, release
