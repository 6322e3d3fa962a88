"""Graphite | lithium half cell of 1.54 cm2 and 4.9 mAh, 0.005 to 1.50 V.

Graphite is the positive terminal, so lithiating is a discharge. Potential of graphite: Chen et al.,
J. Electrochem. Soc. 167 (2020) 080534, with its last sites filled towards 0 V. Everything else is
typical, not measured: 30 + 20 (3 s) + 10 (300 s) ohm cm2, mostly of the lithium, and a tail of 1, 2
and 4; the first cycle gives 0.91 back, later ones all but 0.1 % of what was lithiated (the side
current of the positive electrode, counted negative). Below 0 V lithium plates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchlab_drivers.cells.electrodes import graphite
from benchlab_drivers.cells.ledger import LedgerCell
from benchlab_drivers.cells.lithium_electrodes import lithium
from benchlab_drivers.cells.parameters import CellParameters

if TYPE_CHECKING:
    from benchlab.bench.twin import TwinSpec
    from benchlab_drivers.cells.electrodes import Array

__all__ = ["CELL", "GraphiteHalfCell", "graphite_to_the_end", "make"]

AREA_CM2 = 1.54


def graphite_to_the_end(filling: Array) -> Array:
    """Potential of graphite in volts, which falls below 0 V where its last sites are filled."""
    return np.asarray(graphite(filling) - 0.25 * np.exp((filling - 1.0) / 0.015))


class GraphiteHalfCell(LedgerCell):
    """A ledger that knows when its graphite was plated, which its voltage says."""

    def _side_currents(self) -> None:
        super()._side_currents()
        current = self._present_current()
        self.plating = self.plating or (current < 0.0 and self._emf() + current * self._ohm < 0.0)


CELL = CellParameters(
    name="graphite_half_coin",
    capacity_ah=4.9e-3,
    voltage_low_volt=0.005,
    voltage_high_volt=1.50,
    negative=lithium,
    positive=graphite_to_the_end,
    filling_negative_full=1.0,
    filling_positive_fresh=0.0,
    resistance_ohm=30.0 / AREA_CM2,
    elements=(
        (20.0 / AREA_CM2, 3.0),
        (10.0 / AREA_CM2, 300.0),
        (1.0 / AREA_CM2, 1e2),
        (2.0 / AREA_CM2, 1e3),
        (4.0 / AREA_CM2, 1e4),
    ),
    activation_energy_j_per_mol=40e3,
    side_negative_per_hour=0.0,
    side_positive_per_hour=0.0,
    side_activation_j_per_mol=53e3,
    first_efficiency=0.91,
    heat_capacity_core=2.0,
    heat_capacity_surface=1.0,
    conductance_core_surface=1.0,
    conductance_surface_ambient=0.01,
    lost_per_charged=0.01,
    lost_per_discharged=0.001,
    reserve=10.0,
    made_charged=True,
    film_on_positive=True,
)


def make(parameters: CellParameters, spec: TwinSpec, start: float) -> LedgerCell:
    """Make the cell."""
    return GraphiteHalfCell(parameters, fresh=spec.fresh, start=start)
