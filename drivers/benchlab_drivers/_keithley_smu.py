"""What the drivers of the Keithley 2450, 2460 and 2461 have in common (SCPI command set).

The voltage is sourced and the current limit regulates: a charge sets the source to the voltage
where the cell must stop and the limit to the current, so that the instrument itself goes over to
constant voltage there. That state is safe for ever, which matters because none of them has a
watchdog: if the host dies the output stays on as it was.

Order of things, from the reference manuals (2450-901-01, 2461-901-01): the output-off state is kept
for each source function and is *normal* (0 V, which discharges a cell) after a reset; so high
impedance is set first and ``*RST`` is never sent. Changing function or sense wiring with the output
on turns it off. A range of the source and a limit that are beyond the envelope together are
refused, so the limit goes down before the range goes up. Facts come from manuals and public code;
nothing here has been confirmed on hardware yet.
"""

from __future__ import annotations

import math

from benchlab.bench.clock import Clock
from benchlab.bench.roles import (
    ArmLimits,
    Edge,
    Identity,
    Mode,
    OffProof,
    Reading,
    Setpoint,
)
from benchlab.bench.streaming import Drained
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
from benchlab_drivers._keithley_capabilities import (
    LARGEST_RANGE_VOLT,
    LEAST_RANGE_VOLT,
    capabilities_of,
)
from benchlab_drivers._keithley_stream import KeithleyStream
from benchlab_drivers.wire.keithley_sheets import OVERRANGE, KeithleySheet
from benchlab_drivers.wire.scpi_line import ScpiLine
from benchlab_drivers.wire.transport import Transport

__all__ = ["READ", "KeithleySmu", "capabilities_of"]

READ = b':READ? "defbuffer1",SOUR,READ\n'
STILL_OFF = b":OUTP?\n"
OVERFLOW = 9.0e37
REST_RANGE_AMPERE = 1e-6
SAFE_TRIES = 3
NPLC = 1.0
OPEN_FLAG = int(RowFlag.OPEN_CIRCUIT)
OVERRANGE_FLAG = int(RowFlag.OVERRANGE)
SOURCED = frozenset({Mode.CURRENT, Mode.VOLTAGE})
"""Both are a voltage with a limit of the current in either direction."""
_new = tuple.__new__


class KeithleySmu:
    """A `benchlab.bench.roles.Source` for one 2450, 2460 or 2461.

    Parameters
    ----------
    sheet : KeithleySheet
        Which model it must be.
    resource : str
        Named in errors and in the identity.
    serial_number : str, optional
        Refuse any other instrument.
    """

    def __init__(
        self,
        line: Transport,
        clock: Clock,
        sheet: KeithleySheet,
        *,
        resource: str,
        serial_number: str = "",
    ) -> None:
        self.capabilities = capabilities_of(sheet)
        self._sheet = sheet
        self.line = line
        self.resource = resource
        self._clock = clock
        self._serial_number = serial_number
        # what was last set and verified
        self._function = ""
        self._on = False
        self._set_values: tuple[tuple[str, float], ...] = ()
        self._range = math.nan
        self._volt_range = LARGEST_RANGE_VOLT
        self._query = line.query
        self._scpi = ScpiLine(line, clock, resource)
        self._stream = KeithleyStream(line, self._scpi, clock, resource)

    def open(self) -> Identity:
        """Identify, then bring the output to off in high impedance, whatever it was.

        Every setting that a reading depends on is set, because ``*RST`` cannot be sent and the
        last program may have left anything.
        """
        identity = self._identify()
        try:
            # an error that waits is somebody else's, and so is a trigger model that runs
            self._scpi.ask(":ABOR;*CLS;:SYST:CLE;:SYST:ERR:COUN?")
            for function in ("VOLT", "CURR"):
                self._scpi.set(f":OUTP:{function}:SMOD HIMP", f":OUTP:{function}:SMOD?", "HIMP")
            self._scpi.set(":OUTP OFF", ":OUTP?", "0")
            self._function, self._on = "", False
            self._scpi.set(":FORM:DATA ASC", ":FORM:DATA?", "ASC")
            self._scpi.set(":FORM:ASC:PREC 10", ":FORM:ASC:PREC?", "10")
            self._scpi.set(":SENS:COUN 1", ":SENS:COUN?", "1")
            for function, unit in (("VOLT", "VOLT"), ("CURR", "AMP")):
                sense = f":SENS:{function}"
                self._scpi.set(f"{sense}:UNIT {unit}", f"{sense}:UNIT?", unit)
                self._scpi.set(f"{sense}:REL:STAT OFF", f"{sense}:REL:STAT?", "0")
                self._scpi.set(f"{sense}:AVER OFF", f"{sense}:AVER?", "0")
                self._scpi.set(f"{sense}:AZER ON", f"{sense}:AZER?", "1")
                self._scpi.verify(f"{sense}:NPLC {NPLC:g}", (f"{sense}:NPLC?", NPLC))
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

    def recover(self) -> None:
        """Open the line anew and believe it again only if instrument and output are as they were.

        Raises
        ------
        benchlab.errors.LinkError, benchlab.errors.IdentityError
        benchlab.errors.InstrumentRefused
            The output is not as it was set.
        """
        self.line.open()
        self._identify()
        output = self._scpi.ask(":OUTP?")
        if output != str(int(self._on)):
            raise self._scpi.refusal(":OUTP?", str(int(self._on)), output)
        if self._set_values:
            query = ";".join(name for name, _ in self._set_values)
            self._scpi.compare(query, self._scpi.ask(query), self._set_values)

    def _identify(self) -> Identity:
        model = self._sheet.model
        answer = self._scpi.ask("*IDN?")
        parts = [part.strip() for part in answer.split(",")]
        if len(parts) != 4 or "KEITHLEY" not in parts[0].upper() or model not in parts[1]:
            raise IdentityError(
                f"expected a Keithley {model}, found {answer!r}; nothing was sent to it.",
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
        language = self._scpi.ask("*LANG?")
        if language != "SCPI":
            raise IdentityError(
                f"the instrument's command set is {language}, not SCPI.",
                where=self.resource,
                remedy="Choose SCPI in its system settings (it asks for a restart).",
            )
        return Identity(
            parts[0], parts[1].removeprefix("MODEL "), parts[2], parts[3], self.resource
        )

    def look(self, voltage_high_volt: float) -> Reading:
        """Read the cell's voltage as a 0 A source limited to the cell's highest voltage."""
        self._zero_current(voltage_high_volt)
        self._output_on()
        reading = self.read()
        limited = self._scpi.ask(":SOUR:CURR:VLIM:TRIP?") == "1"
        self.apply(Setpoint(Mode.OPEN))
        if limited:
            raise CellCheckError(
                f"no cell: the leads go to {reading.voltage:.3f} V without current."
                " The output was switched off.",
                where=self.resource,
                remedy="Connect the cell and its sense leads, and start again.",
            )
        return reading

    def arm(self, limits: ArmLimits) -> None:
        """Set over-voltage protection and remote sense for both functions, and read them back.

        Currents are limited by each set point, and never beyond what the instrument can carry.
        """
        high = limits.voltage_high_volt
        level = next((p for p in self._sheet.protections if p > high), None)
        ends = [item.full_scale for item in self._sheet.source_voltage]
        reach = next((end for end in ends if max(LEAST_RANGE_VOLT, high) <= end), math.inf)
        if level is None or reach > LARGEST_RANGE_VOLT:
            raise Unsupported(
                f"the limit of {high:g} V is beyond the {self._sheet.model}'s protection"
                f" or its range of {LARGEST_RANGE_VOLT:g} V.",
                where=self.resource,
                remedy="Lower the limit, or use another instrument.",
            )
        self._volt_range = reach
        self._scpi.set(f":SOUR:VOLT:PROT PROT{level}", ":SOUR:VOLT:PROT?", f"PROT{level}")
        for function in ("VOLT", "CURR"):
            self._scpi.set(f":SENS:{function}:RSEN ON", f":SENS:{function}:RSEN?", "1")

    def apply(self, setpoint: Setpoint) -> Edge:
        """Change the output; the edge is the exchange in which the current changed."""
        if self._stream.running:
            self._stream.halt()
        if setpoint.mode in SOURCED and self._on and self._function == "VOLT":
            began = self._drive(setpoint)
            return Edge(*began, *began, self._range)
        ended = self._scpi.exchange(":OUTP OFF;:OUTP?", "0")
        self._on = False
        self._range = math.nan
        if setpoint.mode is Mode.OPEN:
            return Edge(*ended, *ended)
        if setpoint.mode is Mode.ZERO:
            self._zero_current(setpoint.voltage_volt)
        else:
            if self._configure("VOLT", "CURR"):
                self._choose_range()
            self._drive(setpoint)
        return Edge(*ended, *self._output_on(), self._range)

    def _configure(self, function: str, sense: str) -> bool:
        """Choose a source function with the output off, and say whether it was another one."""
        if self._function == function:
            return False
        # the measure function first: choosing it may change the source function
        self._scpi.set(f':SENS:FUNC "{sense}";:SOUR:FUNC {function}', ":SOUR:FUNC?", function)
        self._scpi.refuse_other(":SENS:FUNC?", f'"{sense}:DC"')
        self._scpi.set(f":SOUR:{function}:READ:BACK ON", f":SOUR:{function}:READ:BACK?", "1")
        self._scpi.set(f":OUTP:{function}:SMOD HIMP", f":OUTP:{function}:SMOD?", "HIMP")
        self._function = function
        return True

    def _choose_range(self) -> None:
        """Take the source's range, at 0 V and with a limit that is allowed on every range."""
        least = min(ampere for _, ampere in self._sheet.envelope)
        self._scpi.verify(
            f":SENS:CURR:RANG:AUTO ON;:SOUR:VOLT:ILIM {least:g};:SOUR:VOLT 0"
            f";:SOUR:VOLT:RANG {self._volt_range:g}",
            (":SOUR:VOLT:RANG?", self._volt_range),
        )

    def _zero_current(self, voltage_volt: float) -> None:
        self._configure("CURR", "VOLT")
        self._set_values = (
            (":SOUR:CURR?", 0.0),
            (":SOUR:CURR:VLIM?", voltage_volt),
            (":SOUR:CURR:RANG?", REST_RANGE_AMPERE),
            (":SOUR:CURR:RANG:AUTO?", 0.0),
            (":SENS:VOLT:RANG?", self._volt_range),
        )
        self._scpi.verify(
            f":SENS:VOLT:RANG {self._volt_range:g};:SOUR:CURR 0"
            f";:SOUR:CURR:RANG {REST_RANGE_AMPERE:g};:SOUR:CURR:VLIM {voltage_volt:.6g}",
            *self._set_values,
        )
        self._range = REST_RANGE_AMPERE

    def _drive(self, setpoint: Setpoint) -> tuple[float, float]:
        """Set limit, range and voltage in one line; a range is never below the limit."""
        ampere = abs(setpoint.current_ampere)
        most = self._sheet.ampere_at(self._volt_range)
        ranges = [item.full_scale for item in self._sheet.measure_current]
        chosen = next((full for full in ranges if ampere <= full * OVERRANGE), None)
        if chosen is None or ampere > most:
            raise Unsupported(
                f"{ampere:g} A is beyond the {self._sheet.model}: it carries {most:g} A on its"
                f" range of {self._volt_range:g} V.",
                where=self.resource,
                remedy="Lower the current, or use a larger instrument.",
            )
        limit, reach = f":SOUR:VOLT:ILIM {ampere:.9g}", f":SENS:CURR:RANG {chosen:g}"
        rising = not chosen < self._range
        order = f"{reach};{limit}" if rising else f"{limit};{reach}"
        self._set_values = (
            (":SOUR:VOLT:ILIM?", ampere),
            (":SENS:CURR:RANG?", chosen),
            (":SOUR:VOLT?", setpoint.voltage_volt),
        )
        edge = self._scpi.verify(
            f"{order};:SOUR:VOLT {setpoint.voltage_volt:.9g}", *self._set_values
        )
        self._range = chosen
        return edge

    def _output_on(self) -> tuple[float, float]:
        edge = self._scpi.exchange(":OUTP ON;:OUTP?", "1")
        self._on = True
        return edge

    def read(self) -> Reading:
        """Measure voltage and current in one query; with the output open only prove it is open."""
        if not self._on:
            return self._still_open()
        clock = self._clock
        requested = clock.now
        answer = self._query(READ)
        replied = clock.now
        try:
            left, _, right = answer.partition(b",")
            source, measured = float(left), float(right)
        except ValueError:
            raise GarbledAnswer(READ, answer, where=self.resource) from None
        flags = 0
        if not (-OVERFLOW < source < OVERFLOW and -OVERFLOW < measured < OVERFLOW):
            flags = OVERRANGE_FLAG
            source = measured = math.nan
        if self._function != "VOLT":
            source, measured = measured, source
        middle = (requested + replied) / 2.0
        # the same as Reading(...) in a third of the time: this line runs for every sample
        return _new(Reading, (middle, source, measured, math.nan, flags, requested, replied))

    def set_sampling(self, period_second: float | None) -> None:
        """Set meter and trigger model for a stream; None: for single readings."""
        self._stream.set_sampling(period_second, NPLC)

    def stream(self) -> None:
        """Begin to sample into the buffer; `read` is refused until the stream has ended."""
        self._stream.start(voltage_first=self._function == "VOLT")

    def drain(self) -> Drained:
        """Take the next samples out of the buffer."""
        return self._stream.drain()

    def _still_open(self) -> Reading:
        requested = self._clock.now
        answer = self._query(STILL_OFF)
        replied = self._clock.now
        if answer.strip() != b"0":
            raise InstrumentRefused(
                f"the output should be off but reads back {answer!r}.",
                where=self.resource,
                remedy="Somebody may have used its front panel; look at the instrument.",
            )
        middle = (requested + replied) / 2.0
        return Reading(middle, math.nan, 0.0, math.nan, OPEN_FLAG, requested, replied)

    def safe(self) -> OffProof:
        """Switch off, and prove it by reading back the output and its open relay."""
        problems: list[str] = []
        self._stream.running = False
        for attempt in range(SAFE_TRIES):
            try:
                if attempt:
                    self.line.open()
                    self._identify()
                for function in ("VOLT", "CURR"):
                    self._scpi.ask(f":OUTP:{function}:SMOD HIMP;:OUTP:{function}:SMOD?")
                # whoever left a trigger model running: it must not stand in the way
                answer = self._scpi.ask(":ABOR;:OUTP OFF;:OUTP?")
                modes = {self._scpi.ask(f":OUTP:{f}:SMOD?") for f in ("VOLT", "CURR")}
                if answer == "0" and modes == {"HIMP"}:
                    self._on = False
                    return OffProof(
                        True, "OUTP? reads 0 with the relay open (HIMP)", tuple(problems)
                    )
                problems.append(f"OUTP? reads {answer!r}, off state {sorted(modes)}")
            except (BenchError, OSError) as error:
                problems.append(str(error))
        return OffProof(False, "no answer proved the output off", tuple(problems))

    def close(self) -> None:
        """Release the line."""
        self.line.close()
