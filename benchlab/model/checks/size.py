"""A capacity that fits neither area, mass nor cell type: a slip of a thousand, mostly."""

from __future__ import annotations

from benchlab.model.cell import Cell
from benchlab.model.checks.remark import Remark, Severity
from benchlab.model.program import Program

__all__ = ["sizes"]

LOADING_MAH_PER_CM2 = (0.1, 20.0)
"""Of one side of an electrode: thin laboratory coatings to lithium-sulfur's thickest."""
SPECIFIC_MAH_PER_GRAM = (20.0, 4500.0)
"""Of an active mass: lithium titanate under load is above, lithium metal's 3,860 below."""
OF_TYPICAL = (0.05, 20.0)
SLIP = 5.0
"""So far beyond a band, nothing but a wrong unit is left: then it is an error."""
SLIP_OF_TYPICAL = 15.0


def sizes(program: Program, cell: Cell) -> list[Remark]:
    """Return the ways in which the capacity is implausible."""
    capacity = program.capacity_ah
    stated = "C" in program.known
    found = []
    if stated and cell.area is not None:
        found.append(_band(program, capacity * 1e3 / cell.area, LOADING_MAH_PER_CM2, "cm2", "area"))
    if stated and cell.active_mass is not None:
        ratio = capacity * 1e3 / cell.active_mass
        found.append(_band(program, ratio, SPECIFIC_MAH_PER_GRAM, "g of active mass", "mass"))
    typical = cell.type.nominal_capacity.number({})
    low, high = OF_TYPICAL
    ratio = capacity / typical
    if not low <= ratio <= high:
        # twice said, by protocol and cell, is hardly a slip of the pen
        slip = not low / SLIP_OF_TYPICAL <= ratio <= high * SLIP_OF_TYPICAL
        sure = slip and cell.capacity_ah is None
        found.append(
            Remark(
                "implausible-size",
                Severity.ERROR if sure else Severity.WARNING,
                program.source,
                f"C is {capacity:g} Ah; a cell of the type {cell.type.name} has about"
                f" {typical:g} Ah. Every current limit in C grows or shrinks with it.",
                "Mend capacity.C (mAh for Ah?), or state nominal_capacity in the cell too.",
            )
        )
    return [remark for remark in found if remark is not None]


def _band(
    program: Program, ratio: float, band: tuple[float, float], unit: str, what: str
) -> Remark | None:
    low, high = band
    if low <= ratio <= high:
        return None
    slip = not low / SLIP <= ratio <= high * SLIP
    return Remark(
        "implausible-size",
        Severity.ERROR if slip else Severity.WARNING,
        program.source,
        f"C is {program.capacity_ah:g} Ah, which makes {ratio:.3g} mAh for each {unit}; cells have"
        f" {low:g} to {high:g}.",
        f"Mend capacity or {what}: mg for g, or mAh for Ah, is a factor of a thousand.",
    )
