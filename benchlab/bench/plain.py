"""What an object keeps of itself as plain values that JSON can carry, and back again."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["plain", "put_back", "taken"]


def plain(value: Any) -> Any:
    """Return a value that JSON can carry: none and infinite become null, tuples become lists."""
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def taken(owner: object, names: Collection[str], times: Collection[str], now: float) -> Any:
    """Return the named attributes of an object; times as seconds before now."""
    return {
        name: plain(getattr(owner, name) - now if name in times else getattr(owner, name))
        for name in names
    }


def put_back(
    owner: object,
    state: Mapping[str, Any],
    names: Collection[str],
    times: Collection[str],
    now: float,
    empty: Mapping[str, Any],
) -> None:
    """Give an object its attributes back, as if now were the instant they were taken at.

    Parameters
    ----------
    empty : Mapping
        What null stands for, by name; NaN for every other one.
    """
    for name in names:
        value = state[name]
        if value is None:
            value = empty.get(name, math.nan)
        elif name in times:
            value += now
        setattr(owner, name, value)
