"""LFP | graphite cell 26650 of 2.3 Ah, 2.50 to 3.65 V.

Size and window of the cell of Prada et al., J. Electrochem. Soc. 160 (2013) A616; potentials of LFP
from Afshar et al., arXiv:1709.03970, of graphite from Chen et al., J. Electrochem. Soc. 167 (2020)
080534. Everything else is typical, not measured: 10 + 5 (10 s) + 5 (300 s) mohm and a tail of 0.5,
1 and 2 mohm; one-state hysteresis of +-8 mV; a side current of 5e-5 per hour on the negative
electrode and none on the positive one, so that the charge end point does not move; first efficiency
0.90. Heat: 70 g at 1.1 J/(g K), still air.
"""

from __future__ import annotations

from benchlab_drivers.cells.electrodes import graphite, lfp
from benchlab_drivers.cells.parameters import CellParameters

__all__ = ["CELL"]

CELL = CellParameters(
    name="lfp_graphite_26650",
    capacity_ah=2.3,
    voltage_low_volt=2.50,
    voltage_high_volt=3.65,
    negative=graphite,
    positive=lfp,
    filling_negative_full=0.81,
    filling_positive_fresh=0.94,
    resistance_ohm=10e-3,
    elements=((5e-3, 10.0), (5e-3, 300.0), (0.5e-3, 1e2), (1e-3, 1e3), (2e-3, 1e4)),
    activation_energy_j_per_mol=30e3,
    side_negative_per_hour=5e-5,
    side_positive_per_hour=0.0,
    side_activation_j_per_mol=53e3,
    first_efficiency=0.90,
    heat_capacity_core=65.0,
    heat_capacity_surface=12.0,
    conductance_core_surface=1.0,
    conductance_surface_ambient=0.08,
    hysteresis_volt=8e-3,
    hysteresis_rate=20.0,
    resistance_per_cycle=5e-5,
    resistance_per_root_hour=5e-5,
    entropy_volt_per_kelvin=-5e-5,
)
