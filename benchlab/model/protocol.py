"""The protocol as it is written: header, limits, procedures and steps; meaning is elsewhere."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator

from benchlab.model import quantity
from benchlab.model.actions import Action
from benchlab.model.cell import Cell
from benchlab.model.profile import Profile
from benchlab.model.steps import Block, CycleKind, Every, RecordRule, Run, Step
from benchlab.model.validate import (
    Amperes,
    CapacityOrPerGram,
    CelsiusRange,
    ChargeAh,
    Kelvins,
    Name,
    Seconds,
    Strict,
    Volts,
    from_text,
)
from benchlab.model.yaml_text import Node

__all__ = [
    "Capacity",
    "Control",
    "Header",
    "Limits",
    "Located",
    "Procedure",
    "Protocol",
]

_LONGEST_PERIOD_SECOND = 60.0
_FAST = re.compile(r"(\d+)\s+steps\s+in\s+a\s+row\s+shorter\s+than\s+(.+)", re.I)
_LONGEST_MUST_LAST_SECOND = 10.0


class Capacity(Strict):
    """What C is."""

    C: CapacityOrPerGram | None = None
    basis: Literal["nominal", "rated", "mass", "measured"] = "nominal"


class CurrentBounds(Strict):
    """Largest currents in each direction; either may be left to the cell type."""

    charge: Amperes | None = None
    discharge: Amperes | None = None


class VoltageBounds(Strict):
    """Lowest and highest voltage; what is left out is left to the cell type."""

    low: Volts | None = None
    high: Volts | None = None
    low_once_formed: Volts | None = None


class TemperatureBounds(Strict):
    """Surface temperatures; `always` stands for both of the others."""

    when_charging: CelsiusRange | None = None
    otherwise: CelsiusRange | None = None
    always: CelsiusRange | None = None
    rise_in_a_minute: Kelvins | None = None
    no_reading_for: Seconds = 30.0


def _fast(text: str) -> tuple[int, float]:
    match = _FAST.fullmatch(" ".join(text.split()))
    if match is None:
        raise ValueError(f"found '{text}', expected '3 steps in a row shorter than 5 s'")
    return quantity.number(match[1]), quantity.duration(match[2])


def _brief(second: float) -> float:
    if second > _LONGEST_MUST_LAST_SECOND:
        raise ValueError(f"found {second:g} s, expected at most {_LONGEST_MUST_LAST_SECOND:g} s")
    return second


class Limits(Strict):
    """The protocol's own limits; they may only narrow those of the cell type."""

    voltage: VoltageBounds = VoltageBounds()
    current: CurrentBounds = CurrentBounds()
    charge_in_one_step: ChargeAh | None = None
    temperature: TemperatureBounds | None = None
    must_last: Annotated[Seconds, AfterValidator(_brief)] = 0.2
    fast_steps: Annotated[tuple[int, float], from_text(_fast)] = (3, 5.0)
    cell_contact: Literal["by voltage and current", "by current only"] = "by voltage and current"


def _short(period: float) -> float:
    if period > _LONGEST_PERIOD_SECOND:
        raise ValueError(
            f"found a control period of {period:g} s, expected at most"
            f" {_LONGEST_PERIOD_SECOND:g} s; nobody looks at the cell in between"
        )
    return period


class Control(Strict):
    """How often the bench looks at the cell and decides."""

    period: Annotated[Seconds, AfterValidator(_short)] = 1.0


class Header(Strict):
    """Everything of a protocol but its cell, its procedures and its steps."""

    format: Literal["benchlab-protocol/1"] = "benchlab-protocol/1"
    name: Name
    capacity: Capacity = Capacity()
    limits: Limits = Limits()
    record: RecordRule = RecordRule(every="10 s", or_change="5 mV")  # type: ignore[arg-type]
    control: Control = Control()


class Located(Strict):
    """A step, block or action with the node it was read from, its file and its field's path."""

    node: Node
    source: str
    field: str
    text: str
    step: Step | Block | Every | Run | Action


class Procedure(Strict):
    """Named steps that `run` puts in its place."""

    name: str
    steps: tuple[Located, ...]
    counts_as: CycleKind | None = None


class Protocol(Strict):
    """A protocol as written; `benchlab.model.expand` gives it numbers and checks it."""

    header: Header
    cell: Cell | None
    steps: tuple[Located, ...]
    procedures: dict[str, Procedure]
    profiles: dict[str, Profile]
    source: str
    text: str
    lines: dict[str, int]
