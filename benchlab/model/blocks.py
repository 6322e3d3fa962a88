"""Blocks of steps as they are written: repeats, phases, what comes every so often, procedures."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

from benchlab.model import quantity
from benchlab.model.conditions import condition
from benchlab.model.labels import CycleKind, Label, label
from benchlab.model.validate import FieldError, Strict, from_text

__all__ = ["Block", "Every", "Rounds", "Run"]

_PERCENT = r"(\d+(?:\.\d*)?|\.\d+)\s*%"
_VALUE = re.compile(_PERCENT)
_VALUES = re.compile(rf"{_PERCENT}\s+to\s+{_PERCENT}\s+in\s+steps\s+of\s+{_PERCENT}", re.I)
_MOST_VALUES = 10_000
_LARGEST_VALUE = 10.0
_TIMES = re.compile(r"(\d+)\s+times", re.I)


def _values(value: str | list[str]) -> tuple[float, ...]:
    """Return the shares that a variable takes, from a range in steps or from a list of them."""
    if isinstance(value, list):
        match = [_VALUE.fullmatch(text.strip()) for text in value]
        if not match or None in match or len(match) > _MOST_VALUES:
            raise ValueError(
                f"found '{', '.join(value)[:60]}', expected shares: [90 %, 50 %, 20 %]"
            )
        found = [round(quantity.percent(item[1]), 12) for item in match if item]
    else:
        range_ = _VALUES.fullmatch(value.strip())
        expected = f"found '{value[:60]}', expected '90 % to 10 % in steps of 10 %' or a list"
        if range_ is None:
            raise ValueError(expected)
        first, last, step = (quantity.percent(part) for part in range_.groups())
        if step <= 0.0 or not 0.0 <= abs(last - first) / step <= _MOST_VALUES:
            raise ValueError(expected)
        count = int(abs(last - first) / step + 1e-9) + 1
        sign = 1.0 if last >= first else -1.0
        found = [round(first + sign * step * index, 12) for index in range(count)]
    if max(found) > _LARGEST_VALUE:
        raise ValueError(f"found {max(found) * 100.0:g} %, expected at most 1000 %")
    return tuple(found)


def _repeat(value: object) -> object:
    """Return rounds, or the variable's name and its values, or rounds and the condition."""
    if isinstance(value, str):
        return {"rounds": quantity.number(value)}
    if isinstance(value, dict) and set(value) == {"at_most", "until"}:
        if not isinstance(value["until"], str):
            raise FieldError("until", "found a list or a mapping, expected one condition")
        condition(value["until"])
        match = _TIMES.fullmatch(str(value["at_most"]).strip())
        if match is None:
            raise FieldError("at_most", f"found '{value['at_most']}', expected '60 times'")
        return {"rounds": quantity.number(match[1]), "until": value["until"]}
    if isinstance(value, dict) and len(value) == 1 and not {"at_most", "until"} & set(value):
        (name, values), *_ = value.items()
        if isinstance(values, str | list) and all(isinstance(item, str) for item in values):
            found = _values(values)
            return {"rounds": len(found), "variable": label(name), "values": found}
    keys = f"the keys {', '.join(value)[:60]}" if isinstance(value, dict) else "a list"
    raise ValueError(
        f"found {keys}, expected 30, {{soc: 90 % to 10 % in steps of 10 %}} or"
        " {at_most: 60 times, until: CONDITION}"
    )


class Rounds(Strict):
    """How often a block is carried out."""

    rounds: int = 1
    variable: str = ""
    values: tuple[float, ...] = ()
    until: str = ""


class Block(Strict):
    """Steps carried out again and again, and what each round counts as."""

    repeat: Annotated[Rounds, BeforeValidator(_repeat)] = Rounds()
    phase: str = ""
    label: Label | None = None
    counts_as: CycleKind | None = None
    steps: tuple[Any, ...]


_ITERATIONS = re.compile(r"(\d+)\s+(?:iterations|cycles|rounds)", re.I)


def _iterations(text: str) -> int:
    match = _ITERATIONS.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"found '{text}', expected '50 iterations'")
    return quantity.number(match[1])


class Every(Strict):
    """Steps carried out after each so many rounds of the repeat around them; never after 0."""

    every: Annotated[int, from_text(_iterations)]
    label: Label | None = None
    counts_as: CycleKind | None = None
    steps: tuple[Any, ...]


class Run(Strict):
    """A procedure of this file, or another file's steps, in this place."""

    run: str
    label: Label | None = None
    counts_as: CycleKind | None = None
