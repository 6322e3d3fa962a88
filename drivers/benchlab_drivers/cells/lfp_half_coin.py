"""LFP | lithium half cell of 1.54 cm2 and 3.1 mAh, 2.50 to 4.00 V; made lithiated, charged first.

Potential of LFP: Afshar et al., arXiv:1709.03970, raised by 20 mV and with ends of its own, so that
plateaus near 3.45 and 3.40 V show. Everything else is typical, not measured: 30 + 20 (3 s) +
10 (300 s) ohm cm2, mostly of the lithium, and a tail of 1, 2 and 4; hysteresis of +-12 mV; first
efficiency 0.98; a reversible loss of 5e-5 of the capacity an hour, so 0.999 in a cycle at C/10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchlab_drivers.cells.electrodes import lfp
from benchlab_drivers.cells.lithium_electrodes import lithium
from benchlab_drivers.cells.parameters import CellParameters

if TYPE_CHECKING:
    from benchlab_drivers.cells.electrodes import Array

__all__ = ["CELL", "lfp_to_the_end"]

AREA_CM2 = 1.54


def lfp_to_the_end(filling: Array) -> Array:
    """Potential of LFP in volts, up to 4.3 V where its last lithium leaves."""
    return np.asarray(lfp(filling) + 0.02 + 0.4 * np.exp(-filling / 0.002))


CELL = CellParameters(
    name="lfp_half_coin",
    capacity_ah=3.1e-3,
    voltage_low_volt=2.50,
    voltage_high_volt=4.00,
    negative=lithium,
    positive=lfp_to_the_end,
    filling_negative_full=1.0,
    filling_positive_fresh=0.97,
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
    first_efficiency=0.98,
    heat_capacity_core=2.0,
    heat_capacity_surface=1.0,
    conductance_core_surface=1.0,
    conductance_surface_ambient=0.01,
    hysteresis_volt=12e-3,
    leak_per_hour=5e-5,
    lost_per_charged=0.01,
    reserve=10.0,
    film_on_positive=True,
)
