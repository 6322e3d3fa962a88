"""The errors of one simulated 2450, 2460 or 2461, drawn from its data sheet.

The data sheet states no scatter of the meter: a fifth of the source's noise is taken (20 uV on the
20 V range; typical, unconfirmed).
"""

from __future__ import annotations

from benchlab_drivers.sim._errors import Drawing
from benchlab_drivers.wire.keithley_sheets import LIMIT_GAIN, KeithleySheet

__all__ = ["Errors"]

SCATTER_OF_SOURCE_NOISE = 0.2


class Errors:
    """All errors of one instrument.

    Attributes
    ----------
    measure_voltage, measure_current, source_voltage, source_current : tuple of RangeError
    limit_gain : tuple of float
        Of a positive and of a negative limit, on top of the source's own errors.
    """

    def __init__(self, sheet: KeithleySheet, seed: int, ideal: bool) -> None:
        draw = Drawing([seed, int(sheet.model)], ideal=ideal)
        volts, amperes = sheet.scatter_voltage, sheet.scatter_current
        self.measure_voltage = draw.ranges(
            sheet.measure_voltage,
            [s.measure_resolution for s in volts],
            [SCATTER_OF_SOURCE_NOISE * s.noise for s in volts],
        )
        self.measure_current = draw.ranges(
            sheet.measure_current,
            [s.measure_resolution for s in amperes],
            [SCATTER_OF_SOURCE_NOISE * s.noise for s in amperes],
        )
        self.source_voltage = draw.ranges(
            sheet.source_voltage, [s.source_resolution for s in volts], [0.0] * len(volts)
        )
        self.source_current = draw.ranges(
            sheet.source_current, [s.source_resolution for s in amperes], [0.0] * len(amperes)
        )
        self.limit_gain = (1.0 + draw.bounded(LIMIT_GAIN), 1.0 + draw.bounded(LIMIT_GAIN))
