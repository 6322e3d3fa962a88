"""Layered sodium oxide | hard carbon cell of 1.0 Ah and 330 cm2, 1.50 to 4.00 V.

Everything is typical, not measured: potentials of both electrodes; area-specific resistances of
15 + 10 (3 s) + 10 (300 s) ohm cm2 and a tail of 1, 2 and 4; activation energy 35 kJ/mol; a side
current of 2e-4 per hour on the negative electrode; first efficiency 0.82. Heat: 25 g at 1 J/(g K),
both faces in still air.

Its film dissolves while nothing flows, by 3 % of the capacity a month, and is built again by the
next charge; at 0 V, where the negative electrode has climbed to the potential of the positive one,
nothing is lost but that. So a cell comes back from seven days at 0 V with more than 98 % of its
capacity. Wrong for cells with another window, such as those with Na3V2(PO4)2F3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchlab_drivers.cells.ledger import LedgerCell
from benchlab_drivers.cells.parameters import CellParameters
from benchlab_drivers.cells.sodium_electrodes import hard_carbon, layered_oxide

if TYPE_CHECKING:
    from benchlab.bench.twin import TwinSpec

__all__ = ["CELL", "DissolvingFilm", "SodiumParameters", "make"]

AREA_CM2 = 330.0
HOURS_PER_MONTH = 730.5


@dataclass(frozen=True, slots=True)
class SodiumParameters(CellParameters):
    """A cell whose film on the negative electrode dissolves at rest.

    Attributes
    ----------
    dissolved_per_month : float
        As a part of the capacity.
    """

    dissolved_per_month: float = 0.03


class DissolvingFilm(LedgerCell):
    """A ledger whose negative electrode owes what its film lost at rest."""

    def __init__(
        self, parameters: SodiumParameters, *, fresh: bool = False, start: float = 0.0
    ) -> None:
        per_hour = parameters.dissolved_per_month / HOURS_PER_MONTH
        self._dissolved_per_hour = per_hour * parameters.capacity_ah * 3600.0
        self._bare = fresh
        super().__init__(parameters, fresh=fresh, start=start)

    def _own_changes(self, hours: float) -> float:
        if self._present_current() != 0.0:
            self._bare = False
        elif not self._bare:
            self.formation += self._dissolved_per_hour * hours
        return 1.0


CELL = SodiumParameters(
    name="na_layered_hardcarbon",
    capacity_ah=1.0,
    voltage_low_volt=1.50,
    voltage_high_volt=4.00,
    negative=hard_carbon,
    positive=layered_oxide,
    filling_negative_full=0.92,
    filling_positive_fresh=0.985,
    resistance_ohm=15.0 / AREA_CM2,
    elements=(
        (10.0 / AREA_CM2, 3.0),
        (10.0 / AREA_CM2, 300.0),
        (1.0 / AREA_CM2, 1e2),
        (2.0 / AREA_CM2, 1e3),
        (4.0 / AREA_CM2, 1e4),
    ),
    activation_energy_j_per_mol=35e3,
    side_negative_per_hour=2e-4,
    side_positive_per_hour=0.0,
    side_activation_j_per_mol=53e3,
    first_efficiency=0.82,
    heat_capacity_core=20.0,
    heat_capacity_surface=5.0,
    conductance_core_surface=3.0,
    conductance_surface_ambient=0.15,
    resistance_per_cycle=2e-4,
    resistance_per_root_hour=1e-4,
    entropy_volt_per_kelvin=-1e-4,
)


def make(parameters: SodiumParameters, spec: TwinSpec, start: float) -> LedgerCell:
    """Make the cell."""
    return DissolvingFilm(parameters, fresh=spec.fresh, start=start)
