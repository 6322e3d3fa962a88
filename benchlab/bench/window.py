"""What was seen within a window of time, and whether it stands still or moves; pure.

A window is kept in sixteen parts, so that an hour costs no more than a minute, and a condition over
an hour is judged over an hour and at most four minutes more. A single false value ends nothing: the
ends of a slope are means of three values at least, without their lowest and their highest.
"""

from __future__ import annotations

import math

__all__ = ["Change", "Slope", "Window"]

_PARTS = 16
_TRIMMED = 3
"""So many values make the end of a slope; its lowest and its highest are left out."""


class Window:
    """The values of one quantity within a window.

    Attributes
    ----------
    parts : list of list
        Of each part: its first instant, the lowest and the highest value, and more for a slope.
    """

    def __init__(self, second: float) -> None:
        self.parts: list[list[float]] = []
        self._second = second
        self._width = second / _PARTS
        self._turn = -math.inf
        """From this instant on another part begins, or the oldest one is too old."""

    def put_back(self, parts: list[list[float]]) -> None:
        """Go on with the parts of a window that was kept."""
        self.parts = parts
        self._turn = -math.inf

    def _drop(self, time: float) -> None:
        """Let what is too old go: the window may be one part longer than asked, never shorter."""
        parts = self.parts
        while len(parts) > 1 and time - parts[1][0] >= self._second:
            del parts[0]
        self._turn = parts[-1][0] + self._width
        if len(parts) > 1:
            self._turn = min(self._turn, parts[1][0] + self._second)


class Change(Window):
    """Whether the values within a window differ by less than an amount."""

    def __init__(self, second: float, amount: float) -> None:
        super().__init__(second)
        self._amount = amount
        self._low, self._high = math.inf, -math.inf

    def holds(self, time: float, value: float) -> bool:
        """Take a value and say whether the condition holds."""
        parts = self.parts
        if time >= self._turn:
            self._go_on(time, value)
        last = parts[-1]
        if value < last[1]:
            last[1] = value
        elif value > last[2]:
            last[2] = value
        if time - parts[0][0] < self._second:
            return False
        return max(self._high, last[2]) - min(self._low, last[1]) < self._amount

    def _go_on(self, time: float, value: float) -> None:
        parts = self.parts
        if not parts or time - parts[-1][0] >= self._width:
            parts.append([time, value, value])
        self._drop(time)
        self._low = min((part[1] for part in parts[:-1]), default=math.inf)
        self._high = max((part[2] for part in parts[:-1]), default=-math.inf)


class Slope(Window):
    """Whether the values rise faster than a rate, or slower, from a window's first part to now."""

    def __init__(self, second: float, rate: float, above: bool) -> None:
        super().__init__(second)
        self._rate = rate
        self._above = above
        self._start = self._middle = math.nan

    def holds(self, time: float, value: float) -> bool:
        """Take a value and say whether the condition holds."""
        parts = self.parts
        if time >= self._turn:
            self._go_on(time, value)
        last = parts[-1]
        if value < last[1]:
            last[1] = value
        elif value > last[2]:
            last[2] = value
        last[3] += value
        last[4] += 1.0
        first = parts[0]
        if time - first[0] < self._second or first is last or last[4] < _TRIMMED:
            return False
        slope = (_trimmed(last) - self._start) / ((last[0] + time) / 2.0 - self._middle)
        return slope > self._rate if self._above else slope < self._rate

    def _go_on(self, time: float, value: float) -> None:
        parts = self.parts
        few = bool(parts) and parts[-1][4] < _TRIMMED
        if not parts or (time - parts[-1][0] >= self._width and not few):
            parts.append([time, value, value, 0.0, 0.0])
        self._drop(time)
        if len(parts) > 1:
            self._start = _trimmed(parts[0])
            self._middle = (parts[0][0] + parts[1][0]) / 2.0


def _trimmed(part: list[float]) -> float:
    """Return the mean of a part without its lowest and its highest value."""
    _, low, high, total, count = part
    return (total - low - high) / (count - 2.0)
