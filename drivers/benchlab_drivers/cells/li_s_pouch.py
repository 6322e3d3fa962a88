"""Lithium | sulfur pouch cell of 3.0 Ah with 2.7 g of sulfur, 1.80 to 2.60 V.

A cell with a shuttle, after Mikhaylik and Akridge, J. Electrochem. Soc. 151 (2004) A1969, as in the
zero-dimensional model of Marinescu et al., Phys. Chem. Chem. Phys. 18 (2016) 584, who give 2.7 g
and a shuttle constant of 2e-4 per second; no equation of theirs but this one is used: the high
polysulfides S_h, which stand for the first quarter of the discharge (419 mAh per gram of the 1.8 g
of sulfur that take part, 0.75 Ah), are reduced at the lithium,

    dS_h/dt = I - k_s S_h   while they are charged,

exactly within each 20 s of the cell's grid. The shuttle moves charge inside the cell and is the
reversible side current. With ``shuttle``, 2e-4 per second, the factor k_s q_H / I is 1.8 at C/10 (a
charge never ends by voltage) and 0.9 at C/5 (it ends late); the type itself, with lithium nitrate
in the electrolyte, has 0.02 per hour: 0.05 at C/10.

Everything else is typical: plateaus of 2.35 and 2.10 V; 25 mohm that become three times as much at
the change of the plateaus, where the discharge dips; 2 % of each charge lost on the lithium, of
which there is three times the capacity in reserve; 0.3 % of the sulfur per cycle precipitated for
good, at the filling it has then. Heat: 60 g at 1 J/(g K), still air; the shuttle heats too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from benchlab_drivers.cells.circuit import GRID_SECOND
from benchlab_drivers.cells.ledger import LedgerCell
from benchlab_drivers.cells.lithium_electrodes import lithium
from benchlab_drivers.cells.parameters import CellParameters

if TYPE_CHECKING:
    from benchlab.bench.twin import TwinSpec
    from benchlab_drivers.cells.electrodes import Array

__all__ = ["CELL", "VARIANTS", "ShuttleCell", "SulfurParameters", "make", "sulfur"]

UPPER = 0.25
"""Filling at which the upper plateau ends."""


def sulfur(filling: Array) -> Array:
    """Potential of sulfur in volts: 0 is sulfur, 1 is lithium sulfide."""
    y = filling
    return np.asarray(
        2.13
        - 0.04 * y
        + 0.115 * (1.0 + np.tanh((UPPER - y) / 0.015))
        + 0.45 * np.exp(-y / 0.006)
        - 0.6 * np.exp((y - 1.0) / 0.012)
    )


@dataclass(frozen=True, slots=True)
class SulfurParameters(CellParameters):
    """A cell whose high polysulfides wander.

    Attributes
    ----------
    shuttle_per_hour : float
        k_s.
    """

    shuttle_per_hour: float = 0.02


class ShuttleCell(LedgerCell):
    """A ledger whose reversible side current is the shuttle."""

    def __init__(
        self, parameters: SulfurParameters, *, fresh: bool = False, start: float = 0.0
    ) -> None:
        self._shuttle = parameters.shuttle_per_hour / 3600.0
        super().__init__(parameters, fresh=fresh, start=start)

    @property
    def high_polysulfides_ah(self) -> float:
        """What the upper plateau holds at the last grid point or change of the source."""
        return max(UPPER * self.sites_positive - self.ions_positive, 0.0) / 3600.0

    def _leak(self, current: float) -> float:
        # The mean over the time to the next grid point, so that the decay is exact at the points.
        span = self._grid_count * GRID_SECOND - self._beginning
        held = UPPER * self.sites_positive - self.ions_positive
        if held <= 0.0 or span <= 0.0:
            return 0.0
        steady = current / self._shuttle
        return max(current - (held - steady) * math.expm1(-self._shuttle * span) / span, 0.0)

    def _own_changes(self, hours: float) -> float:
        away = (self.ions_positive / self.sites_positive - UPPER - 0.03) / 0.04
        return 1.0 + 2.0 * math.exp(-away * away)


CELL = SulfurParameters(
    name="li_s_pouch",
    capacity_ah=3.0,
    voltage_low_volt=1.80,
    voltage_high_volt=2.60,
    negative=lithium,
    positive=sulfur,
    filling_negative_full=1.0,
    filling_positive_fresh=0.012,
    resistance_ohm=15e-3,
    elements=((10e-3, 5.0), (5e-3, 300.0), (2e-3, 1e2), (3e-3, 1e3), (5e-3, 1e4)),
    activation_energy_j_per_mol=25e3,
    side_negative_per_hour=0.0,
    side_positive_per_hour=0.0,
    side_activation_j_per_mol=53e3,
    first_efficiency=1.0,
    heat_capacity_core=50.0,
    heat_capacity_surface=10.0,
    conductance_core_surface=3.0,
    conductance_surface_ambient=0.2,
    loss_positive_per_cycle=0.003,
    lost_per_charged=0.02,
    reserve=3.0,
    made_charged=True,
)
VARIANTS = {"shuttle": replace(CELL, shuttle_per_hour=0.72)}


def make(parameters: SulfurParameters, spec: TwinSpec, start: float) -> LedgerCell:
    """Make the cell."""
    return ShuttleCell(parameters, fresh=spec.fresh, start=start)
