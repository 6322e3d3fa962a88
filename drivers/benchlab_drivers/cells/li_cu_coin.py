"""Lithium | copper coin cell of 1.54 cm2: lithium is plated on the copper and stripped again.

Copper is the positive terminal, so plating is a discharge and stripping a charge, up to 1.00 V; the
voltage has either sign. Everything is typical, not measured: 15 + 10 (45 s) + 5 (300 s) ohm cm2,
and a tail of 2 (100 s), 6 (1000 s) and 2 (1e4 s) for the arc that concentration draws over a half
cycle; 1 % of each plated ampere hour is lost on the copper as dead lithium, which is the side
current of the positive electrode, counted negative; the lithium opposite holds twenty times as
much as is nominally plated (5 mAh/cm2) and loses 1 % of what returns to it. Plating on bare copper
begins 60 mV lower, for about a minute. Without lithium left the voltage jumps to that of copper,
3.0 V, within seconds. A formed cell has been stripped to 1.00 V. The steps of the modified Aurbach
protocol are those of Adams et al., Adv. Energy Mater. 8 (2018) 1702097.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchlab_drivers.cells.ledger import LedgerCell
from benchlab_drivers.cells.lithium_electrodes import copper, lithium
from benchlab_drivers.cells.parameters import CellParameters

if TYPE_CHECKING:
    from benchlab.bench.twin import TwinSpec

__all__ = ["CELL", "PlatedCopper", "make"]

AREA_CM2 = 1.54
BARE_FILLING = 0.002
NUCLEATION_VOLT = 0.075
"""About 60 mV of it are left when the potential of copper has come down."""


class PlatedCopper(LedgerCell):
    """A ledger whose positive electrode takes an extra voltage to be plated where it is bare."""

    def __init__(
        self, parameters: CellParameters, *, fresh: bool = False, start: float = 0.0
    ) -> None:
        self._bare = True
        super().__init__(parameters, fresh=fresh, start=start)

    def _side_currents(self) -> None:
        super()._side_currents()
        current = self._present_current()
        if current < 0.0 and self._bare:
            self._elements[0] -= NUCLEATION_VOLT
            self._bare = False
        elif current > 0.0 and self.ions_positive < BARE_FILLING * self.sites_positive:
            self._bare = True


CELL = CellParameters(
    name="li_cu_coin",
    capacity_ah=7.7e-3,
    voltage_low_volt=-0.50,
    voltage_high_volt=1.00,
    negative=lithium,
    positive=copper,
    filling_negative_full=1.0,
    filling_positive_fresh=0.0,
    resistance_ohm=15.0 / AREA_CM2,
    elements=(
        (10.0 / AREA_CM2, 45.0),
        (5.0 / AREA_CM2, 300.0),
        (2.0 / AREA_CM2, 1e2),
        (6.0 / AREA_CM2, 1e3),
        (2.0 / AREA_CM2, 1e4),
    ),
    activation_energy_j_per_mol=40e3,
    side_negative_per_hour=0.0,
    side_positive_per_hour=0.0,
    side_activation_j_per_mol=53e3,
    first_efficiency=1.0,
    heat_capacity_core=2.0,
    heat_capacity_surface=1.0,
    conductance_core_surface=1.0,
    conductance_surface_ambient=0.01,
    lost_per_charged=0.01,
    lost_per_discharged=0.01,
    reserve=20.0,
    made_charged=True,
    ends_positive=(None, 0.8),
    formed_charge=1.0,
)


def make(parameters: CellParameters, spec: TwinSpec, start: float) -> LedgerCell:
    """Make the cell."""
    return PlatedCopper(parameters, fresh=spec.fresh, start=start)
