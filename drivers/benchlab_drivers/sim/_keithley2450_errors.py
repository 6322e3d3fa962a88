"""The errors of one simulated 2450: gain and offset per range and polarity, and what reads scatter.

Every error is drawn once from a normal distribution whose sigma is half the data sheet's bound, and
never beyond the bound. The data sheet states no scatter of the meter: a fifth of the source's noise
is taken (20 uV on the 20 V range; typical, unconfirmed).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np

from benchlab.bench.roles import RangeAccuracy
from benchlab_drivers.wire import keithley2450_accuracy as sheet

__all__ = ["Errors", "RangeError", "gaussians"]

SCATTER_OF_SOURCE_NOISE = 0.2


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


class Errors:
    """All errors of one instrument.

    Attributes
    ----------
    measure_voltage, measure_current, source_voltage, source_current : tuple of RangeError
    limit_gain : tuple of float
        Of a positive and of a negative limit, on top of the source's own errors.
    """

    def __init__(self, seed: int, ideal: bool) -> None:
        rng = np.random.default_rng([seed, 2450])

        def bounded(bound: float) -> float:
            while abs(value := rng.normal(0.0, bound / 2.0)) > bound:
                pass
            return float(value)

        def draw(
            ranges: tuple[RangeAccuracy, ...], scatter: tuple[sheet.Scatter, ...], source: bool
        ) -> tuple[RangeError, ...]:
            if ideal:
                return tuple(RangeError(entry.full_scale) for entry in ranges)
            return tuple(
                RangeError(
                    entry.full_scale,
                    1.0 + bounded(entry.gain),
                    bounded(entry.offset),
                    1.0 + bounded(entry.gain),
                    bounded(entry.offset),
                    steps.source_resolution if source else steps.measure_resolution,
                    0.0 if source else SCATTER_OF_SOURCE_NOISE * steps.noise,
                )
                for entry, steps in zip(ranges, scatter, strict=True)
            )

        self.measure_voltage = draw(sheet.MEASURE_VOLTAGE, sheet.SCATTER_VOLTAGE, False)
        self.measure_current = draw(sheet.MEASURE_CURRENT, sheet.SCATTER_CURRENT, False)
        self.source_voltage = draw(sheet.SOURCE_VOLTAGE, sheet.SCATTER_VOLTAGE, True)
        self.source_current = draw(sheet.SOURCE_CURRENT, sheet.SCATTER_CURRENT, True)
        self.limit_gain = (
            (1.0, 1.0)
            if ideal
            else (1.0 + bounded(sheet.LIMIT_GAIN), 1.0 + bounded(sheet.LIMIT_GAIN))
        )


def gaussians(seed: int) -> Iterator[float]:
    """Return standard normal numbers without end, drawn 4096 at a time."""
    rng = np.random.default_rng([seed, 20450])

    def batches() -> Iterator[list[float]]:
        while True:
            yield rng.standard_normal(4096).tolist()

    return chain.from_iterable(batches())
