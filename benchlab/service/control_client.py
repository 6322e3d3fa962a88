"""The caller's side of a control line: asks a part, and hears what it tells."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from benchlab.errors import PartSilent, UsageError
from benchlab.service.lines import decode, encode, error_from, line_of
from benchlab.service.private import call_private

__all__ = ["ControlClient", "ask_once"]

PATIENCE_SECOND = 5.0


class ControlClient:
    """A connection to a part; safe from any thread.

    Parameters
    ----------
    address : str
        As the part wrote it into its file of ``.benchlab/parts``.
    told
        Called from a thread of the client with each message that nobody asked for.
    gone
        Called once from that thread when the part closed the line.

    Raises
    ------
    benchlab.errors.PartSilent
        Nobody answers there.
    """

    def __init__(
        self,
        address: str,
        *,
        patience_second: float = PATIENCE_SECOND,
        told: Callable[[dict[str, Any]], None] = lambda _: None,
        gone: Callable[[], None] = lambda: None,
    ) -> None:
        self._address = address
        self._patience = patience_second
        self._told, self._gone = told, gone
        self._waiting: dict[int, _Waiting] = {}
        self._number = 0
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._closed = False
        try:
            self._line = call_private(address, patience_second)
        except OSError as error:
            raise self._silent(f"cannot be called ({error.strerror or error})") from error
        threading.Thread(target=self._listen, name="control client", daemon=True).start()

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def ask(
        self, do: str, *, patience_second: float | None = None, **content: Any
    ) -> dict[str, Any]:
        """Ask the part and return what it answers.

        Raises
        ------
        benchlab.errors.PartSilent
            It does not answer in time, or closed the line.
        benchlab.errors.BenchError
            What the part refused it with.
        """
        waiting = _Waiting()
        with self._lock:
            if self._closed:
                raise self._silent("closed the line")
            self._number += 1
            number = self._number
            self._waiting[number] = waiting
        patience = self._patience if patience_second is None else patience_second
        try:
            self._send(encode({"id": number, "do": do, **content}))
            if not waiting.done.wait(patience):
                raise self._silent(f"did not answer '{do}' within {patience:g} s")
        finally:
            with self._lock:
                self._waiting.pop(number, None)
        answer = waiting.answer
        if answer is None:
            raise self._silent(f"closed the line before it answered '{do}'")
        if "error" in answer:
            raise error_from(answer["error"])
        found = answer.get("ok")
        return found if isinstance(found, dict) else {}

    def watch(self) -> None:
        """Have the part tell what happens, from now on."""
        self.ask("watch")

    def close(self) -> None:
        """Let go of the line."""
        with self._lock:
            self._closed = True
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        self._line.close()

    def _send(self, line: bytes) -> None:
        try:
            with self._sending:
                self._line.sendall(line)
        except OSError as error:
            self.close()  # half a line may be on its way
            raise self._silent(f"closed the line ({error.strerror or error})") from error

    def _listen(self) -> None:
        pending = bytearray()
        try:
            while part := self._heard():
                for line in line_of(pending, part):
                    self._take(decode(line))
        except (OSError, UsageError):
            pass
        finally:
            with self._lock:
                self._closed = True
                waiting = list(self._waiting.values())
            for item in waiting:
                item.done.set()
            self._line.close()
            self._gone()

    def _heard(self) -> bytes:
        while True:
            with suppress(TimeoutError):
                return self._line.recv(65536)

    def _take(self, message: Mapping[str, Any]) -> None:
        if "tell" in message:
            self._told(dict(message))
            return
        number = message.get("id")
        with self._lock:
            waiting = self._waiting.get(number) if isinstance(number, int) else None
        if waiting is not None:
            waiting.answer = dict(message)
            waiting.done.set()

    def _silent(self, how: str) -> PartSilent:
        return PartSilent(
            f"this part of the bench {how}.",
            where=self._address.rpartition("/")[2].partition(":")[0],
            remedy="Look at it with: benchlab status; the supervisor starts it again.",
        )


class _Waiting:
    def __init__(self) -> None:
        self.done = threading.Event()
        self.answer: dict[str, Any] | None = None


def ask_once(
    address: str, do: str, *, patience_second: float = PATIENCE_SECOND, **content: Any
) -> dict[str, Any]:
    """Ask a part one thing.

    Raises
    ------
    benchlab.errors.BenchError
        As `ControlClient` and its `ask`.
    """
    with ControlClient(address, patience_second=patience_second) as client:
        return client.ask(do, **content)
