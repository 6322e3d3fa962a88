"""Which line goes to which resource, and the two simplest: a TCP socket, and no line at all.

``TCPIP::host::port::SOCKET`` is a plain socket here: a VISA library adds nothing to it and may lose
partial answers. Serial ports are in `serial_line`, everything else that VISA knows in `visa_line`;
both are imported only when they are asked for.
"""

from __future__ import annotations

import re
import select
import socket
import threading
from typing import Protocol

from benchlab.bench.clock import Clock
from benchlab.errors import LinkRefused
from benchlab_drivers.wire.stream import StreamLine, Transport
from benchlab_drivers.wire.transcript import Transcript

__all__ = ["DirectTransport", "SocketTransport", "Transport", "open_transport"]

_SOCKET = re.compile(r"TCPIP\d*::(?P<host>[^:]+|\[[^\]]+\])::(?P<port>\d+)::SOCKET", re.I)
_SERIAL = re.compile(r"ASRL.*|(?:socket|rfc2217|spy|loop)://.*", re.I)


class Instrument(Protocol):
    """A simulated instrument that is called with bytes."""

    def exchange(self, request: bytes) -> bytes:
        """Return the answer to whole lines of requests."""


class DirectTransport:
    """Calls a simulated instrument in this process with the same bytes, without a socket.

    Its transcript stays empty: a million exchanges a minute go through here.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.transcript = Transcript(1)
        self.stop = threading.Event()
        self.query = instrument.exchange

    def open(self) -> None:
        """Do nothing: there is no line."""

    def close(self) -> None:
        """Do nothing: there is no line."""


class SocketTransport(StreamLine):
    """A plain TCP socket; what was on its way on the old connection never reaches a new one.

    Parameters
    ----------
    timeout_second : float
        For one answer, and for connecting.
    """

    def __init__(self, host: str, port: int, clock: Clock, *, timeout_second: float = 3.0) -> None:
        super().__init__(f"{host}:{port}", clock, timeout_second=timeout_second)
        self.host, self.port = host.strip("[]"), port
        self._socket: socket.socket | None = None

    def _connect(self, *, after_failure: bool) -> None:
        try:
            line = socket.create_connection((self.host, self.port), self._timeout)
        except (OSError, UnicodeError, OverflowError) as error:
            raise LinkRefused(
                f"no connection ({getattr(error, 'strerror', None) or error}).",
                where=self.where,
                remedy="Check that the instrument is on, its address and port, and the cable.",
            ) from error
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.setblocking(False)
        self._socket = line

    def _release(self) -> None:
        line, self._socket = self._socket, None
        if line is not None:
            line.close()

    def _open_socket(self) -> socket.socket:
        if self._socket is None:
            raise self._lost()
        return self._socket

    def _take(self) -> bytes | None:
        try:
            return self._open_socket().recv(65536)
        except BlockingIOError:
            return None

    def _give(self, data: memoryview) -> int:
        try:
            return self._open_socket().send(data)
        except BlockingIOError:
            return 0

    def _pause(self, second: float, *, writing: bool) -> None:
        lines = [self._open_socket()]
        none: list[socket.socket] = []
        select.select(none if writing else lines, lines if writing else none, none, second)


def open_transport(resource: str, clock: Clock, *, timeout_second: float = 3.0) -> Transport:
    """Return an open line to a resource.

    Parameters
    ----------
    resource : str
        ``TCPIP::host::port::SOCKET``; a serial port, as ``ASRL/dev/ttyUSB0::INSTR`` with
        ``?baud=115200`` behind it where that is not 9600, or a URL of pyserial (``socket://``);
        any other resource name of VISA.

    Raises
    ------
    benchlab.errors.LinkRefused
    benchlab.errors.SetupError
        It needs a package that is not installed.
    """
    match = _SOCKET.fullmatch(resource)
    line: Transport
    if match is not None:
        line = SocketTransport(
            match["host"], int(match["port"]), clock, timeout_second=timeout_second
        )
    elif _SERIAL.fullmatch(resource):
        from benchlab_drivers.wire.serial_line import SerialTransport

        line = SerialTransport(resource, clock, timeout_second=timeout_second)
    else:
        from benchlab_drivers.wire.visa_line import VisaTransport

        line = VisaTransport(resource, clock, timeout_second=timeout_second)
    line.open()
    return line
