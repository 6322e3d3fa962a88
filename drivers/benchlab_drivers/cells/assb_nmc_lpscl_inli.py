"""All-solid-state cell NMC811 | Li6PS5Cl | lithium-indium, 2 mAh/cm2 on 0.785 cm2, in a press.

Voltages are against lithium-indium, 0.62 V above lithium (Santhosha et al., Batteries & Supercaps 2
(2019) 524): 2.00 to 3.68 V. Potential of NMC811: Chen et al., J. Electrochem. Soc. 167 (2020)
080534. Everything else is typical, not measured: 600 um of separator at 2 mS/cm, which is 30 ohm
cm2 with 0.35 eV, and a contact of 20 ohm cm2 at 50 MPa that goes with one over the pressure;
elements of 15 (3 s) and 15 (300 s) and a tail of 2, 4 and 8 follow both. First efficiency 0.75,
side current 5e-4 per hour on the negative electrode. Each cycle parts 0.05 % of the active material
from its contacts, with the lithium in it; half of all that was lost comes back when the pressure
doubles. The pressure goes to what the press is set to with a time constant of an hour, and breathes
by 2 % either way with the state of charge. ``lithium`` has lithium in place of the alloy (2.62 to
4.30 V), where half of what exceeds 1 mA/cm2 of charge flows through a soft short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchlab_drivers.cells.ledger import LedgerCell
from benchlab_drivers.cells.lithium_electrodes import indium_lithium, lithium, nmc811_to_the_end
from benchlab_drivers.cells.parameters import CellParameters

if TYPE_CHECKING:
    from benchlab.bench.twin import TwinSpec

__all__ = ["CELL", "VARIANTS", "PressedCell", "PressedParameters", "make"]

AREA_CM2 = 0.785
LEAST_PA = 1e5


@dataclass(frozen=True, slots=True)
class PressedParameters(CellParameters):
    """A cell in a press; its resistances are those at `pressure_pa`.

    Attributes
    ----------
    contact_share : float
        Part of the resistances that goes with one over the pressure.
    contact_lost_per_cycle : float
        Active sites parted per equivalent full cycle, at `pressure_pa`.
    breathing : float
        Swing of the pressure between half and full charge, as a part of it.
    settling_hour : float
        Time constant of the press.
    critical_per_hour : float
        Charging current beyond which half of the excess shorts, in capacities per hour.
    """

    pressure_pa: float = 50e6
    contact_share: float = 0.4
    contact_lost_per_cycle: float = 5e-4
    breathing: float = 0.02
    settling_hour: float = 1.0
    critical_per_hour: float = math.inf


class PressedCell(LedgerCell):
    """A ledger whose contacts follow the pressure on the stack.

    Attributes
    ----------
    connected : float
        Part of the active sites of the positive electrode that take part.
    """

    def __init__(
        self, parameters: PressedParameters, *, fresh: bool = False, start: float = 0.0
    ) -> None:
        self._press = parameters
        self._set_pa = self._settled_pa = self._stack_pa = parameters.pressure_pa
        self.connected = 1.0
        super().__init__(parameters, fresh=fresh, start=start)

    def pressure_pa(self, time: float) -> float:
        """Return the pressure on the stack at the last grid point."""
        self.advance(time)
        return self._stack_pa

    def set_pressure_pa(self, time: float, pascal: float) -> None:
        """Set the press at clock seconds `time`; no less than 0.1 MPa stays on the stack."""
        self.advance(time)
        self._set_pa = max(pascal, LEAST_PA)

    def _own_changes(self, hours: float) -> float:
        p = self._press
        self._settled_pa -= (self._set_pa - self._settled_pa) * math.expm1(-hours / p.settling_hour)
        charge = 1.0 - self.ions_positive / self.sites_positive  # 0.2 empty, 0.8 full
        self._stack_pa = self._settled_pa * (1.0 + p.breathing * (charge - 0.5) / 0.3)
        less = p.pressure_pa / self._stack_pa
        connected = max(1.0 - p.contact_lost_per_cycle * self.cycles * less, 0.1)
        self.sites_positive *= connected / self.connected
        self.ions_positive *= connected / self.connected
        self.connected = connected
        return 1.0 + p.contact_share * (less - 1.0)

    def _leak(self, current: float) -> float:
        p = self._press
        return 0.5 * max(current - p.critical_per_hour * p.capacity_ah, 0.0)


CELL = PressedParameters(
    name="assb_nmc_lpscl_inli",
    capacity_ah=2.0e-3 * AREA_CM2,
    voltage_low_volt=2.00,
    voltage_high_volt=3.68,
    negative=indium_lithium,
    positive=nmc811_to_the_end,
    filling_negative_full=0.90,
    filling_negative_fresh=0.03,
    filling_positive_fresh=0.97,
    resistance_ohm=50.0 / AREA_CM2,
    elements=(
        (15.0 / AREA_CM2, 3.0),
        (15.0 / AREA_CM2, 300.0),
        (2.0 / AREA_CM2, 1e2),
        (4.0 / AREA_CM2, 1e3),
        (8.0 / AREA_CM2, 1e4),
    ),
    activation_energy_j_per_mol=33.8e3,
    side_negative_per_hour=5e-4,
    side_positive_per_hour=0.0,
    side_activation_j_per_mol=53e3,
    first_efficiency=0.75,
    heat_capacity_core=5.0,
    heat_capacity_surface=200.0,
    conductance_core_surface=1.0,
    conductance_surface_ambient=0.2,
)
VARIANTS = {
    "lithium": replace(
        CELL,
        voltage_low_volt=2.62,
        voltage_high_volt=4.30,
        negative=lithium,
        critical_per_hour=0.5,
    )
}


def make(parameters: PressedParameters, spec: TwinSpec, start: float) -> LedgerCell:
    """Make the cell."""
    return PressedCell(parameters, fresh=spec.fresh, start=start)
