"""Keeps everybody else from the journal of a run that is held while nobody writes into it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from benchlab.platform import hold_lock

__all__ = ["HeldJournal"]


class HeldJournal:
    """The lock of a journal, without a writer: ``benchlab recover`` leaves such a run alone."""

    def __init__(self) -> None:
        self._lock = -1

    def hold(self, folder: Path) -> None:
        """Take it, where there is one and nobody has it."""
        if self._lock < 0 and folder.is_dir():
            with suppress(OSError):
                self._lock = hold_lock(folder / "lock")

    def release(self) -> None:
        """Let go of it."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1
