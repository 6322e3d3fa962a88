"""Waveshare Modbus POE ETH Relay (B): eight relays and eight digital inputs, Modbus TCP.

Facts from the maker's public wiki and from other people's programs; nothing here has been confirmed
on a board yet. It has no serial number, and Modbus no identity: what can be checked is that its
version and its control modes read as this board's do. Relays stay as they are if the host dies;
only a relay closed with `at_most_second` opens by itself (the board calls it flash).
"""

from __future__ import annotations

from benchlab.bench.clock import Clock
from benchlab.bench.roles import Identity
from benchlab.bench.surroundings import Contact, Relay, RelayCapabilities, RelayState
from benchlab.errors import BenchError, IdentityError, InstrumentRefused, Unsupported
from benchlab_drivers.wire.modbus import READ_COILS, READ_INPUTS, ModbusLine, open_modbus
from benchlab_drivers.wire.transport import DirectTransport, Transport
from benchlab_drivers.wire.who import Known, Question

__all__ = ["CAPABILITIES", "WHO", "WaveshareRelay", "connect", "simulate_beside"]

RELAYS = INPUTS = 8
CONTROL_MODES, VERSION, FLASH_ON = 0x1000, 0x8000, 0x0200
TICK_SECOND, LONGEST_TICKS = 0.1, 0x7FFF
CLOSED, OPENED = 0xFF00, 0x0000
TRIES = 3

CAPABILITIES = RelayCapabilities(
    relays=RELAYS,
    inputs=INPUTS,
    longest_second=LONGEST_TICKS * TICK_SECOND,
    fastest_period_second=0.1,
    stop_bound_second=1.0,
    safe_state="every relay open, as far as the board drives them; a welded contact does not show",
    host_dies="relays stay as they are; one closed for a limited time opens at its end",
)

ASK_VERSION = b"\0\1\0\0\0\6\1\3\x80\0\0\1"
"""Transaction 1, six bytes follow: unit 1, function 3, register 0x8000, one of them."""
VERSION_ANSWER = b"\0\1\0\0\0\5\1\3\2"


def _recognise(answers: tuple[bytes, ...]) -> Known | None:
    head, version = answers[0][:-2], int.from_bytes(answers[0][-2:], "big")
    if head != VERSION_ANSWER or not 100 <= version < 1000:
        return None
    firmware = f"{version // 100}.{version % 100:02d}"
    return Known("Waveshare", "Modbus POE ETH Relay (B)", "", firmware)


WHO = Question((ASK_VERSION,), _recognise, serial="")


class WaveshareRelay:
    """A `benchlab.bench.surroundings.Relay` for one board.

    Parameters
    ----------
    resource : str
        Named in errors and in the identity.
    """

    capabilities = CAPABILITIES

    def __init__(self, line: Transport, clock: Clock, *, resource: str) -> None:
        self.line = line
        self.resource = resource
        self._clock = clock
        self._modbus = ModbusLine(line, resource)
        self._version: int | None = None

    def open(self) -> Identity:
        """Check version and control modes; nothing is switched.

        As delivered, its inputs switch its relays: that is refused.
        """
        identity = self._identify()
        modes = self._modbus.read_registers(CONTROL_MODES, RELAYS)
        if any(modes):
            raise InstrumentRefused(
                f"its inputs switch its relays without the host (control modes {list(modes)}).",
                where=self.resource,
                remedy="Set all eight control modes to normal (0) with its maker's program.",
            )
        return identity

    def recover(self) -> None:
        """Open the line anew and believe it again only if the same kind of board answers."""
        self.line.open()
        self.open()

    def set(self, channel: int, closed: bool, *, at_most_second: float | None = None) -> None:
        """Close or open a relay, for a limited time if wished, and read it back."""
        if not 1 <= channel <= RELAYS:
            raise Unsupported(
                f"there is no relay {channel}.",
                where=self.resource,
                remedy=f"Relays are counted from 1 to {RELAYS}.",
            )
        if at_most_second is None or not closed:
            self._modbus.write_coil(channel - 1, CLOSED if closed else OPENED)
        else:
            ticks = int(at_most_second / TICK_SECOND + 1e-6)
            if not 1 <= ticks <= LONGEST_TICKS:
                raise Unsupported(
                    f"a relay cannot be closed for {at_most_second:g} s.",
                    where=self.resource,
                    remedy=f"Choose 0.1 to {CAPABILITIES.longest_second:g} s.",
                )
            self._modbus.write_coil(FLASH_ON + channel - 1, ticks)
        if self._relays()[channel - 1] != closed:
            words = {True: "closed", False: "open"}
            raise InstrumentRefused(
                f"relay {channel} was to be {words[closed]} and reads back {words[not closed]}.",
                where=self.resource,
                remedy="Another program may switch it too; look at the board.",
            )

    def read(self) -> RelayState:
        """Read every relay and every input."""
        began = self._clock.now
        inputs = self._modbus.read_bits(READ_INPUTS, 0, INPUTS)
        middle = (began + self._clock.now) / 2.0
        return RelayState(middle, self._relays(), inputs)

    def safe(self) -> tuple[bool, str]:
        """Open every relay in one request, and prove it by reading them back."""
        problems: list[str] = []
        for attempt in range(TRIES):
            try:
                if attempt:
                    self.line.open()
                    self._identify()
                self._modbus.write_coils(0, (False,) * RELAYS)
                closed = [k + 1 for k, is_closed in enumerate(self._relays()) if is_closed]
                if not closed:
                    return True, "all relays read back open"
                problems.append(f"relays {closed} read back closed")
            except (BenchError, OSError) as error:
                problems.append(str(error))
        return False, "; ".join(problems)

    def close(self) -> None:
        """Release the line."""
        self.line.close()

    def _relays(self) -> tuple[bool, ...]:
        return self._modbus.read_bits(READ_COILS, 0, RELAYS)

    def _identify(self) -> Identity:
        try:
            (version,) = self._modbus.read_registers(VERSION, 1)
        except InstrumentRefused as refused:
            raise self._stranger(refused.what) from refused
        if not 100 <= version < 1000 or self._version not in (None, version):
            raise self._stranger(f"its version reads {version}.")
        self._version = version
        firmware = f"{version // 100}.{version % 100:02d}"
        return Identity("Waveshare", "Modbus POE ETH Relay (B)", "", firmware, self.resource)

    def _stranger(self, found: str) -> IdentityError:
        return IdentityError(
            f"expected a Waveshare Modbus POE ETH Relay (B): {found}",
            where=self.resource,
            remedy="Check the address, and that the board speaks Modbus TCP.",
        )


def connect(resource: str, clock: Clock) -> Relay:
    """Return the driver on an open line to ``TCPIP::host::502::SOCKET``; nothing was sent yet.

    Raises
    ------
    benchlab.errors.UsageError, benchlab.errors.LinkRefused
    """
    return WaveshareRelay(open_modbus(resource, clock), clock, resource=resource)


def simulate_beside(clock: Clock, twin: Contact) -> Relay:
    """Return the driver on a simulated board in this process; relay 1 is in the lead to the cell.

    It begins open, as the board does: the cell is away until relay 1 was closed.
    """
    from benchlab_drivers.sim.waveshare_relay import SimulatedWaveshareRelay

    instrument = SimulatedWaveshareRelay(clock, twin)
    return WaveshareRelay(DirectTransport(instrument), clock, resource="sim:waveshare_relay")
