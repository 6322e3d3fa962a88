"""Rows in stretches of one direction of current and one cycle index, summed as they come.

Whatever the rows are cut into, a stretch is summed over the same rows in the same order, so the
sums are the same; only the rows of the last, still open stretch are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab_analysis._row_remarks import Extras
from benchlab_analysis._stretch_sums import FIELDS, GROUP_ROWS, RESETS, group_sums

__all__ = ["LONGEST", "REQUIRED", "StretchSums"]

Block = dict[str, npt.NDArray[Any]]
Ints = npt.NDArray[np.intp]

REQUIRED = ("test_time_second", "voltage_volt", "current_ampere")
"""Columns that rows cannot do without."""

LONGEST = 1_048_576
"""Rows of one stretch; a longer one is cut, so that memory stays bounded."""


class StretchSums:
    """Adds up rows.

    Parameters
    ----------
    threshold : float
        The magnitude of current, in A, that is rest.

    Attributes
    ----------
    rows : int
        How many have been added, blank ones not counted.
    extras : Extras
        What was noticed on the way.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.rows = 0
        self.extras = Extras()
        self._done: list[Block] = []
        self._resets: list[Block] = []
        self._kept: Block = {}
        self._lead = 0

    def add(self, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        """Add rows, arrays of shape (n,) of one length; those without time or counter are left out.

        Parameters
        ----------
        columns
            By name: the required ones, and of the counters, the cycle index, the step and the
            temperature those that there are; the same ones each time.
        """
        block = self._without_blanks(dict(columns))
        new = len(block["test_time_second"])
        if not new:
            return
        if self.rows == 0:
            self.extras.first = {name: float(values[0]) for name, values in block.items()}
        self.rows += new
        if self._kept:
            block = {name: np.concatenate((self._kept[name], block[name])) for name in block}
        self.extras.sample(block, new, self.rows)
        starts = self._starts(block)
        # the last stretch stays open: the next rows may belong to it
        if starts.size > 1:
            self._sum(block, starts, self._done, self._resets, self.extras)
        first = int(starts[-1])
        lead = min(first, 1)
        # a copy: a view would keep the whole block alive
        self._kept = {name: values[first - lead :].copy() for name, values in block.items()}
        self._lead = lead

    def stretches(self) -> tuple[Block, Block, Extras]:
        """Return the stretches so far, the open one included; the resets; and the remarks.

        Returns
        -------
        stretches : dict of ndarray, shape (k,)
            See `_stretch_sums.FIELDS`.
        resets : dict of ndarray
            ``stretch``, whether it is at a stretch's entry, at a new cycle, at a new step.
        """
        done, resets, extras = list(self._done), list(self._resets), self.extras.copy()
        if self._kept:
            count = len(self._kept["test_time_second"])
            closing = np.array([self._lead, count], dtype=np.intp)
            self._sum(self._kept, closing, done, resets, extras)
        return _joined(done, FIELDS), _joined(resets, RESETS), extras

    def _without_blanks(self, block: Block) -> Block:
        """Return the rows that have a time and counters; count the others."""
        needed = [
            name
            for name, values in block.items()
            if values.dtype.kind == "f"
            and (name == "test_time_second" or name.endswith(("_ah", "_wh")))
        ]
        # one sum tells whether any value is missing: NaN and infinities survive it
        if all(np.isfinite(np.add.reduce(block[name])) for name in needed):
            return block
        good = np.ones(len(block["test_time_second"]), dtype=np.bool_)
        for name in needed:
            good &= np.isfinite(block[name])
        self.extras.blank_rows += int(good.size - np.count_nonzero(good))
        return {name: values[good] for name, values in block.items()}

    def _starts(self, block: Block) -> Ints:
        """Return the first row of each stretch, beginning with that of the kept one."""
        current, cycle = block["current_ampere"], block.get("cycle_count")
        found = [np.array([self._lead], dtype=np.intp)]
        for begin in range(self._lead, len(current) - 1, GROUP_ROWS):
            part = current[begin : begin + GROUP_ROWS + 1]
            direction = (part > self.threshold).view(np.int8) - (part < -self.threshold)
            turns = direction[1:] != direction[:-1]
            if cycle is not None:
                label = cycle[begin : begin + GROUP_ROWS + 1]
                turns |= label[1:] != label[:-1]
            found.append(np.flatnonzero(turns) + (begin + 1))
        starts = np.concatenate(found)
        ends = np.append(starts[1:], len(current))
        long = np.flatnonzero(ends - starts > LONGEST)
        if long.size:
            cuts = [np.arange(starts[at] + LONGEST, ends[at], LONGEST) for at in long]
            starts = np.sort(np.concatenate([starts, *cuts]))
        return starts

    def _sum(
        self, block: Block, edges: Ints, done: list[Block], resets: list[Block], extras: Extras
    ) -> None:
        """Sum the stretches between edges, some at a time so that they stay in the cache."""
        place, before = 0, sum(len(item["sign"]) for item in done)
        while place < edges.size - 1:
            until = int(np.searchsorted(edges, edges[place] + GROUP_ROWS, side="right")) - 1
            until = min(max(until, place + 1), edges.size - 1)
            sums, found = group_sums(block, edges[place : until + 1], self.threshold, extras)
            found["stretch"] = found["stretch"] + before
            before += len(sums["sign"])
            done.append(sums)
            if found["stretch"].size:
                resets.append(found)
            place = until


def _joined(parts: list[Block], names: tuple[str, ...]) -> Block:
    if not parts:
        return {name: np.empty(0) for name in names}
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
