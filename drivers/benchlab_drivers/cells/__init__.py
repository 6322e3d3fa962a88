"""Simulated cells: one module a type, each with its parameters and their sources."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING

from benchlab.errors import UsageError

if TYPE_CHECKING:
    from types import ModuleType

    from benchlab.bench.twin import TwinSpec
    from benchlab_drivers.cells.ledger import LedgerCell
    from benchlab_drivers.cells.parameters import CellParameters

__all__ = ["CELL_TYPES", "make_cell", "offered"]

CELL_TYPES = (
    "lfp_graphite_26650",
    "nmc811_graphite_pouch",
    "na_layered_hardcarbon",
    "li_s_pouch",
    "li_cu_coin",
    "li_li_coin",
    "li_nmc811_coin",
    "assb_nmc_lpscl_inli",
    "nmc811_4680",
    "graphite_half_coin",
    "lfp_half_coin",
    "second_life",
    "nvpf_hardcarbon",
)
"""Each is a module here with ``CELL``, its parameters.

It may have ``VARIANTS``, more of them by name (``TYPE/NAME``), and ``make(parameters, spec,
start)`` where its cell is more than a ledger.
"""


def make_cell(spec: TwinSpec, start: float = 0.0) -> LedgerCell:
    """Make a simulated cell.

    Parameters
    ----------
    spec : TwinSpec
        Its ``cell_type`` is a type, or ``TYPE/VARIANT``.
    start : float
        Clock seconds at which its life begins.

    Raises
    ------
    benchlab.errors.UsageError
        Where there is no such type (the message lists those there are) or the size is not positive.
    """
    from benchlab_drivers.cells.ledger import LedgerCell

    name = spec.cell_type.partition("/")[0]
    module = _module(name) if name in CELL_TYPES else None
    parameters = None if module is None else offered(name).get(spec.cell_type)
    if parameters is None:
        known = [offer for each in CELL_TYPES for offer in offered(each)]
        raise UsageError(
            f"there is no simulated cell {spec.cell_type!r}.",
            remedy=f"Known: {', '.join(known)}.",
        )
    capacity = parameters.capacity_ah if spec.capacity_ah is None else spec.capacity_ah
    if not 0.0 < capacity < 1e6:
        raise UsageError(
            f"a cell of {capacity} Ah cannot be simulated.", remedy="Give a capacity above 0 Ah."
        )
    parameters = scaled(parameters, capacity)
    make = getattr(module, "make", None)
    if make is None:
        return LedgerCell(parameters, fresh=spec.fresh, start=start)
    cell: LedgerCell = make(parameters, spec, start)
    return cell


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"benchlab_drivers.cells.{name}")


def offered(name: str) -> dict[str, CellParameters]:
    """Return the parameters of a type and of its variants, by what each is asked for by."""
    module = _module(name)
    variants: dict[str, CellParameters] = getattr(module, "VARIANTS", {})
    return {name: module.CELL} | {f"{name}/{variant}": p for variant, p in variants.items()}


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
