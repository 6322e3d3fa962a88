"""What a run records into: a journal, and a recorder that keeps a live view."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from benchlab.store.compact import Closed, close_run
from benchlab.store.journal import JournalWriter, run_folder
from benchlab.store.recorder import Recorder, close_in_child

__all__ = ["Recording"]


class Recording:
    """The journal of a run and, on the real clock, the recorder beside it.

    Parameters
    ----------
    path : Path
        Of the closed file.
    head : Mapping
        What the run is made with: the journal's first record.
    reserve : int
        Bytes of disk to be left free.
    onto : JournalWriter, optional
        Of a run that goes on in its own journal, which has its head.

    Raises
    ------
    benchlab.errors.FileExists, benchlab.errors.StorageError
    """

    def __init__(
        self,
        path: Path,
        head: Mapping[str, Any],
        note: Callable[[str], None],
        *,
        fast: bool,
        reserve: int,
        onto: JournalWriter | None = None,
    ) -> None:
        self._path = path
        self._folder = run_folder(path)
        self._fast = fast
        self._note = note
        self._recorder: Recorder | None = None
        self.journal = onto or JournalWriter(
            self._folder, durable=not fast, reserve=reserve, tell=note
        )
        try:
            if onto is None:
                self.journal.open_record(head)
            if not fast:
                self._recorder = _start_recorder(self._folder, path, note)
        except BaseException:
            self.journal.release()
            raise

    def __enter__(self) -> Recording:
        return self

    @property
    def child(self) -> tuple[int, str] | None:
        """The recorder's process, and what tells it from a later one; None: there is none."""
        recorder = self._recorder
        return recorder.process if recorder is not None else None

    def look(self) -> None:
        """Start the recorder again if it died; called now and then from the run's own thread."""
        said = self._recorder.revive() if self._recorder is not None else ""
        if said:
            self._note(said)
            self.journal.note(said, kind="recorder")

    def close(self) -> Closed:
        """Make the closed file, in a child process on the real clock."""
        self.journal.close()
        return self.finish()

    def finish(self) -> Closed:
        """Make the closed file of a journal that is closed; may be left to another thread."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            return recorder.finish()
        close = close_run if self._fast else close_in_child
        return close(self._folder, self._path)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Let go of journal and recorder as they are."""
        self.journal.release()
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.leave()


def _start_recorder(folder: Path, out: Path, note: Callable[[str], None]) -> Recorder | None:
    """Start the recorder; a run does not need it."""
    try:
        return Recorder(folder, out)
    except OSError as error:
        note(f"there is no live view of this run: its process cannot be started ({error})")
        return None
