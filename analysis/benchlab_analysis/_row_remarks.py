"""What is noticed in rows besides their sums: faults, and samples that tell their statistics."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["QUANTITIES", "Extras"]

Block = dict[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float64]

SAMPLED_ALL, SAMPLE_EVERY = 65_536, 64
"""Statistics of rows use each of the first so many, and then one in so many."""

QUANTITIES = (
    "charging_capacity_ah",
    "discharging_capacity_ah",
    "charging_energy_wh",
    "discharging_energy_wh",
)


@dataclass
class Extras:
    """What was noticed in rows besides sums.

    Attributes
    ----------
    first : dict
        The first row.
    noise_drops : int, and noise_ah : float
        Drops of counters that are no resets, and their sum.
    """

    first: dict[str, float] = field(default_factory=dict)
    blank_rows: int = 0
    missing_current: int = 0
    missing_voltage: int = 0
    glitches: int = 0
    first_glitch: float = 0.0
    time_back: int = 0
    time_stands: int = 0
    noise_drops: int = 0
    noise_ah: float = 0.0
    magnitudes: list[Floats] = field(default_factory=list)
    intervals: list[Floats] = field(default_factory=list)
    counter_max: float = 0.0
    smallest_rise: dict[str, Floats] = field(default_factory=dict)

    def copy(self) -> Extras:
        """Return one that can be added to on its own."""
        out = copy.copy(self)
        out.first, out.smallest_rise = (
            dict(self.first),
            {k: v.copy() for k, v in self.smallest_rise.items()},
        )
        out.magnitudes, out.intervals = list(self.magnitudes), list(self.intervals)
        return out

    def sample(self, block: Block, new: int, rows: int) -> None:
        """Take samples of the last `new` rows of a block, which are rows up to `rows` of all."""
        size = len(block["test_time_second"])
        begin = rows - new
        dense = np.arange(begin, min(rows, SAMPLED_ALL))
        thin = np.arange(
            -(-max(begin, SAMPLED_ALL) // SAMPLE_EVERY) * SAMPLE_EVERY, rows, SAMPLE_EVERY
        )
        place = np.concatenate((dense, thin)) + (size - rows)
        self.magnitudes.append(np.abs(block["current_ampere"][place]))
        place = place[place > 0]
        time = block["test_time_second"]
        self.intervals.append(time[place] - time[place - 1])
        for name in QUANTITIES[:2]:
            if name in block:
                raw = block[name]
                self.counter_max = max(self.counter_max, float(raw[place].max(initial=0.0)))
                self._note_rises(name, raw[place] - raw[place - 1])

    def _note_rises(self, name: str, rises: Floats) -> None:
        """Keep the smallest rise of each power of two: which of them is rounding shows later."""
        known = self.smallest_rise.setdefault(name, np.full(2200, np.inf))
        rises = rises[rises > 0.0]
        np.minimum.at(known, np.frexp(rises)[1] + 1100, rises)

    def usual_interval(self) -> float:
        """Return the median seconds between rows; 0 where there are fewer than two."""
        seen = np.concatenate(self.intervals) if self.intervals else np.empty(0)
        return float(np.median(seen)) if seen.size else 0.0

    def quantum(self) -> float:
        """Return the smallest rise of the coarser counter that is more than rounding; 0: none."""
        found = [
            float(known[known > 1e-8 * self.counter_max].min(initial=np.inf))
            for known in self.smallest_rise.values()
        ]
        return max((value for value in found if np.isfinite(value)), default=0.0)
