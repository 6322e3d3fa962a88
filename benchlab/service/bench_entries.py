"""What the entries of ``bench.yaml`` hold, each with its words and bounds."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, PlainSerializer

from benchlab.model import quantity
from benchlab.model.amount import UnknownAmount
from benchlab.model.validate import Celsius, Count, Name, Seconds, Strict, from_text

__all__ = [
    "ChannelEntry",
    "ChannelLimits",
    "HooksEntry",
    "HubEntry",
    "InstrumentEntry",
    "InterlockEntry",
    "RelayEntry",
    "Reserve",
    "ShortName",
]

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


def _port(text: str) -> int:
    if not text.isdigit() or not 0 <= int(text) <= 65535:
        raise ValueError(f"found '{text[:20]}', expected a port such as 8765; 0 takes a free one")
    return int(text)


def _yes(text: str) -> bool:
    if text not in ("yes", "no", "true", "false"):
        raise ValueError(f"found '{text[:20]}', expected yes or no")
    return text in ("yes", "true")


def _scope(text: str) -> str:
    what, _, name = text.partition(" ")
    if text != "bench" and not (what in ("group", "channel") and name):
        raise ValueError(f"found '{text[:60]}', expected bench, group NAME or channel NAME")
    return text


def _bytes(text: str) -> float:
    words = text.split()
    if len(words) != 2 or words[1] not in ("MB", "GB"):
        raise ValueError(f"found '{text[:40]}', expected a size such as 2 GB")
    return float(quantity.number(words[0])) * (1e6 if words[1] == "MB" else 1e9)


ShortName = Annotated[str, AfterValidator(_short_name)]
Day = Annotated[date, from_text(_day), PlainSerializer(date.isoformat)]
Reserve = Annotated[float, from_text(_bytes)]


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
    overheating_trips : {"channel", "group", "bench"}
        What is ended beside it when its cell is hotter than its type stands.
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
    overheating_trips: Literal["channel", "group", "bench"] = "group"


class InterlockEntry(Strict):
    """What ends tests when something on the bench says so; its silence does as well.

    Attributes
    ----------
    input : int or None
        Of a relay board, from 1: open means danger (an emergency stop, a door, a smoke detector).
    column : str
        Of a sensor, with `above` or `below`.
    alarms : bool
        Whether anything that a chamber complains of does it.
    trips : str
        What is ended: ``bench``, ``group NAME`` or ``channel NAME``.
    silent : float
        Seconds without an answer after which it is taken for tripped.
    """

    instrument: ShortName
    input: Count | None = None
    column: str = "surface_temperature_celsius"
    above: Celsius | None = None
    below: Celsius | None = None
    alarms: Annotated[bool, from_text(_yes)] = False
    trips: Annotated[str, AfterValidator(_scope)] = "bench"
    silent: Seconds = 10.0


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
    port: Annotated[int, from_text(_port)] = 0
    certificate: str = ""
    key: str = ""
    names: tuple[str, ...] = ()
