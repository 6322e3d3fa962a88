"""What ends a step, and what a branch asks: each condition read from one line of text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from benchlab.model import quantity
from benchlab.model.amount import Amount
from benchlab.model.columns import COLUMNS

__all__ = ["END_FORMS", "Condition", "End", "condition", "end"]

Kind = Literal[
    "voltage",
    "current",
    "charge",
    "energy",
    "time",
    "clock",
    "net charge",
    "sensor",
    "slope",
    "drop",
    "change",
]
Relation = Literal["", "above", "below"]

END_FORMS = (
    "4.2 V",
    "above 3.0 V",
    "C/20",
    "2 h",
    "0.1 Ah",
    "95 % of cap",
    "1.2 Wh",
    "net discharge since MARK reaches 0.1 Ah",
    "surface temperature above 45 degC",
    "clock 06:00 UTC",
    "change below 1 mV in 1 h",
    "dV/dt below 1 mV/min over 60 s",
    "drop of 10 mV from peak",
)
"""One example of each form, shown to whoever wrote something else."""


@dataclass(frozen=True, slots=True)
class End:
    """One condition that ends a step.

    Attributes
    ----------
    amount : Amount or None
        What must be reached; for ``slope`` in units per second, for ``change`` and ``drop`` the
        change itself.
    relation : str
        ``above`` or ``below``; empty: in the direction of the step.
    window_second : float
        Over which a change or a slope is judged.
    name : str
        Mark of a net charge; column of a sensor; ``HH:MM`` or a date of a clock, in UTC.
    """

    kind: Kind
    amount: Amount | None = None
    relation: Relation = ""
    window_second: float = 0.0
    name: str = ""
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Condition:
    """What a branch or a loop asks.

    Attributes
    ----------
    quantity : str
        A result (``capacity of dis``, ``result CE``), a column that is read now
        (``voltage_volt``), or ``ended``.
    label, by : str
        For ``ended``: which step, and by which of its ends.
    in_a_row : int
        How many executions in a row it must hold for.
    direction : int
        +1 or -1 where a charge or discharge capacity was named: the step must go that way.
    """

    quantity: str
    relation: Relation = ""
    amount: Amount | None = None
    label: str = ""
    by: str = ""
    in_a_row: int = 1
    direction: int = 0
    text: str = field(default="", compare=False)


_NAME = r"[A-Za-z_][\w-]*"
_NET = re.compile(rf"net\s+(charge|discharge)\s+since\s+({_NAME})\s+reaches\s+(.+)", re.I)
_CHANGE = re.compile(r"change\s+below\s+(.+?)\s+in\s+(.+)", re.I)
_DROP = re.compile(r"drop\s+of\s+(.+?)\s+from\s+peak", re.I)
_SLOPE = re.compile(r"d([VT])/dt\s+(above|below)\s+(-?)(.+?)(?:\s+over\s+(.+))?", re.I)
_CLOCK = re.compile(r"clock\s+((?:\d{4}-\d{2}-\d{2}[ T])?\d{2}:\d{2})\s+UTC", re.I)
_COMPARE = re.compile(r"(?:(.+?)\s+)?(above|below)\s+(.+)", re.I)
_ENDED = re.compile(rf"({_NAME})\s+ended\s+by\s+(.+)", re.I)
_OF_STEP = re.compile(
    rf"(?:(charge|discharge)\s+)?(capacity|energy|duration|end\s+voltage|start\s+voltage)\s+of\s+"
    rf"(first\s+)?({_NAME})",
    re.I,
)
_IN_A_ROW = re.compile(r"(\d+)\s+complete\s+(?:cycles|executions)\s+in\s+a\s+row", re.I)
_PLAIN = re.compile(r"(-?(?:\d+(?:\.\d*)?|\.\d+))(\s*%)?")
_SLOPE_SECOND = 60.0
_LIVE = {"voltage": "voltage_volt", "current": "current_ampere", "|i|": "current_ampere"}
_COLUMN_UNITS = {"degC": "degC", "V": "V", "Pa": "Pa", "A": "A"}


def _column(words: str) -> str:
    """Return the column that words name: ``surface temperature`` or its machine name."""
    plain = "_".join(words.lower().split())
    for name in (plain, f"{plain}_celsius", f"{plain}_pa", f"{plain}_volt"):
        if name in COLUMNS and COLUMNS[name].unit in _COLUMN_UNITS:
            return name
    raise ValueError(
        f"found '{words}', expected voltage, current or a sensor such as surface temperature"
    )


def end(text: str) -> End:
    """Return the end condition that a text states.

    Raises
    ------
    ValueError
        With what was found and the known forms.
    """
    words = " ".join(text.split())
    if re.fullmatch(r"change (?:above|below) \S+ ?\S*", words, re.I):
        raise ValueError(f"found '{words}', expected a time too: change below 1 mV in 1 h")
    for form, make in _FORMS:
        match = form.fullmatch(words)
        if match is not None:
            return make(match, words)
    unit = quantity.unit_of(words)
    if unit == "V":
        return End("voltage", Amount("V", quantity.voltage(words), text=words), text=words)
    if unit == "A":
        return End("current", quantity.current(words), text=words)
    if unit == "s":
        found = quantity.amount(words)
        if found is None or not found.of:
            found = Amount("s", quantity.duration(words), text=words)
        return End("time", found, text=words)
    if unit == "Ah":
        return End("charge", quantity.charge(words), text=words)
    if unit == "Wh":
        return End("energy", quantity.energy(words), text=words)
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    raise ValueError(
        f"found '{shown}', expected an end condition: a voltage (4.2 V), a current (C/20), a time"
        f" (2 h), a charge (0.1 Ah), or one of: {'; '.join(END_FORMS[7:])}"
    )


def _net(match: re.Match[str], text: str) -> End:
    sign = 1 if match[1].lower() == "charge" else -1
    relation: Relation = "above" if sign > 0 else "below"
    return End("net charge", quantity.charge(match[3]), relation, name=match[2], text=text)


def _change(match: re.Match[str], text: str) -> End:
    value, unit = quantity.change(match[1])
    name = {"V": "voltage_volt", "A": "current_ampere", "K": "surface_temperature_celsius"}.get(
        unit
    )
    if name is None:
        raise ValueError(f"found '{text}', expected a change of voltage, current or temperature")
    window = quantity.duration(match[2])
    return End("change", Amount(unit, value), "below", window, name, text)


def _drop(match: re.Match[str], text: str) -> End:
    value, unit = quantity.change(match[1])
    if unit != "V":
        raise ValueError(f"found '{text}', expected a drop of voltage such as 10 mV")
    return End("drop", Amount("V", value), "below", name="voltage_volt", text=text)


def _slope(match: re.Match[str], text: str) -> End:
    value, unit = quantity.rate(match[4])
    column, wanted = {
        "v": ("voltage_volt", "V"),
        "t": ("surface_temperature_celsius", "K"),
    }[match[1].lower()]
    if unit != wanted:
        raise ValueError(f"found '{text}', expected a rate in {wanted} such as 1 m{wanted}/min")
    window = quantity.duration(match[5]) if match[5] else _SLOPE_SECOND
    relation: Relation = "above" if match[2].lower() == "above" else "below"
    signed = -value if match[3] else value
    return End("slope", Amount(unit, signed), relation, window, column, text)


def _clock(match: re.Match[str], text: str) -> End:
    when = match[1].replace("T", " ")
    try:
        datetime.strptime(when, "%Y-%m-%d %H:%M" if " " in when else "%H:%M")
    except ValueError:
        raise ValueError(f"found '{text}', expected a time such as clock 06:00 UTC") from None
    return End("clock", name=when, text=text)


def _compared(match: re.Match[str], text: str) -> End:
    relation: Relation = "above" if match[2].lower() == "above" else "below"
    name = (match[1] or "voltage").lower()
    if name == "voltage":
        volt = Amount("V", quantity.voltage(match[3]), text=match[3])
        return End("voltage", volt, relation, text=text)
    if name in ("|i|", "current"):
        if relation == "above":
            raise ValueError(f"found '{text}'; an end by current is always 'below'")
        return End("current", quantity.current(match[3]), text=text)
    column = _column(name)
    return End("sensor", _sensed(column, match[3]), relation, name=column, text=text)


def _sensed(column: str, text: str) -> Amount:
    unit = COLUMNS[column].unit
    found = quantity.amount(text)
    if found is None or found.of or found.unit != _COLUMN_UNITS[unit]:
        raise ValueError(f"found '{text}', expected a value in {unit} such as 25 {unit}")
    return found


_FORMS = (
    (_NET, _net),
    (_CHANGE, _change),
    (_DROP, _drop),
    (_SLOPE, _slope),
    (_CLOCK, _clock),
    (_COMPARE, _compared),
)


def condition(text: str, in_a_row: str = "") -> Condition:
    """Return the condition that a branch or a loop states.

    Parameters
    ----------
    in_a_row : str
        ``3 complete cycles in a row``; empty: once.

    Raises
    ------
    ValueError
    """
    words = " ".join(text.split())
    times = 1
    if in_a_row:
        match = _IN_A_ROW.fullmatch(" ".join(in_a_row.split()))
        if match is None:
            raise ValueError(f"found '{in_a_row}', expected '3 complete cycles in a row'")
        times = quantity.number(match[1])
    ended = _ENDED.fullmatch(words)
    if ended is not None:
        return Condition("ended", label=ended[1], by=ended[2], in_a_row=times, text=words)
    compared = _COMPARE.fullmatch(words)
    if compared is None or compared[1] is None:
        raise ValueError(
            f"found '{text}', expected a condition such as 'discharge capacity of cap below 80 %"
            " of reference', 'surface temperature above 40 degC', 'pulse ended by 2.8 V' or, of a"
            " result, 'ICE below 80 %'"
        )
    relation: Relation = "above" if compared[2].lower() == "above" else "below"
    step = _OF_STEP.fullmatch(compared[1])
    plain = _PLAIN.fullmatch(compared[3])
    if step is None and plain is not None and re.fullmatch(_NAME, compared[1]):
        value = quantity.percent(plain[1]) if plain[2] else float(plain[1])
        bound = Amount("", value, text=compared[3])
        return Condition(f"result {compared[1]}", relation, bound, in_a_row=times, text=words)
    if step is None:
        name = compared[1].lower()
        column = _LIVE.get(name) or _column(name)
        return Condition(column, relation, _sensed(column, compared[3]), in_a_row=times, text=words)
    direction, what, first, label = step.groups()
    what = "_".join(what.lower().split()).replace("_", " ")
    unit = {"capacity": "Ah", "energy": "Wh", "duration": "s"}.get(what, "V")
    found = quantity.amount(compared[3])
    if found is None or found.unit != unit:
        raise ValueError(f"found '{compared[3]}', expected a value in {unit} or a share of one")
    return Condition(
        f"{what} of {'first ' if first else ''}{label}",
        relation,
        found,
        label,
        in_a_row=times,
        direction={"charge": 1, "discharge": -1}.get((direction or "").lower(), 0),
        text=words,
    )
