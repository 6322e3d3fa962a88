"""A simulated Waveshare Modbus POE ETH Relay (B), speaking frames of Modbus TCP.

Nothing here was compared with a real board. Unconfirmed: 2 ms until it answers, its version, that
an input without current reads 0, and that a relay closed for a limited time a second time starts
that time anew without opening in between.
"""

from __future__ import annotations

import struct

from benchlab.bench.clock import Clock, VirtualClock
from benchlab.bench.surroundings import Contact
from benchlab.bench.twin import TwinSpec
from benchlab_drivers.wire.modbus import HEADER, frame_length

__all__ = ["SimulatedWaveshareRelay", "make"]

LATENCY_SECOND = 2e-3
CHANNELS = 8
CONTROL_MODES, VERSION_ADDRESS, FLASH_ON = 0x1000, 0x8000, 0x0200
TICK_SECOND = 0.1


class Illegal(Exception):
    """Answered with this exception code of Modbus."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def make(clock: Clock, spec: TwinSpec) -> SimulatedWaveshareRelay:
    """Make a simulated board with nothing at its contacts; it takes no cell of `spec`."""
    return SimulatedWaveshareRelay(clock)


class SimulatedWaveshareRelay:
    """The board; relay 1 may break the lead to a cell.

    Attributes
    ----------
    closed, inputs : list of bool
    control_modes : list of int
        0 normal; 1 lets an input switch its relay.
    stuck : set of int
        Relays, from 0, that do not follow any more.
    version : int
    """

    def __init__(self, clock: Clock, contact: Contact | None = None) -> None:
        self._clock = clock
        self._contact = contact
        self.closed = [False] * CHANNELS
        self.inputs = [False] * CHANNELS
        self.control_modes = [0] * CHANNELS
        self.stuck: set[int] = set()
        self.version = 200
        self._until = [float("inf")] * CHANNELS
        if contact is not None:
            contact.take_cell_away()

    def request_length(self, pending: bytes) -> int:
        """Return the length of the first request, or 0 while it is incomplete."""
        return frame_length(pending)

    def exchange(self, request: bytes) -> bytes:
        """Carry out one frame and return the reply."""
        self._clock.sleep_until(self._clock.now + LATENCY_SECOND)
        self._open_what_is_due()
        if len(request) < HEADER.size or frame_length(request) != len(request):
            return b""
        number, _, _, unit, function = HEADER.unpack(request[: HEADER.size])
        try:
            data = self._carry_out(function, request[HEADER.size :])
        except Illegal as illegal:
            function |= 0x80
            data = bytes([illegal.code])
        return HEADER.pack(number, 0, 2 + len(data), unit, function) + data

    def press(self, channel: int, current: bool) -> None:
        """Let current flow through an input (from 0), or not; a linked relay follows."""
        self.inputs[channel] = current
        if self.control_modes[channel] == 1:
            self._switch(channel, current)

    def _carry_out(self, function: int, data: bytes) -> bytes:
        if len(data) < 4:
            raise Illegal(3)
        address, value = struct.unpack(">HH", data[:4])
        if function in (1, 2):
            bits = (self.closed if function == 1 else self.inputs)[address : address + value]
            if not 0 < value == len(bits):
                raise Illegal(2)
            return bytes([1, sum(bit << k for k, bit in enumerate(bits))])
        if function == 3:
            words = self._registers(address, value)
            return bytes([2 * len(words)]) + struct.pack(f">{len(words)}H", *words)
        if function == 5:
            self._write(address, value)
            return data[:4]
        if function == 15:
            if address + value > CHANNELS or len(data) != 6:
                raise Illegal(2)
            for k in range(value):
                self._switch(address + k, bool(data[5] >> k & 1))
            return data[:4]
        raise Illegal(1)

    def _registers(self, address: int, count: int) -> list[int]:
        if (address, count) == (VERSION_ADDRESS, 1):
            return [self.version]
        first = address - CONTROL_MODES
        if first >= 0 and 0 < count <= CHANNELS - first:
            return self.control_modes[first : first + count]
        raise Illegal(2)

    def _write(self, address: int, value: int) -> None:
        if 0 <= address < CHANNELS:
            if value not in (0, 0xFF00):
                raise Illegal(3)
            self._switch(address, bool(value))
            return
        channel = address - FLASH_ON
        if not 0 <= channel < CHANNELS or not 0 < value <= 0x7FFF:
            raise Illegal(2)
        self._switch(channel, True)
        self._until[channel] = self._clock.now + value * TICK_SECOND
        if isinstance(self._clock, VirtualClock):
            self._clock.schedule(self._until[channel], self._open_what_is_due)

    def _switch(self, channel: int, closed: bool) -> None:
        self._until[channel] = float("inf")
        if channel in self.stuck or closed == self.closed[channel]:
            return
        self.closed[channel] = closed
        if channel == 0 and self._contact is not None:
            (self._contact.put_cell_back if closed else self._contact.take_cell_away)()

    def _open_what_is_due(self) -> None:
        for channel, until in enumerate(self._until):
            if until <= self._clock.now:
                self._switch(channel, False)
