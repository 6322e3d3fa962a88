"""Simulated cells: one module a type, each with its parameters and their sources."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING

from benchlab.errors import UsageError

if TYPE_CHECKING:
    from benchlab.bench.twin import TwinSpec
    from benchlab_drivers.cells.ledger import LedgerCell
    from benchlab_drivers.cells.parameters import CellParameters

__all__ = ["CELL_TYPES", "make_cell"]

CELL_TYPES = ("lfp_graphite_26650", "nmc811_graphite_pouch")


def make_cell(spec: TwinSpec, start: float = 0.0) -> LedgerCell:
    """Make a simulated cell.

    Parameters
    ----------
    spec : TwinSpec
    start : float
        Clock seconds at which its life begins.

    Raises
    ------
    benchlab.errors.UsageError
        Where there is no such type (the message lists those there are) or the size is not positive.
    """
    from benchlab_drivers.cells.ledger import LedgerCell

    if spec.cell_type not in CELL_TYPES:
        raise UsageError(
            f"there is no simulated cell {spec.cell_type!r}.",
            remedy=f"Known: {', '.join(CELL_TYPES)}.",
        )
    parameters = importlib.import_module(f"benchlab_drivers.cells.{spec.cell_type}").CELL
    capacity = parameters.capacity_ah if spec.capacity_ah is None else spec.capacity_ah
    if not 0.0 < capacity < 1e6:
        raise UsageError(
            f"a cell of {capacity} Ah cannot be simulated.", remedy="Give a capacity above 0 Ah."
        )
    return LedgerCell(scaled(parameters, capacity), fresh=spec.fresh, start=start)


def scaled(parameters: CellParameters, capacity_ah: float) -> CellParameters:
    """Return the same cell with more or less area: resistances and heat follow."""
    factor = capacity_ah / parameters.capacity_ah
    return replace(
        parameters,
        capacity_ah=capacity_ah,
        resistance_ohm=parameters.resistance_ohm / factor,
        elements=tuple((ohm / factor, second) for ohm, second in parameters.elements),
        heat_capacity_core=parameters.heat_capacity_core * factor,
        heat_capacity_surface=parameters.heat_capacity_surface * factor,
        conductance_core_surface=parameters.conductance_core_surface * factor,
        conductance_surface_ambient=parameters.conductance_surface_ambient * factor,
    )
