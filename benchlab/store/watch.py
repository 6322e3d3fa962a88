"""Looks each second at what a run stands on: the disk's space, its folder, and its syncs."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from benchlab.errors import StorageError
from benchlab.platform import boottime
from benchlab.store.journal_segments import SegmentFiles
from benchlab.store.space import Space, folder_gone, free_bytes

__all__ = ["Watch"]

TOLD_LOOKS = 10


class Watch:
    """What is wrong with the disk or the folder of a run; said once.

    Parameters
    ----------
    folder : Path
        ``NAME.run``.
    reserve : int
        Bytes of disk to be left free.

    Attributes
    ----------
    fault : StorageError or None
        Why the run must end; whoever takes it sets it to None.
    told : str
        How the run stands with its disk, at most ten looks old: members of a JSON object for the
        journal's state, written out once for many of them.
    """

    def __init__(self, folder: Path, reserve: int) -> None:
        self.fault: StorageError | None = None
        self.told = ""
        self._folder = folder
        self._home = str(folder.parent)
        self._reserve = reserve
        self._began = boottime()
        self._looks = 0
        self._done = False

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return boottime() - self._began

    def look(self, files: SegmentFiles, written: int) -> None:
        """Look once.

        Parameters
        ----------
        written : int
            Bytes that the run took of the disk so far, its live view included.
        """
        free = 0
        with suppress(OSError):
            free = free_bytes(self._home)
        short = free < self._reserve
        if not self._looks % TOLD_LOOKS or short:
            space = Space(free, self._reserve, written, self.seconds)
            self.told = json.dumps(space.record())[1:-1]
        # not in the first second, in which no rate is known yet
        self._looks += bool(self._looks) or self.seconds >= 1.0
        if not self._done:
            self.fault = self._wrong(files, free)
            self._done = self.fault is not None

    def _wrong(self, files: SegmentFiles, free: int) -> StorageError | None:
        if not files.in_place():
            if not files.removed():
                return folder_gone(self._folder, "the run is ended.")
            return StorageError(
                "the run's folder was removed by another program; the run is ended, and what is"
                " still open is written again.",
                where=str(self._folder),
                remedy="Find out who removed it before the next start.",
            )
        if free < self._reserve:
            space = Space(free, self._reserve, 0, 0.0)
            return space.error(
                self._folder, "the run is ended while its file can still be completed."
            )
        if files.failing:
            return StorageError(
                "the disk failed to sync three times in a row; the run is ended.",
                where=str(self._folder),
                remedy="Check the disk, and record to another one.",
            )
        return None
