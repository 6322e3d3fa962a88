"""Ratings of the unit behind a BTS 8: eight channels of 5 V and 12 A.

The interface does not tell what the unit is; a channel's ratings stand on its plate. Unconfirmed:
ranges and accuracy (0.02 % of the range), which differ from model to model.
"""

from __future__ import annotations

from benchlab.bench.roles import RangeAccuracy

__all__ = ["AMPERE", "CURRENT_RANGES", "TICK_SECOND", "VOLT", "VOLTAGE_RANGES", "range_for"]

VOLT, AMPERE = 5.0, 12.0
SHARE = 2e-4
TICK_SECOND = 0.1
"""Step times and record times are whole tenths of a second in every capture that was seen."""
CURRENT_RANGES = tuple(RangeAccuracy(full, 0.0, SHARE * full) for full in (0.1, 1.0, AMPERE))
VOLTAGE_RANGES = (RangeAccuracy(VOLT, 0.0, SHARE * VOLT),)


def range_for(ampere: float) -> int:
    """Return which of `CURRENT_RANGES` carries a current."""
    fits = (k for k, item in enumerate(CURRENT_RANGES) if abs(ampere) <= item.full_scale)
    return next(fits, len(CURRENT_RANGES) - 1)
