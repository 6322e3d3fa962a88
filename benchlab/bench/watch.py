"""The rarer ends of a step, each judged reading by reading; pure.

A single false value ends nothing: peaks need two values, and everything that one value could fake a
second one that agrees.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from benchlab.bench.window import Change, Slope
from benchlab.model.program import Watched

__all__ = ["Sample", "Watch", "clock_end", "later", "watch"]

_OVER_TIME = ("change", "slope")


class Sample(NamedTuple):
    """What a condition may look at; charge and energy net of the step, `net_ah` of the test."""

    time: float
    elapsed: float
    voltage: float
    current: float
    charge: float
    energy: float
    net_ah: float
    sensed: Mapping[str, float]


class Watch:
    """One condition of the step under way.

    Attributes
    ----------
    confirm : bool
        Whether a second reading must agree: a single one may be a glitch.
    """

    def __init__(self, watched: Watched, sign: int, mark: float) -> None:
        end = watched.end
        self.reason = watched.reason
        self.value = watched.value
        self.above = end.relation == "above"
        self.sign = sign
        self.mark = mark
        self.kind = end.kind
        self.name = end.name
        self.confirm = end.kind in ("voltage", "drop", "current")
        self.by_clock = end.kind == "time" and bool(end.name)
        second = end.window_second
        self._window = (
            Slope(second, self.value, self.above)
            if end.kind == "slope"
            else Change(second, self.value)
        )
        self._sensed: Mapping[str, float] | None = {}
        self._agreed = 0
        self._before = math.nan
        self._peak = math.nan

    def holds(self, sample: Sample) -> bool:
        """Say whether the condition holds at a reading."""
        kind = self.kind
        if kind in _OVER_TIME:
            return self._over_window(sample)
        if kind == "voltage":
            return self._beyond(sample.voltage)
        if kind == "sensor":
            if self._is_new(sample.sensed):
                beyond = self._beyond(sample.sensed.get(self.name, math.nan))
                self._agreed = self._agreed + 1 if beyond else 0
            return self._agreed >= 2
        if kind == "current":
            return abs(sample.current) <= self.value
        if kind == "charge":
            return sample.charge * self.sign >= self.value
        if kind == "energy":
            return sample.energy * self.sign >= self.value
        if kind == "net charge":
            moved = sample.net_ah - self.mark
            return (moved if self.above else -moved) >= self.value
        if kind == "time":
            return sample.elapsed >= self.value
        return self._dropped(sample.voltage)

    def _is_new(self, sensed: Mapping[str, float]) -> bool:
        """Say whether the sensors were read again: less often than the cell is."""
        before, self._sensed = self._sensed, sensed
        return before is not None and sensed is not before

    def _beyond(self, seen: float) -> bool:
        return seen >= self.value if self.above else seen <= self.value

    def _dropped(self, voltage: float) -> bool:
        if voltage != voltage:
            return False
        seen = voltage * (self.sign or 1)
        lower = min(self._before, seen)  # not a number until there are two
        self._before = seen
        if not lower <= self._peak:
            self._peak = lower
        return self._peak - seen >= self.value

    def _over_window(self, sample: Sample) -> bool:
        name = self.name
        if name == "voltage_volt":
            seen = sample.voltage
        elif name == "current_ampere":
            seen = sample.current
        elif self._is_new(sample.sensed):
            seen = sample.sensed.get(name, math.nan)
        else:
            return False
        return seen == seen and self._window.holds(sample.time, seen)

    def state(self, now: float) -> list[Any]:
        """Return the condition and what was seen, as plain values; times as seconds before now."""
        peak = None if math.isnan(self._peak) else self._peak
        value = None if math.isnan(self.value) else self.value
        parts = [[now - part[0], *part[1:]] for part in self._window.parts]
        before = None if math.isnan(self._before) else self._before
        return [self.kind, value, self.mark, peak, parts, before, self._agreed, self.by_clock]

    def restore(self, state: list[Any], now: float) -> None:
        """Take back the condition and what was seen."""
        kind, value, self.mark, peak, parts, before, self._agreed, self.by_clock = state
        self._sensed = None  # whatever comes next was judged already
        self.kind = kind
        self.value = math.nan if value is None else value
        self._peak = math.nan if peak is None else peak
        self._before = math.nan if before is None else before
        self._window.put_back([[now - part[0], *part[1:]] for part in parts])


def later(state: list[Any], second: float) -> list[Any]:
    """Return the state of a condition as it stands so many seconds later, nothing seen since."""
    parts = [[part[0] + second, *part[1:]] for part in state[4]]
    return [*state[:4], parts, *state[5:]]


def watch(watched: Watched, sign: int, marks: Mapping[str, float]) -> Watch:
    """Return the judge of one condition.

    Parameters
    ----------
    sign : int
        Direction of the step's current.
    marks : Mapping
        Net charge of the test at each mark, Ah.
    """
    return Watch(watched, sign, marks.get(watched.end.name, 0.0))


def clock_end(when: str, unix_ns: int) -> float:
    """Return in how many seconds a clock shows a time, in UTC.

    Parameters
    ----------
    when : str
        ``06:00``: the next time it is six; or ``2026-12-24 06:00``: at once where that has passed.
    """
    now = datetime.fromtimestamp(unix_ns / 1e9, UTC)
    if len(when) == 5:
        hour, minute = int(when[:2]), int(when[3:])
        then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        if then <= now:
            then += timedelta(days=1)
    else:
        then = datetime.strptime(when, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    return max((then - now).total_seconds(), 0.0)
