"""Used cells of unknown history: NMC811 | graphite pouch cells (``lfp``: 26650), each worn its way.

The seed draws a cell: state of health from 0.60 to 0.85, resistances 1.3 to 2.5 times those of the
new cell, and a reversible leak that one cell in ten has (3e-5 to 1e-4 of the nominal capacity an
hour; the others below 5e-6). All of that is typical, not measured. A quarter to three quarters of
the lost capacity went with active sites of both electrodes, the rest as lithium, so that voltage
and charge no longer belong together as in the new cell. Rates refer to the nominal capacity. There
is no fresh one.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from benchlab_drivers.cells import lfp_graphite_26650, nmc811_graphite_pouch
from benchlab_drivers.cells.balance import Balance, balance, open_window, volts
from benchlab_drivers.cells.ledger import LedgerCell
from benchlab_drivers.cells.roots import root

if TYPE_CHECKING:
    from benchlab.bench.twin import TwinSpec
    from benchlab_drivers.cells.parameters import CellParameters

__all__ = ["CELL", "VARIANTS", "UsedCell", "make", "worn"]

CELL = replace(nmc811_graphite_pouch.CELL, name="second_life")
VARIANTS = {"lfp": replace(lfp_graphite_26650.CELL, name="second_life/lfp")}


class UsedCell(LedgerCell):
    """A ledger that was used before.

    Attributes
    ----------
    state_of_health : float
        Its capacity at C/20 (of the nominal one), over the nominal one.
    resistance_factor : float
        Its resistances over those of the new cell.
    """

    def __init__(
        self,
        parameters: CellParameters,
        *,
        state_of_health: float,
        resistance_factor: float,
        lost_with_sites: float,
        start: float = 0.0,
    ) -> None:
        self.state_of_health = state_of_health
        self.resistance_factor = resistance_factor
        sizes = worn(parameters, state_of_health, lost_with_sites)
        used = replace(
            parameters,
            resistance_ohm=parameters.resistance_ohm * resistance_factor,
            elements=tuple((ohm * resistance_factor, tau) for ohm, tau in parameters.elements),
            formed_charge=parameters.formed_charge * state_of_health,
        )
        super().__init__(used, start=start, sizes=sizes)


def worn(cell: CellParameters, state_of_health: float, lost_with_sites: float) -> Balance:
    """Return the balance of a cell that lost sites of both electrodes, and lithium.

    Parameters
    ----------
    lost_with_sites : float
        Part of the lost capacity that the sites, lost alike on both electrodes, account for.
    """
    new = balance(cell, cell.capacity_ah)
    left = 1.0 - (1.0 - state_of_health) * lost_with_sites
    negative, positive = new.sites_negative * left, new.sites_positive * left
    moved = state_of_health * cell.capacity_ah
    high, low = open_window(cell)

    def top(full: float) -> float:
        upper = volts(cell.negative, full) + high
        return root(lambda y: volts(cell.positive, y) - upper, 1e-6, 0.95, 1e-12)

    def above(full: float) -> float:
        bottom = volts(cell.positive, top(full) + moved / positive)
        return bottom - volts(cell.negative, full - moved / negative) - low

    full = root(above, moved / negative + 1e-6, cell.filling_negative_full, 1e-12)
    return Balance(
        sites_negative=negative,
        sites_positive=positive,
        empty_negative=full * negative - moved,
        empty_positive=top(full) * positive + moved,
        fresh_negative=0.0,
        fresh_positive=0.0,
        formation_ah=0.0,
    )


def make(parameters: CellParameters, spec: TwinSpec, start: float) -> LedgerCell:
    """Draw the cell of a seed."""
    draw = random.Random(spec.seed)
    outlier = draw.random() < 0.1
    leak = draw.uniform(3e-5, 1e-4) if outlier else draw.uniform(0.0, 5e-6)
    return UsedCell(
        replace(parameters, leak_per_hour=leak),
        state_of_health=draw.uniform(0.60, 0.85),
        resistance_factor=draw.uniform(1.3, 2.5),
        lost_with_sites=draw.uniform(0.25, 0.75),
        start=start,
    )
