"""The rarer ends of a step, each judged reading by reading; pure.

Windows are kept in sixteen parts, so that an hour costs no more than a minute, and a condition over
an hour is judged over an hour and at most four minutes more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from benchlab.model.program import Watched

__all__ = ["Sample", "Watch", "clock_end", "watch"]

_PARTS = 16


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
        self.confirm = end.kind in ("voltage", "sensor", "drop", "current")
        self.window = end.window_second
        self._parts: list[list[float]] = []
        self._peak = math.nan

    def holds(self, sample: Sample) -> bool:
        """Say whether the condition holds at a reading."""
        kind = self.kind
        if kind == "voltage":
            return self._beyond(sample.voltage)
        if kind == "sensor":
            return self._beyond(sample.sensed.get(self.name, math.nan))
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
        if kind == "drop":
            return self._dropped(sample.voltage)
        return self._over_window(sample)

    def _beyond(self, seen: float) -> bool:
        return seen >= self.value if self.above else seen <= self.value

    def _dropped(self, voltage: float) -> bool:
        if voltage != voltage:
            return False
        if not voltage * (self.sign or 1) <= self._peak:
            self._peak = voltage * (self.sign or 1)
        return self._peak - voltage * (self.sign or 1) >= self.value

    def _over_window(self, sample: Sample) -> bool:
        seen = {"voltage_volt": sample.voltage, "current_ampere": sample.current}.get(
            self.name, sample.sensed.get(self.name, math.nan)
        )
        if seen != seen:
            return False
        parts, width = self._parts, self.window / _PARTS
        if not parts or sample.time - parts[-1][0] >= width:
            parts.append([sample.time, seen, seen, 0.0, 0.0])
        last = parts[-1]
        last[1], last[2] = min(last[1], seen), max(last[2], seen)
        last[3] += seen
        last[4] += 1.0
        # the window may be longer than asked by one part, never shorter
        while len(parts) > 1 and sample.time - parts[1][0] >= self.window:
            del parts[0]
        if sample.time - parts[0][0] < self.window:
            return False
        if self.kind == "change":
            return max(p[2] for p in parts) - min(p[1] for p in parts) < self.value
        if parts[0] is last:
            return False
        rise = last[3] / last[4] - parts[0][3] / parts[0][4]
        slope = rise / (last[0] - parts[0][0])
        return slope > self.value if self.above else slope < self.value

    def state(self, now: float) -> list[Any]:
        """Return the condition and what was seen, as plain values; times as seconds before now."""
        peak = None if math.isnan(self._peak) else self._peak
        value = None if math.isnan(self.value) else self.value
        parts = [[now - part[0], *part[1:]] for part in self._parts]
        return [self.kind, value, self.mark, peak, parts]

    def restore(self, state: list[Any], now: float) -> None:
        """Take back the condition and what was seen."""
        kind, value, self.mark, peak, parts = state
        self.kind = kind
        self.value = math.nan if value is None else value
        self._peak = math.nan if peak is None else peak
        self._parts = [[now - part[0], *part[1:]] for part in parts]


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
