"""Serves an instrument that streams: on a TCP port, or on a pty that looks like its serial port.

What it says while nobody listens is lost, as on a real port.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from typing import Protocol

from benchlab.errors import LinkRefused, SetupError

__all__ = ["StreamServer", "Streaming", "serve_stream"]

SLICE_SECOND = 0.02


class Streaming(Protocol):
    """A simulated instrument that speaks by itself."""

    def feed(self, data: bytes) -> None:
        """Take what the host sends."""

    def take(self) -> bytes:
        """Return what was sent until now."""


class StreamServer:
    """A thread that carries bytes between an instrument on the host's clock and one client.

    Parameters
    ----------
    port : int or None
        On 127.0.0.1, 0: a free one; None: a pty.

    Attributes
    ----------
    resource : str
        Where a driver finds it.

    Raises
    ------
    benchlab.errors.LinkRefused
        The port is taken.
    benchlab.errors.SetupError
        This system has no ptys.
    """

    def __init__(self, instrument: Streaming, port: int | None = None) -> None:
        self._instrument = instrument
        self._stopped = threading.Event()
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self._master = self._slave = -1
        if port is None:
            self.resource = self._make_pty()
        else:
            self.resource = self._listen(port)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> StreamServer:
        """What is told to appear and to close, as of other served instruments: itself."""
        return self

    def appear(self) -> None:
        """Do nothing: it is there since it was made."""

    def close(self) -> None:
        """Stop, and let the port vanish."""
        self._stopped.set()
        self._thread.join(2.0)
        for end in (self._listener, self._client):
            if end is not None:
                end.close()
        for number in (self._master, self._slave):
            if number >= 0:
                with contextlib.suppress(OSError):
                    os.close(number)
        self._master = self._slave = -1
        self._listener = self._client = None

    def drop(self) -> None:
        """Cut the client off; a TCP client may come back."""
        if self._client is not None:
            with contextlib.suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)

    def _make_pty(self) -> str:
        try:
            import tty
        except ImportError as error:
            raise SetupError(
                "this system has no ptys.", remedy="Serve the instrument on a TCP port."
            ) from error
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        return f"ASRL{os.ttyname(self._slave)}::INSTR"

    def _listen(self, port: int) -> str:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            listener.close()
            raise LinkRefused(
                f"port {port} cannot be served: {error}.", remedy="Choose another, or 0."
            ) from error
        listener.listen()
        listener.setblocking(False)
        self._listener = listener
        return f"TCPIP::127.0.0.1::{listener.getsockname()[1]}::SOCKET"

    def _serve(self) -> None:
        while not self._stopped.is_set():
            ends: list[int] = []
            if self._listener is not None:
                ends.append(self._listener.fileno())
            if self._client is not None:
                ends.append(self._client.fileno())
            if self._master >= 0:
                ends.append(self._master)
            try:
                ready, _, _ = select.select(ends, [], [], SLICE_SECOND)
            except (OSError, ValueError):
                ready = []
            if self._listener is not None and self._listener.fileno() in ready:
                self._accept(self._listener)
            data = self._read(ready)
            if data:
                self._instrument.feed(data)
            said = self._instrument.take()
            if said:
                self._write(said)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.setblocking(False)
            if self._client is not None:
                self._client.close()
            self._client = client

    def _read(self, ready: list[int]) -> bytes:
        if self._master in ready:
            with contextlib.suppress(OSError):
                return os.read(self._master, 65536)
        client = self._client
        if client is not None and client.fileno() in ready:
            try:
                data = client.recv(65536)
            except OSError:
                data = b""
            if not data:
                client.close()
                self._client = None
            return data
        return b""

    def _write(self, data: bytes) -> None:
        """Write what the client takes within a second; the rest is lost."""
        deadline = time.monotonic() + 1.0
        while data and time.monotonic() < deadline and not self._stopped.is_set():
            try:
                if self._master >= 0:
                    data = data[os.write(self._master, data) :]
                elif self._client is not None:
                    data = data[self._client.send(data) :]
                else:
                    return
            except BlockingIOError:
                self._stopped.wait(0.001)
            except OSError:
                return


def serve_stream(instrument: Streaming, port: int | None = 0) -> StreamServer:
    """Serve an instrument on a TCP port, or a pty where that is None, in a thread of its own.

    Raises
    ------
    benchlab.errors.LinkRefused, benchlab.errors.SetupError
    """
    return StreamServer(instrument, port)
