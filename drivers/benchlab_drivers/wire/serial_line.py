"""Serial ports, pseudo terminals and the URLs of pyserial, as a line to an instrument.

A serial port has no connections: what an instrument sends late arrives on the port that was opened
anew. So after a failure nothing is sent until what is still owed has come, or the line was silent
for two time-outs, at most 1.5 s. An answer that comes even later stands before the one to the next
request, which asks for the instrument's identity, and cannot be taken for it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from benchlab.bench.clock import Clock
from benchlab.errors import LinkLost, LinkRefused, SetupError, UsageError
from benchlab_drivers.wire.stream import SLICE_SECOND, StreamLine

if TYPE_CHECKING:
    import serial

__all__ = ["SerialTransport", "port_of"]

QUIET_SECOND = 0.1
"""Silence before the first request on a port that was just opened."""
OWED_TIMEOUTS, OWED_SECOND = 2.0, 1.5
"""How long an answer that timed out is still waited for: the guard trips after 5 s in all."""
LONGEST_DRAIN = 5.0
"""How many time-outs a line may go on talking after a failure."""
BAUD = 9600
PARITIES = {"none": "N", "even": "E", "odd": "O", "mark": "M", "space": "S"}
FLOWS = {"none": {}, "rtscts": {"rtscts": True}, "xonxoff": {"xonxoff": True}}
OPTIONS = "baud=9600, bits=8, parity=none, stop=1, flow=none"


def port_of(resource: str) -> tuple[str, dict[str, object]]:
    """Return the port or URL of a serial resource, and pyserial's settings for it.

    ``ASRL3::INSTR`` is COM3, or /dev/ttyS2 where there is no COM3; a path stands as it is.

    Raises
    ------
    benchlab.errors.UsageError
        A setting that there is not.
    """
    name, _, words = resource.partition("?")
    if name.upper().startswith("ASRL"):
        name = name[4:].removeprefix("::")
        name = name[:-7] if name.upper().endswith("::INSTR") else name
        if name.isdigit():
            name = f"COM{name}" if os.name == "nt" else f"/dev/ttyS{int(name) - 1}"
    settings: dict[str, object] = {"baudrate": BAUD}
    try:
        for word, values in parse_qs(words, keep_blank_values=True, strict_parsing=True).items():
            value = values[-1]
            match word:
                case "baud":
                    settings["baudrate"] = int(value)
                case "bits":
                    settings["bytesize"] = int(value)
                case "parity":
                    settings["parity"] = PARITIES[value]
                case "stop":
                    settings["stopbits"] = float(value)
                case "flow":
                    settings |= FLOWS[value]
                case _:
                    raise KeyError(word)
    except (ValueError, KeyError):
        if words:
            raise UsageError(
                f"found the settings {words!r} of a serial port.",
                where=name,
                remedy=f"Write some of {OPTIONS}, with & between them.",
            ) from None
    return name, settings


class SerialTransport(StreamLine):
    """A serial port, a pseudo terminal or a URL of pyserial.

    Parameters
    ----------
    resource : str
        As `open_transport` takes it.
    timeout_second : float
        For one answer.
    """

    def __init__(self, resource: str, clock: Clock, *, timeout_second: float = 3.0) -> None:
        self.port, self._settings = port_of(resource)
        super().__init__(self.port, clock, timeout_second=timeout_second)
        self._serial: serial.SerialBase | None = None
        self._ahead = b""

    def _connect(self, *, after_failure: bool) -> None:
        try:
            import serial
        except ImportError as missing:
            raise SetupError(
                "a serial port needs the package pyserial, which is not installed.",
                where=self.where,
                remedy="Install it: pip install pyserial",
            ) from missing
        url = "://" in self.port
        try:
            self._serial = serial.serial_for_url(
                self.port,
                timeout=SLICE_SECOND,
                write_timeout=self._timeout,
                exclusive=None if url or os.name != "posix" else True,
                **self._settings,
            )
        except (OSError, ValueError) as error:
            raise LinkRefused(
                f"the port cannot be opened ({getattr(error, 'strerror', None) or error}).",
                where=self.where,
                remedy="Check its name, the cable, your right to use it, and that no other program"
                " has it open.",
            ) from error
        owed = min(OWED_TIMEOUTS * self._timeout, OWED_SECOND)
        self._drain(owed if after_failure else QUIET_SECOND)

    def _drain(self, quiet: float) -> None:
        """Throw away what comes until nothing came for so many seconds, or a whole line did."""
        began = heard = self._clock.now
        try:
            while (now := self._clock.now) - heard < quiet:
                if now - began > quiet + LONGEST_DRAIN * self._timeout:
                    raise LinkLost(
                        "the instrument goes on talking though nothing was asked.",
                        where=self.where,
                        remedy="Check the baud rate, and that it is the right instrument.",
                    )
                if got := self._take():
                    heard = self._clock.now
                    quiet = QUIET_SECOND if got.endswith(b"\n") else quiet
                else:
                    self._pause(min(quiet, SLICE_SECOND), writing=False)
        except LinkLost:
            self._release()
            raise
        except OSError as error:
            self._release()
            raise LinkRefused(
                f"the port is gone ({error.strerror or error}).",
                where=self.where,
                remedy="Check the cable and the instrument's power.",
            ) from error

    def _release(self) -> None:
        line, self._serial = self._serial, None
        self._ahead = b""
        if line is not None:
            try:
                line.close()
            except OSError:
                return

    def _port(self) -> serial.SerialBase:
        if self._serial is None:
            raise self._lost()
        return self._serial

    def _take(self) -> bytes | None:
        line = self._port()
        ahead, self._ahead = self._ahead, b""
        waiting = line.in_waiting
        got: bytes = line.read(waiting) if waiting else b""
        return ahead + got or None

    def _give(self, data: memoryview) -> int:
        return int(self._port().write(bytes(data)) or 0)

    def _pause(self, second: float, *, writing: bool) -> None:
        """Wait for a byte, on every system the same way: by reading one."""
        self._ahead += self._port().read(1)
