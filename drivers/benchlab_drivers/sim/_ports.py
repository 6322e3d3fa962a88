"""Where a simulated instrument can be reached: a TCP port or a pty of this machine.

One thread a connection. Requests and replies may be split anywhere; a client that vanishes ends
only its own thread. A port can go away and come back under the same name.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from benchlab.errors import LinkRefused, SetupError
from benchlab_drivers.sim._spoil import Reply

__all__ = ["Port", "PtyPort", "TcpPort"]

LONGEST_LINE = 1 << 20
"""A line without an end is dropped with its client."""
AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends a reset."""


class Served(Protocol):
    """An instrument as a port needs it."""

    def request_length(self, pending: bytes) -> int:
        """Return the length of the first request, or 0 while it is incomplete."""

    def answer(self, request: bytes) -> Reply:
        """Carry a request out; return what goes back, and when."""


class Port(Protocol):
    """Where an instrument can be reached."""

    resource: str

    def appear(self) -> None:
        """Serve, or serve again."""

    def vanish(self) -> None:
        """Take the port away with everything on it."""

    def close(self) -> None:
        """Let the port go for good."""


def _converse(
    served: Served,
    receive: Callable[[], bytes],
    send: Callable[[bytes], object],
    over: threading.Event,
) -> str:
    """Answer what comes in until the line ends; return how it is to end."""
    pending = b""
    with contextlib.suppress(OSError, ValueError):
        while received := receive():
            pending += received
            while (length := served.request_length(pending)) > 0:
                request, pending = pending[:length], pending[length:]
                reply = served.answer(request)
                for second, part in reply.pieces:
                    if second and over.wait(second):
                        return "fin"
                    if part:
                        send(part)
                if reply.end:
                    return reply.end
            if len(pending) > LONGEST_LINE:
                break
    return "fin"


class TcpPort:
    """A TCP port on 127.0.0.1.

    Parameters
    ----------
    port : int
        0 takes a free one.

    Raises
    ------
    benchlab.errors.LinkRefused
        The port is taken.
    """

    def __init__(self, served: Served, port: int = 0) -> None:
        self._served = served
        self._port = port
        self._lock = threading.Lock()
        self._lines: set[socket.socket] = set()
        self._over = threading.Event()
        self._listen()
        self.resource = f"TCPIP::127.0.0.1::{self._port}::SOCKET"

    def _listen(self) -> None:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if os.name == "posix":  # elsewhere it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self._port))
        except (OSError, OverflowError) as error:
            listener.close()
            raise LinkRefused(
                f"port {self._port} cannot be served: {error}.", remedy="Choose another, or 0."
            ) from error
        self._port = listener.getsockname()[1]
        listener.listen()
        self._listener = listener

    def appear(self) -> None:
        """Accept clients; where the port was taken away, under the same number."""
        if self._over.is_set():
            self._over = threading.Event()
            self._listen()
        threading.Thread(
            target=self._accept, args=(self._listener, self._over), daemon=True
        ).start()

    def vanish(self) -> None:
        """Reset every connection and refuse new ones."""
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends the accept under way
        self._listener.close()
        with self._lock:
            for line in self._lines:
                with contextlib.suppress(OSError):
                    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
                    line.shutdown(socket.SHUT_RD)  # ends the read under way; its thread closes

    def close(self) -> None:
        """Let the port go for good."""
        self._over.set()
        self._listener.close()

    def _accept(self, listener: socket.socket, over: threading.Event) -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return  # the listener was closed
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(line, over), daemon=True).start()

    def _serve(self, line: socket.socket, over: threading.Event) -> None:
        with self._lock:
            self._lines.add(line)
        end = _converse(self._served, lambda: line.recv(65536), line.sendall, over)
        if end == "gone":
            over.wait()
        with self._lock, contextlib.suppress(OSError):
            self._lines.discard(line)
            if end == "rst":
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            line.close()


class PtyPort:
    """A pseudo terminal, reached through a link of the file system that stays the same.

    A connection that ends, as a serial adapter does when it is pulled out, takes the pty away and
    puts another one behind the link.

    Raises
    ------
    benchlab.errors.SetupError
        This system has no ptys.
    """

    def __init__(self, served: Served, name: str) -> None:
        if not hasattr(os, "openpty"):
            raise SetupError(
                "this system has no pseudo terminals.", remedy="Serve on a TCP port: leave --pty."
            )
        self._served = served
        self._folder = tempfile.TemporaryDirectory(prefix="benchlab-")
        self._link = Path(self._folder.name) / name
        self._over = threading.Event()
        self.resource = f"ASRL{self._link}::INSTR"

    def appear(self) -> None:
        """Open a pty and put it behind the link."""
        import tty

        master, slave = os.openpty()
        tty.setraw(slave)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(os.ttyname(slave))
        self._over = over = threading.Event()
        wake, waker = os.pipe()
        self._waker = waker
        threading.Thread(
            target=self._serve, args=(master, slave, wake, waker, over), daemon=True
        ).start()

    def vanish(self) -> None:
        """Close the pty; the link leads nowhere."""
        self._link.unlink(missing_ok=True)
        if not self._over.is_set():
            self._over.set()
            with contextlib.suppress(OSError):
                os.write(self._waker, b"\0")

    def close(self) -> None:
        """Let the pty go for good, and its folder."""
        self.vanish()
        self._folder.cleanup()

    def _serve(self, master: int, slave: int, wake: int, waker: int, over: threading.Event) -> None:
        def receive() -> bytes:
            ready, _, _ = select.select([master, wake], [], [])
            return b"" if wake in ready else os.read(master, 65536)

        def send(data: bytes) -> None:
            while data and not over.is_set():
                _, ready, _ = select.select([], [master], [], 0.1)
                data = data[os.write(master, data) :] if ready else data

        end = _converse(self._served, receive, send, over)
        if end == "gone":
            over.wait()
        for descriptor in (master, slave, wake, waker):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        if not over.is_set():
            over.set()
            self.appear()
