"""The rarer ends of a step, each judged reading by reading; pure.

Windows are kept in sixteen parts, so that an hour costs no more than a minute, and a condition over
an hour is judged over an hour and at most four minutes more. A single false value ends nothing:
peaks need two values, each end of a slope three, and everything else a second one that agrees.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from benchlab.model.program import Watched

__all__ = ["Sample", "Watch", "clock_end", "later", "watch"]

_PARTS = 16
_TRIMMED = 3
"""So many values make the end of a slope; its lowest and its highest are left out."""


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
        self.window = end.window_second
        self._sensed: Mapping[str, float] | None = {}
        self._agreed = 0
        self._before = math.nan
        self._parts: list[list[float]] = []
        self._peak = math.nan

    def holds(self, sample: Sample) -> bool:
        """Say whether the condition holds at a reading."""
        kind = self.kind
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
        if kind == "drop":
            return self._dropped(sample.voltage)
        return self._over_window(sample)

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
        seen = {"voltage_volt": sample.voltage, "current_ampere": sample.current}.get(
            self.name, sample.sensed.get(self.name, math.nan)
        )
        if seen != seen:
            return False
        if self.name not in ("voltage_volt", "current_ampere") and not self._is_new(sample.sensed):
            return False
        parts, width = self._parts, self.window / _PARTS
        few = self.kind == "slope" and bool(parts) and parts[-1][4] < _TRIMMED
        if not parts or (sample.time - parts[-1][0] >= width and not few):
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
        if parts[0] is last or last[4] < _TRIMMED:
            return False
        slope = (_trimmed(last) - _trimmed(parts[0])) / (last[0] - parts[0][0])
        return slope > self.value if self.above else slope < self.value

    def state(self, now: float) -> list[Any]:
        """Return the condition and what was seen, as plain values; times as seconds before now."""
        peak = None if math.isnan(self._peak) else self._peak
        value = None if math.isnan(self.value) else self.value
        parts = [[now - part[0], *part[1:]] for part in self._parts]
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
        self._parts = [[now - part[0], *part[1:]] for part in parts]


def _trimmed(part: list[float]) -> float:
    """Return the mean of a part without its lowest and its highest value."""
    _, low, high, total, count = part
    return (total - low - high) / (count - 2.0)


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
