"""The protocol as it is written: models of its parts; text and meaning are other modules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from benchlab.model import quantity
from benchlab.model.cell import Cell, Window
from benchlab.model.quantity import Charge, Rate
from benchlab.model.validate import (
    Amperes,
    CapacityAh,
    ChargeAh,
    Count,
    Name,
    Seconds,
    Strict,
    Volts,
)
from benchlab.model.yaml_text import Node

__all__ = [
    "Block",
    "Capacity",
    "ChargeStep",
    "Control",
    "DischargeStep",
    "End",
    "HoldStep",
    "Limits",
    "Protocol",
    "RecordRule",
    "RestStep",
    "Step",
]

CycleKind = Literal["cycle", "formation cycle", "check-up", "imposed cycle", "no cycle"]
Basis = Literal["nominal", "rated", "measured"]
Output = Literal["open", "zero current"]
_LONGEST_PERIOD_SECOND = 60.0


class End(Strict):
    """One condition that ends a step; exactly one of the values is set."""

    voltage_volt: float | None = None
    current: Rate | None = None
    time_second: float | None = None
    charge: Charge | None = None
    text: str


def _end(text: object) -> End:
    if not isinstance(text, str):
        raise ValueError("found a list or mapping, expected one end condition such as 4.2 V")
    kind = quantity.unit_of(text)
    if kind == "V":
        return End(voltage_volt=quantity.voltage(text), text=text)
    if kind in ("A", "C"):
        return End(current=quantity.current(text), text=text)
    if kind == "time":
        return End(time_second=quantity.duration(text), text=text)
    if kind == "Ah":
        return End(charge=quantity.charge(text), text=text)
    raise ValueError(
        f"found '{text}', expected an end condition: a voltage (4.2 V), a current (C/20),"
        " a time (2 h) or a charge (0.1 Ah)"
    )


def _ends(value: object) -> object:
    if isinstance(value, str):
        return [_end(value)]
    if isinstance(value, list):
        return [_end(item) for item in value]
    raise ValueError("found a mapping, expected one end condition or a list of them")


Ends = Annotated[tuple[End, ...], BeforeValidator(_ends)]


def _change(volt: float) -> float:
    if volt <= 0.0:
        raise ValueError(f"found {volt:g} V, expected a change above zero such as 5 mV")
    return volt


class RecordRule(Strict):
    """When a row is kept: each `every` seconds, or when the voltage moved by `or_change`."""

    every: Seconds | None = None
    or_change: Annotated[Volts, AfterValidator(_change)] | None = None


class _Named(Strict):
    label: str = ""
    record: RecordRule | None = None


class _Driven(_Named):
    to: Volts | None = None
    then_hold_until: Amperes | None = None
    hold_at_most: Seconds | None = None
    until: Ends = ()
    for_: Seconds | None = Field(default=None, alias="for")
    at_most: Seconds | None = None


class ChargeStep(_Driven):
    """Constant current into the cell, with a hold behind it where `to` is given."""

    charge: Amperes


class DischargeStep(_Driven):
    """Constant current out of the cell, with a hold behind it where `to` is given."""

    discharge: Amperes


class HoldStep(_Named):
    """Constant voltage within a current bound."""

    hold: Volts
    until: Ends = ()
    for_: Seconds | None = Field(default=None, alias="for")
    at_most: Seconds | None = None
    current_at_most: Amperes | None = None


class RestStep(_Named):
    """No current: the output open, or on and regulating 0 A."""

    rest: Seconds
    output: Output = "open"


class Block(Strict):
    """Steps carried out `repeat` times, and what each round counts as."""

    repeat: Count = 1
    phase: str = ""
    label: str = ""
    counts_as: CycleKind | None = None
    steps: tuple[Any, ...]


Step = ChargeStep | DischargeStep | HoldStep | RestStep


class Capacity(Strict):
    """What C is."""

    C: CapacityAh | None = None
    basis: Basis = "nominal"


class CurrentBounds(Strict):
    """Largest currents in each direction; either may be left to the cell type."""

    charge: Amperes | None = None
    discharge: Amperes | None = None


class VoltageBounds(Strict):
    """Lowest and highest voltage; either may be left to the cell type."""

    low: Volts | None = None
    high: Volts | None = None


class Limits(Strict):
    """The protocol's own limits; they may only narrow those of the cell type."""

    voltage: VoltageBounds = VoltageBounds()
    current: CurrentBounds = CurrentBounds()
    charge_in_one_step: ChargeAh | None = None


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
    """Everything of a protocol but its cell and its steps."""

    format: Literal["benchlab-protocol/1"] = "benchlab-protocol/1"
    name: Name
    capacity: Capacity = Capacity()
    limits: Limits = Limits()
    record: RecordRule = RecordRule(every="10 s", or_change="5 mV")  # type: ignore[arg-type]
    control: Control = Control()


class Located(Strict):
    """A step or block with the node it was read from and the path of its field."""

    node: Node
    field: str
    text: str
    step: Step | Block


class Protocol(Strict):
    """A protocol as written; `benchlab.model.program` gives it numbers and checks it."""

    header: Header
    cell: Cell | None
    steps: tuple[Located, ...]
    source: str
    text: str
    lines: dict[str, int]


__all__ += ["CurrentBounds", "CycleKind", "Header", "Located", "VoltageBounds", "Window"]
