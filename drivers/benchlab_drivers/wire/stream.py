"""What sockets and serial ports share: one request, its answer, and nothing else is believed.

A late or surplus answer shifts every value after it. So bytes that wait before a request is sent
are an error, and after any failure the line is refused until it has been opened anew, which leaves
nothing of the old conversation on it.
"""

from __future__ import annotations

import threading
from typing import NoReturn, Protocol

from benchlab.bench.clock import Clock
from benchlab.errors import GarbledAnswer, LinkError, LinkLost, LinkRefused, LinkTimeout
from benchlab_drivers.wire.transcript import Transcript

__all__ = ["HURRIED_SECOND", "SLICE_SECOND", "StreamLine", "Transport", "given_up", "not_trusted"]

SLICE_SECOND = 0.05
HURRIED_SECOND = 0.5
"""Longest wait for an answer while `Transport.stop` is set."""
BACK_SECOND = 1.5
"""How long a port that vanished is waited for, at most a time-out."""
LONGEST_ANSWER = 1 << 24
SHOWN_BYTES = 200


class Transport(Protocol):
    """A line to one instrument; every request gets one answer.

    Attributes
    ----------
    transcript : Transcript
        The last exchanges.
    stop : threading.Event
        Set by whoever wants the output off now, from any thread: a wait that goes on for longer
        than 0.5 s is given up, then and from then on.
    """

    transcript: Transcript
    stop: threading.Event

    def open(self) -> None:
        """Connect, or connect anew; what was under way is forgotten.

        Raises
        ------
        benchlab.errors.LinkRefused
            Nobody listens there.
        """

    def query(self, request: bytes) -> bytes:
        """Send a request and return its answer without the terminator.

        Raises
        ------
        benchlab.errors.LinkError
            Or one of its leaves; after any of them the line must be opened anew.
        """

    def close(self) -> None:
        """Let the line go; never raises."""


class StreamLine:
    """A line that carries bytes; answers end with a newline. A subclass says how bytes travel.

    Two threads never mix their conversations: each request waits for the answer before it.

    Parameters
    ----------
    where : str
        Named in errors.
    timeout_second : float
        For one answer.
    """

    def __init__(self, where: str, clock: Clock, *, timeout_second: float) -> None:
        self.where = where
        self.transcript = Transcript()
        self.stop = threading.Event()
        self._clock = clock
        self._timeout = timeout_second
        self._trusted = False
        self._failed = False
        self._owner = threading.RLock()

    def open(self) -> None:
        """Connect, or connect anew; whatever is still on its way from before is thrown away.

        After a failure a port that is not there is asked for again for a while: an adapter that was
        reset, a switch that was restarted come back.
        """
        with self._owner:
            self.close()
            patience = min(self._timeout, BACK_SECOND) if self._failed else 0.0
            ends = self._clock.now + patience
            while True:
                try:
                    self._connect(after_failure=self._failed)
                except LinkRefused:
                    if self._clock.now >= ends or self.stop.wait(SLICE_SECOND):
                        raise
                else:
                    break
            self._trusted, self._failed = True, False

    def query(self, request: bytes) -> bytes:
        """Send a request and return its answer without the terminator."""
        with self._owner:
            if not self._trusted:
                raise not_trusted(self.where)
            self._trusted = False
            got = bytearray()
            problem = ""
            began = self._clock.now
            try:
                self._refuse_waiting_bytes(request)
                self._send(request, began)
                answer = self._receive(request, got)
            except LinkError as error:
                problem = error.what
                raise
            except OSError as error:
                problem = f"the connection broke ({error.strerror or error})."
                raise LinkLost(
                    problem,
                    where=self.where,
                    remedy="Check the cable and the instrument's power.",
                ) from error
            finally:
                self._failed = bool(problem)
                self.transcript.add(began, request, bytes(got), self._clock.now - began, problem)
            self._trusted = True
            return answer

    def close(self) -> None:
        """Let the line go."""
        self._trusted = False
        self._release()

    # --- how bytes travel ---------------------------------------------------------------------

    def _connect(self, *, after_failure: bool) -> None:
        raise NotImplementedError

    def _release(self) -> None:
        raise NotImplementedError

    def _take(self) -> bytes | None:
        """Return what has come, nothing where the peer closed, or None where nothing came yet."""
        raise NotImplementedError

    def _give(self, data: memoryview) -> int:
        """Send what can be sent at once; return how much."""
        raise NotImplementedError

    def _pause(self, second: float, *, writing: bool) -> None:
        """Wait until something can be done, at most so long."""
        raise NotImplementedError

    # --- the conversation ---------------------------------------------------------------------

    def _answer_length(self, got: bytearray, request: bytes) -> int:
        """Return the length of a whole answer, 0 where more must come.

        Raises
        ------
        benchlab.errors.GarbledAnswer
            There is more than one.
        """
        end = got.find(b"\n")
        if end < 0 and len(got) <= LONGEST_ANSWER:
            return 0
        if end != len(got) - 1:
            self._refuse(request, got)
        return end + 1

    def _stripped(self, answer: bytes) -> bytes:
        return answer[:-1]

    def _refuse(self, request: bytes, got: bytes | bytearray) -> NoReturn:
        raise GarbledAnswer(request, bytes(got[:SHOWN_BYTES]), where=self.where)

    def _refuse_waiting_bytes(self, request: bytes) -> None:
        waiting = self._take()
        if waiting is None:
            return
        if not waiting:
            raise self._lost()
        self._refuse(request, waiting)

    def _send(self, request: bytes, began: float) -> None:
        left = memoryview(request)
        while left:
            sent = self._give(left)
            left = left[sent:]
            if not sent:
                self._wait(request, began, writing=True)

    def _receive(self, request: bytes, got: bytearray) -> bytes:
        began = self._clock.now
        while True:
            part = self._take()
            if part is None:
                self._wait(request, began, writing=False)
                continue
            if not part:
                raise self._lost()
            got += part
            if self._answer_length(got, request):
                return self._stripped(bytes(got))

    def _wait(self, request: bytes, began: float, *, writing: bool) -> None:
        waited = self._clock.now - began
        if waited >= self._timeout:
            raise LinkTimeout(
                f"no answer to {request[:SHOWN_BYTES]!r} within {self._timeout:g} s.",
                where=self.where,
                remedy="Nothing that comes over this line is believed until it was opened anew.",
            )
        if waited >= HURRIED_SECOND and self.stop.is_set():
            raise given_up(request, waited, self.where)
        self._pause(min(self._timeout - waited, SLICE_SECOND), writing=writing)

    def _lost(self) -> LinkLost:
        return LinkLost(
            "the instrument closed the connection.",
            where=self.where,
            remedy="Check its power, and that no other program took the connection.",
        )


def not_trusted(where: str) -> LinkLost:
    """Return the error of a line that failed and was not opened anew."""
    return LinkLost(
        "the line is not to be trusted since its last failure.",
        where=where,
        remedy="It must be opened and the instrument identified anew first.",
    )


def given_up(request: bytes, waited: float, where: str) -> LinkTimeout:
    """Return the error of a wait that was given up because the output is to go off now."""
    return LinkTimeout(
        f"no answer to {request[:SHOWN_BYTES]!r} within {waited:.1f} s; a stop was asked for, so it"
        " is not waited for any longer.",
        where=where,
        remedy="Check the cable and the instrument's power.",
    )
