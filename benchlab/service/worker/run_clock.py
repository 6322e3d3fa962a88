"""A clock that knows when whoever waits on it last moved."""

from __future__ import annotations

import time

from benchlab import platform
from benchlab.bench.clock import RealClock

__all__ = ["RunClock"]


class RunClock(RealClock):
    """The host's clock for one run's thread.

    Attributes
    ----------
    moved : float
        `time.monotonic` when somebody last looked at it: a thread that waits does so many times a
        second, one that hangs does not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.moved = time.monotonic()

    @property
    def now(self) -> float:
        """Monotonic seconds; suspend counts."""
        self.moved = time.monotonic()
        return platform.boottime()

    def sleep_until(self, when: float) -> None:
        """Wait in slices of at most 50 ms, so that `wake` and a suspend are noticed."""
        while not self._woken.is_set():
            self.moved = time.monotonic()
            left = when - platform.boottime()
            if left <= 0.0:
                return
            self._woken.wait(min(left, 0.05))
        self._woken.clear()
