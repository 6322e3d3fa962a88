"""Puts rows and the ends of steps together as they belong; where some were lost, says so; pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from benchlab.bench.executor import ExecutorRow, Fetched, StepEnd

__all__ = ["Order"]

PAUSE_SECOND = 2.0
LEAP_SECOND = 60.0
"""What an instrument's clock, told in whole seconds, must leap by to be told of."""


class Order:
    """Rows in their order, the last one held back until it is known whether its step goes on.

    Attributes
    ----------
    pending : ExecutorRow or None
        The row that waits.
    paused : bool
        The instrument stands still, or stood still since the last row; put in by whoever saw it.
    """

    def __init__(self) -> None:
        self.pending: ExecutorRow | None = None
        self.paused = False
        self._ends: dict[int, StepEnd] = {}
        self._last: ExecutorRow | None = None

    def sort(self, fetched: Fetched) -> Iterator[tuple[ExecutorRow, StepEnd | None, int]]:
        """Yield each row with its step's end, where it is the last of it, and what step follows."""
        since = 0 if self._last is None else self._last.sequence
        self._ends.update((e.last_sequence, e) for e in fetched.ends if e.last_sequence > since)
        for row in (*fetched.rows, None):
            before = self.pending
            if before is not None:
                end = self._end_of(before, row)
                if row is None and end is None:
                    return
                yield before, end, 0 if row is None else row.step
            self.pending = row

    def _end_of(self, before: ExecutorRow, after: ExecutorRow | None) -> StepEnd | None:
        end = self._ends.pop(before.sequence, None)
        if end is not None:
            return end
        place = before.step, before.cycle
        for number, late in self._ends.items():
            if (late.step, late.cycle) == place and (after is None or number < after.sequence):
                return self._ends.pop(number)  # rows before it were lost
        if after is None or (
            (after.step, after.cycle) == place and after.step_second >= before.step_second
        ):
            return None
        # the end itself was lost: it lies between the two
        hole = max(after.heard - after.step_second - before.heard, 0.0)
        hole = hole if math.isfinite(hole) else 0.0
        return StepEnd(
            *place,
            before.sequence,
            before.step_second + hole / 2.0,
            hole / 2.0,
            before.voltage,
            before.current,
            before.charge_ah,
            before.energy_wh,
        )

    def written(self, row: ExecutorRow) -> None:
        """Take note of the last row that was recorded."""
        self._last = row

    def pause_before(self, row: ExecutorRow) -> float:
        """Return for how long the instrument stood still before a row; 0: it did not.

        By its own clock, which tells whole seconds; a leap that nobody knows of counts from a
        minute on.
        """
        last = self._last
        if last is None or not last.unix_ns or not row.unix_ns:
            return 0.0
        same = (last.step, last.cycle) == (row.step, row.cycle)
        ran = row.step_second - last.step_second if same else row.step_second
        still = (row.unix_ns - last.unix_ns) / 1e9 - ran
        least = PAUSE_SECOND if self.paused else LEAP_SECOND
        return still if abs(still) >= least and (still > 0.0 or not self.paused) else 0.0

    def state(self) -> dict[str, Any]:
        """Return the last row that was recorded, as far as the next one needs it."""
        last = self._last
        assert last is not None
        place = [last.sequence, last.step, last.cycle, last.step_second, last.unix_ns]
        return {"last": place, "paused": self.paused}

    def restore(self, state: Mapping[str, Any]) -> int:
        """Stand behind the row that a state tells of; return its number."""
        sequence, step, cycle, second, unix_ns = state["last"]
        self.paused = state["paused"]
        self._last = ExecutorRow(sequence, step, cycle, second, math.nan, 0.0, unix_ns=unix_ns)
        return int(sequence)
