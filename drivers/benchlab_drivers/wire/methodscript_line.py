"""A line on which an instrument speaks by itself: bytes go both ways, and nobody asks for each.

A serial port or a socket, as other instruments have them; but what comes unasked is the data, so
that nothing is thrown away when the port is opened anew.
"""

from __future__ import annotations

from typing import Protocol

from benchlab.bench.clock import Clock
from benchlab.errors import UsageError
from benchlab_drivers.wire.serial_line import SerialTransport
from benchlab_drivers.wire.stream import SLICE_SECOND, StreamLine, not_trusted
from benchlab_drivers.wire.transcript import Transcript
from benchlab_drivers.wire.transport import SocketTransport

__all__ = ["BAUD", "DirectScriptLine", "ScriptLine", "open_script_line"]

BAUD = 921600


class ScriptLine(Protocol):
    """What the driver needs of a line."""

    transcript: Transcript

    def open(self) -> None:
        """Connect, or connect anew.

        Raises
        ------
        benchlab.errors.LinkRefused
        """

    def send(self, data: bytes) -> None:
        """Send bytes.

        Raises
        ------
        benchlab.errors.LinkError
        """

    def read(self, second: float) -> bytes:
        """Return what has come, waiting at most so long for the first byte; nothing: none came.

        Raises
        ------
        benchlab.errors.LinkLost
        """

    def close(self) -> None:
        """Let the line go; never raises."""


class _Talking(StreamLine):
    """Sends and reads without waiting for answers."""

    def send(self, data: bytes) -> None:
        """Send bytes."""
        with self._owner:
            self._checked()
            began = self._clock.now
            try:
                self._send(data, began)
            except OSError as error:
                raise self._broken() from error
            self.transcript.add(began, data, b"", self._clock.now - began, "")

    def read(self, second: float) -> bytes:
        """Return what has come, waiting at most so long for the first byte."""
        with self._owner:
            self._checked()
            began = self._clock.now
            try:
                got = self._take()
                while got is None:
                    left = second - (self._clock.now - began)
                    if left <= 0.0:
                        return b""
                    self._pause(min(left, SLICE_SECOND), writing=False)
                    got = self._take()
            except OSError as error:
                raise self._broken() from error
            if not got:
                raise self._broken()
            self.transcript.add(began, b"", got, self._clock.now - began, "")
            return got

    def _checked(self) -> None:
        if not self._trusted:
            raise not_trusted(self.where)

    def _broken(self) -> Exception:
        self._trusted = False
        return self._lost()


class ScriptPort(_Talking, SerialTransport):
    """A serial port; nothing that waits there is thrown away."""

    def _drain(self, quiet: float) -> None:
        return


class ScriptSocket(_Talking, SocketTransport):
    """A plain TCP socket."""


class Streaming(Protocol):
    """A simulated instrument that speaks by itself."""

    def feed(self, data: bytes) -> None:
        """Take what the host sends."""

    def take(self) -> bytes:
        """Return what was sent until now."""

    def next_time(self) -> float:
        """Return when something may be sent next."""


class DirectScriptLine:
    """Calls a simulated instrument in this process with the same bytes; waiting moves the clock."""

    def __init__(self, instrument: Streaming, clock: Clock) -> None:
        self.transcript = Transcript()
        self._instrument, self._clock = instrument, clock

    def open(self) -> None:
        """Do nothing: there is no line."""

    def close(self) -> None:
        """Do nothing: there is no line."""

    def send(self, data: bytes) -> None:
        """Hand bytes over."""
        self._instrument.feed(data)
        self.transcript.add(self._clock.now, data, b"", 0.0, "")

    def read(self, second: float) -> bytes:
        """Return what has come, letting at most so much time pass."""
        until = self._clock.now + second
        got = self._instrument.take()
        while not got and self._clock.now < until:
            self._clock.sleep_until(min(max(self._instrument.next_time(), self._clock.now), until))
            got = self._instrument.take()
        if got:
            self.transcript.add(self._clock.now, b"", got, 0.0, "")
        return got


def open_script_line(
    resource: str, clock: Clock, *, timeout_second: float = 3.0
) -> ScriptPort | ScriptSocket:
    """Return an open line to a resource.

    Parameters
    ----------
    resource : str
        A serial port as ``ASRL/dev/ttyACM0::INSTR`` (921600 baud where nothing else stands behind
        it), a URL of pyserial, or ``TCPIP::host::port::SOCKET``.

    Raises
    ------
    benchlab.errors.LinkRefused, benchlab.errors.UsageError, benchlab.errors.SetupError
    """
    line: ScriptPort | ScriptSocket
    if resource.upper().startswith("TCPIP"):
        words = resource.split("::")
        if len(words) != 4 or words[3].upper() != "SOCKET" or not words[2].isdigit():
            raise UsageError(
                f"found the resource {resource!r}.",
                remedy="Write TCPIP::host::port::SOCKET, or ASRL/dev/ttyACM0::INSTR.",
            )
        line = ScriptSocket(words[1], int(words[2]), clock, timeout_second=timeout_second)
    else:
        named = resource if "?" in resource or "://" in resource else f"{resource}?baud={BAUD}"
        line = ScriptPort(named, clock, timeout_second=timeout_second)
    line.open()
    return line
