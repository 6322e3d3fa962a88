"""Modbus TCP: frames that carry their own length and a number, so that no late reply is believed.

Frame: transaction number, protocol 0, length of what follows (each two bytes, high byte first),
unit, function, data (Modbus Messaging on TCP/IP Implementation Guide 1.0b, 3.1.3).
"""

from __future__ import annotations

import struct

from benchlab.bench.clock import Clock
from benchlab.errors import GarbledAnswer, InstrumentRefused, UsageError
from benchlab_drivers.wire.transport import SocketTransport, Transport

__all__ = ["ModbusLine", "ModbusSocket", "frame_length", "open_modbus"]

HEADER = struct.Struct(">HHHBB")
LONGEST_FRAME = 260
READ_COILS, READ_INPUTS, READ_REGISTERS, WRITE_COIL, WRITE_COILS = 1, 2, 3, 5, 15
EXCEPTIONS = {
    1: "illegal function",
    2: "illegal address",
    3: "illegal value",
    4: "device failure",
    6: "busy",
}


def frame_length(pending: bytes | bytearray) -> int:
    """Return the length of the first frame of `pending`, or 0 while it is incomplete."""
    length = 6 + int.from_bytes(pending[4:6], "big")
    return length if len(pending) >= max(length, 8) else 0


class ModbusSocket(SocketTransport):
    """A TCP socket whose answers are frames of Modbus TCP."""

    def _answer_length(self, got: bytearray, request: bytes) -> int:
        length = frame_length(got)
        if len(got) > length and (length or len(got) > LONGEST_FRAME):
            self._refuse(request, got)
        return length

    def _stripped(self, answer: bytes) -> bytes:
        return answer


class ModbusLine:
    """Checked Modbus conversations over a line.

    Parameters
    ----------
    where : str
        The resource, named in errors.
    unit : int
        The device's address.
    """

    def __init__(self, line: Transport, where: str, *, unit: int = 1) -> None:
        self._line = line
        self._where = where
        self._unit = unit
        self._number = 0

    def read_bits(self, function: int, address: int, count: int) -> tuple[bool, ...]:
        """Return coils (function 1) or inputs (function 2)."""
        request, data = self._ask(function, struct.pack(">HH", address, count))
        size = (count + 7) // 8
        if len(data) != 1 + size or data[0] != size:
            raise GarbledAnswer(request, data, where=self._where)
        return tuple(bool(data[1 + k // 8] >> k % 8 & 1) for k in range(count))

    def read_registers(self, address: int, count: int) -> tuple[int, ...]:
        """Return holding registers."""
        request, data = self._ask(READ_REGISTERS, struct.pack(">HH", address, count))
        if len(data) != 1 + 2 * count or data[0] != 2 * count:
            raise GarbledAnswer(request, data, where=self._where)
        return struct.unpack(f">{count}H", data[1:])

    def write_coil(self, address: int, value: int) -> None:
        """Send a coil's value: 0xFF00 or 0, or what else a device takes; it must be echoed."""
        sent = struct.pack(">HH", address, value)
        request, data = self._ask(WRITE_COIL, sent)
        if data != sent:
            raise GarbledAnswer(request, data, where=self._where)

    def write_coils(self, address: int, values: tuple[bool, ...]) -> None:
        """Send up to eight coils at once."""
        head = struct.pack(">HH", address, len(values))
        bits = sum(value << k for k, value in enumerate(values))
        request, data = self._ask(WRITE_COILS, head + bytes([1, bits]))
        if data != head:
            raise GarbledAnswer(request, data, where=self._where)

    def _ask(self, function: int, data: bytes) -> tuple[bytes, bytes]:
        """Return the request as sent, and the data of its answer.

        Raises
        ------
        benchlab.errors.GarbledAnswer, benchlab.errors.InstrumentRefused
        """
        self._number = (self._number + 1) & 0xFFFF
        head = HEADER.pack(self._number, 0, 2 + len(data), self._unit, function)
        request = head + data
        answer = self._line.query(request)
        if len(answer) < HEADER.size or frame_length(answer) != len(answer):
            raise GarbledAnswer(request, answer, where=self._where)
        number, protocol, _, unit, answered = HEADER.unpack(answer[: HEADER.size])
        if (number, protocol, unit, answered & 0x7F) != (self._number, 0, self._unit, function):
            raise GarbledAnswer(request, answer, where=self._where)
        if answered & 0x80:
            code = answer[HEADER.size] if len(answer) > HEADER.size else 0
            raise InstrumentRefused(
                f"the device refused function {function}: {EXCEPTIONS.get(code, f'code {code}')}.",
                where=self._where,
                remedy="Check that it is the device that this driver is made for.",
            )
        return request, answer[HEADER.size :]


def open_modbus(resource: str, clock: Clock, *, timeout_second: float = 1.0) -> ModbusSocket:
    """Return an open line to ``TCPIP::host::502::SOCKET``.

    Raises
    ------
    benchlab.errors.UsageError
        Any other resource.
    benchlab.errors.LinkRefused
    """
    kind, *rest = resource.split("::")
    if kind.upper() not in ("TCPIP", "TCPIP0") or len(rest) != 3 or not rest[1].isdigit():
        raise UsageError(
            f"Modbus TCP does not go over {resource!r}.",
            remedy="Write TCPIP::ADDRESS::502::SOCKET.",
        )
    line = ModbusSocket(rest[0], int(rest[1]), clock, timeout_second=timeout_second)
    line.open()
    return line
