"""``bench.yaml``: which instruments and channels a bench has; nothing ever rewrites it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainSerializer

from benchlab import plugins
from benchlab.errors import BenchFileError
from benchlab.model import quantity
from benchlab.model.amount import UnknownAmount
from benchlab.model.validate import (
    Celsius,
    Count,
    Name,
    Seconds,
    Strict,
    from_text,
    place,
    validate,
)
from benchlab.model.yaml_text import Node, load_text, read_yaml
from benchlab.service.channel import Channel

__all__ = [
    "SIMULATED",
    "BenchFile",
    "ChannelEntry",
    "ChannelLimits",
    "HooksEntry",
    "HubEntry",
    "InstrumentEntry",
    "RelayEntry",
    "parse_bench",
    "read_bench",
]

SIMULATED = "sim"
"""The resource of an instrument that is simulated inside its worker."""
_SHORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")


def _short_name(text: str) -> str:
    if not _SHORT.fullmatch(text) or text.endswith("."):
        raise ValueError(
            f"found '{text[:60]}', expected a name of at most 40 letters, digits, _ . and -"
        )
    return text


def _amperes(text: str) -> float:
    try:
        found = quantity.current(text).number({})
    except UnknownAmount:
        found = 0.0  # C/3 is a current of a cell, not of a channel
    if found <= 0.0:
        raise ValueError(f"found '{text[:40]}', expected a current in amperes, such as 2 A")
    return found


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"found '{text[:40]}', expected a day such as 2026-03-31") from None


def _volts_span(text: str) -> tuple[float, float]:
    return quantity.range_of(text, "V")


def _url_or_nothing(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"found '{text[:60]}', expected an address that begins with http(s)://")
    return text


ShortName = Annotated[str, AfterValidator(_short_name)]
Day = Annotated[date, from_text(_day), PlainSerializer(date.isoformat)]


class InstrumentEntry(Strict):
    """An instrument: what drives it, and where it is.

    Attributes
    ----------
    worker : str
        Instruments of the same worker share one process; empty: one of its own.
    safe_celsius : float or None
        A chamber's set point when nobody has it; None: it is left as it is.
    """

    driver: ShortName
    resource: Name
    model: str = ""
    serial_number: str = ""
    worker: Annotated[str, AfterValidator(lambda t: _short_name(t) if t else t)] = ""
    period: Seconds | None = None
    safe_celsius: Celsius | None = None


class RelayEntry(Strict):
    """The relay that joins a channel to its cell."""

    instrument: ShortName
    number: Count = 1


class ChannelLimits(Strict):
    """What a channel never goes beyond, whatever the cell and the protocol allow."""

    voltage: Annotated[tuple[float, float] | None, from_text(_volts_span)] = None
    charge: Annotated[float | None, from_text(_amperes)] = None
    discharge: Annotated[float | None, from_text(_amperes)] = None


class ChannelEntry(Strict):
    """A place for one cell.

    Attributes
    ----------
    number : str
        Of the instrument's channels; empty: its only one.
    group : str
        Chamber group: what trips by fire or smoke in it trips all of it. Empty: its chamber's name.
    on_interruption : {"resume", "hold"}
        What becomes of a run whose worker or computer died.
    """

    instrument: ShortName
    number: str = ""
    sensors: tuple[ShortName, ...] = ()
    chamber: str = ""
    relay: RelayEntry | None = None
    group: str = ""
    limits: ChannelLimits = ChannelLimits()
    calibrated: Day | None = None
    calibration_due: Day | None = None
    on_interruption: Literal["resume", "hold"] = "resume"


class HooksEntry(Strict):
    """Who hears of it: a command for each alarm, and a sign of life while the bench is up.

    Attributes
    ----------
    alarm : tuple of str
        A command; the alarm comes to its standard input as JSON.
    ping : str
        An address asked for each `ping_every`: whoever misses it knows that the computer is gone.
    ping_command : tuple of str
        The same as a command.
    """

    alarm: tuple[str, ...] = ()
    ping: Annotated[str, AfterValidator(lambda t: _url_or_nothing(t) if t else t)] = ""
    ping_command: tuple[str, ...] = ()
    ping_every: Seconds = 60.0


class HubEntry(Strict):
    """Where the hub listens.

    Attributes
    ----------
    address : str
        Of this computer; anything but loopback needs `certificate` and `key`, and is open to
        named users only: ``benchlab user add NAME``.
    names : tuple of str
        Under which it is called from elsewhere.
    """

    address: str = "127.0.0.1"
    port: Annotated[int, from_text(lambda t: _port(t))] = 0
    certificate: str = ""
    key: str = ""
    names: tuple[str, ...] = ()


class BenchFile(Strict):
    """A bench.

    Attributes
    ----------
    data : str
        Folder of the recordings, from the folder of the file.
    name : str
        For people and alarms; empty: that of the folder.
    reserve : float or None
        Bytes of disk kept free.
    """

    name: str = ""
    data: Name = "data"
    instruments: dict[ShortName, InstrumentEntry] = Field(min_length=1)
    channels: dict[ShortName, ChannelEntry] = Field(min_length=1)
    hooks: HooksEntry = HooksEntry()
    hub: HubEntry = HubEntry()
    reserve: Annotated[float | None, from_text(lambda t: _megabytes(t))] = None

    def workers(self) -> dict[str, tuple[str, ...]]:
        """Return the instruments of each worker process that drives cells, by its name."""
        used = {entry.instrument for entry in self.channels.values()}
        found: dict[str, tuple[str, ...]] = {}
        for name, entry in self.instruments.items():
            if name in used:
                key = entry.worker or name
                found[key] = (*found.get(key, ()), name)
        return found

    def devices(self) -> tuple[str, ...]:
        """Return the sensors, chambers and relays: a process each."""
        used = {entry.instrument for entry in self.channels.values()}
        return tuple(name for name in self.instruments if name not in used)

    def channels_of(self, worker: str) -> dict[str, ChannelEntry]:
        """Return the channels that a worker serves."""
        mine = self.workers().get(worker, ())
        return {name: entry for name, entry in self.channels.items() if entry.instrument in mine}

    def worker_of(self, channel: str) -> str:
        """Return the worker that serves a channel."""
        instrument = self.channels[channel].instrument
        return self.instruments[instrument].worker or instrument

    def channel(self, name: str) -> Channel:
        """Return driver, resource and number of a channel."""
        entry = self.channels[name]
        return self.device(entry.instrument, entry.number)

    def device(self, instrument: str, number: str = "") -> Channel:
        """Return driver and resource of an instrument."""
        entry = self.instruments[instrument]
        return Channel(
            entry.driver,
            "" if entry.resource == SIMULATED else entry.resource,
            "" if number == "1" else number,
        )

    def group_of(self, channel: str) -> str:
        """Return the chamber group that a channel trips with; empty: none."""
        entry = self.channels[channel]
        return entry.group or entry.chamber


def _port(text: str) -> int:
    if not text.isdigit() or not 0 <= int(text) <= 65535:
        raise ValueError(f"found '{text[:20]}', expected a port such as 8765; 0 takes a free one")
    return int(text)


def _megabytes(text: str) -> float:
    words = text.split()
    if len(words) != 2 or words[1] not in ("MB", "GB"):
        raise ValueError(f"found '{text[:40]}', expected a size such as 2 GB")
    return float(quantity.number(words[0])) * (1e6 if words[1] == "MB" else 1e9)


def read_bench(path: Path) -> BenchFile:
    """Read ``bench.yaml``.

    Raises
    ------
    benchlab.errors.FileMissing
    benchlab.errors.BenchFileError
        With file, line, field, what was found and what was expected.
    """
    return parse_bench(read_yaml(path, BenchFileError), str(path))


def parse_bench(text: str, source: str) -> BenchFile:
    """Return the bench that a text describes; what it names is there, and fits together.

    Raises
    ------
    benchlab.errors.BenchFileError
    """
    root = load_text(text, source, BenchFileError)
    bench = validate(BenchFile, root, source, BenchFileError)
    check = _Check(root, source)
    known = plugins.names("drivers")
    taken: dict[tuple[str, str], str] = {}
    for name, instrument in bench.instruments.items():
        at = ("instruments", name)
        if instrument.driver not in known:
            raise check.error(
                (*at, "driver"), f"found '{instrument.driver}'", f"one of: {', '.join(known)}"
            )
        if instrument.resource != SIMULATED:
            twin = taken.setdefault((instrument.resource.upper(), ""), name)
            if twin != name:
                raise check.error(
                    (*at, "resource"), f"found the resource of '{twin}'", "another resource each"
                )
    places: dict[tuple[str, str], str] = {}
    around = set(bench.devices())
    for name, entry in bench.channels.items():
        at = ("channels", name)
        if entry.instrument not in bench.instruments:
            raise check.error(
                (*at, "instrument"),
                f"found '{entry.instrument}'",
                f"one of: {', '.join(bench.instruments)}",
            )
        twin = places.setdefault((entry.instrument, entry.number or "1"), name)
        if twin != name:
            raise check.error(at, f"found the place of channel '{twin}'", "a place of its own")
        named = [("sensors", sensor) for sensor in entry.sensors]
        named += [("chamber", entry.chamber)] if entry.chamber else []
        named += [("relay", entry.relay.instrument)] if entry.relay is not None else []
        for key, device in named:
            if device not in around:
                raise check.error(
                    (*at, key),
                    f"found '{device}'",
                    f"one of the instruments that drive no cell: {', '.join(sorted(around))}"
                    if around
                    else "an instrument that drives no cell; there is none in this file",
                )
        limits = entry.limits.voltage
        if limits is not None and limits[0] >= limits[1]:
            raise check.error(
                (*at, "limits", "voltage"), "found no span", "a lower and a higher voltage"
            )
    return bench


class _Check:
    def __init__(self, root: Node, source: str) -> None:
        self._root, self._source = root, source

    def error(self, path: tuple[str | int, ...], found: str, expected: str) -> BenchFileError:
        field = ".".join(map(str, path))
        where = place(self._source, self._root.line_of(path), field)
        return BenchFileError(f"{found}, expected {expected}.", where=where, remedy="Mend it.")
