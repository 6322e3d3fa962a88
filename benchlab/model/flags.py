"""Bits of the column ``flags``: what is to be known of a row."""

from __future__ import annotations

from enum import IntFlag

__all__ = ["RowFlag"]


class RowFlag(IntFlag):
    """Bits of the column ``flags``."""

    STEP_START = 1
    """First row of a step."""
    STEP_END = 2
    """Last row of a step."""
    TRANSITION = 4
    """First row in constant voltage inside a step."""
    OPEN_CIRCUIT = 8
    """The output is open; the voltage is NaN where the instrument cannot see the cell."""
    OVERRANGE = 16
    """The instrument reported overrange or not-a-number."""
    CONFIRMATION = 32
    """An extra reading, asked for at once to confirm the one before."""
    SUSPECT = 64
    """Not believed: another reading was asked for at once; not counted."""
    LAST_SEEN = 128
    """Added by recovery: the last reading before the run was cut off, from its last state."""
