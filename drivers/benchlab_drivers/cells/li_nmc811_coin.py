"""Lithium | NMC811 coin cell of 4 mAh/cm2 on 1.54 cm2, 3.00 to 4.30 V, with 20 um of lithium.

Potential of NMC811: Chen et al., J. Electrochem. Soc. 167 (2020) 080534. Everything else is
typical, not measured: 30 + 15 (3 s) + 8 (300 s) ohm cm2 and a tail of 1, 2 and 4, growing by
0.2 ohm cm2 a cycle; first efficiency 0.90, by what the positive electrode does not take back.

0.5 % of each charge is lost on the lithium. Beside the positive electrode's capacity Q stands a
reserve of 4.12 mAh/cm2 (20 um; ``50um`` has 10.3), and while it lasts nobody sees the loss: the
cell's efficiency is that of the positive electrode, which returns all but 1.25e-4 of the capacity
an hour (0.999 at C/5 and C/3; what it oxidises is reduced at the lithium, so no lithium is lost
by it). After reserve / (Q (1 - 0.995)) = 206 or 515 full cycles there is none left: the knee.
"""

from __future__ import annotations

from dataclasses import replace

from benchlab_drivers.cells.lithium_electrodes import lithium, nmc811_to_the_end
from benchlab_drivers.cells.parameters import CellParameters

__all__ = ["CELL", "VARIANTS"]

AREA_CM2 = 1.54
AREAL_MAH_CM2 = 4.0

CELL = CellParameters(
    name="li_nmc811_coin",
    capacity_ah=AREAL_MAH_CM2 * AREA_CM2 * 1e-3,
    voltage_low_volt=3.00,
    voltage_high_volt=4.30,
    negative=lithium,
    positive=nmc811_to_the_end,
    filling_negative_full=1.0,
    filling_positive_fresh=0.98,
    resistance_ohm=30.0 / AREA_CM2,
    elements=(
        (15.0 / AREA_CM2, 3.0),
        (8.0 / AREA_CM2, 300.0),
        (1.0 / AREA_CM2, 1e2),
        (2.0 / AREA_CM2, 1e3),
        (4.0 / AREA_CM2, 1e4),
    ),
    activation_energy_j_per_mol=40e3,
    side_negative_per_hour=0.0,
    side_positive_per_hour=0.0,
    side_activation_j_per_mol=53e3,
    first_efficiency=0.90,
    heat_capacity_core=2.0,
    heat_capacity_surface=1.0,
    conductance_core_surface=1.0,
    conductance_surface_ambient=0.01,
    leak_per_hour=1.25e-4,
    resistance_per_cycle=0.2 / 60.0,
    lost_per_charged=0.005,
    reserve=4.12 / AREAL_MAH_CM2,
    film_on_positive=True,
)
VARIANTS = {"50um": replace(CELL, reserve=10.3 / AREAL_MAH_CM2)}
