"""One part of a bench: started, found living, asked whether it lives, killed when it hangs."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from benchlab.errors import BenchError
from benchlab.platform import detached, is_stopped, kill_process, process_started
from benchlab.service.bench_folder import BenchFolder, PartFile
from benchlab.service.control_client import ask_once
from benchlab.service.supervisor.patience import Patience

__all__ = ["Nurse"]

ASK_SECOND = 0.5
SILENT_SECOND = 5.0
"""A part that answers nothing for so long hangs; a busy computer makes one late by less."""
HALTED_SECOND = 0.3
STARTS_SECOND = 30.0
"""What a start may take before the part's first answer."""
REAP_SECOND = 5.0
LOG_BYTES = 4_000_000
MANY = 4
"""Ends in a row of which somebody should hear."""


class Nurse:
    """Looks after one part.

    Parameters
    ----------
    words : sequence of str
        Its command line.
    note
        Takes one line for the supervisor's log.
    alarm
        Takes what somebody should hear of, and what was done.
    """

    def __init__(
        self,
        folder: BenchFolder,
        name: str,
        words: Sequence[str],
        note: Callable[[str], None],
        alarm: Callable[[str, str], None],
    ) -> None:
        self._folder, self._name, self._words = folder, name, list(words)
        self._note, self._alarm = note, alarm
        self._child: subprocess.Popen[bytes] | None = None
        self._patience = Patience()
        self._began = self._heard = time.monotonic()
        self._halted = 0.0
        self._known: tuple[int, str] = (0, "")
        self._asking: threading.Thread | None = None
        self._asked = 0.0
        self._hangs = ""
        self._told: PartFile | None = None
        self.starts = 0
        self.last = ""
        """Why it was started last."""

    def look(self) -> None:
        """Do what has to be done now; returns at once."""
        now = time.monotonic()
        self._know()
        if not self.alive:
            self._reap(now)
            if now >= self._patience.due:
                self._start(now)
            return
        why = self._why_hanging(self._known[0], now)
        if why:
            self._kill(why)
            return
        self._ask(now)

    def end(self, patience_second: float) -> None:
        """Ask the part to end, and wait for it; what does not end by then is killed."""
        self._know()
        if self.alive:
            with suppress(BenchError):
                ask_once(self._folder.address(self._name), "down", operator="supervisor")
            end = time.monotonic() + patience_second
            while self.alive and time.monotonic() < end:
                self._poll()
                time.sleep(0.02)
            if self.alive:
                self._kill("it did not end when it was told to")
        self._poll()

    def facts(self) -> dict[str, object]:
        """Return how it stands."""
        return {"name": self._name, "alive": self.alive, "starts": self.starts, "last": self.last}

    @property
    def well(self) -> bool:
        """Whether it lives and has answered of late."""
        heard = self._told is not None and time.monotonic() - self._heard < SILENT_SECOND
        return self.alive and heard

    @property
    def alive(self) -> bool:
        """Whether its process is."""
        pid, started = self._known
        return bool(pid) and process_started(pid) == started

    def _know(self) -> None:
        """Find out which process the part is: the child of this one, or one found living."""
        child = self._child
        if child is not None:
            self._poll()
            return
        part = self._folder.part(self._name)
        if part is not None and part.alive and self._known != (part.pid, part.started):
            self._known = (part.pid, part.started)
            self._heard = time.monotonic()
            self._note(f"{self._name}: found living as process {part.pid}")

    def _poll(self) -> None:
        if self._child is not None and self._child.poll() is not None:
            code = self._child.returncode
            self.last = f"ended with {code}" if code >= 0 else f"was killed by signal {-code}"
            self._child = None

    def _reap(self, now: float) -> None:
        """Take note of an end, and have nothing left behind that holds its lines."""
        pid = self._known[0]
        if not pid:
            return
        self._known = (0, "")
        self._patience.ended(now)
        self._note(f"{self._name}: {self.last or 'is gone'}")
        if self._patience.ends == MANY:
            text = f"{self._name} has ended {MANY} times in a row: {self.last or 'it is gone'}"
            self._alarm(text, "it is started again and again, with pauses")
        part = self._folder.part(self._name)
        if part is not None and part.pid == pid:
            self._end_halted(part)
        self._told = None

    def _end_halted(self, part: PartFile) -> None:
        """End the guardians and recorders that somebody halted; a worker starts its own anew."""
        for pid, started in part.children:
            if is_stopped(pid) and kill_process(pid, started):
                self._note(f"{self._name}: its child {pid} was halted and is ended")

    def _start(self, now: float) -> None:
        path = self._folder.logs / f"{self._name}.log"
        _shorten(path)
        try:
            with path.open("ab") as log:
                self._child = subprocess.Popen(
                    self._words,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    cwd=self._folder.root,
                    **detached(),
                )
        except OSError as error:
            self.last = f"cannot be started ({error})"
            self._note(f"{self._name}: {self.last}")
            self._patience.began(now)
            self._patience.ended(now)
            return
        pid = self._child.pid
        self._known = (pid, process_started(pid))
        self._patience.began(now)
        self._began = self._heard = now
        self._halted, self._hangs = 0.0, ""
        self.starts += 1
        self._note(f"{self._name}: started as process {pid}")

    def _why_hanging(self, pid: int, now: float) -> str:
        if is_stopped(pid):
            self._halted = self._halted or now
            if now - self._halted > HALTED_SECOND:
                return "it was halted"
        else:
            self._halted = 0.0
        bound = STARTS_SECOND if self._told is None else SILENT_SECOND
        if now - self._heard > bound:
            return f"it answered nothing for {bound:g} s"
        return self._hangs

    def _ask(self, now: float) -> None:
        """Ask, in a thread: one part that hangs keeps no other waiting."""
        if now - self._asked < ASK_SECOND:
            return
        self._asked = now
        part = self._folder.part(self._name)
        self._told = part if part is not None and part.pid == self._known[0] else None
        if part is None or self._told is None:
            return
        self._end_halted(part)
        if self._asking is not None and self._asking.is_alive():
            return
        address, known = part.address, self._known
        word = "ping" if part.kind in ("worker", "device") else "hello"

        def ask() -> None:
            with suppress(BenchError):
                told = ask_once(address, word, patience_second=SILENT_SECOND)
                if known == self._known:
                    self._heard = time.monotonic()
                    self._hangs = _stuck("channel", told.get("runs")) or _stuck(
                        "device", told.get("moves")
                    )

        self._asking = threading.Thread(target=ask, name=f"ask {self._name}", daemon=True)
        self._asking.start()

    def _kill(self, why: str) -> None:
        pid, started = self._known
        self._note(f"{self._name}: process {pid} is killed: {why}")
        self._alarm(f"{self._name} was ended: {why}", "it is started again")
        kill_process(pid, started)
        if self._child is not None:
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(REAP_SECOND)
            self._child = None
        self.last = f"was killed: {why}"
        self._hangs = ""


def _stuck(what: str, moves: object) -> str:
    """Return what has not moved for longer than it may; empty: nothing."""
    if isinstance(moves, dict):
        for name, facts in moves.items():
            if facts.get("age", 0.0) > facts.get("bound", float("inf")):
                return f"{what} {name} has not moved for {facts['age']:.0f} s"
    return ""


def _shorten(path: Path) -> None:
    """Put a long log aside, once; the one before it goes."""
    with suppress(OSError):
        if path.stat().st_size > LOG_BYTES:
            os.replace(path, path.with_suffix(".old.log"))
