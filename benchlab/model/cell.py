"""Cells and cell types: which cell is on the bench, and what it may ever see."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import model_validator

from benchlab.errors import CellError
from benchlab.model.amount import Amount
from benchlab.model.validate import (
    Amperes,
    CapacityAh,
    CelsiusRange,
    ChargeAh,
    Grams,
    Kelvins,
    SquareCentimetres,
    Strict,
    Volts,
    place,
    validate,
)
from benchlab.model.yaml_text import Node, load_text, read_yaml

__all__ = ["Cell", "CellType", "CurrentLimits", "Window", "cell_types", "parse_cell", "read_cell"]

Role = Literal[
    "full_cell",
    "graphite_half_cell",
    "cathode_half_cell",
    "lithium_on_copper",
    "lithium_symmetric",
]
FirstHalfCycle = Literal["charge", "discharge"]


class Window(Strict):
    """A lower and an upper voltage."""

    low: Volts
    high: Volts

    @model_validator(mode="after")
    def _in_order(self) -> Window:
        if self.low >= self.high:
            raise ValueError(
                f"found low ({self.low:g} V) that is not below high ({self.high:g} V), expected the"
                " lower voltage as low"
            )
        return self


class CurrentLimits(Strict):
    """The largest currents in each direction."""

    charge: Amperes
    discharge: Amperes


class TemperatureLimits(Strict):
    """Degrees Celsius that the surface must stay within, and how fast it may warm up."""

    when_charging: CelsiusRange
    otherwise: CelsiusRange
    rise_in_a_minute: Kelvins | None = None


class HardLimits(Strict):
    """Limits beyond which the output goes off at once.

    `low_once_formed` takes the place of the lower voltage from the step on that arms it: a fresh
    cell stands far below.
    """

    voltage: Window
    low_once_formed: Volts | None = None
    temperature: TemperatureLimits | None = None
    current: CurrentLimits
    charge_in_one_step: ChargeAh = Amount("Ah", 1.3, "C", text="130 % of C")


class CellType(Strict):
    """A kind of cell: how its cycles are counted, and what it may ever see."""

    name: str = ""
    description: str = ""
    role: Role = "full_cell"
    first_half_cycle: FirstHalfCycle
    nominal_capacity: CapacityAh
    area: SquareCentimetres | None = None
    window: Window
    hard_limits: HardLimits


class CellFields(Strict):
    """What is known of one cell beside its type."""

    id: str = ""
    nominal_capacity: CapacityAh | None = None
    active_mass: Grams | None = None
    area: SquareCentimetres | None = None
    lot: str = ""
    comment: str = ""
    first_half_cycle: FirstHalfCycle | None = None
    role: Role | None = None


class Cell(CellFields):
    """One cell: its identity, type and what was measured of it before."""

    type: CellType

    @property
    def capacity_ah(self) -> float | None:
        """The capacity stated for this very cell, or None."""
        return self.nominal_capacity.number({}) if self.nominal_capacity else None

    @property
    def area_cm2(self) -> float | None:
        """The area of this cell, or of its type, or None."""
        return self.area or self.type.area

    @property
    def counts_first(self) -> str:
        """The half cycle that a cycle begins with: charge or discharge."""
        return self.first_half_cycle or self.type.first_half_cycle

    def record(self) -> dict[str, Any]:
        """Return the cell as plain values for a file."""
        capacity = self.capacity_ah or self.type.nominal_capacity.number({})
        return {
            "id": self.id,
            "type": self.type.name,
            "role": self.role or self.type.role,
            "first_half_cycle": self.counts_first,
            "nominal_capacity_ah": capacity,
            "active_mass_gram": self.active_mass,
            "area_square_centimetre": self.area_cm2,
            "lot": self.lot,
            "comment": self.comment,
            "voltage_low_volt": self.type.hard_limits.voltage.low,
            "voltage_high_volt": self.type.hard_limits.voltage.high,
        }


@cache
def cell_types() -> dict[str, CellType]:
    """Return the known cell types by name."""
    source = "benchlab/model/cell_types.yaml"
    text = files("benchlab.model").joinpath("cell_types.yaml").read_text(encoding="utf-8")
    root = load_text(text, source, CellError).value
    if not isinstance(root, dict):
        raise AssertionError(source)
    return {name: _cell_type(name, node, source) for name, node in root.items()}


def _cell_type(name: str, node: Node, source: str, field: str = "") -> CellType:
    parsed = validate(CellType, node, source, CellError, field=field or name)
    return parsed.model_copy(update={"name": parsed.name or name})


def parse_cell(node: Node, source: str, *, field: str = "cell") -> Cell:
    """Return the cell that a mapping describes: ``type`` is a known name or a mapping of its own.

    Raises
    ------
    benchlab.errors.CellError
    """
    value = node.value
    if not isinstance(value, dict) or "type" not in value:
        raise CellError(
            "the key 'type' is missing.",
            where=place(source, node.line, field),
            remedy=f"Known cell types: {', '.join(cell_types())}.",
        )
    given = value["type"]
    if isinstance(given.value, str):
        known = cell_types()
        if given.value not in known:
            raise CellError(
                f"found the cell type '{given.value}', which is not known.",
                where=place(source, given.line, f"{field}.type"),
                remedy=f"Known: {', '.join(known)}; or describe your own in place of the name.",
            )
        cell_type = known[given.value]
    else:
        cell_type = _cell_type("own", given, source, f"{field}.type")
    rest = Node({key: item for key, item in value.items() if key != "type"}, node.line)
    fields = validate(CellFields, rest, source, CellError, field=field)
    return Cell.model_construct(type=cell_type, **dict(fields))


def read_cell(path: Path) -> Cell:
    """Read ``CELL.yaml``.

    Raises
    ------
    benchlab.errors.FileMissing, benchlab.errors.CellError
    """
    source = str(path)
    return parse_cell(load_text(read_yaml(path, CellError), source, CellError), source)
