"""What Keithley states of its 2450, 2460 and 2461: ranges, accuracy, resolution, noise, envelope.

The three share one command set and differ in these tables. Gains are fractions of the reading or
setting, offsets volts or amperes; one year, 23 degrees Celsius +- 5, 1 PLC. Noise is the column of
the source (RMS below 10 Hz); none is stated for the meter.

2450: SPEC-2450 Rev. A (July 2013), pages 2 to 4. Unconfirmed: how a limit's extra error is to be
read (0.3 % of setting and 0.02 % "of reading").

2461: ranges, +-7.35 A and +-105 V of direct current, least limits (1 uA, 0.2 V), 7.35 V as the
voltage limit after a reset and the levels of overvoltage protection from its reference manual
(2461-901-01 A, pages 6-93 to 6-98, 8-166, 8-188); the source's accuracy of 100 mA and 20 V from
page 4-19 and the calibration manual (2461-905-01). Its 10 A range serves pulses only: of direct
current it carries 7.35 A like the others, so that range is left out. Unconfirmed, from memory of
the data sheets: every other accuracy, resolution and noise, the corners of the envelope, and that
the 2460 has the same tables as the 2461. Compare with the sheet of the instrument in hand before a
coulombic efficiency rests on them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from benchlab.bench.roles import RangeAccuracy

__all__ = [
    "LIMIT_GAIN",
    "LIMIT_OFFSET_OF_RANGE",
    "OVERRANGE",
    "SHEET_2450",
    "SHEET_2460",
    "SHEET_2461",
    "KeithleySheet",
    "Scatter",
    "range_index",
]

LIMIT_GAIN = 0.003
"""A limit is less exact than a set point: this part of the setting more, and ..."""
LIMIT_OFFSET_OF_RANGE = 0.0002
"""... this part of the range (stated as part of the reading)."""
OVERRANGE = 1.05
"""Source and meter go this far beyond the name of their range."""


class Scatter(NamedTuple):
    """Resolution of source and meter, and RMS noise, of one range."""

    source_resolution: float
    measure_resolution: float
    noise: float


@dataclass(frozen=True, slots=True)
class KeithleySheet:
    """One model.

    Attributes
    ----------
    envelope : tuple of (float, float)
        Corners of what it can source and sink, volts and amperes, volts rising.
    protections : tuple of int
        Levels of overvoltage protection, volts.
    least_limit_ampere, least_limit_volt : float
        Below them a limit is refused.
    reset_limit_volt : float
        The voltage limit after ``*RST``.
    """

    model: str
    measure_voltage: tuple[RangeAccuracy, ...]
    source_voltage: tuple[RangeAccuracy, ...]
    measure_current: tuple[RangeAccuracy, ...]
    source_current: tuple[RangeAccuracy, ...]
    scatter_voltage: tuple[Scatter, ...]
    scatter_current: tuple[Scatter, ...]
    envelope: tuple[tuple[float, float], ...]
    protections: tuple[int, ...]
    least_limit_ampere: float
    least_limit_volt: float
    reset_limit_volt: float

    def ampere_at(self, volt: float) -> float:
        """Return the largest current up to a voltage."""
        return max((a for v, a in self.envelope if v * (1.0 + 1e-9) >= volt), default=0.0)

    def volt_at(self, ampere: float) -> float:
        """Return the largest voltage up to a current."""
        return max((v for v, a in self.envelope if a * (1.0 + 1e-9) >= ampere), default=0.0)


SHEET_2450 = KeithleySheet(
    model="2450",
    measure_voltage=(
        RangeAccuracy(0.02, 0.00100, 150e-6),
        RangeAccuracy(0.2, 0.00012, 200e-6),
        RangeAccuracy(2.0, 0.00012, 300e-6),
        RangeAccuracy(20.0, 0.00015, 1e-3),
        RangeAccuracy(200.0, 0.00015, 10e-3),
    ),
    source_voltage=(
        RangeAccuracy(0.02, 0.00100, 200e-6),
        RangeAccuracy(0.2, 0.00015, 200e-6),
        RangeAccuracy(2.0, 0.00020, 300e-6),
        RangeAccuracy(20.0, 0.00015, 2.4e-3),
        RangeAccuracy(200.0, 0.00015, 24e-3),
    ),
    measure_current=(
        RangeAccuracy(10e-9, 0.00100, 50e-12),
        RangeAccuracy(100e-9, 0.00060, 100e-12),
        RangeAccuracy(1e-6, 0.00025, 300e-12),
        RangeAccuracy(10e-6, 0.00025, 700e-12),
        RangeAccuracy(100e-6, 0.00020, 6e-9),
        RangeAccuracy(1e-3, 0.00020, 60e-9),
        RangeAccuracy(10e-3, 0.00020, 600e-9),
        RangeAccuracy(100e-3, 0.00025, 6e-6),
        RangeAccuracy(1.0, 0.00030, 500e-6),
    ),
    source_current=(
        RangeAccuracy(10e-9, 0.00100, 100e-12),
        RangeAccuracy(100e-9, 0.00060, 150e-12),
        RangeAccuracy(1e-6, 0.00025, 400e-12),
        RangeAccuracy(10e-6, 0.00025, 1.5e-9),
        RangeAccuracy(100e-6, 0.00020, 15e-9),
        RangeAccuracy(1e-3, 0.00020, 150e-9),
        RangeAccuracy(10e-3, 0.00020, 1.5e-6),
        RangeAccuracy(100e-3, 0.00025, 15e-6),
        RangeAccuracy(1.0, 0.00067, 900e-6),
    ),
    scatter_voltage=(
        Scatter(500e-9, 10e-9, 1e-6),
        Scatter(5e-6, 100e-9, 1e-6),
        Scatter(50e-6, 1e-6, 10e-6),
        Scatter(500e-6, 10e-6, 100e-6),
        Scatter(5e-3, 100e-6, 1e-3),
    ),
    scatter_current=(
        Scatter(500e-15, 10e-15, 500e-15),
        Scatter(5e-12, 100e-15, 500e-15),
        Scatter(50e-12, 1e-12, 5e-12),
        Scatter(500e-12, 10e-12, 40e-12),
        Scatter(5e-9, 100e-12, 400e-12),
        Scatter(50e-9, 1e-9, 5e-9),
        Scatter(500e-9, 10e-9, 40e-9),
        Scatter(5e-6, 100e-9, 100e-9),
        Scatter(50e-6, 1e-6, 3e-6),
    ),
    envelope=((21.0, 1.05), (210.0, 0.105)),
    protections=(2, 5, 10, 20, 40, 60, 80, 100, 120, 140, 160, 180),
    least_limit_ampere=1e-9,
    least_limit_volt=1e-9,
    reset_limit_volt=21.0,
)

SHEET_2461 = KeithleySheet(
    model="2461",
    measure_voltage=(
        RangeAccuracy(0.2, 0.00012, 200e-6),
        RangeAccuracy(2.0, 0.00012, 300e-6),
        RangeAccuracy(7.0, 0.00015, 1e-3),
        RangeAccuracy(10.0, 0.00015, 1e-3),
        RangeAccuracy(20.0, 0.00015, 1e-3),
        RangeAccuracy(100.0, 0.00015, 5e-3),
    ),
    source_voltage=(
        RangeAccuracy(0.2, 0.00015, 200e-6),
        RangeAccuracy(2.0, 0.00020, 300e-6),
        RangeAccuracy(7.0, 0.00015, 2.4e-3),
        RangeAccuracy(10.0, 0.00015, 2.4e-3),
        RangeAccuracy(20.0, 0.00015, 2.4e-3),
        RangeAccuracy(100.0, 0.00015, 15e-3),
    ),
    measure_current=(
        RangeAccuracy(1e-6, 0.00025, 700e-12),
        RangeAccuracy(10e-6, 0.00025, 1.5e-9),
        RangeAccuracy(100e-6, 0.00020, 10e-9),
        RangeAccuracy(1e-3, 0.00020, 100e-9),
        RangeAccuracy(10e-3, 0.00020, 1e-6),
        RangeAccuracy(100e-3, 0.00020, 10e-6),
        RangeAccuracy(1.0, 0.00050, 500e-6),
        RangeAccuracy(4.0, 0.00100, 2.5e-3),
        RangeAccuracy(5.0, 0.00100, 2.5e-3),
        RangeAccuracy(7.0, 0.00150, 5e-3),
    ),
    source_current=(
        RangeAccuracy(1e-6, 0.00025, 700e-12),
        RangeAccuracy(10e-6, 0.00025, 2e-9),
        RangeAccuracy(100e-6, 0.00020, 15e-9),
        RangeAccuracy(1e-3, 0.00020, 150e-9),
        RangeAccuracy(10e-3, 0.00020, 1.5e-6),
        RangeAccuracy(100e-3, 0.00020, 15e-6),
        RangeAccuracy(1.0, 0.00050, 750e-6),
        RangeAccuracy(4.0, 0.00100, 3e-3),
        RangeAccuracy(5.0, 0.00100, 3e-3),
        RangeAccuracy(7.0, 0.00150, 6e-3),
    ),
    scatter_voltage=(
        Scatter(5e-6, 100e-9, 2e-6),
        Scatter(50e-6, 1e-6, 10e-6),
        Scatter(500e-6, 10e-6, 100e-6),
        Scatter(500e-6, 10e-6, 100e-6),
        Scatter(500e-6, 10e-6, 100e-6),
        Scatter(5e-3, 100e-6, 500e-6),
    ),
    scatter_current=(
        Scatter(50e-12, 1e-12, 20e-12),
        Scatter(500e-12, 10e-12, 100e-12),
        Scatter(5e-9, 100e-12, 1e-9),
        Scatter(50e-9, 1e-9, 10e-9),
        Scatter(500e-9, 10e-9, 100e-9),
        Scatter(5e-6, 100e-9, 1e-6),
        Scatter(50e-6, 1e-6, 10e-6),
        Scatter(500e-6, 10e-6, 60e-6),
        Scatter(500e-6, 10e-6, 60e-6),
        Scatter(500e-6, 10e-6, 100e-6),
    ),
    envelope=((7.35, 7.35), (10.5, 5.25), (21.0, 4.2), (105.0, 1.05)),
    protections=(2, 5, 10, 20, 40, 60, 80),
    least_limit_ampere=1e-6,
    least_limit_volt=0.2,
    reset_limit_volt=7.35,
)

SHEET_2460 = replace(SHEET_2461, model="2460")


def range_index(ranges: tuple[RangeAccuracy, ...], value: float) -> int:
    """Return the index of the smallest range that takes `value` (absolute), or the largest."""
    size = abs(value)
    for k, entry in enumerate(ranges):
        if size <= entry.full_scale * OVERRANGE:
            return k
    return len(ranges) - 1
