"""Values with their units as a laboratory writes them: ``4.2 V``, ``C/20``, ``10 min``, ``5 mAh``.

Every function raises ValueError with what was found and what was expected. No value is taken that
only a slip of the pen can mean: a rest of 1e300 h would never end.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

__all__ = [
    "LONGEST_SECOND",
    "Charge",
    "Rate",
    "area",
    "charge",
    "current",
    "duration",
    "mass",
    "number",
    "temperature",
    "temperature_difference",
    "temperature_range",
    "unit_of",
    "voltage",
]

LONGEST_SECOND = 10 * 365.25 * 86400.0
"""Ten years: no step, and no bound of one, is longer."""
_SHORTEST_SECOND = 1e-3
_LARGEST_VOLT = 1e3
_AMPERES = (1e-12, 1e4)
_PER_HOUR = (1e-6, 1e3)
_AMPERE_HOURS = (1e-12, 1e5)
_SHARES_OF_C = (1e-6, 1e2)
_GRAMS = (1e-9, 1e6)
_SQUARE_CENTIMETRES = (1e-9, 1e6)
_MOST = 1_000_000

_PREFIX = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "n": 1e-9, "k": 1e3}
_TIME = {
    "ms": 1e-3,
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
}
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_VALUE = re.compile(rf"({_NUMBER})\s*(\S.*)?")
_C_RATE = re.compile(rf"(?:({_NUMBER})\s*C|C\s*/\s*({_NUMBER}))")
_RANGE = re.compile(rf"({_NUMBER})\s+to\s+({_NUMBER})\s*(\S+)")
_PERCENT_OF_C = re.compile(rf"({_NUMBER})\s*%\s+of\s+C")


@dataclass(frozen=True, slots=True)
class Rate:
    """A magnitude of current, in amperes or as a multiple of C per hour; one of the two."""

    ampere: float | None = None
    per_hour: float | None = None
    text: str = ""

    def in_ampere(self, capacity_ah: float | None) -> float:
        """Return amperes.

        Raises
        ------
        ValueError
            Where it is a C-rate and no capacity is known.
        """
        if self.ampere is not None:
            return self.ampere
        if capacity_ah is None or self.per_hour is None:
            raise ValueError(f"found the C-rate '{self.text}', but no capacity says what 1C is")
        return self.per_hour * capacity_ah


@dataclass(frozen=True, slots=True)
class Charge:
    """A magnitude of charge, in ampere hours or as a fraction of C; one of the two."""

    ah: float | None = None
    of_capacity: float | None = None
    text: str = ""

    def in_ah(self, capacity_ah: float | None) -> float:
        """Return ampere hours.

        Raises
        ------
        ValueError
            Where it is a share of C and no capacity is known.
        """
        if self.ah is not None:
            return self.ah
        if capacity_ah is None or self.of_capacity is None:
            raise ValueError(f"found '{self.text}', but no capacity says what C is")
        return self.of_capacity * capacity_ah


def _split(text: str) -> tuple[float, str] | None:
    match = _VALUE.fullmatch(text.strip())
    if match is None:
        return None
    value = float(match[1])
    return (value, (match[2] or "").strip()) if math.isfinite(value) else None


def _refusal(text: str, expected: str) -> ValueError:
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    return ValueError(f"found '{shown}', expected {expected}")


def _scaled(text: str, unit: str, expected: str) -> float:
    parts = _split(text)
    if parts is not None and parts[1].endswith(unit):
        prefix = parts[1][: -len(unit)]
        if prefix in _PREFIX:
            return parts[0] * _PREFIX[prefix]
    raise _refusal(text, expected)


def _within(
    value: float, bounds: tuple[float, float], text: str, expected: str, limits: str
) -> float:
    """Return the value; refuse zero and less, and what lies outside the bounds."""
    if value <= 0.0:
        raise _refusal(text, expected)
    if not bounds[0] <= value <= bounds[1]:
        raise _refusal(text, f"{expected}, {limits}")
    return value


def unit_of(text: str) -> str:
    """Return the kind of a value: V, A, C, Ah, time, or an empty string where it is none."""
    stripped = text.strip()
    if _C_RATE.fullmatch(stripped):
        return "C"
    if _PERCENT_OF_C.fullmatch(stripped):
        return "Ah"
    parts = _split(stripped)
    if parts is None:
        return ""
    if parts[1] in _TIME:
        return "time"
    for unit in ("Ah", "V", "A"):
        if parts[1].endswith(unit) and parts[1][: -len(unit)] in _PREFIX:
            return unit
    return ""


def voltage(text: str) -> float:
    """Return volts from ``4.2 V`` or ``5 mV``."""
    expected = "a voltage such as 4.2 V"
    volt = _scaled(text, "V", expected)
    if abs(volt) > _LARGEST_VOLT:
        raise _refusal(text, f"{expected}, at most 1 kV")
    return volt


def current(text: str) -> Rate:
    """Return a current from ``10 mA``, ``C/3`` or ``1.5C``; its direction is the step's."""
    expected = "a current above zero such as 10 mA, C/3 or 1.5C"
    match = _C_RATE.fullmatch(text.strip())
    if match is not None:
        value = float(match[1]) if match[1] else 1.0 / (float(match[2]) or -1.0)
        limits = "from C/1000000 to 1000C"
        return Rate(per_hour=_within(value, _PER_HOUR, text, expected, limits), text=text.strip())
    value = _scaled(text, "A", expected)
    if value <= 0.0:
        raise _refusal(text, f"{expected}; charge and discharge say the sign")
    value = _within(value, _AMPERES, text, expected, "from 1e-12 A to 10 kA")
    return Rate(ampere=value, text=text.strip())


def duration(text: str) -> float:
    """Return seconds from ``30 s``, ``10 min``, ``1 h`` or ``2 d``."""
    expected = "a time above zero such as 30 s, 10 min or 2 h"
    parts = _split(text)
    if parts is None or parts[1] not in _TIME or parts[0] <= 0.0:
        raise _refusal(text, expected)
    second = parts[0] * _TIME[parts[1]]
    if not _SHORTEST_SECOND <= second <= LONGEST_SECOND:
        raise _refusal(text, f"{expected}, from 1 ms to 10 years")
    return second


def charge(text: str) -> Charge:
    """Return a charge from ``5 mAh`` or ``130 % of C``."""
    expected = "a charge above zero such as 0.1 Ah, 5 mAh or 130 % of C"
    match = _PERCENT_OF_C.fullmatch(text.strip())
    if match is not None:
        share = float(match[1]) / 100.0
        limits = "from 0.0001 % to 10000 %"
        share = _within(share, _SHARES_OF_C, text, expected, limits)
        return Charge(of_capacity=share, text=text.strip())
    ah = _scaled(text, "Ah", expected)
    ah = _within(ah, _AMPERE_HOURS, text, expected, "from 1e-12 Ah to 100 kAh")
    return Charge(ah=ah, text=text.strip())


def temperature(text: str) -> float:
    """Return degrees Celsius from ``25 degC``."""
    parts = _split(text)
    if parts is None or parts[1] not in ("degC", "°C") or not -273.15 <= parts[0] <= 1000.0:
        raise _refusal(text, "a temperature such as 25 degC, from -273.15 to 1000 degC")
    return parts[0]


def temperature_difference(text: str) -> float:
    """Return kelvins from ``5 K``."""
    parts = _split(text)
    if parts is None or parts[1] != "K" or not 0.0 < parts[0] <= 1000.0:
        raise _refusal(text, "a difference of temperature above zero such as 5 K, at most 1000 K")
    return parts[0]


def temperature_range(text: str) -> tuple[float, float]:
    """Return the lower and upper degrees Celsius of ``5 to 50 degC``."""
    expected = "a range such as 5 to 50 degC"
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        raise _refusal(text, expected)
    low, high = temperature(f"{match[1]} {match[3]}"), temperature(f"{match[2]} {match[3]}")
    if low >= high:
        raise _refusal(text, f"{expected}, the lower first")
    return low, high


def mass(text: str) -> float:
    """Return grams from ``12.3 mg`` or ``2.7 g``."""
    expected = "a mass above zero such as 12.3 mg or 2.7 g"
    return _within(_scaled(text, "g", expected), _GRAMS, text, expected, "from 1 ng to 1000 kg")


def area(text: str) -> float:
    """Return square centimetres from ``1.54 cm2`` or ``67 cm²``."""
    expected = "an area above zero such as 1.54 cm2"
    parts = _split(text)
    if parts is None or parts[1] not in ("cm2", "cm²", "cm^2"):
        raise _refusal(text, expected)
    return _within(parts[0], _SQUARE_CENTIMETRES, text, expected, "from 1e-9 to 1000000 cm2")


def number(text: str) -> int:
    """Return a count from ``30``."""
    digits = text.strip().lstrip("0")
    # int() itself refuses thousands of digits, in words of its own
    if not digits.isascii() or not digits.isdigit() or len(digits) > 7 or int(digits) > _MOST:
        raise _refusal(text, f"a whole number above zero, at most {_MOST}")
    return int(digits)
