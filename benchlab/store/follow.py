"""Hands on the rows of a run under way as they come, without reading any row twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchlab.model.columns import ROW_COLUMNS, row_dtype
from benchlab.model.table import Table
from benchlab.platform import is_locked
from benchlab.store.closed_read import open_closed
from benchlab.store.journal_frame import ROW, FrameKind
from benchlab.store.journal_index import JournalIndex, Place
from benchlab.store.journal_read import JournalContent, has_journal
from benchlab.store.journal_tail import JournalTail

__all__ = ["Follower"]


class Follower:
    """Reads what is new in a run; it takes no lock and never disturbs the writer.

    Parameters
    ----------
    folder : Path
        ``NAME.run``; when it has gone, ``NAME.h5`` is read.
    content : JournalContent
        What is known of the run already; following goes on behind it.
    index : JournalIndex
        Where the rows before that are.
    """

    def __init__(self, folder: Path, content: JournalContent, index: JournalIndex) -> None:
        self._folder = folder
        self._known = content
        self._index = index
        self._tail: JournalTail | None = None
        self._count = 0

    def __call__(self, place: int) -> tuple[Table, bool]:
        """Return the rows from `place` on, and whether there will be no more.

        `place` never falls from one call to the next.
        """
        # asked before reading: what a writer wrote before it let go is read below
        alive = self._alive()
        ended = False
        new = bytearray()
        tail = self._tail = self._tail or self._begin(place)
        for frame in tail.frames():
            if frame.kind == FrameKind.ROWS:
                new += frame.payload[max(place - self._count, 0) * ROW.size :]
                self._count += len(frame.payload) // ROW.size
            ended |= frame.kind == FrameKind.END
        closed = self._folder.with_suffix(".h5")
        if not ended and not has_journal(self._folder) and closed.is_file():
            run = open_closed(closed)
            tail.close()
            return Table({name: run.column(name, place) for name in ROW_COLUMNS}), True
        rows = np.frombuffer(new, row_dtype())
        ended |= not alive
        if ended:
            tail.close()
        return Table({name: np.ascontiguousarray(rows[name]) for name in ROW_COLUMNS}), ended

    def _begin(self, place: int) -> JournalTail:
        """Return a tail from the last point known at or before a row."""
        known = self._known
        if place >= known.row_count:
            self._count = known.row_count
            return JournalTail(self._folder, start=known.place)
        start = Place()
        for filled in self._index.filled:
            if filled.stop > place:
                break
            self._count = filled.stop
            start = Place(
                filled.segment + 1, 0, filled.next_number, filled.stop, self._index.place.run_id
            )
        return JournalTail(self._folder, start=start)

    def _alive(self) -> bool:
        try:
            return is_locked(self._folder / "lock")
        except FileNotFoundError:
            return False
