"""Follows a journal in a process of its own: keeps the live view, and closes the run at its end.

``python -m benchlab.store.recorder NAME.run NAME.h5``. HDF5 may abort the process in which a disk
is full; here that is not the one that drives a cell. Killed at any point, it is started again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchlab import errors
from benchlab.errors import BenchError, StorageError
from benchlab.platform import boottime, is_locked, is_stopped, process_started
from benchlab.store.compact import Closed, close_run
from benchlab.store.journal_frame import FrameKind
from benchlab.store.journal_tail import JournalTail
from benchlab.store.live import LiveFile

__all__ = ["POLL_SECOND", "Recorder", "close_in_child", "main"]

POLL_SECOND = 1.0
RELEASE_SECOND = 60.0
HALTED_SECOND = 1.0
PAUSE_SECOND = 1.0
"""Before a recorder that died is started again; twice as long after each further death."""
DEATHS = 5
"""So many in a row and it is left dead: something kills it, or it cannot work here."""
STEADY_SECOND = 600.0
"""A recorder that lived so long did not die of its start."""
NO_LIVE = "--no-live"


class Recorder:
    """The parent's side: starts the child, and at the end waits for the closed file.

    Raises
    ------
    OSError
        The child cannot be started.
    """

    def __init__(self, folder: Path, path: Path) -> None:
        self._folder = folder
        self._path = path
        self._deaths = 0
        self._due: float | None = None
        self._child = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self._began = boottime()
        # a group of its own: Ctrl-C in the terminal is for the parent to answer
        return subprocess.Popen(
            _words(self._folder, self._path),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def process(self) -> tuple[int, str]:
        """Its number, and what tells it from a later process of the same number."""
        return self._child.pid, process_started(self._child.pid)

    def revive(self) -> str:
        """Start the child again if it died and its pause is over; return what was done, if any.

        It finds what it missed in the journal. To be called while the run goes on; it returns at
        once.
        """
        if self._due is None:
            if is_stopped(self._child.pid):
                self._child.kill()
            if self._child.poll() is None:
                return ""
            self._child.communicate()
            return self._died()
        if boottime() < self._due:
            return ""
        code = self._child.returncode
        try:
            self._child = self._start()
        except OSError:
            return self._died()
        self._due = None
        how = f"ended by signal {-code}" if code < 0 else f"ended with code {code}"
        return f"the recorder {how} and was started again; no row was lost"

    def _died(self) -> str:
        now = boottime()
        self._deaths = 1 if now - self._began > STEADY_SECOND else self._deaths + 1
        if self._deaths > DEATHS:
            self._due = float("inf")
            return (
                f"the recorder ended {self._deaths} times in a row and is left so: there is no live"
                " view of this run from here on; no row was lost"
            )
        self._due = now + PAUSE_SECOND * 2.0 ** (self._deaths - 1)
        return ""

    def finish(self) -> Closed:
        """Return what the closed file holds; the journal has its closing record and is released.

        Raises
        ------
        benchlab.errors.BenchError
            The file could not be closed; the journal stays, complete.
        """
        if self._due is None:
            told = self._last_words()
            closed = _result(told)
            if closed is not None:
                return closed
        return close_in_child(self._folder, self._path)

    def leave(self) -> None:
        """Let the child go where the run could not be completed: it finds no end and leaves."""
        if self._due is None:
            self._last_words()

    def _last_words(self) -> bytes:
        """Wait for the child's end, and return what it told; one that was halted is ended."""
        while True:
            try:
                return self._child.communicate(timeout=HALTED_SECOND)[0]
            except subprocess.TimeoutExpired:
                if is_stopped(self._child.pid):
                    self._child.kill()


def close_in_child(folder: Path, path: Path) -> Closed:
    """Close a run whose journal has its closing record, in a process of its own.

    Raises
    ------
    benchlab.errors.BenchError
        The file could not be closed; the journal stays.
    """
    done = subprocess.run(
        [*_words(folder, path), NO_LIVE],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        check=False,
    )
    closed = _result(done.stdout)
    if closed is None:
        raise StorageError(
            f"the process that wrote the closed file died (code {done.returncode}); the journal is"
            " complete and was left as it is.",
            where=str(folder),
            remedy=f"Free space, then: benchlab recover {folder}",
        )
    return closed


def _words(folder: Path, path: Path) -> list[str]:
    return [sys.executable, "-m", "benchlab.store.recorder", str(folder), str(path)]


def _result(told: bytes) -> Closed | None:
    if not told:
        return None
    facts = json.loads(told)
    if "error" in facts:
        kind = getattr(errors, facts["error"], StorageError)
        raise kind(facts["what"], where=facts["where"], remedy=facts["remedy"])
    return Closed(facts["digest"], facts["rows"])


def main(words: list[str]) -> int:
    """Follow, then close; print the result as JSON."""
    folder, path = Path(words[0]), Path(words[1])
    if NO_LIVE not in words and not _follow(folder, path):
        return 0
    try:
        if NO_LIVE in words and not _wait_for_end(folder):
            return 0
        closed = close_run(folder, path, patience_second=RELEASE_SECOND)
    except BenchError as error:
        facts = {
            "error": type(error).__name__,
            "what": error.what,
            "where": error.where,
            "remedy": error.remedy,
        }
        print(json.dumps(facts), flush=True)
        return error.exit_code
    print(json.dumps(closed._asdict()), flush=True)
    return 0


def _follow(folder: Path, path: Path) -> bool:
    """Keep the live view until the run ends; say whether it ended, and not only its writer."""
    try:
        return _follow_live(folder)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        sys.stderr.write(
            f"benchlab recorder: the live view {folder / 'live.h5'} was given up ({error});"
            " the recording goes on.\n"
        )
        # HDF5 aborts when it closes a file that it could not write: this image of it must go
        os.execv(sys.executable, [*_words(folder, path), NO_LIVE])


def _follow_live(folder: Path) -> bool:
    wake = _parent_gone()
    tail = JournalTail(folder)
    live: LiveFile | None = None
    path = folder / "live.h5"
    path.unlink(missing_ok=True)
    while True:
        # asked before reading: a writer that is gone by now writes nothing later
        alive = _alive(folder)
        rows = bytearray()
        ended = False
        for kind, _, _, payload in tail.frames():
            if kind == FrameKind.ROWS:
                rows += payload
            elif kind == FrameKind.OPEN and live is None:
                live = LiveFile(path, json.loads(payload))
            elif kind == FrameKind.STEP and live is not None:
                live.rows(rows)
                rows.clear()
                live.step(json.loads(payload))
            elif kind in (FrameKind.EVENT, FrameKind.GAP) and live is not None:
                live.event(json.loads(payload))
            ended = ended or kind == FrameKind.END
        if live is not None:
            live.rows(bytes(rows))
            live.flush(ended=ended)
        if ended or not alive:
            if live is not None:
                live.close()
            tail.close()
            return ended
        _wait(wake)


def _alive(folder: Path) -> bool:
    """Say whether the run's writer is; a folder that is gone has none."""
    try:
        return is_locked(folder / "lock")
    except OSError:
        return False


def _wait_for_end(folder: Path) -> bool:
    """Return once the run has ended, without a live view; say so where only its writer has."""
    wake = _parent_gone()
    tail = JournalTail(folder)
    while True:
        alive = _alive(folder)
        kinds = {frame.kind for frame in tail.frames()}
        if FrameKind.END in kinds or not folder.is_dir():
            tail.close()
            return True
        if not alive:
            tail.close()
            return False
        _wait(wake)


def _parent_gone() -> threading.Event:
    """Return an event that is set when the parent closes our input, or is gone."""
    gone = threading.Event()

    def listen() -> None:
        while os.read(0, 64):
            pass
        gone.set()

    threading.Thread(target=listen, daemon=True).start()
    return gone


def _wait(wake: threading.Event) -> None:
    if wake.is_set():
        time.sleep(POLL_SECOND / 20.0)
    else:
        wake.wait(POLL_SECOND)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
