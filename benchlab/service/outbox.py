"""What waits for one reader of a control line: bounded, so that a slow one costs no memory."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from benchlab.service.lines import encode

__all__ = ["MOST_EVENTS", "SNAPSHOT_SECOND", "Outbox", "Told"]

MOST_EVENTS = 1000
MOST_ANSWERS = 100
SNAPSHOT_SECOND = 0.1
"""Snapshots are sent no oftener."""


class Told:
    """A message; it is put into bytes once, by the first thread that sends it."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content
        self._line = b""

    @property
    def line(self) -> bytes:
        """The bytes of it."""
        if not self._line:
            self._line = encode(self._content)
        return self._line


class Outbox:
    """Answers first, then events in their order, then the newest snapshots."""

    def __init__(self) -> None:
        self._answers: deque[Told] = deque()
        self._events: deque[Told] = deque()
        self._newest: dict[str, Told] = {}
        self._missed = 0
        self._due = 0.0
        self._closed = False
        self._sending = False
        self._changed = threading.Condition()

    def tell(self, told: Told, newest_of: str = "") -> None:
        """Add what nobody asked for; never waits."""
        with self._changed:
            if newest_of:
                self._newest[newest_of] = told
            else:
                if len(self._events) >= MOST_EVENTS:
                    self._events.popleft()
                    self._missed += 1
                self._events.append(told)
            self._changed.notify()

    def answer(self, told: Told) -> None:
        """Add an answer; waits while the caller takes none, so that it can ask no more."""
        with self._changed:
            while len(self._answers) >= MOST_ANSWERS and not self._closed:
                self._changed.wait()
            self._answers.append(told)
            self._changed.notify_all()

    def take(self) -> bytes | None:
        """Return what is to be sent next; None once it is closed."""
        with self._changed:
            self._sending = False
            while not self._closed:
                wait = None
                if self._answers:
                    told = [self._answers.popleft()]
                elif self._events:
                    told = []
                    if self._missed:
                        told.append(Told({"tell": "missed", "missed": self._missed}))
                        self._missed = 0
                    told += [self._events.popleft() for _ in range(min(50, len(self._events)))]
                elif self._newest and (wait := self._due - time.monotonic()) <= 0.0:
                    self._due = time.monotonic() + SNAPSHOT_SECOND
                    told = list(self._newest.values())
                    self._newest.clear()
                else:
                    self._changed.notify_all()
                    self._changed.wait(wait)
                    continue
                self._sending = True
                self._changed.notify_all()
                break
            else:
                return None
        return b"".join(item.line for item in told)

    def drain(self, patience_second: float) -> None:
        """Wait until all answers are on their way."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or not (self._answers or self._sending), patience_second
            )

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
