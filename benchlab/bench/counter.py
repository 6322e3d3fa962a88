"""Counts charge and energy from every reading, step by step; pure.

Within a step the current is integrated by the trapezoid rule; before the first reading and after
the last one up to the step's edges it is taken as constant. Nothing is integrated across an edge.
"""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["Counter", "StepTotals", "Totals"]

_HALF_HOUR = 7200.0


class Totals(NamedTuple):
    """Counters since the start of the test, Ah and Wh."""

    charging_ah: float
    discharging_ah: float
    charging_wh: float
    discharging_wh: float


class StepTotals(NamedTuple):
    """What one step moved: signed net charge and energy, and what its voltages were."""

    net_ah: float
    net_wh: float
    minimum_volt: float
    maximum_volt: float
    reading_count: int


class Counter:
    """Integrates the readings of one run.

    A step that drives current in one direction adds its net charge to that direction's counter:
    splitting by sign would count noise as charge. Rests stand still; what a rest at regulated 0 A
    moved all the same is in its `StepTotals`.
    """

    __slots__ = (
        "_base",
        "_count",
        "_current",
        "_direction",
        "_energy",
        "_high",
        "_integrate",
        "_low",
        "_power",
        "_time",
        "charge",
    )

    def __init__(self) -> None:
        self._base = Totals(0.0, 0.0, 0.0, 0.0)
        self._direction = 0
        self._integrate = False
        self._time = math.nan
        self._current = 0.0
        self._power = 0.0
        self._energy = 0.0
        self._low = math.inf
        self._high = -math.inf
        self._count = 0
        self.charge = 0.0
        """Net charge of the step so far, Ah."""

    def begin(
        self,
        edge: float,
        time: float,
        voltage: float,
        current: float,
        *,
        direction: int,
        is_open: bool,
    ) -> None:
        """Begin a step at its edge with its first reading.

        Parameters
        ----------
        edge, time : float
            Clock seconds of the edge and of the reading.
        direction : int
            +1 or -1: the counter that the net charge goes to; 0: neither.
        is_open : bool
            The circuit is open: no charge can flow and nothing is integrated.
        """
        self._direction = direction
        self._integrate = not is_open
        self.charge = self._energy = 0.0
        self._time = time
        self._count += 1
        self._low, self._high = math.inf, -math.inf
        self._current = self._power = 0.0
        if voltage == voltage:
            self._low = self._high = voltage
        if self._integrate:
            self._current = current
            self._power = voltage * current
            hours = (time - edge) / 3600.0
            self.charge = current * hours
            self._energy = self._power * hours

    def reading(self, time: float, voltage: float, current: float) -> None:
        """Take one reading, in order of time."""
        self._count += 1
        if voltage < self._low:
            self._low = voltage
        if voltage > self._high:
            self._high = voltage
        if self._integrate:
            power = voltage * current
            hours = (time - self._time) / _HALF_HOUR
            self.charge += (current + self._current) * hours
            self._energy += (power + self._power) * hours
            self._current = current
            self._power = power
        self._time = time

    def disbelieved(self) -> None:
        """Take note of a reading that is not counted, but was taken."""
        self._count += 1

    def seen(self, voltage: float) -> None:
        """Take a voltage that was seen without current at the end of a rest."""
        self._count += 1
        self._low, self._high = min(self._low, voltage), max(self._high, voltage)

    def totals(self) -> Totals:
        """Return the counters as they stand."""
        base = self._base
        if self._direction > 0:
            return Totals(base[0] + self.charge, base[1], base[2] + self._energy, base[3])
        if self._direction < 0:
            return Totals(base[0], base[1] - self.charge, base[2], base[3] - self._energy)
        return base

    def end(self, edge: float) -> StepTotals:
        """End the step at its edge and return what it moved."""
        if self._integrate:
            hours = (edge - self._time) / 3600.0
            self.charge += self._current * hours
            self._energy += self._power * hours
        self._base = self.totals()
        result = StepTotals(self.charge, self._energy, self._low, self._high, self._count)
        self._count = 0
        self._direction = 0
        self._integrate = False
        return result
