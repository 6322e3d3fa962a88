"""When a part that ended is started again: at once, and later the more often it ends."""

from __future__ import annotations

__all__ = ["Patience"]

PAUSES_SECOND = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
GOOD_SECOND = 30.0
"""A part that lived so long is started at once again."""


class Patience:
    """The pauses between the starts of one part; it reads no clock."""

    def __init__(self) -> None:
        self.ends = 0
        """How often in a row it ended without a good life between."""
        self._began = float("-inf")
        self.due = float("-inf")
        """The monotonic second from which on it may be started."""

    def began(self, now: float) -> None:
        """Take note of a start."""
        self._began = now

    def ended(self, now: float) -> None:
        """Take note of an end, or of a start that failed."""
        self.ends = 0 if now - self._began > GOOD_SECOND else self.ends
        self.due = now + PAUSES_SECOND[min(self.ends, len(PAUSES_SECOND) - 1)]
        self.ends += 1
