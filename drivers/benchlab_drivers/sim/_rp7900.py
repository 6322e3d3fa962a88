"""A simulated RP7900 with a cell at its terminals: output, meter, protections, watchdog.

It has no disconnect relay. In current priority nothing but the voltage limit bounds the voltage,
and a cell that stands above it is discharged by whatever current that takes, up to the built-in
trip: the manual's warning, and the reason why a driver looks before it charges. A line that holds
an unknown header is thrown away as a whole, without an answer.

Nothing here was compared with an RP7900; what the settings and commands say of an N6974A was seen
by others. Unconfirmed: 0.5 ms an exchange (0.4 ms on the N6974A), the turn-on of 14 ms (the upper
bound of the manual), 1 mA that flows out of the cell while the output is off, the built-in trip at
110 % of the rating, that MEAS finds what SENS:FUNC has switched off, that overcurrent protection
does nothing in current priority, one error queue for all connections.
"""

from __future__ import annotations

import math
from copy import copy
from typing import TYPE_CHECKING

from benchlab_drivers.cells import make_cell
from benchlab_drivers.cells.sources import OPEN, OpenLead, Staircase
from benchlab_drivers.sim._errors import Drawing, gaussians
from benchlab_drivers.sim._rp7900_commands import install
from benchlab_drivers.sim._rp7900_settings import Settings
from benchlab_drivers.sim.scpi import UNDEFINED, ScpiError, ScpiInstrument
from benchlab_drivers.wire.rp7900_models import MODELS

if TYPE_CHECKING:
    from benchlab.bench.clock import Clock
    from benchlab.bench.twin import Truth, TwinSpec
    from benchlab_drivers.cells.ledger import LedgerCell

__all__ = ["SimulatedRp7900"]

LATENCY_SECOND = 0.5e-3
CYCLE_SECOND = 0.02
TURN_ON_SECOND = 0.014
TRIP_OF_RATING = 1.1
NEAR_VOLT = 0.3
"""Nearer than this to a protection its time is found to `NEAR_SECOND`."""
NEAR_SECOND, FAR_SECOND = 0.25, 10.0
CV, CC, OFF = 1, 2, 4
OV, OC, LIM_POSITIVE, LIM_NEGATIVE, PROT = 1, 2, 128, 256, 2048
UV = 64
TEXTS = {-222: "Data out of range", -113: "Undefined header", -104: "Data type error"}


class SimulatedRp7900(ScpiInstrument):
    """The instrument and its cell.

    Attributes
    ----------
    cell : benchlab_drivers.cells.ledger.LedgerCell
    load : LedgerCell or OpenLead
        What the leads go to: the cell, or nothing once it was taken away.
    settings, shown : Settings
        As set, and as the line under way answers for levels and limits: as before it.
    tripped, tripped_2 : int
        Latched bits of the two questionable registers.
    """

    def __init__(self, clock: Clock, spec: TwinSpec, name: str) -> None:
        super().__init__()
        self.model = model = MODELS[name]
        self.identity = f"Keysight Technologies,{name},SIM{spec.seed:05d},B.03.02.1232"
        self._clock = clock
        self.cell = make_cell(spec, clock.now)
        self.load: LedgerCell | OpenLead = self.cell
        draw = Drawing([spec.seed, 7900], ideal=spec.ideal)
        volt, ampere = model.voltage, model.current
        self._read_volt, self._read_ampere = (
            *draw.ranges([volt], [model.volt_step], [model.volt_noise]),
            *draw.ranges([ampere], [model.ampere_step], [model.ampere_noise]),
        )
        self._source_volt, self._source_ampere = (
            *draw.ranges([volt], [model.volt_step], [0.0]),
            *draw.ranges([ampere], [model.ampere_step], [0.0]),
        )
        self._leak = 0.0 if spec.ideal else model.leak_ampere
        self._gauss = gaussians(spec.seed).__next__
        self.settings = Settings(model)
        self.shown = copy(self.settings)
        self.tripped = self.tripped_2 = 0
        self._acquired: dict[str, float] = {}
        self._asked = ""
        self._now = self._heard = clock.now
        self._on_at = math.inf
        self._driving = False
        self._near = True
        self._under_since = math.inf
        self._limited_since = math.inf
        install(self)
        self.reconnect()

    # --- the line -----------------------------------------------------------------------------

    def exchange(self, request: bytes) -> bytes:
        """Carry out one or more whole lines and return the reply bytes, if any.

        A message acts half a latency after it was sent, its reply arrives half a latency later.
        """
        replies = b""
        for line in request.split(b"\n"):
            if line and not line.isspace():
                replies += self._exchange_line(line.rstrip(b"\r"))
        return replies

    def _exchange_line(self, line: bytes) -> bytes:
        clock = self._clock
        sent = clock.now
        plan = self.plan(line)
        aperture = self.settings.nplc * CYCLE_SECOND if plan.measures else 0.0
        # an acquisition is looked at in its middle
        act = sent + 0.5 * (LATENCY_SECOND + aperture)
        clock.sleep_until(act)
        self._run_to(act)
        self._heard = act
        if plan.unknown:
            self.refuse(UNDEFINED)
            return b""
        reply = self.execute(line)
        if plan.changes:
            self.shown = copy(self.settings)
            self.reconnect()
        if reply:
            clock.sleep_until(sent + LATENCY_SECOND + aperture)
        return reply

    def truth(self) -> Truth:
        """Return the cell's exact integrals at this instant of the clock."""
        self._run_to(max(self._clock.now, self._now))
        self.cell.advance(self._now)
        return self.cell.truth()

    def surface_temperature_celsius(self) -> float:
        """Return the temperature of the cell's surface at this instant of the clock."""
        self._run_to(max(self._clock.now, self._now))
        return self.cell.surface_celsius(self._now)

    def set_ambient_celsius(self, celsius: float) -> None:
        """Let the air around the cell have this temperature from this instant of the clock on."""
        self._run_to(max(self._clock.now, self._now))
        self.cell.set_ambient_celsius(self._now, celsius)

    def no_error(self) -> str:
        """Write an empty queue as the instrument does."""
        return '+0,"No error"'

    def error_entry(self, code: int, message: str) -> str:
        """Write an error with its sign."""
        return f'{code:+d},"{TEXTS.get(code, message)}"'

    # --- the output ---------------------------------------------------------------------------

    def reconnect(self) -> None:
        """Let the cell see what the output is now; turning on takes a while."""
        wanted = self.settings.output and not self.tripped and not self.tripped_2
        if not wanted:
            self._driving, self._on_at = False, math.inf
        elif not self._driving and self._on_at == math.inf:
            self._on_at = self._now + TURN_ON_SECOND + self.settings.delay_rise
        self._connect()

    def _connect(self) -> None:
        staircase = self._on() if self._driving else self._off()
        if self.load is self.cell:
            self.cell.set_source(self._now, staircase)
        else:
            self.cell.set_source(self._now, OPEN)
            self.load = OpenLead(staircase)
        self._near = True
        self._under_since = self._limited_since = math.inf

    def _off(self) -> Staircase:
        return ((0.0, -self._leak), (0.0,)) if self._leak else OPEN

    def _on(self) -> Staircase:
        s = self.settings
        if s.function == "VOLT":
            volts = self._source_volt.apply(s.volt)
            most = self._source_ampere.apply(s.ampere_limit)
            least = self._source_ampere.apply(s.ampere_limit_negative)
            return (max(most, least + 1e-9), least), (volts,)
        ampere, limit = self._source_ampere.apply(s.ampere), self._source_volt.apply(s.volt_limit)
        trip = -TRIP_OF_RATING * self.model.ampere
        if ampere < 0.0 < limit:
            # it takes current out of a cell down to 0 V, never below
            return (0.0, ampere, trip), (0.0, limit)
        return (ampere, trip), (limit,)

    def take_cell_away(self) -> None:
        """Break the contact at this instant; `put_cell_back` mends it."""
        self._run_to(self._clock.now)
        self.load = OpenLead(OPEN)
        self._connect()

    def put_cell_back(self) -> None:
        """Mend the contact at this instant."""
        self._run_to(self._clock.now)
        self.load = self.cell
        self._connect()

    # --- what happens while nobody asks -------------------------------------------------------

    def _run_to(self, now: float) -> None:
        """Let time pass: output, protections and watchdog act when they are due."""
        while self._now < now:
            s = self.settings
            step = self._now + (NEAR_SECOND if self._near else FAR_SECOND)
            bell = self._heard + s.watchdog_delay if s.watchdog else math.inf
            under = self._under_since + s.under_volt_delay
            limited = self._limited_since + s.over_current_delay
            due = [t for t in (self._on_at, bell, under, limited) if t > self._now]
            self._now = min([now, step, *due])
            if self._now >= self._on_at:
                self._on_at, self._driving = math.inf, True
                self._connect()
            if self._now >= bell and not self.tripped & PROT:
                self._trip(PROT)
            if self._driving:
                self._protect()

    def _protect(self) -> None:
        s, now = self.settings, self._now
        volt, ampere = self.load.sample(now)
        gap = s.over_volt - volt
        if s.under_volt_on:
            gap = min(gap, volt - s.under_volt)
        self._near = gap < NEAR_VOLT
        below = s.under_volt_on and volt < s.under_volt
        self._under_since = min(self._under_since, now) if below else math.inf
        limited = s.over_current_on and s.function == "VOLT" and not self.load.held
        self._limited_since = min(self._limited_since, now) if limited else math.inf
        if volt > s.over_volt:
            self._trip(OV)
        elif abs(ampere) > 0.999 * TRIP_OF_RATING * self.model.ampere:
            self._trip(OC)
        elif now >= self._under_since + s.under_volt_delay:
            self._trip(0, UV)
        elif now >= self._limited_since + s.over_current_delay:
            self._trip(OC)

    def _trip(self, bit: int, bit_2: int = 0) -> None:
        self.tripped |= bit
        self.tripped_2 |= bit_2
        self.reconnect()

    def expire_watchdog(self) -> None:
        """Trip as if nobody had said anything for too long."""
        self._run_to(self._clock.now)
        self._trip(PROT)

    def clear_protection(self) -> None:
        """Forget what tripped; an output that is still programmed on comes on again."""
        self.tripped = self.tripped_2 = 0

    def operation(self) -> int:
        """Return the condition of the operation register."""
        if not self.settings.output:
            return OFF
        if not self._driving:
            return 0
        self.load.sample(self._now)
        if self.settings.function == "VOLT":
            return CV if self.load.held else 0
        return 0 if self.load.held else CC

    def questionable(self) -> int:
        """Return the condition of the first questionable register."""
        if not self._driving:
            return self.tripped
        _, ampere = self.load.sample(self._now)
        held = self.load.held
        if self.settings.function == "CURR":
            return self.tripped | (LIM_POSITIVE if held else 0)
        limit = LIM_POSITIVE if ampere > 0.0 else LIM_NEGATIVE
        return self.tripped | (0 if held else limit)

    # --- readings -----------------------------------------------------------------------------

    def acquire(self, name: str) -> None:
        """Measure over one aperture: what is asked for, and what is switched on beside."""
        volt, ampere = self.load.sample(self._now)
        volt = self._read_volt.apply(volt + self._read_volt.scatter * self._gauss())
        ampere = self._read_ampere.apply(ampere + self._read_ampere.scatter * self._gauss())
        self._acquired = {"volt": volt, "ampere": ampere, "watt": volt * ampere}
        self._asked = name

    def acquired(self, name: str) -> float:
        """Return a value of the last acquisition.

        Raises
        ------
        ScpiError
            -230 where there is none, or that was not to be measured.
        """
        s = self.settings
        missing = (name != "ampere" and not s.measure_volt) or (
            name != "volt" and not s.measure_ampere
        )
        if (missing and name != self._asked) or not self._acquired:
            raise ScpiError(-230, "Data corrupt or stale")
        return self._acquired[name]
