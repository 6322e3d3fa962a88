"""Clocks: the host's own, and a virtual one that jumps to whatever happens next.

Both give test-independent seconds in ``now`` and are the only places that wait.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from typing import Protocol

from benchlab import platform

__all__ = ["Clock", "RealClock", "VirtualClock"]

VIRTUAL_EPOCH_NS = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z: a fixed start, so that the same seed gives the same file."""


class Clock(Protocol):
    """Monotonic seconds, the UTC that belongs to them, and waiting."""

    virtual: bool

    @property
    def now(self) -> float:
        """Monotonic seconds; suspend counts."""

    def unix_ns(self) -> int:
        """UTC in nanoseconds since 1970."""

    def sleep_until(self, when: float) -> None:
        """Return once ``now >= when``, or at once when `wake` was called."""

    def wake(self) -> None:
        """End a wait early, from any thread or signal handler."""


class RealClock:
    """The host's monotonic clock, counting suspend."""

    virtual = False

    def __init__(self) -> None:
        self._woken = threading.Event()

    @property
    def now(self) -> float:
        """Monotonic seconds; suspend counts."""
        return platform.boottime()

    def unix_ns(self) -> int:
        """UTC in nanoseconds since 1970."""
        return platform.unix_ns()

    def sleep_until(self, when: float) -> None:
        """Wait in slices of at most 50 ms, so that `wake` and a suspend are noticed."""
        while not self._woken.is_set():
            left = when - platform.boottime()
            if left <= 0.0:
                return
            self._woken.wait(min(left, 0.05))
        self._woken.clear()

    def wake(self) -> None:
        """End the wait under way, or the next one where none is."""
        self._woken.set()


class VirtualClock:
    """A clock with one event queue; it moves only when told to, and equal times keep their order.

    Attributes
    ----------
    now : float
        Seconds; written by `sleep_until` alone.
    next_event : float
        The time of the earliest scheduled event, or infinity.
    """

    virtual = True

    def __init__(self, start: float = 0.0) -> None:
        self.now = start
        self.next_event = float("inf")
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = 0

    def unix_ns(self) -> int:
        """UTC of the virtual epoch plus `now`."""
        return VIRTUAL_EPOCH_NS + round(self.now * 1e9)

    def schedule(self, when: float, action: Callable[[], None]) -> None:
        """Have `action` called when the clock reaches `when`."""
        heapq.heappush(self._queue, (when, self._sequence, action))
        self._sequence += 1
        self.next_event = self._queue[0][0]

    def sleep_until(self, when: float) -> None:
        """Jump to `when`, stopping at each scheduled event on the way to carry it out."""
        while self.next_event <= when:
            due, _, action = heapq.heappop(self._queue)
            self.next_event = self._queue[0][0] if self._queue else float("inf")
            if due > self.now:
                self.now = due
            action()
        if when > self.now:
            self.now = when

    def wake(self) -> None:
        """Do nothing: nobody waits on a clock that jumps."""
