"""Numbers as protocols write them, exact when read again, and YAML of them on one line."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

__all__ = ["Value", "flow", "milli", "number", "rate", "scalar", "seconds"]

Value = str | Sequence["Value"] | Mapping[str, "Value"]

_TIME = (("h", 3600.0), ("min", 60.0))
_PLAIN = re.compile(r"(?:-(?=[\d.]))?[A-Za-z0-9.][A-Za-z0-9 ._/+%-]*")
_ESCAPED = re.compile('[\\\\"\0-\x1f\x7f-\xa0\u2028\u2029\ufeff]')


def number(value: float) -> str:
    """Return the shortest text of a number that gives it back."""
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


def seconds(value: float) -> str:
    """Return a time in the largest unit in which it is exact and short."""
    for unit, size in _TIME:
        short = f"{value / size:g}"
        if value >= size and float(short) * size == value:
            return f"{short} {unit}"
    return f"{number(value)} s"


def rate(value: float) -> str:
    """Return a C-rate above zero: ``C/20`` where that is exact, else ``0.3C``."""
    parts = round(1.0 / value) if value >= 1e-6 else 0
    if parts > 1 and 1.0 / parts == value:
        return f"C/{parts}"
    return f"{number(value)}C"


def milli(value: float) -> float:
    """Return an ampere (hour) value in milli: the shortest that gives it back, so 5 mA stay 5."""
    found = value * 1e3
    near = (
        float(f"{found:.15g}"),
        found,
        math.nextafter(found, 0.0),
        math.nextafter(found, math.inf),
    )
    return next((milli for milli in near if milli * 1e-3 == value), found)


def scalar(text: str) -> str:
    """Return a text as one YAML scalar, quoted where it must be."""
    if _PLAIN.fullmatch(text) and text == text.strip():
        return text
    escaped = _ESCAPED.sub(
        lambda found: f"\\{found[0]}" if found[0] in '\\"' else f"\\u{ord(found[0]):04x}", text
    )
    return f'"{escaped}"'


def flow(value: Value) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, str):
        return scalar(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    return "[" + ", ".join(flow(item) for item in value) + "]"
