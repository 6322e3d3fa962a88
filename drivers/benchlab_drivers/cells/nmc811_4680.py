"""NMC811 | graphite cylindrical cell 4680 of 22.5 Ah and 0.355 kg, 2.50 to 4.20 V.

Energy and size, and about 70 degrees Celsius at the end of a 2C charge without cooling: Ank et al.,
J. Electrochem. Soc. 170 (2023) 120536. Open-circuit potentials: Chen et al., J. Electrochem. Soc.
167 (2020) 080534. Everything else is typical, not measured: 2.5 mohm and 6 mohm after 10 s,
25 kJ/mol, first efficiency 0.88, side currents of 7e-5 per hour on the negative and 5e-5 on the
positive electrode (at 4.2 V). Heat: 340 J/K in all, 1 K/W from the core to the surface, 0.12 W/K to
still air. The element of 300 s and dU/dT of 0.1 mV/K are chosen so that a 2C charge (45 A, held at
4.2 V for its last minutes) from empty at 25 degrees Celsius has brought the core to 69 after 27
minutes. A resistance of 6 mohm that did not fall as the cell warms would do that alone.
"""

from __future__ import annotations

from benchlab_drivers.cells.electrodes import graphite, nmc811
from benchlab_drivers.cells.parameters import CellParameters

__all__ = ["CELL"]

CELL = CellParameters(
    name="nmc811_4680",
    capacity_ah=22.5,
    voltage_low_volt=2.50,
    voltage_high_volt=4.20,
    negative=graphite,
    positive=nmc811,
    filling_negative_full=0.90,
    filling_positive_fresh=0.97,
    resistance_ohm=2.5e-3,
    elements=((3.2e-3, 3.0), (6e-3, 300.0), (0.3e-3, 1e2), (0.3e-3, 1e3), (0.5e-3, 1e4)),
    activation_energy_j_per_mol=25e3,
    side_negative_per_hour=7e-5,
    side_positive_per_hour=5e-5,
    side_activation_j_per_mol=53e3,
    first_efficiency=0.88,
    heat_capacity_core=290.0,
    heat_capacity_surface=50.0,
    conductance_core_surface=1.0,
    conductance_surface_ambient=0.12,
    resistance_per_cycle=2e-4,
    resistance_per_root_hour=1e-4,
    entropy_volt_per_kelvin=1e-4,
)
