"""NMC811 | graphite pouch cell of 0.2 Ah and 67 cm2 (3 mAh/cm2), 2.80 to 4.20 V.

Open-circuit potentials: Chen et al., J. Electrochem. Soc. 167 (2020) 080534. Everything else is
typical, not measured: area-specific resistances of 8 + 8 (3 s) + 12 (300 s) ohm cm2 and a
Warburg-like tail of 1, 2 and 4 ohm cm2; activation energy 35 kJ/mol; side currents of 1e-4 per hour
on the negative electrode and of 4e-5 per hour on the positive one as the mean of a 1C cycle of
2.6 h (both doubling every 10 K: 53 kJ/mol); first efficiency 0.89. Heat: 5 g at 1 J/(g K), both
faces in still air at 10 W/(m2 K).
"""

from __future__ import annotations

from benchlab_drivers.cells.electrodes import graphite, nmc811
from benchlab_drivers.cells.parameters import CellParameters

__all__ = ["CELL"]

AREA_CM2 = 67.0

CELL = CellParameters(
    name="nmc811_graphite_pouch",
    capacity_ah=0.200,
    voltage_low_volt=2.80,
    voltage_high_volt=4.20,
    negative=graphite,
    positive=nmc811,
    filling_negative_full=0.90,
    filling_positive_fresh=0.97,
    resistance_ohm=8.0 / AREA_CM2,
    elements=(
        (8.0 / AREA_CM2, 3.0),
        (12.0 / AREA_CM2, 300.0),
        (1.0 / AREA_CM2, 1e2),
        (2.0 / AREA_CM2, 1e3),
        (4.0 / AREA_CM2, 1e4),
    ),
    activation_energy_j_per_mol=35e3,
    side_negative_per_hour=1e-4,
    side_positive_per_hour=1e-4,
    side_activation_j_per_mol=53e3,
    first_efficiency=0.89,
    heat_capacity_core=4.0,
    heat_capacity_surface=1.0,
    conductance_core_surface=1.0,
    conductance_surface_ambient=0.066,
    resistance_per_cycle=2e-4,
    resistance_per_root_hour=1e-4,
    entropy_volt_per_kelvin=-1e-4,
)
