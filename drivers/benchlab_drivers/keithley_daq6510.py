"""Keithley DAQ6510 data logger: thermocouples on a scanner card, SCPI command set.

Each reading is one scan of its own, so relays move only while somebody reads. Open-thermocouple
detection is on and verified: without it a lost thermocouple reads a plausible temperature. Facts
come from the reference manual DAQ6510-901-01 and the vendor's public examples; nothing here has
been confirmed on hardware yet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchlab.bench.clock import Clock
from benchlab.bench.roles import Identity
from benchlab.bench.surroundings import Sensed, Sensor, SensorCapabilities
from benchlab.bench.twin import Surrounded
from benchlab.errors import GarbledAnswer, IdentityError, InstrumentRefused, UsageError
from benchlab_drivers.wire.scpi_line import ScpiLine
from benchlab_drivers.wire.transport import DirectTransport, Transport, open_transport
from benchlab_drivers.wire.who import scpi

__all__ = ["CAPABILITIES", "WHO", "KeithleyDaq6510", "connect", "simulate_beside"]

OVERFLOW = 9.0e37
NPLC = 1.0
COLUMNS = (
    "surface_temperature_celsius",
    "temperature_t1_celsius",
    "temperature_t2_celsius",
)

WHO = scpi("KEITHLEY", "DAQ6510")
CAPABILITIES = SensorCapabilities(
    channels=COLUMNS,
    accuracy="1.0 K (type K, card's junction)",
    fastest_period_second=1.0,
)


class KeithleyDaq6510:
    """A `benchlab.bench.surroundings.Sensor` for one DAQ6510.

    Parameters
    ----------
    resource : str
        Named in errors and in the identity.
    thermocouples : sequence of int
        Channels of the scanner card (101 is the first of slot 1): on the surface, T1, T2.
    thermocouple_type : str
        One letter: K, J, T, E, N, R, S or B.
    junction_celsius : float, optional
        The reference junction's temperature, for cards that do not measure it themselves.

    Raises
    ------
    benchlab.errors.UsageError
        More thermocouples than there are columns, or none, or one twice.
    """

    def __init__(
        self,
        line: Transport,
        clock: Clock,
        *,
        resource: str,
        thermocouples: Sequence[int] = (101, 102, 103),
        thermocouple_type: str = "K",
        junction_celsius: float | None = None,
    ) -> None:
        if not 0 < len(thermocouples) == len(set(thermocouples)) <= len(COLUMNS):
            raise UsageError(
                f"found the thermocouples {list(thermocouples)}.",
                where=resource,
                remedy=f"Name 1 to {len(COLUMNS)} different channels of the card.",
            )
        self.channels = COLUMNS[: len(thermocouples)]
        self.fastest_period_second = CAPABILITIES.fastest_period_second
        self.line = line
        self.resource = resource
        self._clock = clock
        self._serial_number = ""
        self._scpi = ScpiLine(line, clock, resource)
        self._thermocouples = tuple(thermocouples)
        self._type = thermocouple_type
        self._junction = junction_celsius
        self._list = f"(@{','.join(map(str, thermocouples))})"
        units = "".join(f";:SENS:TEMP:UNIT? (@{channel})" for channel in thermocouples)
        self._request = (
            f':TRAC:CLE "defbuffer1";:INIT;*WAI;:TRAC:ACT? "defbuffer1"'
            f';:TRAC:DATA? 1,{len(thermocouples)},"defbuffer1",CHAN,READ{units}\n'
        ).encode()

    def open(self) -> Identity:
        """Identify, reset, and set and verify what a temperature depends on.

        A reset opens every relay of the scanner and leaves no scan of anybody else running.
        """
        identity = self._identify()
        self._scpi.ask("*CLS;:SYST:CLE;*RST;*OPC?")
        sense = ":SENS:TEMP:"
        junction = "INT" if self._junction is None else "SIM"
        settings = [
            ':SENS:FUNC "TEMP"',
            f"{sense}TRAN TC",
            f"{sense}TC:TYPE {self._type}",
            f"{sense}TC:RJUN:RSEL {junction}",
            f"{sense}UNIT CELS",
            f"{sense}ODET ON",
            f"{sense}NPLC {NPLC:g}",
        ]
        expected: list[str | float] = ["TEMP", "TC", self._type, junction, "CELS", "1", NPLC]
        if self._junction is not None:
            settings.append(f"{sense}TC:RJUN:SIM {self._junction:g}")
            expected.append(self._junction)
        for setting in settings:
            request = f"{setting},{self._list};*OPC?"
            self._scpi.exchange(request, "1")
        queries = [setting.split(" ")[0] for setting in settings]
        for channel in self._thermocouples:
            request = ";".join(f"{query}? (@{channel})" for query in queries)
            self._compare(request, self._scpi.ask(request).split(";"), expected)
        self._scpi.exchange(f":ROUT:SCAN:CRE {self._list};*OPC?", "1")
        self._scpi.verify(
            ":ROUT:SCAN:COUN:SCAN 1;:ROUT:SCAN:INT 0",
            (":ROUT:SCAN:COUN:SCAN?", 1.0),
            (":ROUT:SCAN:COUN:STEP?", float(len(self._thermocouples))),
        )
        self._scpi.exchange(':ROUT:SCAN:BUFF "defbuffer1";*OPC?', "1")
        self._scpi.set(":FORM:DATA ASC", ":FORM:DATA?", "ASC")
        self._scpi.set(":FORM:ASC:PREC 8", ":FORM:ASC:PREC?", "8")
        return identity

    def recover(self) -> None:
        """Open the line anew, and set everything again on the same instrument.

        It may have lost its power; setting it moves nothing at the cell.
        """
        self.line.open()
        self.open()

    def read(self) -> Sensed:
        """Scan every thermocouple once; an open one is NaN.

        Raises
        ------
        benchlab.errors.InstrumentRefused
            The scan failed, or somebody changed unit or channels at the panel.
        """
        requested = self._clock.now
        answer = self.line.query(self._request)
        replied = self._clock.now
        count, *rest = answer.strip().decode("ascii", errors="replace").split(";")
        wanted = len(self._thermocouples)
        if len(rest) != 1 + wanted or count != str(wanted):
            self._scpi.refuse_errors(self._request.decode().strip())
            raise GarbledAnswer(self._request, answer, where=self.resource)
        words = rest[0].split(",")
        try:
            channels = [int(word) for word in words[::2]]
            values = [float(word) for word in words[1::2]]
        except ValueError:
            raise GarbledAnswer(self._request, answer, where=self.resource) from None
        if len(values) != len(channels):
            raise GarbledAnswer(self._request, answer, where=self.resource)
        if tuple(channels) != self._thermocouples or rest[1:] != ["CELS"] * wanted:
            raise InstrumentRefused(
                f"the scan read channels {channels} in {', '.join(rest[1:])}, not"
                f" {list(self._thermocouples)} in CELS.",
                where=self.resource,
                remedy="Somebody may have set it at its panel or from another program.",
            )
        readings = [v if -OVERFLOW < v < OVERFLOW else math.nan for v in values]
        return Sensed((requested + replied) / 2.0, dict(zip(self.channels, readings, strict=True)))

    def close(self) -> None:
        """Release the line."""
        self.line.close()

    def _identify(self) -> Identity:
        answer = self._scpi.ask("*IDN?")
        parts = [part.strip() for part in answer.split(",")]
        if len(parts) != 4 or "KEITHLEY" not in parts[0].upper() or "DAQ6510" not in parts[1]:
            raise IdentityError(
                f"expected a Keithley DAQ6510, found {answer!r}; nothing was sent to it.",
                where=self.resource,
                remedy="Check the address, or choose the driver for that instrument.",
            )
        if self._serial_number and parts[2] != self._serial_number:
            raise IdentityError(
                f"expected serial number {self._serial_number}, found {parts[2]}.",
                where=self.resource,
                remedy="Check which instrument is wired to this line.",
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

    def _compare(self, request: str, found: list[str], expected: list[str | float]) -> None:
        """Hold settings against what was set: words without their quotes, numbers as numbers."""
        if len(found) != len(expected):
            self._scpi.refuse_errors(request)
            raise GarbledAnswer(request.encode(), ";".join(found).encode(), where=self.resource)
        for text, value in zip(found, expected, strict=True):
            word = text.strip().strip('"')
            if isinstance(value, str):
                same = word == value
            else:
                try:
                    same = math.isclose(float(word), value, rel_tol=1e-5)
                except ValueError:
                    same = False
            if not same:
                raise self._scpi.refusal(request, ";".join(map(str, expected)), ";".join(found))


def connect(
    resource: str, clock: Clock, *, thermocouples: Sequence[int] = (101, 102, 103)
) -> Sensor:
    """Return the driver on an open line to a VISA resource; nothing was sent yet.

    Raises
    ------
    benchlab.errors.LinkRefused
    """
    line = open_transport(resource, clock)
    return KeithleyDaq6510(line, clock, resource=resource, thermocouples=thermocouples)


def simulate_beside(
    clock: Clock, twin: Surrounded, *, seed: int = 0, ideal: bool = False
) -> Sensor:
    """Return the driver on a simulated DAQ6510 in this process, its wires on the cell of `twin`."""
    from benchlab_drivers.sim.keithley_daq6510 import SimulatedDaq6510

    instrument = SimulatedDaq6510(clock, twin, seed=seed, ideal=ideal)
    return KeithleyDaq6510(DirectTransport(instrument), clock, resource="sim:keithley_daq6510")
