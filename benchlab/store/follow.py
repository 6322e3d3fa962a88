"""Hands on the rows of a run under way as they come, without reading any row twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchlab.model.columns import ROW_COLUMNS, row_dtype
from benchlab.model.table import Table
from benchlab.platform import is_locked
from benchlab.store.closed_read import open_closed
from benchlab.store.journal_frame import FrameKind
from benchlab.store.journal_read import JournalTail, has_journal

__all__ = ["Follower"]


class Follower:
    """Reads what is new in a run; it takes no lock and never disturbs the writer.

    Parameters
    ----------
    folder : Path
        ``NAME.run``; when it has gone, ``NAME.h5`` is read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tail = JournalTail(folder)
        self._count = 0

    def __call__(self, place: int) -> tuple[Table, bool]:
        """Return the rows from `place` on, and whether there will be no more.

        `place` never falls from one call to the next.
        """
        # asked before reading: what a writer wrote before it let go is read below
        alive = self._alive()
        ended = False
        parts = [np.empty(0, row_dtype())]
        for frame in self._tail.frames():
            if frame.kind == FrameKind.ROWS:
                rows = np.frombuffer(frame.payload, row_dtype())
                parts.append(rows[max(place - self._count, 0) :])
                self._count += len(rows)
            ended |= frame.kind == FrameKind.END
        closed = self._folder.with_suffix(".h5")
        if not ended and not has_journal(self._folder) and closed.is_file():
            run = open_closed(closed)
            self._tail.close()
            return Table({name: run.column(name, place) for name in ROW_COLUMNS}), True
        new = np.concatenate(parts)
        ended |= not alive
        if ended:
            self._tail.close()
        return Table({name: np.ascontiguousarray(new[name]) for name in ROW_COLUMNS}), ended

    def _alive(self) -> bool:
        try:
            return is_locked(self._folder / "lock")
        except FileNotFoundError:
            return False
