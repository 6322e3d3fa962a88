"""Values with their units as a laboratory writes them: ``4.2 V``, ``C/20``, ``10 min``, ``5 mAh``.

Every function raises ValueError with what was found and what was expected. No value is taken that
only a slip of the pen can mean: a rest of 1e300 h would never end.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

from benchlab.model.amount import Amount

__all__ = [
    "LONGEST_SECOND",
    "amount",
    "area",
    "change",
    "charge",
    "current",
    "drive",
    "duration",
    "energy",
    "factor",
    "frequency",
    "mass",
    "number",
    "percent",
    "range_of",
    "rate",
    "share",
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
_GRAMS = (1e-9, 1e6)
_SQUARE_CENTIMETRES = (1e-9, 1e6)
_MOST = 1_000_000

_BOUNDS = {
    ("A", ""): (1e-12, 1e4, "from 1e-12 A to 10 kA"),
    ("A", "C"): (1e-6, 1e3, "from C/1000000 to 1000C"),
    ("A", "area"): (1e-12, 1e3, "from 1e-9 mA/cm2 to 1 kA/cm2"),
    ("A", "mass"): (1e-9, 1e3, "from 1e-6 mA/g to 1 kA/g"),
    ("Ah", ""): (1e-12, 1e5, "from 1e-12 Ah to 100 kAh"),
    ("Ah", "C"): (1e-6, 1e2, "from 0.0001 % to 10000 %"),
    ("Ah", "area"): (1e-12, 1e3, "from 1e-9 mAh/cm2 to 1 kAh/cm2"),
    ("Ah", "mass"): (1e-9, 1e2, "from 1e-6 mAh/g to 100 Ah/g"),
    ("Wh", ""): (1e-12, 1e5, "from 1e-12 Wh to 100 kWh"),
    ("W", ""): (1e-12, 1e5, "from 1e-12 W to 100 kW"),
    ("ohm", ""): (1e-6, 1e9, "from 1 uohm to 1 Gohm"),
    ("Pa", ""): (1.0, 1e10, "from 1 Pa to 10 GPa"),
}

_PREFIX = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "n": 1e-9, "k": 1e3, "M": 1e6}
_TIME = {
    "ms": 1e-3,
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
    **dict.fromkeys(("week", "weeks"), 7 * 86400.0),
}
_SUFFIXES = (
    ("A/cm2", "A", "area"),
    ("A/g", "A", "mass"),
    ("Ah/cm2", "Ah", "area"),
    ("Ah/g", "Ah", "mass"),
    ("Wh", "Wh", ""),
    ("Ah", "Ah", ""),
    ("ohm", "ohm", ""),
    ("Ohm", "ohm", ""),
    ("Ω", "ohm", ""),
    ("Pa", "Pa", ""),
    ("V", "V", ""),
    ("W", "W", ""),
    ("A", "A", ""),
)
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_NAME = r"[A-Za-z_][\w-]*"
_VALUE = re.compile(rf"({_NUMBER})\s*(\S.*)?")
_C_RATE = re.compile(rf"(?:({_NUMBER})\s*C|C\s*/\s*({_NUMBER}))")
_RANGE = re.compile(rf"({_NUMBER})\s*(\S+)?\s+to\s+({_NUMBER})\s*(\S+)")
_SHARE = re.compile(
    rf"(?:({_NUMBER})\s*%|\(\s*({_NUMBER})\s*%\s*([+-])\s*({_NAME})\s*\)|({_NAME}))\s+of\s+(.+)"
)
_MINUS = "\u2212"  # as printed papers have it
_PER_AREA = re.compile(rf"/cm(?:²|\^2|2)$|(?:\s+|·)cm(?:\^?[-{_MINUS}]2|⁻²)$")
_PER_GRAM = re.compile(rf"(?:\s+|·)g(?:\^?[-{_MINUS}]1|⁻¹)$")
_TIMES = re.compile(rf"({_NUMBER})\s*([A-Za-z]+)\s*")
_COMMA = re.compile(r"\d,\d")
_RESULT = re.compile(rf"(?:(energy|duration)\s+of\s+)?(first\s+)?({_NAME})")
_KNOWN = ("C", "nominal")


def _split(text: str) -> tuple[float, str] | None:
    match = _VALUE.fullmatch(text.strip().replace(_MINUS, "-", 1))
    if match is None:
        return None
    value = float(match[1])
    return (value, (match[2] or "").strip()) if math.isfinite(value) else None


def _refusal(text: str, expected: str) -> ValueError:
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    hint = "; write the decimal point as a point" if _COMMA.search(text) else ""
    return ValueError(f"found '{shown}', expected {expected}{hint}")


def percent(text: str) -> float:
    """Return the share that so many percent are, rounded once: ``95.3`` is 0.953."""
    value = Decimal(text)
    if not value.is_finite() or abs(value.adjusted()) > 300:
        raise _refusal(text, "a percentage")
    return float(value.scaleb(-2))


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


def share(text: str) -> Amount | None:
    """Return a share of something such as ``95 % of cap`` or ``(100 % - soc) of cap``, or None.

    Its unit is that of what it is a share of: Ah, unless an energy or a duration is named.
    """
    match = _SHARE.fullmatch(text.strip())
    if match is None:
        return None
    plain, offset, sign, minus, alone, name = match.groups()
    of = _RESULT.fullmatch(name)
    if of is None:
        raise _refusal(text, "a share of C, of a label or of a kept value, such as 95 % of cap")
    quantity, first, label = of.groups()
    unit = {"energy": "Wh", "duration": "s"}.get(quantity or "", "Ah")
    if not quantity and not first and label in _KNOWN:
        known = label
    else:
        known = f"{quantity or 'capacity'} of {'first ' if first else ''}{label}"
    value = percent(plain or offset or "0")
    variable = minus or alone or ""
    slope = (-1.0 if sign == "-" else 1.0) if variable else 0.0
    if not variable:
        value = _within(value, (1e-6, 1e2), text, "a share above zero", "from 0.0001 % to 10000 %")
    return Amount(unit, value, known, variable, slope, text.strip())


def amount(text: str) -> Amount | None:
    """Return any value with a unit, or None where it is none; voltages may have a sign."""
    stripped = text.strip()
    match = _C_RATE.fullmatch(stripped)
    if match is not None:
        rate = float(match[1]) if match[1] else 1.0 / (float(match[2]) or -1.0)
        return Amount("A", rate, "C", text=stripped)
    shared = share(stripped)
    if shared is not None:
        return shared
    parts = _split(stripped)
    if parts is None:
        return None
    value, unit = parts
    if (second := _compound(stripped)) is not None:
        return Amount("s", second, text=stripped)
    unit = _PER_GRAM.sub("/g", _PER_AREA.sub("/cm2", unit)).replace("A.h", "Ah")
    if unit in _TIME:
        return Amount("s", value * _TIME[unit], text=stripped)
    if unit in ("degC", "°C"):
        return Amount("degC", value, text=stripped)
    if unit in ("bar", "mbar"):
        return Amount("Pa", value * (1e5 if unit == "bar" else 1e2), text=stripped)
    for suffix, kind, of in _SUFFIXES:
        if unit.endswith(suffix) and unit[: -len(suffix)] in _PREFIX:
            return Amount(kind, value * _PREFIX[unit[: -len(suffix)]], of, text=stripped)
    return None


def unit_of(text: str) -> str:
    """Return the unit of a value: V, A, Ah, Wh, W, ohm, Pa, s, degC; empty where it is none."""
    found = amount(text)
    return found.unit if found is not None else ""


def _positive(text: str, units: tuple[str, ...], expected: str) -> Amount:
    found = amount(text)
    if found is None or found.unit not in units:
        raise _refusal(text, expected)
    if found.variable or (found.unit, found.of) not in _BOUNDS:
        return found
    low, high, limits = _BOUNDS[found.unit, found.of]
    _within(found.value, (low, high), text, expected, limits)
    return found


def voltage(text: str) -> float:
    """Return volts from ``4.2 V`` or ``5 mV``."""
    expected = "a voltage such as 4.2 V"
    volt = _scaled(text, "V", expected)
    if abs(volt) > _LARGEST_VOLT:
        raise _refusal(text, f"{expected}, at most 1 kV")
    return volt


def current(text: str) -> Amount:
    """Return a current from ``10 mA``, ``C/3`` or ``0.5 mA/cm2``; its direction is the step's."""
    expected = "a current above zero such as 10 mA, C/3, 1.5C or 0.5 mA/cm2"
    found = amount(text)
    if found is not None and found.unit == "A" and found.value <= 0.0 and not found.of:
        raise _refusal(text, f"{expected}; charge and discharge say the sign")
    return _positive(text, ("A",), expected)


def drive(text: str) -> Amount:
    """Return what drives a step: a current, or a power ``5 W`` or resistance ``2 ohm``."""
    unit = unit_of(text)
    if unit == "A":
        return current(text)
    return _positive(
        text, ("W", "ohm"), "a current, power or resistance above zero: C/3, 5 W, 2 ohm"
    )


def _compound(text: str) -> float | None:
    """Return seconds from ``1 h 30 min``: several values whose units become smaller, or None."""
    found, place, unit = 0.0, 0, math.inf
    parts = 0
    while place < len(text):
        match = _TIMES.match(text, place)
        if match is None or match[1][0] in "+-" or not _TIME.get(match[2], unit) < unit:
            return None
        unit = _TIME[match[2]]
        found += float(match[1]) * unit
        place = match.end()
        parts += 1
    return found if parts > 1 else None


def duration(text: str) -> float:
    """Return seconds from ``30 s``, ``10 min``, ``1 h 30 min`` or ``2 d``."""
    expected = "a time above zero such as 30 s, 10 min or 2 h"
    second = _compound(text.strip())
    if second is None:
        parts = _split(text)
        if parts is None or parts[1] not in _TIME or parts[0] <= 0.0:
            is_m = parts is not None and parts[1] in ("m", "M")
            raise _refusal(text, f"{expected}; m alone may be minutes or months" * is_m or expected)
        second = parts[0] * _TIME[parts[1]]
    if not _SHORTEST_SECOND <= second <= LONGEST_SECOND:
        raise _refusal(text, f"{expected}, from 1 ms to 10 years")
    return second


def charge(text: str) -> Amount:
    """Return a charge from ``5 mAh``, ``1 mAh/cm2``, ``130 % of C`` or ``95 % of cap``."""
    return _positive(text, ("Ah",), "a charge above zero such as 0.1 Ah, 5 mAh or 130 % of C")


def energy(text: str) -> Amount:
    """Return an energy from ``1.2 Wh`` or ``95 % of energy of dis``."""
    return _positive(text, ("Wh",), "an energy above zero such as 1.2 Wh or 5 mWh")


def factor(text: str) -> float:
    """Return a number without a unit that is finite and not zero."""
    parts = _split(text)
    if parts is None or parts[1] or parts[0] == 0.0:
        raise _refusal(text, "a number that is not zero, without a unit")
    return parts[0]


def frequency(text: str) -> float:
    """Return hertz from ``10 kHz`` or ``5 mHz``."""
    expected = "a frequency such as 10 kHz or 10 mHz"
    return _within(_scaled(text, "Hz", expected), (1e-9, 1e9), text, expected, "up to 1 GHz")


def range_of(text: str, unit: str) -> tuple[float, float]:
    """Return both ends of a range such as ``2.5 V to 4 V`` or ``5 to 50 degC``, in order given."""
    match = _RANGE.fullmatch(text.strip())
    example = {"degC": "5 to 50", "V": "2.5 to 4"}.get(unit, "1 to 2")
    expected = f"a range in {unit} such as {example} {unit}"
    if match is None:
        raise _refusal(text, expected)
    first = amount(f"{match[1]} {match[2] or match[4]}")
    second = amount(f"{match[3]} {match[4]}")
    if first is None or second is None or (first.unit, second.unit, first.of) != (unit, unit, ""):
        raise _refusal(text, expected)
    return first.value, second.value


def rate(text: str) -> tuple[float, str]:
    """Return a rate of change from ``1 mV/s`` or ``0.5 K/min``: per second, and its unit."""
    above, _, below = text.strip().partition("/")
    try:
        value, unit = change(above)
    except ValueError:
        unit = ""
    if not unit or below.strip() not in _TIME:
        raise _refusal(text, "a rate such as 1 mV/s or 0.1 mV/h")
    return value / _TIME[below.strip()], unit


def change(text: str) -> tuple[float, str]:
    """Return a change above zero from ``5 mV``, ``1 mA`` or ``2 K``, and its unit."""
    expected = "a change above zero such as 5 mV, 1 mA or 2 K"
    parts = _split(text)
    if parts is not None and parts[1] == "K":
        return temperature_difference(text), "K"
    found = amount(text)
    if found is None or found.of or found.variable or found.unit not in ("V", "A", "Ah", "Pa"):
        raise _refusal(text, expected)
    if found.value <= 0.0:
        raise _refusal(text, expected)
    return found.value, found.unit


def temperature(text: str) -> float:
    """Return degrees Celsius from ``25 degC``."""
    found = amount(text)
    if found is None or found.unit != "degC" or not -273.15 <= found.value <= 1000.0:
        is_rate = "; C alone is a C-rate" if text.rstrip().endswith(" C") else ""
        raise _refusal(text, f"a temperature such as 25 degC, from -273.15 to 1000 degC{is_rate}")
    return found.value


def temperature_difference(text: str) -> float:
    """Return kelvins from ``5 K`` or ``5 degC``, as a difference."""
    parts = _split(text)
    if parts is None or parts[1] not in ("K", "degC", "°C") or not 0.0 < parts[0] <= 1000.0:
        raise _refusal(text, "a difference of temperature above zero such as 5 K, at most 1000 K")
    return parts[0]


def temperature_range(text: str) -> tuple[float, float]:
    """Return the lower and upper degrees Celsius of ``5 to 50 degC``."""
    low, high = range_of(text, "degC")
    if low >= high:
        raise _refusal(text, "a range such as 5 to 50 degC, the lower first")
    return temperature(f"{low} degC"), temperature(f"{high} degC")


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
