"""MethodSCRIPT on the wire: the lines that an instrument sends, and the numbers in both ways.

A number in a package is seven hexadecimal digits, 2**27 too high, and an SI prefix; ``i`` instead
of the prefix marks a plain integer. Literals in scripts are integers with an SI prefix: there is no
decimal point in the language. Read tolerantly, written strictly. There is no checksum: a digit that
was changed on its way is not noticed here.

Formats: the maker's public examples (MethodSCRIPT 1.8) and the sample output they print.
"""

from __future__ import annotations

import math
import re
from enum import Enum
from typing import NamedTuple

from benchlab.errors import GarbledAnswer

__all__ = [
    "PREFIXES",
    "TECHNIQUES",
    "UNITS",
    "Fault",
    "Line",
    "Mark",
    "Marked",
    "Package",
    "Said",
    "Status",
    "Variable",
    "encode_package",
    "encode_variable",
    "literal",
    "parse_line",
    "parse_literal",
]

OFFSET = 1 << 27
PREFIXES = dict(zip("afpnum kMGTPE", range(-18, 19, 3), strict=True))
"""SI prefix to power of ten; a blank is 1."""
NOT_A_NUMBER = "     nan"
EXACT, EXACT_BELOW = 1e-9, 10**9

TECHNIQUES = {
    0x0: "LSV",
    0x1: "DPV",
    0x2: "SWV",
    0x3: "NPV",
    0x4: "ACV",
    0x5: "CV",
    0x7: "CA",
    0x8: "PAD",
    0x9: "FCA",
    0xA: "CP",
    0xB: "OCP",
    0xD: "EIS",
    0xE: "GEIS",
    0xF: "LSP",
    0x10: "FCV",
}
"""Number of a measurement loop, after ``M``."""

UNITS = {
    "aa": "",
    "ab": "V",
    "ac": "V",
    "ba": "A",
    "ca": "deg",
    "cb": "ohm",
    "cc": "ohm",
    "cd": "ohm",
    "ch": "V",
    "ci": "V",
    "cj": "A",
    "ck": "A",
    "da": "V",
    "db": "A",
    "dc": "Hz",
    "dd": "V",
    "ea": "",
    "eb": "s",
    "ed": "degC",
    "ee": "",
    "ja": "",
    "jb": "",
    "jc": "",
    "jd": "",
}
"""Of the variable types that are used here; an unknown type is read, and has no unit."""


class Status:
    """Bits of the metadata ``1x`` of a value."""

    TIMING = 1
    OVERLOAD = 2
    UNDERLOAD = 4
    OVERLOAD_WARNING = 8


class Variable(NamedTuple):
    """One value of a package.

    Attributes
    ----------
    type : str
        Two letters, as in `UNITS`.
    value : float
        NaN where the instrument has none.
    status : int
        Bits of `Status`; 0 also where none was sent.
    range : int
        The instrument's number of the current or potential range; -1: none was sent.
    integer : bool
        It was sent as a plain integer.
    """

    type: str
    value: float
    status: int = 0
    range: int = -1
    integer: bool = False


class Package(NamedTuple):
    """What lies between ``pck_start`` and ``pck_end``."""

    variables: tuple[Variable, ...]


class Mark(Enum):
    """Lines that carry no value."""

    MEASUREMENT = "M"
    """A measurement loop begins; its number is that of the technique."""
    MEASUREMENT_END = "*"
    SCAN = "C"
    SCAN_END = "-"
    LOOP = "L"
    LOOP_END = "+"
    ACKNOWLEDGED = "e"
    """The script was read without error, and begins."""
    END = ""
    """The script is over."""


class Marked(NamedTuple):
    """A mark, with its number where it has one."""

    mark: Mark
    number: int = 0


class Said(NamedTuple):
    """A text that the script sent."""

    text: str


class Fault(NamedTuple):
    """An error: of the script before it began, or while it ran.

    Attributes
    ----------
    code : int
        As in `benchlab_drivers.wire.methodscript_errors`.
    command : str
        What it answers (``e``: the script was refused, ``Z``: an abort); empty while it runs.
    line, column : int
        In the script, from 1; 0 where it does not say.
    """

    code: int
    command: str = ""
    line: int = 0
    column: int = 0


Line = Package | Marked | Said | Fault

_FAULT = re.compile(
    r"([A-Za-z]?)!([0-9A-Fa-f]{4})(?::\s*Line\s+(\d+)(?:,\s*Col\s+(\d+))?|:.*)?", re.S
)
_VARIABLE = re.compile(
    r"([a-z]{2})(?:([0-9A-Fa-f]{7})([afpnum kMGTPEi])|(     nan))((?:,[0-9A-Fa-f]{1,16})*)"
)
_NUMBERED = {"M": Mark.MEASUREMENT, "C": Mark.SCAN}
_PLAIN = {mark.value: mark for mark in Mark if mark.value not in _NUMBERED}
_LITERAL = re.compile(r"([+-]?\d+|0x[0-9A-Fa-f]+|0b[01]+)([afpnumkMGTPEi]?)")


def parse_line(line: bytes, where: str = "") -> Line:
    """Return what a line means; its line feed may be there or not.

    Raises
    ------
    benchlab.errors.GarbledAnswer
        It is not a line of this protocol; nothing of it is believed.
    """
    try:
        text = line.rstrip(b"\r\n").decode("ascii")
        found = _parse(text)
    except ValueError:
        found = None
    if found is None:
        raise GarbledAnswer(b"", line, where=where)
    return found


def _parse(text: str) -> Line | None:
    if text[:1] == "P":
        return Package(tuple(_variable(part) for part in text[1:].split(";")))
    if text in _PLAIN:
        return Marked(_PLAIN[text])
    if text[:1] == "e" and text[1:2] == "M":  # older firmware: acknowledgement without line feed
        text = text[1:]
    if text[:1] in _NUMBERED and re.fullmatch(r"[0-9A-Fa-f]{4}", text[1:]):
        return Marked(_NUMBERED[text[0]], int(text[1:], 16))
    if text[:1] == "T":
        return Said(text[1:])
    fault = _FAULT.fullmatch(text)
    if fault is None:
        return None
    line, column = (int(word or 0) for word in fault.group(3, 4))
    return Fault(int(fault[2], 16), fault[1], line, column)


def _variable(text: str) -> Variable:
    found = _VARIABLE.fullmatch(text)
    if found is None:
        raise ValueError(text)
    kind, digits, prefix, nan, metadata = found.groups()
    status, number = 0, -1
    for word in metadata.split(",")[1:]:
        if len(word) == 2 and word[0] == "1":
            status = int(word[1], 16)
        elif len(word) == 3 and word[0] == "2":
            number = int(word[1:], 16)
    if nan:
        return Variable(kind, math.nan, status, number)
    count = int(digits, 16) - OFFSET
    if prefix == "i":
        return Variable(kind, float(count), status, number, integer=True)
    return Variable(kind, _scaled(count, PREFIXES[prefix]), status, number)


def _scaled(count: int, power: int) -> float:
    """Return the nearest double: both factors are exact, so one rounding."""
    return float(count * 10**power) if power >= 0 else count / 10**-power


def encode_variable(variable: Variable) -> str:
    """Return a value as an instrument sends it, with the finest prefix that its digits allow.

    Raises
    ------
    ValueError
        It is too large for the format.
    """
    if math.isnan(variable.value):
        text = NOT_A_NUMBER
    elif variable.integer:
        count = round(variable.value)
        if not -OFFSET <= count < OFFSET:
            raise ValueError(f"{count} does not fit into seven digits")
        text = f"{count + OFFSET:07X}i"
    else:
        text = _encoded(variable.value)
    metadata = ""
    if variable.range >= 0:
        metadata = f",1{variable.status:X},2{variable.range:02X}"
    elif variable.status:
        metadata = f",1{variable.status:X}"
    return variable.type + text + metadata


def _encoded(value: float) -> str:
    if value == 0.0:
        return f"{OFFSET:07X} "
    for prefix, power in PREFIXES.items():
        count = round(value * 10.0**-power)
        if -OFFSET <= count < OFFSET:
            return f"{count + OFFSET:07X}{prefix}"
    raise ValueError(f"{value} does not fit into seven digits and a prefix")


def encode_package(*variables: Variable) -> bytes:
    """Return a package as an instrument sends it, with its line feed."""
    return f"P{';'.join(map(encode_variable, variables))}\n".encode("ascii")


def literal(value: float) -> str:
    """Return a number as a literal of a script: 0.0625 is ``62500u``.

    The coarsest prefix that is exact; else the finest that leaves nine digits (relative error at
    most 5e-7).

    Raises
    ------
    ValueError
        It is not finite, or beyond the prefixes.
    """
    if value == 0.0:
        return "0"
    if not math.isfinite(value) or not 1e-18 <= abs(value) < 1e24:
        raise ValueError(f"{value} cannot be written as a literal")
    for prefix, power in reversed(PREFIXES.items()):
        scaled = value * 10.0**-power
        if abs(scaled) < 0.5:
            continue
        if abs(scaled) >= EXACT_BELOW:
            break
        count = round(scaled)
        if abs(count - scaled) <= EXACT * abs(scaled):
            return f"{count}{prefix.strip()}"
        nearest = f"{count}{prefix.strip()}"
    return nearest


def parse_literal(text: str) -> tuple[float, bool]:
    """Return the value of a literal, and whether it is a plain integer (``41i``).

    Raises
    ------
    ValueError
    """
    found = _LITERAL.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no literal")
    count = int(found[1], 0 if found[1][:2].lower() in ("0x", "0b") else 10)
    if found[2] == "i":
        return float(count), True
    return _scaled(count, PREFIXES[found[2] or " "]), False
