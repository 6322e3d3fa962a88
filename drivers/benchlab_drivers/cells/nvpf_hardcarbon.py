"""Na3V2(PO4)2F3 | hard carbon cell of 1.0 Ah and 400 cm2, 2.00 to 4.20 V.

Chemistry and window of Chayambuka et al., Electrochim. Acta 404 (2022) 139764. Everything else is
typical, not measured: potentials of both electrodes; area-specific resistances of 12 + 8 (3 s) + 8
(300 s) ohm cm2 and a tail of 1, 2 and 4; 30 kJ/mol; a side current of 1e-4 per hour on the negative
electrode; first efficiency 0.85; the film that dissolves at rest as in na_layered_hardcarbon. Heat:
30 g at 1 J/(g K), both faces in still air.
"""

from __future__ import annotations

from dataclasses import replace

from benchlab_drivers.cells import na_layered_hardcarbon
from benchlab_drivers.cells.na_layered_hardcarbon import make
from benchlab_drivers.cells.sodium_electrodes import nvpf

__all__ = ["CELL", "make"]

AREA_CM2 = 400.0

CELL = replace(
    na_layered_hardcarbon.CELL,
    name="nvpf_hardcarbon",
    voltage_low_volt=2.00,
    voltage_high_volt=4.20,
    positive=nvpf,
    filling_positive_fresh=0.99,
    resistance_ohm=12.0 / AREA_CM2,
    elements=(
        (8.0 / AREA_CM2, 3.0),
        (8.0 / AREA_CM2, 300.0),
        (1.0 / AREA_CM2, 1e2),
        (2.0 / AREA_CM2, 1e3),
        (4.0 / AREA_CM2, 1e4),
    ),
    activation_energy_j_per_mol=30e3,
    side_negative_per_hour=1e-4,
    first_efficiency=0.85,
    heat_capacity_core=24.0,
    heat_capacity_surface=6.0,
)
