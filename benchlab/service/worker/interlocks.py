"""The interlocks that concern a worker's channels: judged here, from what the devices tell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from benchlab.bench.guard import Trip
from benchlab.bench.interlock import Interlock
from benchlab.errors import InterlockOpen
from benchlab.service.bench_entries import InterlockEntry
from benchlab.service.bench_file import BenchFile
from benchlab.service.worker.device_line import Devices

if TYPE_CHECKING:
    from benchlab.service.worker.seat import Seat

__all__ = ["Interlocks"]


class Interlocks:
    """Every interlock whose scope has a channel of this worker in it."""

    def __init__(self, bench: BenchFile, channels: Mapping[str, object], devices: Devices) -> None:
        self._devices = devices
        self._scopes: dict[Interlock, tuple[str, ...]] = {}
        self._tripped: set[tuple[str, str]] = set()
        for name, entry in bench.interlocks.items():
            mine = tuple(channel for channel in bench.scope(entry.trips) if channel in channels)
            if mine:
                self._scopes[_interlock(name, entry)] = mine
                devices.line(entry.instrument)

    def look(self, seats: Mapping[str, Seat]) -> None:
        """Trip every run whose interlock is open, once."""
        for interlock, channels in self._scopes.items():
            cause = self._cause(interlock)
            if not cause:
                continue
            for channel in channels:
                seat = seats[channel]
                run = str(seat.standing.run.get("id", ""))
                if seat.trip(Trip(cause, "bench"), known=(interlock.name, run) in self._tripped):
                    self._tripped.add((interlock.name, run))

    def refuse(self, channel: str) -> None:
        """Refuse a run on a channel whose interlock is open.

        Raises
        ------
        benchlab.errors.InterlockOpen
        """
        for interlock, channels in self._scopes.items():
            cause = self._cause(interlock) if channel in channels else ""
            if cause:
                raise InterlockOpen(
                    f"{cause}; no current was sent.",
                    where=f"channel {channel}",
                    remedy="Find out why, make it safe, and start or resume again.",
                )

    def of(self, channel: str) -> list[str]:
        """Return the names of the interlocks of a channel."""
        return [item.name for item, channels in self._scopes.items() if channel in channels]

    def _cause(self, interlock: Interlock) -> str:
        line = self._devices.line(interlock.device)
        return interlock.cause(line.newest if "time" in line.newest else {}, line.age_second)


def _interlock(name: str, entry: InterlockEntry) -> Interlock:
    return Interlock(
        name,
        entry.instrument,
        input=entry.input,
        column=entry.column,
        low_celsius=-math.inf if entry.below is None else entry.below,
        high_celsius=math.inf if entry.above is None else entry.above,
        alarms=entry.alarms,
        silent_second=entry.silent,
    )
