"""What the simulated Keithley 2450, 2460 and 2461 have in common: instrument, cell, SCPI bytes.

Nothing here was compared with a real instrument: it rests on the reference manuals 2450-901-01 and
2461-901-01, on `benchlab_drivers.wire.keithley_sheets` and on clients seen in public. Unconfirmed:
latency (2 ms an exchange, and the integration time of a reading), 0.1 ohm of leads with two wires,
the text of an empty error queue, 10 % of the range of the current limit as what NORMAL drives, the
meaning of bits in STAT.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchlab_drivers.cells import make_cell
from benchlab_drivers.cells.sources import OPEN, OpenLead
from benchlab_drivers.sim._errors import gaussians
from benchlab_drivers.sim._keithley_buffers import ELEMENTS, Buffer, written
from benchlab_drivers.sim._keithley_commands import install
from benchlab_drivers.sim._keithley_errors import Errors
from benchlab_drivers.sim._keithley_meter import make_reader
from benchlab_drivers.sim._keithley_output import staircase_of
from benchlab_drivers.sim._keithley_settings import Settings
from benchlab_drivers.sim._keithley_trigger import TriggerModel
from benchlab_drivers.sim.scpi import ScpiError, ScpiInstrument, choice, number, text

if TYPE_CHECKING:
    from benchlab.bench.clock import Clock
    from benchlab.bench.twin import Truth, TwinSpec
    from benchlab_drivers.cells.ledger import LedgerCell
    from benchlab_drivers.wire.keithley_sheets import KeithleySheet

__all__ = ["SimulatedKeithley"]

LATENCY_SECOND = 2e-3
CYCLE_SECOND = 0.02
LEAD_OHM = 0.1
Reader = Callable[[float], bytes]


class SimulatedKeithley(ScpiInstrument):
    """The instrument and its cell.

    Parameters
    ----------
    sheet : KeithleySheet
        Which model it is.

    Attributes
    ----------
    cell : benchlab_drivers.cells.ledger.LedgerCell
    load : LedgerCell or OpenLead
        What the leads go to: the cell, or nothing once it was taken away.
    settings : Settings
    buffers : dict of Buffer
    """

    def __init__(self, clock: Clock, spec: TwinSpec, sheet: KeithleySheet) -> None:
        super().__init__()
        self.sheet = sheet
        self._clock = clock
        self._virtual = clock.virtual
        self.cell = make_cell(spec, clock.now)
        self.load: LedgerCell | OpenLead = self.cell
        self.ideal = spec.ideal
        self.errors = Errors(sheet, spec.seed, spec.ideal)
        self.gauss = gaussians(spec.seed).__next__
        self.identity = f"KEITHLEY INSTRUMENTS,MODEL {sheet.model},SIM{spec.seed:05d},1.6.7c"
        self.settings = Settings(sheet)
        self.buffers = {"defbuffer1": Buffer(), "defbuffer2": Buffer()}
        self.unix_at_zero = clock.unix_ns() - round(clock.now * 1e9)
        self._now = clock.now
        self._fast: dict[bytes, Reader] = {}
        self._reader: Reader | None = None
        self._latency = LATENCY_SECOND
        self.trigger = TriggerModel(self)
        install(self)
        self.reconnect()

    # --- the line -----------------------------------------------------------------------------

    def exchange(self, request: bytes) -> bytes:
        """Carry out one or more whole lines and return the reply bytes, if any.

        A message acts half a latency after it was sent, its reply arrives half a latency later.
        """
        clock = self._clock
        fast = self._fast.get(request)
        if fast is not None:
            latency = self._latency
            if self._virtual:
                sent = clock.now
                if clock.next_event > sent + latency:  # type: ignore[attr-defined]
                    reply = fast(sent + 0.5 * latency)
                    clock.now = sent + latency  # type: ignore[misc]
                    return reply
            sent = clock.now
            clock.sleep_until(sent + 0.5 * latency)
            reply = fast(sent + 0.5 * latency)
            clock.sleep_until(sent + latency)
            return reply
        replies = b""
        for line in request.split(b"\n"):
            if line and not line.isspace():
                replies += self._exchange_line(line.rstrip(b"\r"), request)
        return replies

    def _exchange_line(self, line: bytes, request: bytes) -> bytes:
        clock = self._clock
        sent = clock.now
        plan = self.plan(line)
        latency = self._latency if plan.measures else LATENCY_SECOND
        clock.sleep_until(sent + 0.5 * latency)
        self._now = sent + 0.5 * latency
        if self.trigger.running:
            self.trigger.run_to(self._now)
        self._reader = None
        reply = self.execute(line)
        if plan.measures and len(plan.actions) == 1:
            if self._reader is not None and not self.trigger.running and self.settings.count == 1:
                if len(self._fast) > 64:
                    self._fast.clear()
                if request in (line + b"\n", line):
                    self._fast[request] = self._reader
        elif plan.changes:
            self.reconnect()
        if reply:
            clock.sleep_until(sent + latency)
        return reply

    def truth(self) -> Truth:
        """Return the cell's exact integrals at this instant of the clock."""
        self._run_to_now()
        self.cell.advance(self._now)
        return self.cell.truth()

    def surface_temperature_celsius(self) -> float:
        """Return the temperature of the cell's surface at this instant of the clock."""
        self._run_to_now()
        return self.cell.surface_celsius(self._now)

    def set_ambient_celsius(self, celsius: float) -> None:
        """Let the air around the cell have this temperature from this instant of the clock on."""
        self._run_to_now()
        self.cell.set_ambient_celsius(self._now, celsius)

    @property
    def now(self) -> float:
        """Clock second up to which everything was carried out."""
        return self._now

    def _run_to_now(self) -> None:
        """Let what the trigger model samples be sampled until this instant of the clock."""
        self._now = max(self._clock.now, self._now)
        self.trigger.run_to(self._now)

    def no_error(self) -> str:
        """Write an empty queue as the instrument does."""
        return '0,"No error;0,0,0"'

    def error_entry(self, code: int, message: str) -> str:
        """Write an error with its severity and time inside the quotes."""
        nanoseconds = self.unix_at_zero + round(self._now * 1e9)
        whole, fraction = divmod(nanoseconds, 1_000_000_000)
        moment = datetime.fromtimestamp(whole, UTC)
        stamp = f"{moment:%Y/%m/%d %H:%M:%S}.{fraction // 1_000_000:03d}"
        return f'{code},"{message};1;{stamp}"'

    def unix_second(self) -> int:
        """UTC of the instrument's clock."""
        return (self.unix_at_zero + round(self._now * 1e9)) // 1_000_000_000

    def status_byte(self) -> int:
        """Return bit 2 for a waiting error and bit 5 for a waiting event."""
        return (4 if self._queue else 0) | (32 if self.event_status else 0)

    # --- the output ---------------------------------------------------------------------------

    def switch(self, on: bool) -> None:
        """Turn the output on or off."""
        self.settings.output = on
        self.reconnect()

    def choose_function(self, function: str) -> None:
        """Select the source; a change turns the output off."""
        if function != self.settings.function:
            self.settings.output = False
        self.settings.function = function

    def choose_sensing(self, function: str, four_wire: bool) -> None:
        """Select two or four wires; a change turns the output off."""
        sense = self.settings.sense[function]
        if sense.four_wire != four_wire:
            self.settings.output = False
        sense.four_wire = four_wire

    def choose_terminals(self, terminals: str) -> None:
        """Select front or rear; a change turns the output off. The cell is at both."""
        if terminals != self.settings.terminals:
            self.settings.output = False
        self.settings.terminals = terminals

    def limited(self, function: str) -> bool:
        """Whether the limit of a source function holds at this instant."""
        s = self.settings
        if not s.output or s.function != function:
            return False
        self.reconnect()
        self.load.sample(self._now)
        held, stair = self.load.held, self.load.stair
        return held == (function == "CURR") or stair not in (0, 1)

    def sense_range(self, function: str) -> float:
        """Return the range that the meter is on."""
        sense = self.settings.sense[function]
        if not sense.auto or function == "RES":
            return sense.range
        volts, ampere = self.load.sample(self._now)
        ranges = self.settings.sense_ranges(function)
        value = abs(volts if function == "VOLT" else ampere)
        return next((r for r in ranges if value <= 1.05 * r), ranges[-1])

    def reconnect(self) -> None:
        """Let the cell see what the output is now, from this instant on."""
        s = self.settings
        self._fast.clear()
        self.trigger.forget()
        four_wire = s.output and s.sense[s.sense_function].four_wire
        staircase = staircase_of(s, self.errors)
        self.open_leads = staircase is OPEN
        self.lead_ohm = 0.0 if four_wire or self.open_leads else LEAD_OHM
        if self.load is self.cell:
            self.cell.set_source(self._now, staircase, self.lead_ohm)
        else:
            self.cell.set_source(self._now, OPEN)
            self.load = OpenLead(staircase)
        source = s.source[s.function]
        self.aperture = s.sense[s.sense_function].nplc * CYCLE_SECOND
        self.sample_second = self.aperture * (2.0 if source.readback else 1.0)
        self._latency = LATENCY_SECOND + self.sample_second

    def take_cell_away(self) -> None:
        """Break the contact at this instant; `put_cell_back` mends it."""
        self._run_to_now()
        self.load = OpenLead(OPEN)
        self.reconnect()

    def put_cell_back(self) -> None:
        """Mend the contact at this instant."""
        self._run_to_now()
        self.load = self.cell
        self.reconnect()

    # --- readings -----------------------------------------------------------------------------

    def buffer(self, args: list[str], k: int) -> Buffer:
        """Return the buffer that parameter `k` names; the default one where it is missing."""
        name = text(args, k) if len(args) > k else "defbuffer1"
        if name not in self.buffers:
            raise ScpiError(1112, "Parameter 1, reading buffer name is not valid")
        return self.buffers[name]

    def fill_mode(self, args: list[str]) -> str:
        """Return how a buffer fills."""
        return "CONT" if self.buffer(args, 0).round_and_round else "ONCE"

    def read(self, args: list[str]) -> str:
        """Measure as often as SENS:COUN says; return the last reading's elements."""
        if self.trigger.running:
            raise ScpiError(-213, "Init ignored")
        self.reconnect()  # what was set earlier in the same line
        buffer = self.buffer(args, 0)
        read = make_reader(self, buffer, _elements(args, 1))
        reply = read(self._now)
        for _ in range(self.settings.count - 1):
            self._now += self.aperture
            reply = read(self._now)
        if buffer.quick:  # else a reading may be refused
            self._reader = read
        return reply.decode("ascii").rstrip("\n")

    def store_readings(self, buffer: Buffer) -> None:
        """Measure as often as SENS:COUN says, into `buffer`."""
        read = make_reader(self, buffer, ("READ",))
        for _ in range(self.settings.count):
            read(self._now)
            self._now += self.aperture

    def fetch(self, args: list[str]) -> str:
        """Return the newest reading of a buffer."""
        buffer = self.buffer(args, 0)
        if not buffer.entries:
            return ""
        return self._written(buffer, buffer.end, buffer.end, _elements(args, 1))

    def trace_data(self, args: list[str]) -> str:
        """Return elements of readings of a buffer."""
        first = int(number(args, 0, low=1, high=7e6, default=1, count=None))
        last = int(number(args, 1, low=1, high=7e6, default=1, count=None))
        return self._written(self.buffer(args, 2), first, last, _elements(args, 3))

    def _written(self, buffer: Buffer, first: int, last: int, elements: tuple[str, ...]) -> str:
        digits = f"%+.{(self.settings.precision or 7) - 1}E"
        start = buffer.started()
        return ",".join(
            written(entry, element, digits, start)
            for entry in buffer.between(first, last)
            for element in elements
        )


def _elements(args: list[str], k: int) -> tuple[str, ...]:
    words = args[k:]
    if len(words) > 14:
        raise ScpiError(-223, "Too much data")
    return tuple(choice([word], ELEMENTS) for word in words) or ("READ",)
