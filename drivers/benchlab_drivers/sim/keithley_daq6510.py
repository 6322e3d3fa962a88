"""A simulated Keithley DAQ6510 with thermocouples on a simulated cell, speaking its SCPI bytes.

Nothing here was compared with a real instrument: it rests on the reference manual DAQ6510-901-01
and on clients seen in public. Unconfirmed: 2 ms an exchange and 80 ms a channel on top of its
integration time, that TRAC:DATA? beyond the readings is -222, the error of an unknown channel, that
``*WAI`` waits for a scan, and what an open thermocouple reads without its detection (here the
reference junction's temperature, which nobody would suspect). A 7700 card sits in slot 1; only
thermocouples are simulated.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from benchlab.bench.clock import Clock, VirtualClock
from benchlab.bench.twin import Surrounded, TwinSpec
from benchlab_drivers.sim._alone import AloneCell
from benchlab_drivers.sim._errors import Drawing, gaussians
from benchlab_drivers.sim.scpi import ScpiError, ScpiInstrument, boolean, choice, number, text

__all__ = ["SimulatedDaq6510", "make"]

LATENCY_SECOND = 2e-3
CYCLE_SECOND = 0.02
SWITCHING_SECOND = 0.08
OFFSET_KELVIN, SCATTER_KELVIN = 1.0, 0.02
JUNCTION_CELSIUS = 23.0
OPEN = 9.9e37
CARD = range(101, 121)
TYPES = ("K", "J", "T", "E", "N", "R", "S", "B")
ELEMENTS = ("CHANnel", "READing", "RELative")
KELVIN = 273.15


@dataclass
class Sensing:
    """How one channel measures; after a reset it measures volts."""

    values: dict[str, Any] = field(
        default_factory=lambda: {
            "FUNC": "VOLT:DC",
            "TRAN": "TC",
            "TYPE": "K",
            "RSEL": "SIM",
            "SIM": JUNCTION_CELSIUS,
            "UNIT": "CELS",
            "ODET": False,
            "NPLC": 1.0,
        }
    )


class Taken(NamedTuple):
    """One reading in the buffer."""

    channel: int
    reading: float
    second: float


@dataclass
class Scan:
    """A scan under way: its steps, the next one, and when that is due."""

    channels: tuple[int, ...]
    left: float
    interval: float
    began: float
    step: int = 0
    due: float = 0.0


def make(clock: Clock, spec: TwinSpec) -> SimulatedDaq6510:
    """Make a simulated DAQ6510 on the cell of `spec`, at nobody's terminals.

    Raises
    ------
    benchlab.errors.UsageError
        Where there is no such cell.
    """
    return SimulatedDaq6510(clock, AloneCell(clock, spec), seed=spec.seed, ideal=spec.ideal)


class SimulatedDaq6510(ScpiInstrument):
    """The instrument, its card, and the thermocouples on a cell.

    Attributes
    ----------
    broken : set of int
        Channels whose thermocouple is open.
    offsets_kelvin : dict of float
        What each channel reads too much.
    unix_at_zero : int
        UTC of its own clock at clock second 0, in nanoseconds since 1970.
    """

    def __init__(
        self, clock: Clock, twin: Surrounded, *, seed: int = 0, ideal: bool = False
    ) -> None:
        super().__init__()
        self._clock = clock
        self._twin = twin
        self._noise = gaussians(seed).__next__
        self._scatter = 0.0 if ideal else SCATTER_KELVIN
        draw = Drawing([seed, 6510], ideal=ideal)
        self.offsets_kelvin = {channel: draw.bounded(OFFSET_KELVIN) for channel in CARD}
        self.broken: set[int] = set()
        self.identity = f"KEITHLEY INSTRUMENTS,MODEL DAQ6510,SIM{seed:05d},1.7.12b"
        self.unix_at_zero = clock.unix_ns() - round(clock.now * 1e9)
        self._reset()
        self._install()

    def _reset(self) -> None:
        self.sensing = {channel: Sensing() for channel in CARD}
        self._list: tuple[int, ...] = ()
        self._scans, self._interval, self._precision = 1.0, 0.0, 0
        self._taken: list[Taken] = []
        self._scan: Scan | None = None

    # --- the line -----------------------------------------------------------------------------

    def exchange(self, request: bytes) -> bytes:
        """Carry out one or more whole lines and return the reply bytes, if any."""
        replies = b""
        for line in request.split(b"\n"):
            if line and not line.isspace():
                self._wait(0.5 * LATENCY_SECOND)
                self._catch_up()
                replies += self.execute(line.rstrip(b"\r"))
                self._wait(0.5 * LATENCY_SECOND)
        return replies

    def no_error(self) -> str:
        """Write an empty queue as the instrument does."""
        return '0,"No error;0,0,0"'

    def error_entry(self, code: int, message: str) -> str:
        """Write an error with its severity and time inside the quotes."""
        seconds = (self.unix_at_zero + round(self._clock.now * 1e9)) / 1e9
        moment = datetime.fromtimestamp(seconds, UTC)
        stamp = f"{moment:%Y/%m/%d %H:%M:%S}.{moment.microsecond // 1000:03d}"
        return f'{code},"{message};1;{stamp}"'

    def _wait(self, seconds: float) -> None:
        self._clock.sleep_until(self._clock.now + seconds)

    # --- commands -----------------------------------------------------------------------------

    def _install(self) -> None:
        add = self.add
        add("*IDN", query=lambda a: self.identity)
        add("*LANG", query=lambda a: "SCPI")
        add("*RST", set=lambda a: self._reset())
        add("*WAI", set=lambda a: self._wait_for_scan())
        add("FORMat[:DATA]", set=lambda a: _nothing(choice(a, ("ASCii",))), query=lambda a: "ASC")
        add("FORMat:ASCii:PRECision", set=self._set_precision, query=lambda a: f"{self._precision}")
        sense = "[:SENSe[1]]:"
        self._channel_setting(
            f"{sense}FUNCtion[:ON]", "FUNC", _function, lambda v: f'"{v}"', of_temperature=False
        )
        temperature = f"{sense}TEMPerature:"
        transducers = ("TCouple", "RTD", "FRTD", "THERmistor")
        pick = {
            "TRANsducer": ("TRAN", lambda a: choice(a, transducers)),
            "UNIT": ("UNIT", lambda a: choice(a, ("CELSius", "KELVin", "FAHRenheit"))),
        }
        for name, (key, parse) in pick.items():
            self._channel_setting(f"{temperature}{name}", key, parse)
        couple = f"{temperature}TCouple:"
        self._channel_setting(f"{couple}TYPE", "TYPE", lambda a: choice(a, TYPES))
        self._channel_setting(
            f"{couple}RJUNction:RSELect",
            "RSEL",
            lambda a: choice(a, ("INTernal", "EXTernal", "SIMulated")),
        )
        self._channel_setting(
            f"{couple}RJUNction:SIMulated",
            "SIM",
            lambda a: number(a, low=0.0, high=65.0, default=JUNCTION_CELSIUS),
            lambda v: f"{v:.6E}",
        )
        self._channel_setting(
            f"{temperature}ODETector", "ODET", boolean, lambda v: "1" if v else "0"
        )
        self._channel_setting(
            f"{temperature}NPLCycles",
            "NPLC",
            lambda a: number(a, low=0.0005, high=15.0, default=1.0),
            lambda v: f"{v:.6E}",
        )
        add("ROUTe:SCAN:CREate", set=self._create)
        add("ROUTe:SCAN:COUNt:SCAN", set=self._set_scans, query=lambda a: f"{self._scans:.0f}")
        add("ROUTe:SCAN:COUNt:STEP", query=lambda a: str(len(self._list)))
        add("ROUTe:SCAN:INTerval", set=self._set_interval, query=lambda a: f"{self._interval:.6E}")
        add("ROUTe:SCAN:BUFFer", set=self._buffer, query=lambda a: '"defbuffer1"')
        add("ROUTe:OPEN:ALL", set=lambda a: None)
        add("INITiate[:IMMediate]", set=lambda a: self._start())
        add("ABORt", set=lambda a: self._stop())
        add("TRIGger:STATe", query=lambda a: "RUNNING;RUNNING;1" if self._scan else "IDLE;IDLE;1")
        add("TRACe:CLEar", set=self._clear_buffer)
        add("TRACe:ACTual", query=self._count)
        add("TRACe:DATA", query=self._data)

    def _channel_setting(
        self,
        pattern: str,
        key: str,
        parse: Callable[[list[str]], Any],
        write: Callable[[Any], str] = str,
        *,
        of_temperature: bool = True,
    ) -> None:
        """Add a setting of each channel, with its query; the card alone measures here."""

        def of(args: list[str]) -> tuple[list[str], list[Sensing]]:
            rest, channels = _channels(args)
            chosen = [self.sensing[channel] for channel in channels]
            wrong = [s for s in chosen if not s.values["FUNC"].startswith("TEMP")]
            if of_temperature and wrong:
                raise ScpiError(-221, "Settings conflict")
            return rest, chosen

        def set_it(args: list[str]) -> None:
            rest, chosen = of(args)
            value = parse(rest)
            for sensing in chosen:
                sensing.values[key] = value

        self.add(
            pattern,
            set=set_it,
            query=lambda args: ";".join(write(s.values[key]) for s in of(args)[1]),
        )

    def _set_precision(self, args: list[str]) -> None:
        self._precision = int(number(args, low=0, high=16, default=0))

    def _create(self, args: list[str]) -> None:
        self._list = _channels(args)[1]

    def _set_scans(self, args: list[str]) -> None:
        self._scans = number(args, low=0, high=1e8, default=1)

    def _set_interval(self, args: list[str]) -> None:
        self._interval = number(args, low=0.0, high=1e5, default=0.0)

    def _buffer(self, args: list[str], k: int = 0) -> None:
        if len(args) > k and text(args, k) != "defbuffer1":
            raise ScpiError(1112, "Parameter 1, reading buffer name is not valid")

    def _clear_buffer(self, args: list[str]) -> None:
        self._buffer(args)
        self._taken.clear()

    def _count(self, args: list[str]) -> str:
        self._buffer(args)
        return str(len(self._taken))

    def _data(self, args: list[str]) -> str:
        first = int(number(args, 0, low=1, high=7e6, default=1, count=None))
        last = int(number(args, 1, low=1, high=7e6, default=1, count=None))
        self._buffer(args, 2)
        words = [choice([word], ELEMENTS) for word in args[3:]] or ["READ"]
        if not first <= last <= len(self._taken):
            raise ScpiError(-222, "Parameter data out of range")
        digits = f"+.{(self._precision or 7) - 1}E"
        zero = self._taken[0].second
        return ",".join(
            {
                "CHAN": lambda t: str(t.channel),
                "READ": lambda t: format(t.reading, digits),
                "REL": lambda t: format(t.second - zero, digits),
            }[word](taken)
            for taken in self._taken[first - 1 : last]
            for word in words
        )

    # --- scanning -----------------------------------------------------------------------------

    def _start(self) -> None:
        if self._scan is not None:
            raise ScpiError(-213, "Init ignored")
        if not self._list:
            raise ScpiError(-221, "Settings conflict")
        now = self._clock.now
        self._scan = Scan(self._list, self._scans or float("inf"), self._interval, now)
        self._await_next(now)

    def _stop(self) -> None:
        self._scan = None

    def _await_next(self, after: float) -> None:
        scan = self._scan
        assert scan is not None
        nplc = self.sensing[scan.channels[scan.step]].values["NPLC"]
        scan.due = after + SWITCHING_SECOND + nplc * CYCLE_SECOND
        if isinstance(self._clock, VirtualClock):
            self._clock.schedule(scan.due, self._catch_up)

    def _catch_up(self) -> None:
        """Take every reading that is due; on a real clock late ones see the cell as it is now."""
        while (scan := self._scan) is not None and scan.due <= self._clock.now:
            channel = scan.channels[scan.step]
            self._taken.append(Taken(channel, self._measure(channel), scan.due))
            scan.step += 1
            after = scan.due
            if scan.step == len(scan.channels):
                scan.step = 0
                scan.left -= 1.0
                after = scan.began = max(scan.due, scan.began + scan.interval)
                if scan.left <= 0.0:
                    self._stop()
                    return
            self._await_next(after)

    def _wait_for_scan(self) -> None:
        """Wait until the scan is done; one without end is not waited for (the real one hangs)."""
        while self._scan is not None and self._scan.left < float("inf"):
            self._clock.sleep_until(self._scan.due)
            self._catch_up()

    def _measure(self, channel: int) -> float:
        how = self.sensing[channel].values
        if how["FUNC"] == "VOLT:DC":
            return 1e-3 + 1e-6 * self._noise()
        if channel in self.broken:
            if how["ODET"]:
                return OPEN
            celsius = JUNCTION_CELSIUS
        else:
            celsius = self._twin.surface_temperature_celsius()
            celsius += self.offsets_kelvin[channel] + self._scatter * self._noise()
            if how["RSEL"] == "SIM":
                celsius += how["SIM"] - JUNCTION_CELSIUS
        return {"CELS": celsius, "KELV": celsius + KELVIN, "FAHR": 1.8 * celsius + 32.0}[
            how["UNIT"]
        ]


def _nothing(_: object) -> None:
    """Return nothing of what was only checked."""


def _function(args: list[str]) -> str:
    return {"TEMP": "TEMP", "VOLT": "VOLT:DC"}[
        choice([text(args).removesuffix(":DC")], ("TEMPerature", "VOLTage"))
    ]


def _channels(args: list[str]) -> tuple[list[str], tuple[int, ...]]:
    """Split the channel list, which is always last, from the other parameters."""
    joined = ",".join(args)
    found = re.fullmatch(r"(?:(.*?),)?\s*\(@([\d:,\s]+)\)", joined)
    if found is None:
        raise ScpiError(-109, "Missing parameter")
    channels: list[int] = []
    for part in found[2].split(","):
        first, _, last = part.partition(":")
        channels += range(int(first), int(last or first) + 1)
    if not set(channels) <= set(CARD):
        raise ScpiError(1114, "Channel list contains a channel that is not there")
    return [found[1]] if found[1] else [], tuple(channels)
