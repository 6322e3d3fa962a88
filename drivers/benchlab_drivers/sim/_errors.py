"""What a simulated instrument gets wrong: gain and offset per range and polarity, scatter, steps.

Every error is drawn once from a normal distribution whose sigma is half the data sheet's bound, and
never beyond the bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from benchlab.bench.roles import RangeAccuracy

__all__ = ["Drawing", "RangeError", "gaussians"]


class RangeError(NamedTuple):
    """What one range makes of a value: gain and offset by polarity, steps, scatter."""

    full_scale: float
    gain_positive: float = 1.0
    offset_positive: float = 0.0
    gain_negative: float = 1.0
    offset_negative: float = 0.0
    resolution: float = 0.0
    scatter: float = 0.0

    def apply(self, value: float) -> float:
        """Return what becomes of `value`, without scatter."""
        if value >= 0.0:
            wrong = value * self.gain_positive + self.offset_positive
        else:
            wrong = value * self.gain_negative + self.offset_negative
        return round(wrong / self.resolution) * self.resolution if self.resolution else wrong


class Drawing:
    """Draws the errors of one instrument.

    Parameters
    ----------
    seed : list of int
        Which instrument; the same seed draws the same errors.
    ideal : bool
        Draw none.
    """

    def __init__(self, seed: list[int], *, ideal: bool) -> None:
        self._rng = np.random.default_rng(seed)
        self._ideal = ideal

    def bounded(self, bound: float) -> float:
        """Return one error inside +-`bound`."""
        if self._ideal or not bound:
            return 0.0
        while abs(value := self._rng.normal(0.0, bound / 2.0)) > bound:
            pass
        return float(value)

    def ranges(
        self,
        stated: Sequence[RangeAccuracy],
        resolutions: Sequence[float],
        scatters: Sequence[float],
    ) -> tuple[RangeError, ...]:
        """Return the errors of every range; an ideal one neither scatters nor steps."""
        if self._ideal:
            return tuple(RangeError(entry.full_scale) for entry in stated)
        return tuple(
            RangeError(
                entry.full_scale,
                1.0 + self.bounded(entry.gain),
                self.bounded(entry.offset),
                1.0 + self.bounded(entry.gain),
                self.bounded(entry.offset),
                resolution,
                scatter,
            )
            for entry, resolution, scatter in zip(stated, resolutions, scatters, strict=True)
        )


def gaussians(seed: int) -> Iterator[float]:
    """Return standard normal numbers without end, drawn 4096 at a time."""
    rng = np.random.default_rng([seed, 20450])

    def batches() -> Iterator[list[float]]:
        while True:
            yield rng.standard_normal(4096).tolist()

    return chain.from_iterable(batches())
