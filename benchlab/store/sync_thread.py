"""One thread for each disk that once a second syncs the journals written there.

A thread for each journal costs more, in waking up, than the journals themselves. Each journal's
writing is begun before any is waited for: the file system then commits once for many of them.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Protocol

__all__ = ["SYNC_SECOND", "keep", "let_go"]

SYNC_SECOND = 1.0


class Kept(Protocol):
    """What wants attention once a second."""

    def begin_second(self) -> None:
        """Have the system begin to write; must neither wait nor raise."""

    def each_second(self) -> None:
        """Sync; must not raise."""


class _Keeper:
    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._empty = threading.Event()
        self._kept: list[Kept] = []
        self._thread: threading.Thread | None = None

    def add(self, item: Kept) -> None:
        with self._guard:
            self._kept.append(item)
            self._empty.clear()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def remove(self, item: Kept) -> None:
        with self._guard:
            self._kept.remove(item)
            if not self._kept:
                self._empty.set()

    def _run(self) -> None:
        while True:
            self._empty.wait(SYNC_SECOND)
            with self._guard:
                if not self._kept:
                    self._thread = None
                    return
                kept = list(self._kept)
            if len(kept) > 1:
                for item in kept:
                    item.begin_second()
            for item in kept:
                item.each_second()


_keepers: dict[int, _Keeper] = {}
_places: dict[Kept, _Keeper] = {}
_guard = threading.Lock()


def keep(item: Kept, folder: Path) -> None:
    """Call `item.each_second` each second, from the thread of the disk that `folder` is on."""
    with _guard:
        keeper = _keepers.setdefault(os.stat(folder).st_dev, _Keeper())
        _places[item] = keeper
    keeper.add(item)


def let_go(item: Kept) -> None:
    """Call it no more; a call under way may still go on."""
    with _guard:
        keeper = _places.pop(item, None)
    if keeper is not None:
        keeper.remove(item)
