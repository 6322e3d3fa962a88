"""Writes values, ends and conditions in one form, each number exactly as it was read."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from benchlab.model import conditions
from benchlab.model.amount import Amount
from benchlab.model.conditions import Condition, End, end

__all__ = [
    "Data",
    "amount",
    "celsius_range",
    "condition",
    "condition_text",
    "end_text",
    "ended_by",
    "given",
    "given_amount",
    "percents",
    "second",
    "value",
    "volt",
]

Data = str | list[Any] | dict[str, Any]
"""What YAML holds where every scalar is text."""

_PER = {"": "", "C": "C", "area": "/cm2", "mass": "/g"}


def value(number: float, unit: str) -> str:
    """Return ``600.0 s``."""
    return f"{number!r} {unit}"


def percents(share: float) -> str:
    """Return ``95.3 %`` for 0.953; the decimal point is moved, so no digit changes."""
    shifted = Decimal(repr(share)).scaleb(2)
    return f"{shifted.normalize():f} %" if abs(shifted.adjusted()) < 30 else f"{shifted} %"


def amount(size: Amount) -> str:
    """Return an amount: ``0.05C``, ``0.5 A``, ``0.0005 A/cm2``, ``95 % of energy of cap``."""
    if size.of in _PER and not size.variable and not (size.of == "C" and size.unit == "Ah"):
        if size.of == "C":
            return f"{size.value!r}C"
        return f"{size.value!r} {size.unit}{_PER[size.of]}"
    of = size.of.removeprefix("capacity of ")
    if not size.variable:
        return f"{percents(size.value)} of {of}"
    if size.value == 0.0 and size.slope == 1.0:
        return f"{size.variable} of {of}"
    sign = "-" if size.slope < 0.0 else "+"
    return f"({percents(size.value)} {sign} {size.variable}) of {of}"


def given(fields: Mapping[str, Data | None]) -> dict[str, Data]:
    """Return the fields that are there."""
    return {key: data for key, data in fields.items() if data is not None and data != {}}


def volt(number: float | None) -> str | None:
    """Return ``4.2 V``, or None."""
    return None if number is None else value(number, "V")


def second(number: float | None) -> str | None:
    """Return ``600.0 s``, or None."""
    return None if number is None else value(number, "s")


def given_amount(size: Amount | None) -> str | None:
    """Return an amount, or None."""
    return None if size is None else amount(size)


def celsius_range(span: tuple[float, float]) -> str:
    """Return ``5.0 to 50.0 degC``."""
    return f"{span[0]!r} to {span[1]!r} degC"


def end_text(item: End) -> str:
    """Return an end condition; `benchlab.model.conditions.end` reads the same one from it."""
    reached = amount(item.amount) if item.amount is not None else ""
    related = f"{item.relation} {reached}"
    match item.kind:
        case "net charge":
            way = "charge" if item.relation == "above" else "discharge"
            return f"net {way} since {item.name} reaches {reached}"
        case "change":
            return f"change below {reached} in {value(item.window_second, 's')}"
        case "drop":
            return f"drop of {reached} from peak"
        case "slope":
            what = "T" if item.name == "surface_temperature_celsius" else "V"
            over = f"over {value(item.window_second, 's')}"
            return f"d{what}/dt {related}/s {over}"
        case "clock":
            return f"clock {item.name} UTC"
        case "sensor":
            return f"{item.name} {related}"
        case _:
            return related.strip()


def ended_by(text: str) -> str:
    """Return what names an end of another step: its text in the one form, or its reason."""
    words = " ".join(text.split())
    try:
        return end_text(end(words))
    except ValueError:
        return words


def condition(asked: Condition) -> str:
    """Return what a branch asks; `benchlab.model.conditions.condition` reads the same from it."""
    if asked.quantity == "ended":
        return f"{asked.label} ended by {ended_by(asked.by)}"
    number = amount(asked.amount) if asked.amount is not None else ""
    way = {1: "charge ", -1: "discharge "}.get(asked.direction, "")
    quantity = asked.quantity.removeprefix("result ")  # a result is asked for by its bare name
    return f"{way}{quantity} {asked.relation} {number}"


def condition_text(text: str) -> str:
    """Return a condition's text in the one form."""
    return condition(conditions.condition(text))
