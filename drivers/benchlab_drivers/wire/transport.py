"""One owner a line: a request goes out, its answer comes back, and nothing else is believed.

A late or surplus answer shifts every value after it. So bytes that wait before a request is sent
are an error, and after a time-out the line is refused until it has been opened anew.
"""

from __future__ import annotations

import re
import select
import socket
from collections import deque
from typing import Protocol

from benchlab.bench.clock import Clock
from benchlab.errors import GarbledAnswer, LinkError, LinkLost, LinkRefused, LinkTimeout, UsageError

__all__ = ["DirectTransport", "SocketTransport", "Transport", "VisaTransport", "open_transport"]

TRANSCRIPT_LENGTH = 200
SLICE_SECOND = 0.05
LONGEST_ANSWER = 1 << 24
_SOCKET = re.compile(r"TCPIP\d*::(?P<host>[^:]+|\[[^\]]+\])::(?P<port>\d+)::SOCKET", re.I)


class Transport(Protocol):
    """A line to one instrument; every request is one line of text that gets one line back."""

    transcript: deque[tuple[float, bytes, bytes]]

    def open(self) -> None:
        """Connect, or connect anew; what was under way is forgotten."""

    def query(self, request: bytes) -> bytes:
        """Send a request and return its answer without the terminator.

        Raises
        ------
        benchlab.errors.LinkError
            Or one of its leaves; after any of them the line must be opened anew.
        """

    def close(self) -> None:
        """Let the line go; never raises."""


class Instrument(Protocol):
    """A simulated instrument that is called with bytes."""

    def exchange(self, request: bytes) -> bytes:
        """Return the answer to whole lines of requests."""


class DirectTransport:
    """Calls a simulated instrument in this process with the same bytes, without a socket."""

    def __init__(self, instrument: Instrument) -> None:
        self.transcript: deque[tuple[float, bytes, bytes]] = deque(maxlen=TRANSCRIPT_LENGTH)
        self.query = instrument.exchange

    def open(self) -> None:
        """Do nothing: there is no line."""

    def close(self) -> None:
        """Do nothing: there is no line."""


class SocketTransport:
    """A plain TCP socket; answers end with a newline.

    Parameters
    ----------
    timeout_second : float
        For one answer.
    """

    def __init__(self, host: str, port: int, clock: Clock, *, timeout_second: float = 3.0) -> None:
        self.host, self.port = host.strip("[]"), port
        self.where = f"{host}:{port}"
        self.transcript: deque[tuple[float, bytes, bytes]] = deque(maxlen=TRANSCRIPT_LENGTH)
        self._clock = clock
        self._timeout = timeout_second
        self._socket: socket.socket | None = None
        self._trusted = False

    def open(self) -> None:
        """Connect, or connect anew."""
        self.close()
        try:
            self._socket = socket.create_connection((self.host, self.port), self._timeout)
        except (OSError, UnicodeError) as error:
            raise LinkRefused(
                f"no connection ({getattr(error, 'strerror', None) or error}).",
                where=self.where,
                remedy="Check that the instrument is on, its address and port, and the cable.",
            ) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._trusted = True

    def query(self, request: bytes) -> bytes:
        """Send a request and return its answer without the terminator."""
        line = self._socket
        if line is None or not self._trusted:
            raise LinkLost(
                "the line is not to be trusted since its last failure.",
                where=self.where,
                remedy="It must be opened and the instrument identified anew first.",
            )
        self._trusted = False
        answer = b""
        try:
            self._refuse_waiting_bytes(line, request)
            self._send(line, request)
            answer = self._receive(line, request)
        except OSError as error:
            raise LinkLost(
                f"the connection broke ({error.strerror or error}).",
                where=self.where,
                remedy="Check the cable and the instrument's power.",
            ) from error
        finally:
            self.transcript.append((self._clock.now, request, answer))
        self._trusted = True
        return answer

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._trusted = False

    def _refuse_waiting_bytes(self, line: socket.socket, request: bytes) -> None:
        try:
            waiting = line.recv(4096)
        except BlockingIOError:
            return
        if not waiting:
            raise self._lost()
        raise GarbledAnswer(request, waiting, where=self.where)

    def _send(self, line: socket.socket, request: bytes) -> None:
        left = memoryview(request)
        deadline = self._clock.now + self._timeout
        while left:
            try:
                left = left[line.send(left) :]
            except BlockingIOError:
                self._wait(line, deadline, request, writing=True)

    def _receive(self, line: socket.socket, request: bytes) -> bytes:
        deadline = self._clock.now + self._timeout
        got = bytearray()
        while True:
            try:
                part = line.recv(65536)
            except BlockingIOError:
                self._wait(line, deadline, request, writing=False)
                continue
            if not part:
                raise self._lost()
            got += part
            if got.endswith(b"\n"):
                if got.count(b"\n") > 1:
                    raise GarbledAnswer(request, bytes(got), where=self.where)
                return bytes(got[:-1])
            if b"\n" in part or len(got) > LONGEST_ANSWER:
                raise GarbledAnswer(request, bytes(got[:200]), where=self.where)

    def _wait(self, line: socket.socket, deadline: float, request: bytes, *, writing: bool) -> None:
        left = deadline - self._clock.now
        if left <= 0.0:
            raise LinkTimeout(
                f"no answer to {request!r} within {self._timeout:g} s.",
                where=self.where,
                remedy="Nothing that comes over this line is believed until it was opened anew.",
            )
        lines: list[socket.socket] = [line]
        wait = min(left, SLICE_SECOND)
        select.select([] if writing else lines, lines if writing else [], [], wait)

    def _lost(self) -> LinkLost:
        return LinkLost(
            "the instrument closed the connection.",
            where=self.where,
            remedy="Check its power, and that no other program took the connection.",
        )


class VisaTransport:
    """Any other VISA resource (GPIB, USB, VXI-11, HiSLIP), through PyVISA."""

    def __init__(self, resource: str, clock: Clock, *, timeout_second: float = 3.0) -> None:
        self.where = resource
        self.transcript: deque[tuple[float, bytes, bytes]] = deque(maxlen=TRANSCRIPT_LENGTH)
        self._clock = clock
        self._timeout = timeout_second
        self._line: object | None = None

    def open(self) -> None:
        """Open the resource, or open it anew."""
        import pyvisa

        self.close()
        try:
            line = pyvisa.ResourceManager().open_resource(self.where)
        except (OSError, ValueError, pyvisa.Error) as error:
            raise LinkRefused(
                f"the resource cannot be opened ({error}).",
                where=self.where,
                remedy="Check its name, the cable, and that a VISA library is installed.",
            ) from error
        if not isinstance(line, pyvisa.resources.MessageBasedResource):
            line.close()
            raise UsageError("this resource carries no messages.", where=self.where)
        line.timeout = self._timeout * 1000.0
        line.read_termination = line.write_termination = "\n"
        self._line = line

    def query(self, request: bytes) -> bytes:
        """Send a request and return its answer without the terminator."""
        import pyvisa

        line = self._line
        if not isinstance(line, pyvisa.resources.MessageBasedResource):
            raise LinkLost("the resource is not open.", where=self.where)
        answer = b""
        try:
            line.write_raw(request)
            answer = line.read_raw().rstrip(b"\r\n")
        except (OSError, pyvisa.Error) as error:
            self.close()
            late = isinstance(error, pyvisa.VisaIOError) and (
                error.error_code == pyvisa.constants.StatusCode.error_timeout
            )
            leaf: type[LinkError] = LinkTimeout if late else LinkLost
            raise leaf(
                f"no answer to {request!r} ({error}).",
                where=self.where,
                remedy="Check the cable and the instrument's power.",
            ) from error
        finally:
            self.transcript.append((self._clock.now, request, answer))
        return answer

    def close(self) -> None:
        """Close the resource."""
        import pyvisa

        line, self._line = self._line, None
        if isinstance(line, pyvisa.resources.Resource):
            try:
                line.close()
            except (OSError, pyvisa.Error):
                return


def open_transport(resource: str, clock: Clock, *, timeout_second: float = 3.0) -> Transport:
    """Return an open line to a VISA resource name.

    Raises
    ------
    benchlab.errors.LinkRefused
    """
    match = _SOCKET.fullmatch(resource)
    line: Transport
    if match is not None:
        line = SocketTransport(
            match["host"], int(match["port"]), clock, timeout_second=timeout_second
        )
    else:
        line = VisaTransport(resource, clock, timeout_second=timeout_second)
    line.open()
    return line
