"""``bench.yaml``: which instruments and channels a bench has; nothing ever rewrites it."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from benchlab import plugins
from benchlab.errors import BenchFileError
from benchlab.model.validate import Name, Strict, place, validate
from benchlab.model.yaml_text import Node, load_text, read_yaml
from benchlab.service.bench_entries import (
    ChannelEntry,
    HooksEntry,
    HubEntry,
    InstrumentEntry,
    InterlockEntry,
    Reserve,
    ShortName,
)
from benchlab.service.channel import Channel

__all__ = ["SIMULATED", "BenchFile", "parse_bench", "read_bench"]

SIMULATED = "sim"
"""The resource of an instrument that is simulated inside its worker."""


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
    interlocks: dict[ShortName, InterlockEntry] = Field(default_factory=dict)
    hooks: HooksEntry = HooksEntry()
    hub: HubEntry = HubEntry()
    reserve: Reserve | None = None

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
        """Return the sensors, chambers and relays."""
        used = {entry.instrument for entry in self.channels.values()}
        return tuple(name for name in self.instruments if name not in used)

    def device_workers(self) -> tuple[str, ...]:
        """Return those that have a process each: all but those simulated beside a channel."""
        return tuple(n for n in self.devices() if self.instruments[n].resource != SIMULATED)

    def scope(self, trips: str) -> tuple[str, ...]:
        """Return the channels of ``bench``, ``group NAME`` or ``channel NAME``."""
        what, _, name = trips.partition(" ")
        if what == "bench":
            return tuple(self.channels)
        if what == "channel":
            return (name,) if name in self.channels else ()
        return tuple(channel for channel in self.channels if self.group_of(channel) == name)

    def beside(self, channel: str) -> tuple[str, ...]:
        """Return the channels that overheating of this one's cell ends, but itself."""
        scope, group = self.channels[channel].overheating_trips, self.group_of(channel)
        if scope == "channel" or (scope == "group" and not group):
            return ()
        found = self.scope("bench" if scope == "bench" else f"group {group}")
        return tuple(name for name in found if name != channel)

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

    def around(self, channel: str) -> tuple[tuple[Channel, ...], Channel | None]:
        """Return driver and resource of a channel's sensors, and of its chamber."""
        entry = self.channels[channel]
        chamber = self.device(entry.chamber) if entry.chamber else None
        return tuple(self.device(name) for name in entry.sensors), chamber

    def group_of(self, channel: str) -> str:
        """Return the chamber group that a channel trips with; empty: none."""
        entry = self.channels[channel]
        return entry.group or entry.chamber


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
    simulated = {name for name in around if bench.instruments[name].resource == SIMULATED}
    for name, entry in bench.channels.items():
        beside = {*entry.sensors, entry.chamber, entry.relay.instrument if entry.relay else ""}
        mixed = (
            beside & simulated if bench.instruments[entry.instrument].resource != SIMULATED else ()
        )
        if mixed:
            raise check.error(
                ("channels", name),
                f"found '{sorted(mixed)[0]}', which is simulated, beside a real instrument",
                "a real one, or resource: sim for the channel's instrument, too",
            )
    for name, interlock in bench.interlocks.items():
        _check_interlock(check, bench, name, interlock)
    return bench


def _check_interlock(check: _Check, bench: BenchFile, name: str, entry: InterlockEntry) -> None:
    at, known = ("interlocks", name), bench.device_workers()
    if entry.instrument not in known:
        raise check.error(
            (*at, "instrument"),
            f"found '{entry.instrument}'",
            f"a real instrument that drives no cell: {', '.join(known) or 'there is none'}",
        )
    asks = (entry.input is not None, entry.above is not None or entry.below is not None)
    if sum((*asks, entry.alarms)) != 1:
        raise check.error(at, "found no cause, or several", "one of: input, above or below, alarms")
    if not bench.scope(entry.trips):
        raise check.error(
            (*at, "trips"),
            f"found '{entry.trips}', which is no channel's",
            f"bench, channel NAME, or one of the groups:"
            f" {', '.join(sorted({bench.group_of(c) for c in bench.channels} - {''})) or 'none'}",
        )


class _Check:
    def __init__(self, root: Node, source: str) -> None:
        self._root, self._source = root, source

    def error(self, path: tuple[str | int, ...], found: str, expected: str) -> BenchFileError:
        field = ".".join(map(str, path))
        where = place(self._source, self._root.line_of(path), field)
        return BenchFileError(f"{found}, expected {expected}.", where=where, remedy="Mend it.")
