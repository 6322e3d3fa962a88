"""The control line of a part: answers requests and tells who watches, whatever the callers do."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from benchlab.errors import BenchError, UsageError
from benchlab.service.lines import VERSION, decode, facts_of, line_of
from benchlab.service.outbox import Outbox, Told
from benchlab.service.private import admit, listen_private, still_listens

__all__ = ["ControlServer", "Word"]

MOST_CALLERS = 64
MOST_UNDER_WAY = 8
"""Slow requests of one caller at a time."""
A_SECOND, AT_ONCE = 50.0, 100.0
"""Requests of one caller; one that asks more is heard later, so that it costs nobody time."""
BYTES_A_REQUEST = 4096
"""So many bytes count as one more request."""
ANSWER_SECOND = 1.0
"""How long a part that ends waits for what is being answered."""
LOOK_SECOND = 1.0
SEND_SECOND = 10.0
"""A caller that takes nothing for so long is let go."""


class Word(NamedTuple):
    """What a part can be asked.

    Attributes
    ----------
    do
        Takes the request, returns what answers it; raises `benchlab.errors.BenchError` to refuse.
    changes : bool
        Whether it must say who asks.
    slow : bool
        Whether it takes longer than a look into memory: done beside the caller's other requests.
    """

    do: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    changes: bool = False
    slow: bool = False


class ControlServer:
    """Listens from a thread of its own, with two more a caller; nobody else ever waits for them.

    ``hello``, ``watch`` and, where the part gives none, ``ping`` are answered here.

    Parameters
    ----------
    folder : Path
        Of the socket; made with mode 0700.
    name, kind : str
        Who answers.

    Raises
    ------
    OSError
        Nothing can listen there.
    """

    def __init__(
        self, folder: Path, name: str, kind: str, words: Mapping[str, Word], **hello: Any
    ) -> None:
        about = {"name": name, "kind": kind, "pid": os.getpid(), "version": VERSION, **hello}
        self._words = {
            "hello": Word(lambda _: about),
            "ping": Word(lambda _: {}),
            **words,
        }
        self._folder, self._name = folder, name
        self._server, self.address = listen_private(folder, name)
        self._server.settimeout(LOOK_SECOND)
        self._callers: set[_Caller] = set()
        self._lock = threading.Lock()
        self._over = False
        self._thread = threading.Thread(target=self._listen, name=f"control {name}", daemon=True)
        self._thread.start()

    def tell(self, kind: str, content: Mapping[str, Any], *, newest_of: str = "") -> None:
        """Tell everybody who watches; returns at once, whatever they do.

        Parameters
        ----------
        newest_of : str
            Where given, only the newest of this name is kept for a slow reader.
        """
        with self._lock:
            callers = [caller for caller in self._callers if caller.watches]
        if callers:
            told = Told({"tell": kind, **content})
            for caller in callers:
                caller.outbox.tell(told, newest_of)

    @property
    def watchers(self) -> int:
        """How many watch."""
        with self._lock:
            return sum(caller.watches for caller in self._callers)

    def close(self) -> None:
        """Hear nobody any more."""
        with self._lock:
            self._over = True
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        with self._lock:
            callers = list(self._callers)
        end = time.monotonic() + ANSWER_SECOND
        for caller in callers:
            caller.settle(end)
            caller.close()
        if self.address.startswith("unix:"):
            with suppress(OSError):
                os.unlink(self.address.removeprefix("unix:"))
        self._thread.join(2.0)

    def _listen(self) -> None:
        while not self._over:
            try:
                line, _ = self._server.accept()
            except TimeoutError:
                self._listen_again()
                continue
            except OSError:
                if not self._over:  # too many open files, or a caller gone while it was taken
                    time.sleep(LOOK_SECOND / 10.0)
                continue
            caller = _Caller(self, line)
            with self._lock:
                if self._over:  # it was let in while everybody was being let go
                    line.close()
                    return
                full = len(self._callers) >= MOST_CALLERS
                # whoever has been silent longest makes room: a stop must always be heard
                oldest = min(self._callers, key=lambda item: item.heard) if full else None
                self._callers.add(caller)
            if oldest is not None:
                self.forget(oldest)
            caller.start()

    def _listen_again(self) -> None:
        """Make the socket's file anew where somebody removed it: a worker must stay in reach."""
        if self._over or still_listens(self._server, self.address):
            return
        with suppress(OSError):
            server, self.address = listen_private(self._folder, self._name)
            server.settimeout(LOOK_SECOND)
            self._server.close()
            self._server = server

    def admits(self, line: socket.socket) -> bool:
        """Say whether a caller may be heard."""
        return admit(line, self.address)

    def forget(self, caller: _Caller) -> None:
        """Let a caller go."""
        with self._lock:
            self._callers.discard(caller)
        caller.close()

    def word(self, request: Mapping[str, Any]) -> Word:
        """Return what is asked.

        Raises
        ------
        benchlab.errors.UsageError
        """
        name = request.get("do")
        word = self._words.get(name) if isinstance(name, str) else None
        if word is None:
            raise UsageError(
                f"found the request {str(name)[:40]!r}; nothing was done.",
                where=self._name,
                remedy=f"This part knows: watch, {', '.join(self._words)}.",
            )
        operator = request.get("operator")
        if word.changes and not (isinstance(operator, str) and 0 < len(operator.strip()) <= 100):
            raise UsageError(
                f"'{name}' changes something and must say who asks; nothing was done.",
                where=self._name,
                remedy="Add the operator's name.",
            )
        return word


class _Caller:
    """One connection: a thread that reads and answers, and one that writes."""

    def __init__(self, server: ControlServer, line: socket.socket) -> None:
        self.outbox = Outbox()
        self.watches = False
        self.heard = time.monotonic()
        self._server = server
        self._line = line
        self._left, self._filled = AT_ONCE, time.monotonic()
        self._under_way = threading.Semaphore(MOST_UNDER_WAY)
        self._beside_now: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to hear and to answer."""
        for task in (self._read, self._write):
            threading.Thread(target=task, name="caller", daemon=True).start()

    def settle(self, end: float) -> None:
        """Let what is under way be answered, until this monotonic second at most."""
        for item in list(self._beside_now):
            if item is not threading.current_thread():
                item.join(max(0.0, end - time.monotonic()))
        self.outbox.drain(max(0.0, end - time.monotonic()))

    def close(self) -> None:
        """Hear and answer no more."""
        self.outbox.close()
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        self._line.close()

    def _read(self) -> None:
        pending = bytearray()
        try:
            self._line.settimeout(SEND_SECOND)
            if not self._server.admits(self._line):
                return
            while True:
                try:
                    part = self._line.recv(65536)
                except TimeoutError:
                    continue
                if not part:
                    return
                try:
                    lines = line_of(pending, part)
                except UsageError as error:
                    self._answer({"id": None, "error": facts_of(error)})
                    self.outbox.drain(1.0)
                    return
                self._wait_for(len(lines) + len(part) / BYTES_A_REQUEST)
                for line in lines:
                    self.heard = time.monotonic()
                    self._take(line)
        except OSError:
            return
        finally:
            self._server.forget(self)

    def _wait_for(self, count: float) -> None:
        """Let a caller that floods wait, and no other."""
        now = time.monotonic()
        self._left = min(AT_ONCE, self._left + (now - self._filled) * A_SECOND)
        self._filled = now
        self._left -= count
        if self._left < 0.0:
            time.sleep(-self._left / A_SECOND)

    def _take(self, line: bytes) -> None:
        number: Any = None
        try:
            request = decode(line)
            number = request.get("id")
            if request.get("do") == "watch":
                self.watches = True
                self._answer({"id": number, "ok": {}})
                return
            word = self._server.word(request)
        except BenchError as error:
            self._answer({"id": number, "error": facts_of(error)})
            return
        if not word.slow:
            self._carry_out(word, request, number)
        elif self._under_way.acquire(blocking=False):
            thread = threading.Thread(
                target=self._beside, args=(word, request, number), name="request", daemon=True
            )
            self._beside_now.append(thread)
            thread.start()
        else:
            many = UsageError(
                f"{MOST_UNDER_WAY} requests of this caller are under way; nothing was done.",
                remedy="Wait for their answers.",
            )
            self._answer({"id": number, "error": facts_of(many)})

    def _beside(self, word: Word, request: Mapping[str, Any], number: Any) -> None:
        try:
            self._carry_out(word, request, number)
        finally:
            self._under_way.release()
            self._beside_now.remove(threading.current_thread())

    def _carry_out(self, word: Word, request: Mapping[str, Any], number: Any) -> None:
        answer: dict[str, Any]
        try:
            answer = {"id": number, "ok": dict(word.do(request))}
        except BenchError as error:
            answer = {"id": number, "error": facts_of(error)}
        except Exception as error:  # a mistake in one request must not end a part with tests in it
            traceback.print_exc(file=sys.stderr)
            answer = {"id": number, "error": facts_of(error)}
        self._answer(answer)

    def _answer(self, content: Mapping[str, Any]) -> None:
        self.outbox.answer(Told(content))

    def _write(self) -> None:
        try:
            while (data := self.outbox.take()) is not None:
                self._line.sendall(data)
        except OSError:  # it is gone, or has taken nothing for too long
            self._server.forget(self)
