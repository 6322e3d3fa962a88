"""Rows, steps, events and spectra of a journal, read when they are asked for."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.model.columns import (
    EVENT_COLUMNS,
    SPECTRUM_COLUMNS,
    STEP_COLUMNS,
    records_table,
    row_dtype,
)
from benchlab.model.run import Run
from benchlab.model.table import Table
from benchlab.store.journal_damage import loss_event
from benchlab.store.journal_frame import FrameKind
from benchlab.store.journal_index import Filled, JournalIndex, filled_records, filled_rows
from benchlab.store.journal_read import JournalContent
from benchlab.store.unfinished import unfinished_step

__all__ = ["JournalRows"]

KEPT_BYTES = 128 << 20
"""How much of what was read is kept for the next column."""


class JournalRows:
    """What a journal held when it was opened.

    Parameters
    ----------
    index : JournalIndex
        The segments that were not read.
    content : JournalContent
        All that follows them.
    closed
        Opens the run's closed file: where the journal went there meanwhile.
    """

    def __init__(
        self,
        folder: Path,
        index: JournalIndex,
        content: JournalContent,
        closed: Callable[[], Run],
    ) -> None:
        self._folder = folder
        self._filled = index.filled
        self._firsts = [filled.first for filled in index.filled]
        self._tail = index.place.row
        self._run_id = content.run_id
        self._content = content
        self._closed = closed
        self._kept: OrderedDict[int, npt.NDArray[np.void]] = OrderedDict()

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return a column."""
        return self.part(name, 0, self._content.row_count)

    def part(self, name: str, start: int, stop: int) -> npt.NDArray[Any]:
        """Return rows `start` to `stop` of a column.

        Raises
        ------
        benchlab.errors.FileNotReadable
            The journal is damaged there, or was removed.
        """
        values = np.empty(max(stop - start, 0), row_dtype()[name])
        try:
            for first, rows in self._stretches(start, stop):
                part = rows[name]
                values[first - start : first - start + len(part)] = part
        except FileNotFoundError:
            return self._closed().column(name, start, stop)
        return values

    def _stretches(self, start: int, stop: int) -> Iterator[tuple[int, npt.NDArray[np.void]]]:
        for filled in self._filled[max(bisect_right(self._firsts, start) - 1, 0) :]:
            if filled.first >= stop:
                return
            if filled.stop > start:
                a, b = max(start, filled.first), min(stop, filled.stop)
                yield a, self._read(filled)[a - filled.first : b - filled.first]
        if stop > self._tail:
            first = max(start, self._tail)
            yield first, self._content.rows[first - self._tail : stop - self._tail]

    def _read(self, filled: Filled) -> npt.NDArray[np.void]:
        kept = self._kept
        rows = kept.pop(filled.segment, None)
        if rows is None:
            rows = filled_rows(self._folder, self._run_id, filled)
        kept[filled.segment] = rows
        while len(kept) > 1 and sum(part.nbytes for part in kept.values()) > KEPT_BYTES:
            kept.popitem(last=False)
        return rows

    def steps(self) -> Table:
        """Return the steps, that under way among them.

        Raises
        ------
        benchlab.errors.FileNotReadable
        """
        try:
            steps, _, _, behind = self._records
            content = self._content
            rows = content.open_rows if content.steps else self._rows_from(behind)
        except FileNotFoundError:
            return self._closed().steps
        steps = [*steps, *self._content.steps]
        so_far = replace(self._content, steps=steps, open_rows=rows)
        return records_table(STEP_COLUMNS, [*steps, *unfinished_step(so_far)])

    def events(self) -> Table:
        """Return the events."""
        try:
            events = [*self._records[1], *self._content.events]
        except FileNotFoundError:
            return self._closed().events
        return records_table(EVENT_COLUMNS, events)

    def spectra(self) -> Table:
        """Return the points of the spectra."""
        try:
            points = [*self._records[2], *self._content.spectra]
        except FileNotFoundError:
            return self._closed().spectra
        return records_table(SPECTRUM_COLUMNS, points)

    def _rows_from(self, start: int) -> npt.NDArray[np.void]:
        parts = [rows for _, rows in self._stretches(start, self._content.row_count)]
        return np.concatenate(parts) if parts else np.empty(0, row_dtype())

    @cached_property
    def _records(
        self,
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]], int]:
        """Records of the full segments by kind, and the rows before the end of the last step."""
        steps: list[dict[str, Any]] = []
        events: list[dict[str, Any]] = []
        spectra: list[dict[str, Any]] = []
        behind = 0
        moment = (0.0, 0)
        for filled in self._filled:
            for frame in filled_records(self._folder, self._run_id, filled):
                if frame is None:
                    events.append(loss_event((0, 0), 1, moment))
                    continue
                record = json.loads(frame.payload)
                if frame.kind == FrameKind.STEP:
                    steps.append(record)
                    behind = frame.row
                elif frame.kind == FrameKind.SPECTRUM:
                    spectra.append(record)
                else:
                    events.append(record)
                    moment = (record["test_time_second"], record["unix_time_nanosecond"])
        return steps, events, spectra, behind
