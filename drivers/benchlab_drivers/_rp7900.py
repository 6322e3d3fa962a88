"""The driver of the Keysight RP7900 series; what it does and why is told in `keysight_rp7900`."""

from __future__ import annotations

import math
from collections.abc import Iterable

from benchlab.bench.clock import Clock
from benchlab.bench.roles import (
    ArmLimits,
    Capabilities,
    Edge,
    Identity,
    Mode,
    OffProof,
    Reading,
    Setpoint,
)
from benchlab.errors import (
    BenchError,
    CellCheckError,
    GarbledAnswer,
    IdentityError,
    InstrumentRefused,
    OutputNotProvenOff,
    Unsupported,
)
from benchlab.model.flags import RowFlag
from benchlab_drivers.wire.rp7900_models import DEFAULT_MODEL, MODELS, OVERRANGE, Rp7900Model
from benchlab_drivers.wire.rp7900_status import trips_in
from benchlab_drivers.wire.scpi_line import ScpiLine
from benchlab_drivers.wire.transport import Transport

__all__ = ["READ", "KeysightRp7900", "capabilities_of"]

READ = b"MEAS:VOLT?;:FETC:CURR?;:OUTP?;:STAT:QUES:COND?;:STAT:QUES2:COND?\n"
OVERFLOW = 9.0e37
WATCHDOG_SECOND = 15
UNDER_VOLT_DELAY_SECOND = 2.0
OVER_VOLT_ABOVE = 0.1
"""Overvoltage protection lies this far above the highest voltage allowed."""
OVER_CURRENT_DELAY_SECOND = 0.1
TURN_ON_SECOND = 0.014
SAFE_TRIES = 3
NPLC = 1.0
OPEN_FLAG = int(RowFlag.OPEN_CIRCUIT)
OVERRANGE_FLAG = int(RowFlag.OVERRANGE)
Values = tuple[tuple[str, float, float], ...]
"""Query, what it must answer, and how near."""


def capabilities_of(model: Rp7900Model) -> Capabilities:
    """Return what is true of a model."""
    return Capabilities(
        voltage_volt=(-0.1, model.volt),  # a cell at 0 V may read a little less
        current_ampere=(-model.ampere, model.ampere),
        power_watt=model.watt,
        modes=frozenset(Mode) - {Mode.VOLTAGE},
        hardware_cccv=True,
        four_wire=True,
        measures_when_off=True,
        watchdog_second=float(WATCHDOG_SECOND),
        fastest_period_second=0.05,
        stop_bound_second=1.0,
        off_leaves="its output stage on the cell (no relay)",
        off_leak_ampere=model.leak_ampere,
        host_dies=f"the current flows on for at most {WATCHDOG_SECOND} s, up to the voltage limit;"
        " then its watchdog switches the output off",
        voltage_margin_volt=0.020,
        holds_discharging=False,
        arms=(
            ("high voltage", f"its voltage limit, and a protection {OVER_VOLT_ABOVE:g} V above"),
            ("low voltage", f"a protection after {UNDER_VOLT_DELAY_SECOND:g} s, never below 0 V"),
            ("charge current", "each set point"),
            ("discharge current", "each set point"),
        ),
        current_ranges=(model.current,),
        voltage_ranges=(model.voltage,),
    )


class KeysightRp7900:
    """A `benchlab.bench.roles.Source` for one RP7900; which model, it says itself.

    Parameters
    ----------
    resource : str
        Named in errors and in the identity.
    serial_number : str, optional
        Refuse any other instrument.
    """

    def __init__(
        self, line: Transport, clock: Clock, *, resource: str, serial_number: str = ""
    ) -> None:
        self.capabilities = capabilities_of(MODELS[DEFAULT_MODEL])
        self.line = line
        self.resource = resource
        self._clock = clock
        self._serial_number = serial_number
        self._model = MODELS[DEFAULT_MODEL]
        self._limits = ArmLimits(0.0, 0.0, 0.0, 0.0)
        # what was last set and verified
        self._on = False
        self._values: Values = ()
        self._query = line.query
        self._scpi = ScpiLine(line, clock, resource)

    def open(self) -> Identity:
        """Identify, switch off, and set whatever a reading or an edge depends on."""
        identity = self._identify()
        try:
            # an error that waits is somebody else's
            self._scpi.ask("*CLS;SYST:ERR?")
            self._switch_off()
            self._scpi.command("OUTP:PROT:CLE")  # the output is off: nothing comes on again
            self._refuse_trips(self._trips())
            self._scpi.put("FUNC CURR", "FUNC?", "CURR")
            self._put((("CURR", 0.0, self._model.ampere_step),))
            for header, word in (("CURR:MODE", "FIX"), ("FORM", "ASC"), ("CURR:SLEW:MAX", "1")):
                self._scpi.put(f"{header} {word}", f"{header}?", word)
            for header in ("SENS:FUNC:VOLT", "SENS:FUNC:CURR"):
                self._scpi.put(f"{header} 1", f"{header}?", "1")
            for header, value in (
                ("SENS:SWE:NPLC", NPLC),
                ("OUTP:DEL:RISE", 0.0),
                ("OUTP:DEL:FALL", 0.0),
            ):
                self._put(((header, value, 1e-6),))
        except BenchError as error:
            proof = self.safe()
            if not proof.proven:
                raise OutputNotProvenOff(
                    f"{error.what} And the output could not be proven off"
                    f" ({'; '.join(proof.problems)}).",
                    where=self.resource,
                    remedy="Switch the instrument off by hand now.",
                ) from error
            raise
        return identity

    def _identify(self) -> Identity:
        answer = self._scpi.ask("*IDN?")
        parts = [part.strip() for part in answer.split(",")]
        if len(parts) != 4 or "KEYSIGHT" not in parts[0].upper() or parts[1] not in MODELS:
            raise IdentityError(
                f"expected a Keysight {', '.join(MODELS)}, found {answer!r};"
                " nothing was sent to it.",
                where=self.resource,
                remedy="Check the address, or choose the driver for that instrument.",
            )
        if self._serial_number and parts[2] != self._serial_number:
            raise IdentityError(
                f"expected serial number {self._serial_number}, found {parts[2]}.",
                where=self.resource,
                remedy="Check which instrument is wired to this channel.",
            )
        self._serial_number = parts[2]
        self._model = MODELS[parts[1]]
        self.capabilities = capabilities_of(self._model)
        return Identity(parts[0], parts[1], parts[2], parts[3], self.resource)

    def look(self, voltage_high_volt: float) -> Reading:
        """Read the cell's voltage with the output off: its meter sees the cell all the time."""
        if self._on:
            self.apply(Setpoint(Mode.OPEN))
        return self.read()

    def arm(self, limits: ArmLimits) -> None:
        """Set watchdog, over- and undervoltage and overcurrent protection, and read them back.

        Currents are limited by each set point, and never beyond what the instrument can carry.
        """
        high = limits.voltage_high_volt
        if high + OVER_VOLT_ABOVE > OVERRANGE * self._model.volt:
            raise Unsupported(
                f"the limit of {high:g} V is beyond an instrument of {self._model.volt:g} V.",
                where=self.resource,
                remedy="Lower the limit, or use another instrument.",
            )
        self._limits = limits
        self._put((("OUTP:PROT:WDOG:DEL", WATCHDOG_SECOND, 0.0),))
        self._scpi.put("OUTP:PROT:WDOG 1", "OUTP:PROT:WDOG?", "1")
        near = self._model.volt_step
        self._put((("VOLT:PROT", high + OVER_VOLT_ABOVE, near),))
        self._put((("VOLT:PROT:LOW:DEL", UNDER_VOLT_DELAY_SECOND, 1e-3),))
        self._put((("VOLT:PROT:LOW", max(limits.voltage_low_volt, 0.0), near),))
        self._scpi.put("VOLT:PROT:LOW:STAT 1", "VOLT:PROT:LOW:STAT?", "1")
        self._put((("CURR:PROT:DEL", OVER_CURRENT_DELAY_SECOND, 1e-3),))
        self._scpi.put("CURR:PROT:STAT 1", "CURR:PROT:STAT?", "1")
        self._put((("VOLT:LIM", high, near),))

    def apply(self, setpoint: Setpoint) -> Edge:
        """Change the output; the edge is the exchange in which the current changed."""
        if setpoint.mode is Mode.OPEN:
            ended = self._switch_off()
            return Edge(*ended, *ended)
        ampere = setpoint.current_ampere if setpoint.mode is Mode.CURRENT else 0.0
        self._check_reach(ampere)
        high = setpoint.voltage_volt if ampere >= 0.0 else self._limits.voltage_high_volt
        before = self.read()
        if not before.voltage <= high + self.capabilities.voltage_margin_volt:
            raise CellCheckError(
                f"the cell stands at {before.voltage:.4f} V, above the voltage limit of {high:g} V:"
                " the instrument would take any current out of it. Nothing was changed.",
                where=self.resource,
                remedy="Discharge the cell first, or charge it to a higher voltage.",
            )
        if self._on:
            began = self._drive(ampere, high, setpoint.voltage_volt)
            self._refuse_runaway(ampere)
            return Edge(*began, *began, self._model.ampere)
        self._clear_watchdog()
        self._drive(ampere, high, setpoint.voltage_volt)
        middle, half = self._scpi.put("OUTP 1", "OUTP?", "1")
        self._on = True
        self._measured("MEAS:CURR?")  # the output is still turning on
        self._refuse_runaway(ampere)
        late = TURN_ON_SECOND / 2.0
        began = middle + late, half + late
        return Edge(*began, *began, self._model.ampere)

    def _check_reach(self, ampere: float) -> None:
        if abs(ampere) > self._model.ampere:
            raise Unsupported(
                f"{ampere:g} A is beyond an instrument of {self._model.ampere:g} A.",
                where=self.resource,
                remedy="Lower the current, or use a larger instrument.",
            )

    def _drive(self, ampere: float, high: float, bound: float) -> tuple[float, float]:
        """Set current, voltage limit and undervoltage protection; the safer one comes first."""
        lowest = max(self._limits.voltage_low_volt, 0.0)
        low = max(bound, lowest) if ampere < 0.0 else lowest
        volt, near = self._model.volt_step, self._model.ampere_step
        values = [("CURR", ampere, near), ("VOLT:LIM", high, volt), ("VOLT:PROT:LOW", low, volt)]
        if ampere >= 0.0:
            values.reverse()
        return self._put(tuple(values), keep=True)

    def _switch_off(self) -> tuple[float, float]:
        """Switch off and prove it; return the exchange in which it happened."""
        edge = self._scpi.put("OUTP 0", "OUTP?", "0")
        self._on = False
        self._values = ()
        self._off_current(self._measured("MEAS:CURR?"))
        return edge

    def _off_current(self, ampere: float) -> None:
        """Refuse to believe in an output that is off while a current flows."""
        least = self.off_ampere
        if not abs(ampere) <= least:
            raise InstrumentRefused(
                f"its output reads back off while {ampere:g} A flow (more than {least:g} A).",
                where=self.resource,
                remedy="Disconnect the cell by hand, and have the instrument checked.",
            )

    @property
    def off_ampere(self) -> float:
        """Largest current that may be the meter's error, and nothing that flows."""
        return 2.0 * self._model.current.offset

    def _refuse_runaway(self, ampere: float) -> None:
        """Switch off at once where a current flows that was not asked for."""
        flowing = self._measured("MEAS:CURR?")
        slack = 2.0 * self._model.current.offset + 0.01 * abs(ampere)
        if min(ampere, 0.0) - slack <= flowing <= max(ampere, 0.0) + slack:
            return
        proof = self.safe()
        word = "was switched off" if proof.proven else "could NOT be proven off"
        leaf = InstrumentRefused if proof.proven else OutputNotProvenOff
        raise leaf(
            f"{flowing:g} A flow where {ampere:g} A were set; the output {word}.",
            where=self.resource,
            remedy="Check polarity, sense leads and the voltage limit.",
        )

    def _measured(self, query: str) -> float:
        answer = self._scpi.ask(query)
        try:
            return float(answer)
        except ValueError:
            raise GarbledAnswer(query.encode(), answer.encode(), where=self.resource) from None

    def _put(self, values: Values, *, keep: bool = False) -> tuple[float, float]:
        """Send values in one line and read them back in the next."""
        line = ";:".join(f"{header} {value:.9g}" for header, value, _ in values)
        edge = self._scpi.command(line)
        queries = tuple((f"{header}?", value, near) for header, value, near in values)
        self._scpi.read_back(queries)
        if keep:
            self._values = queries
        return edge

    # --- trips --------------------------------------------------------------------------------

    def _trips(self) -> list[str]:
        answer = self._scpi.ask("STAT:QUES:COND?;:STAT:QUES2:COND?")
        try:
            first, second = (int(part) for part in answer.split(";"))
        except ValueError:
            raise GarbledAnswer(b"STAT:QUES:COND?", answer.encode(), where=self.resource) from None
        return trips_in(first, second)

    def _clear_watchdog(self) -> None:
        """Forget an expiry of the watchdog while the output was off; refuse any other trip."""
        trips = self._trips()
        if trips == ["watchdog"]:
            self._scpi.command("OUTP:PROT:CLE")
            trips = self._trips()
        self._refuse_trips(trips)

    def _refuse_trips(self, trips: Iterable[str]) -> None:
        names = ", ".join(trips)
        if names:
            raise InstrumentRefused(
                f"its protection switched the output off: {names}.",
                where=self.resource,
                remedy="Find the cause; opening the channel anew clears it.",
            )

    # --- readings -----------------------------------------------------------------------------

    def read(self) -> Reading:
        """Measure voltage and current in one acquisition; ask for output and trips beside."""
        clock = self._clock
        requested = clock.now
        answer = self._query(READ)
        replied = clock.now
        try:
            volt, ampere, output, first, second = answer.split(b";")
            voltage, current = float(volt), float(ampere)
            trips = trips_in(int(first), int(second))
        except ValueError:
            raise GarbledAnswer(READ, answer, where=self.resource) from None
        flags = 0
        if not (-OVERFLOW < voltage < OVERFLOW and -OVERFLOW < current < OVERFLOW):
            flags = OVERRANGE_FLAG
            voltage = current = math.nan
        if self._on:
            self._refuse_trips(trips)
            expected = b"1"
        else:
            flags |= OPEN_FLAG
            expected = b"0"
        if output != expected:
            raise InstrumentRefused(
                f"the output should read {expected!r} but reads back {output!r}.",
                where=self.resource,
                remedy="Somebody may have used its front panel; look at the instrument.",
            )
        if not self._on and current == current:
            self._off_current(current)
        middle = (requested + replied) / 2.0
        return Reading(middle, voltage, current, math.nan, flags, requested, replied)

    def recover(self) -> None:
        """Open the line anew and believe it again only if instrument and output are as they were.

        Raises
        ------
        benchlab.errors.LinkError, benchlab.errors.IdentityError
        benchlab.errors.InstrumentRefused
            The output is not as it was set, or tripped.
        """
        self.line.open()
        self._identify()
        output = self._scpi.ask("OUTP?")
        if output != str(int(self._on)):
            raise self._scpi.refusal("OUTP?", str(int(self._on)), output)
        if self._on:
            self._refuse_trips(self._trips())
            self._scpi.read_back(self._values)

    def safe(self) -> OffProof:
        """Switch off, and prove it by reading back the output and measuring that nothing flows."""
        problems: list[str] = []
        for attempt in range(SAFE_TRIES):
            try:
                if attempt:
                    self.line.open()
                    self._identify()
                self._scpi.ask("CURR 0;:OUTP 0;:SYST:ERR?")
                output = self._scpi.ask("OUTP?")
                ampere = self._measured("MEAS:CURR?")
                if output == "0" and abs(ampere) <= self.off_ampere:
                    self._on = False
                    self._values = ()
                    return OffProof(True, f"OUTP? reads 0 and {ampere:g} A flow", tuple(problems))
                problems.append(f"OUTP? reads {output!r}, {ampere:g} A flow")
            except (BenchError, OSError) as error:
                problems.append(str(error))
        return OffProof(False, "no answer proved the output off", tuple(problems))

    def close(self) -> None:
        """Release the line; the watchdog stays armed, and then finds the output off."""
        self.line.close()
