"""How large the two electrodes of a cell are, and what they hold when it is empty or new."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchlab_drivers.cells.electrodes import Electrode
from benchlab_drivers.cells.parameters import CellParameters
from benchlab_drivers.cells.roots import root

__all__ = ["Balance", "balance", "open_window", "volts"]


@dataclass(frozen=True, slots=True)
class Balance:
    """Sites of both electrodes and the ions in them when empty and when new, Ah.

    Attributes
    ----------
    formation_ah : float
        What building the film takes.
    """

    sites_negative: float
    sites_positive: float
    empty_negative: float
    empty_positive: float
    fresh_negative: float
    fresh_positive: float
    formation_ah: float


def balance(cell: CellParameters, capacity_ah: float) -> Balance:
    """Size both electrodes so that C/20 between the voltage ends moves `capacity_ah`.

    The ends of the open-circuit window are those of the terminals less the drop at C/20. Where both
    electrodes limit, the upper end fixes the filling of the positive one and the lower end that of
    the negative one; beside a reserve of lithium both ends are those of the positive electrode. The
    first efficiency counts what formation takes and what stays in the electrode that limits.
    """
    if cell.reserve is not None:
        return _beside_reserve(cell, cell.reserve, capacity_ah)
    high, low = open_window(cell)
    full = cell.filling_negative_full
    top = root(
        lambda y: volts(cell.positive, y) - volts(cell.negative, full) - high, 1e-6, 0.9, 1e-12
    )
    # Per unit of capacity: first charge = sites_positive * (fresh - top) = 1 / first efficiency.
    sites_positive = 1.0 / cell.first_efficiency / (cell.filling_positive_fresh - top)
    bottom = top + 1.0 / sites_positive
    empty = root(
        lambda x: volts(cell.positive, bottom) - volts(cell.negative, x) - low, 1e-4, full, 1e-12
    )
    sites_negative = 1.0 / (full - empty)
    there = cell.filling_negative_fresh - empty
    formation = 1.0 / cell.first_efficiency - 1.0 + there * sites_negative
    return Balance(
        sites_negative=sites_negative * capacity_ah,
        sites_positive=sites_positive * capacity_ah,
        empty_negative=empty * sites_negative * capacity_ah,
        empty_positive=bottom * sites_positive * capacity_ah,
        fresh_negative=cell.filling_negative_fresh * sites_negative * capacity_ah,
        fresh_positive=cell.filling_positive_fresh * sites_positive * capacity_ah,
        formation_ah=formation * capacity_ah,
    )


def _beside_reserve(cell: CellParameters, reserve: float, capacity_ah: float) -> Balance:
    high, low = open_window(cell)
    top, bottom = cell.ends_positive
    if top is None:
        top = root(lambda y: volts(cell.positive, y) - high, 1e-6, 0.9, 1e-12)
    if bottom is None:
        bottom = root(lambda y: volts(cell.positive, y) - low, 0.5, 1.0, 1e-12)
    sites = 1.0 / (bottom - top)
    fresh = cell.filling_positive_fresh
    first = (bottom - fresh if cell.made_charged else fresh - top) * sites
    film = 0.0
    if cell.first_efficiency < 1.0:
        film = max(1.0 / cell.first_efficiency - first, 0.0)
    return Balance(
        sites_negative=2.0 * (reserve + 1.0) * capacity_ah,
        sites_positive=sites * capacity_ah,
        empty_negative=reserve * capacity_ah,
        empty_positive=bottom * sites * capacity_ah,
        fresh_negative=(reserve + (bottom - fresh) * sites) * capacity_ah,
        fresh_positive=fresh * sites * capacity_ah,
        formation_ah=film * capacity_ah,
    )


def open_window(cell: CellParameters) -> tuple[float, float]:
    """Return the upper and lower end of the open-circuit voltage at C/20."""
    drop = cell.capacity_ah / 20.0 * (cell.resistance_ohm + sum(r for r, _ in cell.elements))
    drop += cell.hysteresis_volt
    return cell.voltage_high_volt - drop, cell.voltage_low_volt + drop


def volts(electrode: Electrode, filling: float) -> float:
    """Return the potential of an electrode at one filling."""
    return float(electrode(np.array([filling]))[0])
