"""What the Keithley 2450 states of its ranges: accuracy, resolution and noise, source and meter.

Source: Keithley, Model 2450 specifications, SPEC-2450 Rev. A (July 2013), pages 2 to 4: one year,
23 degrees Celsius +- 5, 1 PLC. Gains are fractions of the reading or setting, offsets volts or
amperes. Noise is the column of the source (RMS below 10 Hz); none is stated for the meter.
Unconfirmed: how a limit's extra error is to be read (0.3 % of setting and 0.02 % "of reading").
"""

from __future__ import annotations

from typing import NamedTuple

from benchlab.bench.roles import RangeAccuracy

__all__ = [
    "LIMIT_GAIN",
    "LIMIT_OFFSET_OF_RANGE",
    "MEASURE_CURRENT",
    "MEASURE_VOLTAGE",
    "OVERRANGE",
    "SCATTER_CURRENT",
    "SCATTER_VOLTAGE",
    "SOURCE_CURRENT",
    "SOURCE_VOLTAGE",
    "Scatter",
    "accuracy_of",
]


class Scatter(NamedTuple):
    """Resolution of source and meter, and RMS noise, of one range."""

    source_resolution: float
    measure_resolution: float
    noise: float


MEASURE_VOLTAGE = (
    RangeAccuracy(0.02, 0.00100, 150e-6),
    RangeAccuracy(0.2, 0.00012, 200e-6),
    RangeAccuracy(2.0, 0.00012, 300e-6),
    RangeAccuracy(20.0, 0.00015, 1e-3),
    RangeAccuracy(200.0, 0.00015, 10e-3),
)
SOURCE_VOLTAGE = (
    RangeAccuracy(0.02, 0.00100, 200e-6),
    RangeAccuracy(0.2, 0.00015, 200e-6),
    RangeAccuracy(2.0, 0.00020, 300e-6),
    RangeAccuracy(20.0, 0.00015, 2.4e-3),
    RangeAccuracy(200.0, 0.00015, 24e-3),
)
MEASURE_CURRENT = (
    RangeAccuracy(10e-9, 0.00100, 50e-12),
    RangeAccuracy(100e-9, 0.00060, 100e-12),
    RangeAccuracy(1e-6, 0.00025, 300e-12),
    RangeAccuracy(10e-6, 0.00025, 700e-12),
    RangeAccuracy(100e-6, 0.00020, 6e-9),
    RangeAccuracy(1e-3, 0.00020, 60e-9),
    RangeAccuracy(10e-3, 0.00020, 600e-9),
    RangeAccuracy(100e-3, 0.00025, 6e-6),
    RangeAccuracy(1.0, 0.00030, 500e-6),
)
SOURCE_CURRENT = (
    RangeAccuracy(10e-9, 0.00100, 100e-12),
    RangeAccuracy(100e-9, 0.00060, 150e-12),
    RangeAccuracy(1e-6, 0.00025, 400e-12),
    RangeAccuracy(10e-6, 0.00025, 1.5e-9),
    RangeAccuracy(100e-6, 0.00020, 15e-9),
    RangeAccuracy(1e-3, 0.00020, 150e-9),
    RangeAccuracy(10e-3, 0.00020, 1.5e-6),
    RangeAccuracy(100e-3, 0.00025, 15e-6),
    RangeAccuracy(1.0, 0.00067, 900e-6),
)
SCATTER_VOLTAGE = (
    Scatter(500e-9, 10e-9, 1e-6),
    Scatter(5e-6, 100e-9, 1e-6),
    Scatter(50e-6, 1e-6, 10e-6),
    Scatter(500e-6, 10e-6, 100e-6),
    Scatter(5e-3, 100e-6, 1e-3),
)
SCATTER_CURRENT = (
    Scatter(500e-15, 10e-15, 500e-15),
    Scatter(5e-12, 100e-15, 500e-15),
    Scatter(50e-12, 1e-12, 5e-12),
    Scatter(500e-12, 10e-12, 40e-12),
    Scatter(5e-9, 100e-12, 400e-12),
    Scatter(50e-9, 1e-9, 5e-9),
    Scatter(500e-9, 10e-9, 40e-9),
    Scatter(5e-6, 100e-9, 100e-9),
    Scatter(50e-6, 1e-6, 3e-6),
)
LIMIT_GAIN = 0.003
"""A limit is less exact than a set point: this part of the setting more, and ..."""
LIMIT_OFFSET_OF_RANGE = 0.0002
"""... this part of the range (stated as part of the reading)."""
OVERRANGE = 1.05
"""Source and meter go this far beyond the name of their range."""


def accuracy_of(ranges: tuple[RangeAccuracy, ...], value: float) -> int:
    """Return the index of the smallest range that takes `value` (absolute), or the largest."""
    size = abs(value)
    for k, entry in enumerate(ranges):
        if size <= entry.full_scale * OVERRANGE:
            return k
    return len(ranges) - 1
