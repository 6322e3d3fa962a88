"""One root of a function between two points of opposite sign."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["root"]


def root(function: Callable[[float], float], low: float, high: float, within: float) -> float:
    """Return where `function` crosses zero, to `within`.

    Regula falsi with the Illinois rule (the end that stays twice counts half), bisecting where that
    is slow. Here rather than scipy's, whose import takes half a second.

    Raises
    ------
    ValueError
        Where both ends have the same sign.
    """
    at_low, at_high = function(low), function(high)
    if at_low == 0.0:
        return low
    if at_low * at_high > 0.0:
        raise ValueError(f"no sign change between {low} and {high}")
    side = 0
    for turn in range(200):
        if abs(high - low) <= within or at_high == 0.0:
            break
        middle = high - at_high * (high - low) / (at_high - at_low)
        if turn % 8 == 7 or not min(low, high) < middle < max(low, high):
            middle = 0.5 * (low + high)
        value = function(middle)
        if value == 0.0:
            return middle
        if value * at_high > 0.0:
            high, at_high = middle, value
            if side == 1:
                at_low *= 0.5
            side = 1
        else:
            low, at_low = middle, value
            if side == -1:
                at_high *= 0.5
            side = -1
    return high
