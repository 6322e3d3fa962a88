"""Counts charge and energy from every reading, step by step; pure.

Within a step the current is integrated by the trapezoid rule; before the first reading and after
the last one up to the step's edges it is taken as constant. Nothing is integrated across an edge.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from benchlab.bench.plain import put_back, taken

__all__ = ["Counter", "StepTotals", "Totals"]

_HALF_HOUR = 7200.0


class Totals(NamedTuple):
    """Counters since the start of the test, Ah and Wh."""

    charging_ah: float
    discharging_ah: float
    charging_wh: float
    discharging_wh: float


class StepTotals(NamedTuple):
    """What one step moved: signed net, what went to each counter, and what its voltages were."""

    net_ah: float
    net_wh: float
    counted: Totals
    minimum_volt: float
    maximum_volt: float
    reading_count: int


class Counter:
    """Integrates the readings of one run.

    A step that drives current in one direction adds its net charge to that direction's counter:
    splitting by sign would count noise as charge. Only a step that drives it both ways (a profile,
    a sweep) is split. Rests stand still; what a rest at regulated 0 A moved all the same is in its
    `StepTotals`.
    """

    __slots__ = (
        "_base",
        "_both",
        "_carried",
        "_count",
        "_current",
        "_direction",
        "_energy",
        "_high",
        "_integrate",
        "_low",
        "_power",
        "_start",
        "_time",
        "charge",
    )

    def __init__(self) -> None:
        self._base = Totals(0.0, 0.0, 0.0, 0.0)
        self._direction = 0
        self._both: Totals | None = None
        self._carried = (0.0, 0.0)
        self._start = self._base
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

    def go_on(self, totals: tuple[float, float, float, float]) -> None:
        """Count on from what a run had counted when its worker died; no step is under way."""
        self._base = self._start = Totals(*totals)

    def begin(
        self,
        edge: float,
        time: float,
        voltage: float,
        current: float,
        *,
        direction: int,
        is_open: bool,
        both: bool = False,
        carried: tuple[float, float] = (0.0, 0.0),
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
        both : bool
            The step drives current both ways: charge is split by its sign.
        carried : (float, float)
            Ah and Wh, net, that the step moved in an earlier run: its ends count them, the
            counters of this run do not.
        """
        self._direction = direction
        self._integrate = not is_open
        self._start = self._base
        self.charge, self._energy = self._carried = carried
        if direction > 0:
            charging, discharging, charged, discharged = self._base
            self._base = Totals(
                charging - carried[0], discharging, charged - carried[1], discharged
            )
        elif direction < 0:
            charging, discharging, charged, discharged = self._base
            self._base = Totals(
                charging, discharging + carried[0], charged, discharged + carried[1]
            )
        self._both = Totals(0.0, 0.0, 0.0, 0.0) if both else None
        self._time = time
        self._count += 1
        self._low, self._high = math.inf, -math.inf
        self._current = self._power = 0.0
        if voltage == voltage:
            self._low = self._high = voltage
        if self._integrate:
            self._current = current
            self._power = voltage * current
            self._hold(time - edge)

    def _hold(self, second: float) -> None:
        """Integrate the last current as constant over so many seconds."""
        hours = second / 3600.0
        self.charge += self._current * hours
        self._energy += self._power * hours
        if self._both is not None:
            current, power = (self._current, self._current), (self._power, self._power)
            self._both = _split(self._both, hours, current, power)

    def reading_both(self, time: float, voltage: float, current: float) -> None:
        """Take one reading of a step that drives current both ways."""
        before, hours = (self._current, self._power), (time - self._time) / 3600.0
        self.reading(time, voltage, current)
        if self._both is not None:
            now = (self._current, self._power)
            self._both = _split(self._both, hours, (before[0], now[0]), (before[1], now[1]))

    def level(self, edge: float) -> None:
        """Take note that the current was set anew at this instant, within the step."""
        if self._integrate:
            self._hold(edge - self._time)
        self._time = edge

    def after_level(self, time: float, voltage: float, current: float) -> None:
        """Take the first reading after `level`; the new current is taken as constant since."""
        self._current, self._power = current, voltage * current
        self._count += 1
        self._low, self._high = min(self._low, voltage), max(self._high, voltage)
        if self._integrate:
            self._hold(time - self._time)
        self._time = time

    def pause(self, edge: float) -> None:
        """Take note that the circuit was opened at this instant; the step is not over."""
        self.level(edge)
        self._integrate = False

    def resume(self, edge: float, time: float, voltage: float, current: float) -> None:
        """Go on after a pause, with the first reading after the edge."""
        self._integrate = True
        self._time = edge
        self.after_level(time, voltage, current)

    @property
    def carried(self) -> tuple[float, float]:
        """Ah and Wh that the step under way moved in an earlier run."""
        return self._carried

    @property
    def current(self) -> float:
        """Of the last reading that was integrated, A."""
        return self._current

    @property
    def energy(self) -> float:
        """Net energy of the step so far, Wh."""
        return self._energy

    @property
    def net_ah(self) -> float:
        """Net charge since the start of the test as the counters tell it, Ah."""
        totals = self.totals()
        return totals.charging_ah - totals.discharging_ah

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
        if self._both is not None:
            return Totals(*(a + b for a, b in zip(base, self._both, strict=True)))
        if self._direction > 0:
            return Totals(base[0] + self.charge, base[1], base[2] + self._energy, base[3])
        if self._direction < 0:
            return Totals(base[0], base[1] - self.charge, base[2], base[3] - self._energy)
        return base

    def end(self, edge: float) -> StepTotals:
        """End the step at its edge and return what it moved."""
        if self._integrate:
            self._hold(edge - self._time)
        self._base = self.totals()
        counted = Totals(*(b - a for a, b in zip(self._start, self._base, strict=True)))
        ah, wh = self._carried
        net = (self.charge - ah, self._energy - wh)
        result = StepTotals(*net, counted, self._low, self._high, self._count)
        self._count = 0
        self._direction = 0
        self._both = None
        self._carried = (0.0, 0.0)
        self._integrate = False
        return result

    def state(self, now: float) -> dict[str, Any]:
        """Return the counters and the step under way as plain values; times before now."""
        kept: dict[str, Any] = taken(self, _KEPT, _TIMES, now)
        return kept

    def restore(self, state: Mapping[str, Any], now: float) -> None:
        """Count on from a state, as if now were the instant it was taken at."""
        put_back(self, state, _KEPT, _TIMES, now)
        self._base, self._start = Totals(*self._base), Totals(*self._start)
        self._both = None if self._both is None else Totals(*self._both)
        self._carried = (self._carried[0], self._carried[1])


_TIMES = ("_time",)
_NOTHING = (0.0, 0.0, 0.0, 0.0)
_KEPT = {
    "_time": math.nan,
    "_base": _NOTHING,
    "_start": _NOTHING,
    "_both": None,
    "charge": 0.0,
    "_energy": 0.0,
    "_carried": (0.0, 0.0),
    "_direction": 0,
    "_integrate": False,
    "_current": 0.0,
    "_power": 0.0,
    "_low": math.inf,
    "_high": -math.inf,
    "_count": 0,
}


def _areas(before: float, after: float, hours: float) -> tuple[float, float]:
    """Return what a straight line encloses above and below zero."""
    if before >= 0.0 and after >= 0.0:
        return (before + after) / 2.0 * hours, 0.0
    if before <= 0.0 and after <= 0.0:
        return 0.0, -(before + after) / 2.0 * hours
    top, bottom = max(before, after), min(before, after)
    width = hours / (top - bottom)
    return top * top / 2.0 * width, bottom * bottom / 2.0 * width


def _split(
    totals: Totals, hours: float, current: tuple[float, float], power: tuple[float, float]
) -> Totals:
    """Add what flowed between two readings to each direction."""
    charge, energy = _areas(*current, hours), _areas(*power, hours)
    return Totals(
        totals[0] + charge[0],
        totals[1] + charge[1],
        totals[2] + energy[0],
        totals[3] + energy[1],
    )
