"""Writes the closed files of runs that ended, beside whatever the channel does next."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from benchlab.errors import BenchError
from benchlab.service.worker.going import Going
from benchlab.store.recorder import close_in_child
from benchlab.store.recover import recover_run

if TYPE_CHECKING:
    from benchlab.service.worker.life import Life

__all__ = ["Closing"]


class Closing:
    """The files of one channel that are being written, each by a thread that waits for a child."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._threads: list[threading.Thread] = []

    def file_of(self, going: Going) -> None:
        """Have the file of a run written whose journal has its closing record."""
        self._beside(going.path, going.close_file)

    def left(self, path: Path) -> None:
        """Have the file written that an earlier worker did not see finished."""

        def finish() -> None:
            done = recover_run(path, close=close_in_child)
            if done.error is not None:
                raise done.error

        self._beside(path, finish)

    def wait(self, patience_second: float) -> None:
        """Wait for what is being written."""
        for thread in list(self._threads):
            thread.join(patience_second)

    def _beside(self, path: Path, write: Callable[[], object]) -> None:
        thread = threading.Thread(target=self._write, args=(path, write), name="closing")
        thread.daemon = True
        self._threads = [item for item in self._threads if item.is_alive()]
        self._threads.append(thread)
        thread.start()

    def _write(self, path: Path, write: Callable[[], object]) -> None:
        life = self._life
        try:
            write()
        except BenchError as error:
            life.alarm("file", f"{path.name} could not be closed: {error}", did="the journal stays")
            return
        with life.lock:
            life.standing.closing = [name for name in life.standing.closing if name != str(path)]
            life.put(life.standing.state, life.standing.why)
