"""A simulated instrument as it is served: one lock, its port, and the faults of a script."""

from __future__ import annotations

import heapq
import json
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from benchlab.errors import BenchError, UsageError
from benchlab_drivers.sim._ports import Port
from benchlab_drivers.sim._spoil import Reply, spoiled
from benchlab_drivers.sim.faults import OF_REPLIES, OF_THE_LINE, Fault

__all__ = ["Box", "Timers"]

MOST_TOLD = 200
"""Faults written to stdout; more would fill a pipe that nobody reads."""
AWAY_SECOND = 2.0
THERMOCOUPLE = 101
NEEDS = {
    "contact_lost": "take_cell_away",
    "thermocouple_lost": "broken",
    "clock_jump": "unix_at_zero",
    "input": "press",
    "watchdog": "expire_watchdog",
}


class Timers:
    """Carries out what is due, in one thread that starts with the first of it."""

    def __init__(self) -> None:
        self.began = math.inf
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._changed = threading.Condition()

    @property
    def second(self) -> float:
        """Seconds since the start; before it, minus infinity."""
        return time.monotonic() - self.began

    def start(self) -> None:
        """Begin to count."""
        with self._changed:
            self.began = time.monotonic()
            self._changed.notify()

    def at(self, second: float, action: Callable[[], None]) -> None:
        """Have something done so many seconds after the start."""
        with self._changed:
            heapq.heappush(self._due, (second, self._count, action))
            self._count += 1
            if self._count == 1:
                threading.Thread(target=self._run, daemon=True).start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._due or not self._due[0][0] <= self.second:
                    left = self._due[0][0] - self.second if self._due else math.inf
                    self._changed.wait(left if left < math.inf else None)
                action = heapq.heappop(self._due)[2]
            with suppress(BenchError):  # a port that another program took meanwhile stays away
                action()


class Box:
    """One served instrument.

    Parameters
    ----------
    name : str
        In a world, else its driver.
    make : callable
        Makes the instrument as it is after its power came on, on the cell that it has.
    faults : sequence of Fault
        Those of the script that are for this one.

    Raises
    ------
    benchlab.errors.UsageError
        A fault that this instrument cannot have, with its line.
    """

    port: Port

    def __init__(
        self, name: str, make: Callable[[], Any], faults: Sequence[Fault], timers: Timers
    ) -> None:
        self.name = name
        self._make = make
        self._instrument = make()
        self._lock = threading.Lock()
        self._timers = timers
        self._random = random.Random(0)
        self._faults = [fault for fault in faults if fault.on_request]
        self._seen = [0] * len(self._faults)
        self._told = 0
        for fault in faults:
            needed = NEEDS.get(fault.kind)
            if needed is not None and not hasattr(self._instrument, needed):
                raise UsageError(
                    f"{name} cannot have the fault '{fault.kind}'.",
                    where=fault.where,
                    remedy="Take it out, or name another instrument of the world.",
                )
            if not fault.on_request:
                timers.at(fault.second, lambda fault=fault: self._happen(fault))  # type: ignore[misc]

    def request_length(self, pending: bytes) -> int:
        """Return the length of the first request, or 0 while it is incomplete."""
        own = getattr(self._instrument, "request_length", None)
        return int(own(pending)) if own is not None else pending.find(b"\n") + 1

    def answer(self, request: bytes) -> Reply:
        """Carry a request out, with the faults that are due; return what goes back."""
        with self._lock:
            due = self._due(request) if self._faults else []
            for fault in due:
                self._tell(fault, request)
                if fault.kind in OF_THE_LINE:
                    self._take_away(fault)
                    return Reply(end="gone")
                if fault.kind not in OF_REPLIES:
                    self._change(fault)
            ignored = any(fault.words.get("carried_out", True) is False for fault in due)
            reply = b"" if ignored else self._instrument.exchange(request)
            spoiling = next((fault for fault in due if fault.kind in OF_REPLIES), None)
            if spoiling is None:
                return Reply([(0.0, reply)])
            return spoiled(spoiling, reply, self._random)

    def carry_out(self, action: Callable[[Any], object]) -> None:
        """Have something done to the instrument while nobody else talks to it."""
        with self._lock:
            action(self._instrument)

    def _due(self, request: bytes) -> list[Fault]:
        text, now = request.decode("latin-1"), self._timers.second
        due = []
        for place, fault in enumerate(self._faults):
            if now < fault.second or (fault.matching and not fault.matching.search(text)):
                continue
            self._seen[place] += 1
            if fault.request <= self._seen[place] < fault.request + fault.times:
                due.append(fault)
        return due

    def _happen(self, fault: Fault) -> None:
        """Let a fault that waits for no request happen."""
        with self._lock:
            self._tell(fault, b"")
            if fault.kind in OF_THE_LINE:
                self._take_away(fault)
            else:
                self._change(fault)

    def _take_away(self, fault: Fault) -> None:
        """Take the port away, and after a while put it back; a reboot forgets every setting."""
        if fault.kind == "reboot":
            self._instrument = self._make()
        away = fault.words.get("for", AWAY_SECOND if fault.kind == "reboot" else 0.0)
        now = self._timers.second
        self._timers.at(now, self.port.vanish)
        if away:
            self._timers.at(now + away, self.port.appear)

    def _change(self, fault: Fault) -> None:
        """Change the instrument or what it is connected to, and after a while back."""
        instrument = self._instrument
        back: Callable[[Any], object] | None = None
        if fault.kind == "contact_lost":
            instrument.take_cell_away()
            back = _put_back
        elif fault.kind == "thermocouple_lost":
            channel = int(fault.words.get("channel", THERMOCOUPLE))
            instrument.broken.add(channel)
            back = _mended(channel)
        elif fault.kind == "input":
            number = int(fault.words["channel"]) - 1
            instrument.press(number, True)
            back = _released(number)
        elif fault.kind == "clock_jump":
            instrument.unix_at_zero += round(fault.words["by"] * 1e9)
        else:
            instrument.expire_watchdog()
        if back is not None and "for" in fault.words:
            mend = back
            self._timers.at(self._timers.second + fault.words["for"], lambda: self.carry_out(mend))

    def _tell(self, fault: Fault, request: bytes) -> None:
        """Write to stdout that a fault happened."""
        self._told += 1
        if self._told > MOST_TOLD:
            return
        told = {
            "fault": fault.kind,
            "where": fault.where,
            "instrument": self.name,
            "second": round(self._timers.second, 3),
            "request": request.decode("latin-1")[:200],
        }
        print(json.dumps(told), flush=True)


def _put_back(instrument: Any) -> None:
    instrument.put_cell_back()


def _released(number: int) -> Callable[[Any], object]:
    return lambda instrument: instrument.press(number, False)


def _mended(channel: int) -> Callable[[Any], object]:
    return lambda instrument: instrument.broken.discard(channel)
