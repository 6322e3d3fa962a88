"""Lithium | lithium coin cell of 1.54 cm2, nominally 1 mAh/cm2 a half cycle.

Everything is typical, not measured: 15 + 10 (30 s) + 5 (300 s) ohm cm2 and a tail of 1 (100 s),
4 (1000 s) and 2 (1e4 s); each electrode is worth fifty half cycles and loses 1 % of what is plated
on it. No efficiency is defined. After a hundred half cycles' worth of charge a soft short grows
within one half cycle: it carries half of the current (the reversible side current, of the current's
sign), so that the voltage falls by half, and flickers by a twentieth. ``sound`` never gets one.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchlab_drivers.cells.ledger import LedgerCell
from benchlab_drivers.cells.lithium_electrodes import lithium
from benchlab_drivers.cells.parameters import CellParameters

if TYPE_CHECKING:
    from benchlab.bench.twin import TwinSpec

__all__ = ["CELL", "VARIANTS", "ShortingCell", "SymmetricParameters", "make"]

AREA_CM2 = 1.54
GROWS_WITHIN = 0.3
"""Capacities that pass while the short grows."""


@dataclass(frozen=True, slots=True)
class SymmetricParameters(CellParameters):
    """A cell that shorts.

    Attributes
    ----------
    shorts_after : float
        Charge passed in both directions, in capacities.
    shorted : float
        Part of the current that the short carries once grown.
    flicker : float
        Standard deviation of the resistance of a shorted cell, as a part of it.
    """

    shorts_after: float = 100.0
    shorted: float = 0.5
    flicker: float = 0.05


class ShortingCell(LedgerCell):
    """A ledger with a soft short from some charge on.

    Attributes
    ----------
    short : float
        Part of the current that the short carries.
    """

    def __init__(
        self, parameters: SymmetricParameters, *, seed: int, fresh: bool, start: float
    ) -> None:
        self.short = 0.0
        self._symmetric = parameters
        self._random = random.Random(seed)
        super().__init__(parameters, fresh=fresh, start=start)

    def _own_changes(self, hours: float) -> float:
        p = self._symmetric
        beyond = 2.0 * self.cycles - p.shorts_after
        if beyond <= 0.0:
            return 1.0
        self.short = p.shorted * -math.expm1(-beyond / GROWS_WITHIN)
        return (1.0 - self.short) * (1.0 + p.flicker * self._random.uniform(-1.732, 1.732))

    def _leak(self, current: float) -> float:
        return self.short * current


CELL = SymmetricParameters(
    name="li_li_coin",
    capacity_ah=1.54e-3,
    voltage_low_volt=-0.50,
    voltage_high_volt=0.50,
    negative=lithium,
    positive=lithium,
    filling_negative_full=1.0,
    filling_positive_fresh=0.505,
    resistance_ohm=15.0 / AREA_CM2,
    elements=(
        (10.0 / AREA_CM2, 30.0),
        (5.0 / AREA_CM2, 300.0),
        (1.0 / AREA_CM2, 1e2),
        (4.0 / AREA_CM2, 1e3),
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
    reserve=50.0,
    ends_positive=(0.50, 0.51),
    formed_charge=0.5,
)
VARIANTS = {"sound": replace(CELL, shorts_after=math.inf)}


def make(parameters: SymmetricParameters, spec: TwinSpec, start: float) -> LedgerCell:
    """Make the cell; its seed is that of the flicker."""
    return ShortingCell(parameters, seed=spec.seed, fresh=spec.fresh, start=start)
