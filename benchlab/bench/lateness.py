"""How late the control periods came, in a fixed space however long the run."""

from __future__ import annotations

import math

__all__ = ["Lateness"]

_PER_DECADE = 20
_DECADES = 8
_LEAST_SECOND = 1e-6


class Lateness:
    """Counts of lateness in logarithmic bins from 1 us to 100 s, about 12 % wide."""

    def __init__(self) -> None:
        self._bins = [0] * (_PER_DECADE * _DECADES + 1)
        self.count = 0
        self.missed = 0
        """Control periods without a reading of their own."""
        self.worst_second = 0.0

    def add(self, second: float) -> None:
        """Count one lateness in seconds."""
        self.count += 1
        if second > self.worst_second:
            self.worst_second = second
        place = 0
        if second > _LEAST_SECOND:
            place = 1 + int(_PER_DECADE * math.log10(second / _LEAST_SECOND))
        self._bins[min(place, len(self._bins) - 1)] += 1

    def quantile(self, share: float) -> float:
        """Return the upper edge, in seconds, of the bin that holds the quantile; NaN if empty."""
        if not self.count:
            return math.nan
        wanted = share * self.count
        seen = 0
        for place, count in enumerate(self._bins):
            seen += count
            if seen >= wanted:
                return min(_LEAST_SECOND * 10 ** (place / _PER_DECADE), self.worst_second)
        return self.worst_second

    def record(self) -> dict[str, float]:
        """Return count, missed periods and percentiles in seconds, as plain values."""
        return {
            "count": self.count,
            "missed": self.missed,
            **{
                f"p{round(share * 100)}_second": self.quantile(share) if self.count else 0.0
                for share in (0.5, 0.9, 0.99)
            },
            "worst_second": self.worst_second,
        }
