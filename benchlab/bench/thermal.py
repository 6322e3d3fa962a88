"""What the sensors beside a cell say while a run goes on: recorded, handed on, judged."""

from __future__ import annotations

from benchlab.bench.clock import Clock
from benchlab.bench.guard import Trip
from benchlab.bench.run_log import RunLog
from benchlab.bench.sensing import SURFACE, Surroundings
from benchlab.bench.sequencer import Sequencer
from benchlab.bench.temperature_guard import TemperatureGuard
from benchlab.model.limits import RunLimits

__all__ = ["Thermal"]


class Thermal:
    """Reads the sensors where they are due, for those that need their values."""

    def __init__(
        self,
        surroundings: Surroundings,
        limits: RunLimits,
        clock: Clock,
        log: RunLog,
        sequencer: Sequencer,
    ) -> None:
        self._surroundings = surroundings
        self._guard = TemperatureGuard(limits)
        self._clock = clock
        self._log = log
        self._sequencer = sequencer

    def begin(self) -> None:
        """Count the sensors' silence from here on."""
        self._guard.begin(self._clock.now)

    def sense(self, time: float, *, charging: bool) -> Trip | None:
        """Read the sensors where they are due, and judge what they say."""
        surroundings = self._surroundings
        if not surroundings.is_due(time):
            return None
        for text in surroundings.read(time):
            self._log.event("sensor", "bench", text)
        self._sequencer.sensed = surroundings.values
        self._log.celsius = surroundings.surface()
        if SURFACE not in surroundings.channels:
            return None
        trip = self._guard.reading(surroundings.heard, self._log.celsius, charging=charging)
        return trip or self._guard.tick(self._clock.now)

    def may_begin(self, sign: int) -> Trip | None:
        """Judge before any current flows whether the cell is too cold or too warm to be charged."""
        if sign <= 0 or not self._surroundings:
            return None
        return self.sense(self._clock.now, charging=False) or self._guard.before_charging()
