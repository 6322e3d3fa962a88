"""Faults of an instrument that speaks by itself: they happen to lines that it says."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from benchlab.errors import UsageError
from benchlab_drivers.sim._spoil import spoiled
from benchlab_drivers.sim.faults import OF_REPLIES, Fault

__all__ = ["SpoiledStream"]

HARMLESS = frozenset({"nan", "overflow"})
"""Its packages hold no decimal numbers."""
MOST_TOLD = 200


class Streaming(Protocol):
    """A simulated instrument that speaks by itself."""

    def feed(self, data: bytes) -> None:
        """Take what the host sends."""

    def take(self) -> bytes:
        """Return what was sent until now."""


class SpoiledStream:
    """Stands between an instrument and its port.

    Parameters
    ----------
    faults : sequence of Fault
        Of replies; each counts the lines that match, those that end a run included.

    Attributes
    ----------
    drop : callable
        Cuts the client off.

    Raises
    ------
    benchlab.errors.UsageError
        A fault that such an instrument cannot have, with its line.
    """

    def __init__(self, instrument: Streaming, faults: Sequence[Fault], name: str) -> None:
        for fault in faults:
            if fault.kind not in OF_REPLIES or fault.kind in HARMLESS:
                raise UsageError(
                    f"{name} speaks by itself and cannot have the fault '{fault.kind}'.",
                    where=fault.where,
                    remedy=f"It can have {', '.join(sorted(set(OF_REPLIES) - HARMLESS))}.",
                )
        self._instrument = instrument
        self._faults = faults
        self._name = name
        self._seen = [0] * len(faults)
        self._told = 0
        self._began = time.monotonic()
        self._random = random.Random(0)
        self._part = b""
        self._waiting: list[tuple[float, bytes, str]] = []
        self.drop: Callable[[], None] = lambda: None

    def feed(self, data: bytes) -> None:
        """Take what the host sends."""
        self._instrument.feed(data)

    def take(self) -> bytes:
        """Return what is due now of what was said."""
        *lines, self._part = (self._part + self._instrument.take()).split(b"\n")
        now = time.monotonic()
        for line in lines:
            self._say(line + b"\n", now)
        said = b""
        while self._waiting and self._waiting[0][0] <= now:
            _, data, end = self._waiting.pop(0)
            said += data
            if end:
                self.drop()
        return said

    def _say(self, line: bytes, now: float) -> None:
        """Put a line behind those that wait, as its fault has it."""
        due = max(now, self._waiting[-1][0]) if self._waiting else now
        fault = self._due(line, now)
        if fault is None:
            self._waiting.append((due, line, ""))
            return
        self._tell(fault, line, now)
        reply = spoiled(fault, line, self._random)
        for second, data in reply.pieces:
            due += second
            self._waiting.append((due, data, ""))
        if reply.end:
            self._waiting.append((due, b"", reply.end))

    def _due(self, line: bytes, now: float) -> Fault | None:
        text = line.decode("latin-1")
        for place, fault in enumerate(self._faults):
            if now - self._began < fault.second:
                continue
            if fault.matching is not None and not fault.matching.search(text):
                continue
            self._seen[place] += 1
            if fault.request <= self._seen[place] < fault.request + fault.times:
                return fault
        return None

    def _tell(self, fault: Fault, line: bytes, now: float) -> None:
        self._told += 1
        if self._told <= MOST_TOLD:
            told = {
                "fault": fault.kind,
                "where": fault.where,
                "instrument": self._name,
                "second": round(now - self._began, 3),
                "said": line.decode("latin-1")[:200],
            }
            print(json.dumps(told), flush=True)
