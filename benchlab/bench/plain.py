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


def taken(owner: object, kept: Mapping[str, Any], times: Collection[str], now: float) -> Any:
    """Return an object's attributes, without those that are as `kept` says.

    Parameters
    ----------
    kept : Mapping
        What a value that is left out, or null, stands for, by the attribute's name.
    times : Collection
        Which of them are instants: they become seconds before now.
    """
    found = {}
    for name, usual in kept.items():
        value = getattr(owner, name)
        if value != usual and (value == value or usual == usual):
            found[name] = plain(value - now if name in times else value)
    return found


def put_back(
    owner: object,
    state: Mapping[str, Any],
    kept: Mapping[str, Any],
    times: Collection[str],
    now: float,
) -> None:
    """Give an object its attributes back, as if now were the instant they were taken at."""
    for name, usual in kept.items():
        value = state.get(name)
        if value is None:
            value = usual
        elif name in times:
            value += now
        setattr(owner, name, value)
