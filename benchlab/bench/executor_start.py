"""What is known before a run on an instrument that executes it: the cell, or an earlier host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchlab.bench.executor import Executor
from benchlab.bench.roles import Reading
from benchlab.errors import CellCheckError
from benchlab.model.limits import RunLimits

__all__ = ["EarlierHost", "prepare_executor"]


@dataclass(frozen=True, slots=True)
class EarlierHost:
    """What the journal of a host that died holds.

    Attributes
    ----------
    run_id : str
        The instrument's name of the test; empty: the host died before it was told.
    unix_ns : int
        UTC of the start of the test.
    rows, steps : int
        Recorded so far.
    state : Mapping
        The last one that was recorded; empty: everything is fetched again.
    """

    run_id: str
    unix_ns: int
    rows: int
    steps: int
    state: Mapping[str, Any] = field(default_factory=dict)


def prepare_executor(executor: Executor, channel: str, limits: RunLimits) -> Reading:
    """Return what the instrument sees of the cell before any current.

    Raises
    ------
    benchlab.errors.CellCheckError
        The cell's voltage is outside the limits: wrong cell, or wired the wrong way round.
    benchlab.errors.InstrumentRefused
        The channel is in use; it was left alone.
    """
    seen = executor.look(channel)
    if not limits.low_volt <= seen.voltage <= limits.high_volt:
        raise CellCheckError(
            f"the cell stands at {seen.voltage:.4f} V, outside the limits"
            f" {limits.low_volt:g} V to {limits.high_volt:g} V. No current was sent.",
            remedy="Check polarity and wiring, and that it is the cell the protocol is for.",
        )
    return seen
