"""A device's process: claims its name, looks at the device again and again, and tells who asks."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from benchlab.bench.clock import RealClock
from benchlab.bench.surroundings import (
    ChamberCapabilities,
    RelayCapabilities,
    SensorCapabilities,
)
from benchlab.errors import BenchError, ChannelBusy, IdentityError, UsageError
from benchlab.platform import on_end, unix_ns
from benchlab.service.alarms import AlarmBook
from benchlab.service.bench_file import BenchFile, read_bench
from benchlab.service.bench_folder import BenchFolder
from benchlab.service.channel import capabilities_beside
from benchlab.service.control import ControlServer, Word
from benchlab.service.devices import chamber_keeper, relay_keeper
from benchlab.service.devices.chamber_keeper import ChamberKeeper
from benchlab.service.devices.keeper import Held, Keeper, Kept, SensorKeeper
from benchlab.service.devices.relay_keeper import RelayKeeper
from benchlab.service.expected import refuse_another

__all__ = ["DeviceProcess"]

SENSOR_PERIOD_SECOND = 2.0
AGAIN_SECOND = 1.0
"""Between two tries on a device that does not answer."""
MANY = 5
"""Tries in a row that failed, of which somebody should hear."""
STILL_SECOND = 60.0


class DeviceProcess:
    """Everything of one device.

    Raises
    ------
    benchlab.errors.UsageError
        The bench has no device of this name, or its driver has another role.
    benchlab.errors.PartSilent
        Another process is this device.
    """

    def __init__(self, folder: BenchFolder, name: str) -> None:
        bench = read_bench(folder.file)
        if name not in bench.device_workers():
            raise UsageError(
                f"there is no device {name!r} with a process of its own.",
                where=str(folder.file),
                remedy=f"This bench has {', '.join(bench.device_workers()) or 'none'}.",
            )
        self._claim = folder.claim(name)  # held open for as long as this process is
        self.over = threading.Event()
        self._name, self._bench = name, bench
        self._book = AlarmBook(folder.alarms)
        self._lock = threading.RLock()
        self._moved = time.monotonic()
        self._failures = 0
        self._opened = False
        self._newest: dict[str, Any] = {}
        self._complained: tuple[str, ...] = ()
        self._keeper = _keeper(bench, name, Kept(folder.devices / f"{name}.json"), self._note)
        self._facts: dict[str, Any] = {
            "role": self._keeper.role,
            "period_second": self._keeper.period_second,
            "identity": None,
        }
        words = {word: self._guarded(item) for word, item in self._keeper.words().items()}
        words |= {
            "read": Word(lambda _: {**self._facts, "newest": self._newest}),
            "ping": Word(self._ping),
            "down": Word(self._down, changes=True),
        }
        self._server = ControlServer(folder.sockets, name, "device", words)
        folder.tell_self(name, "device", self._server.address, role=self._keeper.role)

    def run(self) -> None:
        """Look at the device until told to end."""
        on_end(self.over.set)
        while not self.over.is_set():
            began = self._moved = time.monotonic()
            well = self._look()
            period = self._keeper.period_second if well else AGAIN_SECOND
            self.over.wait(max(0.0, began + period - time.monotonic()))

    def close(self) -> None:
        """Let the device go; it stays as it is."""
        self._server.close()
        with self._lock:
            self._keeper.close()

    def _look(self) -> bool:
        """Read the device once; say whether it answered."""
        try:
            with self._lock:
                self._be_there()
                told = self._keeper.look()
        except BenchError as error:
            self._failed(error)
            return False
        if self._failures:
            self._note("answers again")
        self._failures = 0
        self._tell({**told, "lost": ""})
        self._complain(tuple(told.get("alarms", ())))
        return True

    def _be_there(self) -> None:
        """Open the device, or trust its line again, where that is needed."""
        if not self._opened:
            identity = self._keeper.open()
            refuse_another(self._bench, self._name, identity)
            self._opened = True
            self._facts["identity"] = asdict(identity)
            self._note(f"{self._keeper.role}: {identity.model} {identity.serial_number}")
        elif self._failures:
            self._keeper.recover()

    def _failed(self, error: BenchError) -> None:
        self._failures += 1
        if self._failures == 1:
            self._note(str(error))
        if self._failures == MANY or (self._failures == 1 and isinstance(error, IdentityError)):
            did = "it is tried again; runs that need it are tripped by their own limits"
            text = f"{self._name} does not answer: {error.what}"
            self._server.tell("alarm", self._book.raise_alarm("", "", "device", text, did=did))
        self._tell({**self._newest, "lost": error.what})

    def _complain(self, alarms: tuple[str, ...]) -> None:
        """Raise an alarm for what the device itself complains of, once."""
        new = [text for text in alarms if text not in self._complained]
        self._complained = alarms
        if new:
            text = f"{self._name} reports {', '.join(new)}"
            did = "the device itself acts as it is built to; the runs go on"
            self._server.tell("alarm", self._book.raise_alarm("", "", "device", text, did=did))

    def _tell(self, newest: dict[str, Any]) -> None:
        newest["unix_time_nanosecond"] = unix_ns()
        self._newest = newest
        self._server.tell("device", {"device": self._name, **newest}, newest_of="device")

    def _guarded(self, word: Word) -> Word:
        """Return a word that has the device to itself, and tells what it changed at once."""

        def ask(request: Mapping[str, Any]) -> Mapping[str, Any]:
            with self._lock:
                self._be_there()
                told = word.do(request)
            if word.changes and "members" in told:
                self._tell({**self._newest, **told})
            return told

        return word._replace(do=ask)

    def _ping(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        age = round(time.monotonic() - self._moved, 3)
        return {"moves": {self._name: {"age": age, "bound": STILL_SECOND}}}

    def _down(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        busy = self._keeper.busy()
        if busy:
            raise ChannelBusy(
                f"channel {', '.join(busy)} needs it; it goes on.",
                where=self._name,
                remedy="Stop the test first.",
            )
        self.over.set()
        return {}

    def _note(self, text: str) -> None:
        sys.stderr.write(f"{self._name}: {text}\n")
        sys.stderr.flush()


def _keeper(bench: BenchFile, name: str, kept: Kept, note: Callable[[str], None]) -> Keeper:
    """Return what looks after the device of a name; nothing was sent."""
    entry, channel = bench.instruments[name], bench.device(name)
    clock = RealClock()

    def connect() -> Any:
        return channel.beside(clock, None)

    can = capabilities_beside(channel)
    if isinstance(can, SensorCapabilities):
        return SensorKeeper(Held(connect), can, entry.period or SENSOR_PERIOD_SECOND)
    if isinstance(can, ChamberCapabilities):
        period = entry.period or chamber_keeper.PERIOD_SECOND
        return ChamberKeeper(Held(connect), can, period, entry.safe_celsius, kept, note)
    if isinstance(can, RelayCapabilities):
        period = entry.period or relay_keeper.PERIOD_SECOND
        return RelayKeeper(Held(connect), can, period, kept, note)
    raise UsageError(
        f"{channel.driver} is no sensor, chamber or relay.",
        where=f"{name} of bench.yaml",
        remedy="Name it in a channel, or take it out.",
    )
