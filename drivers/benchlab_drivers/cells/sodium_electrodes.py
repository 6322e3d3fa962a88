"""Open-circuit potentials of single electrodes against sodium; shapes typical, not measured."""

from __future__ import annotations

import numpy as np

from benchlab_drivers.cells.electrodes import Array

__all__ = ["hard_carbon", "layered_oxide", "nvpf"]


def hard_carbon(filling: Array) -> Array:
    """Potential of hard carbon in volts: a slope from 1 V to 0.1 V, then a plateau towards 0 V.

    Emptied, it climbs to 2.45 V, where it also stands as assembled.
    """
    x = filling
    return np.asarray(0.08 - 0.06 * x + 0.95 * np.exp(-x / 0.16) + 1.42 * np.exp(-x / 0.004))


def layered_oxide(filling: Array) -> Array:
    """Potential of an O3 layered oxide (Ni, Fe, Mn) in volts: 2.6 V when full, 4.1 V at a fifth."""
    y = filling
    return np.asarray(
        3.02
        - 0.45 * (y - 0.65)
        + 0.45 * (1.0 + np.tanh((0.40 - y) / 0.08))
        - 0.6 * np.exp((y - 1.0) / 0.02)
    )


def nvpf(filling: Array) -> Array:
    """Potential of Na3V2(PO4)2F3 in volts; filling 1 is Na3, 0 is Na1.

    Two plateaus near 3.68 and 4.18 V, as in Chayambuka et al., Electrochim. Acta 404 (2022) 139764.
    """
    y = filling
    return np.asarray(
        3.70
        - 0.04 * y
        + 0.25 * (1.0 + np.tanh((0.5 - y) / 0.03))
        + 0.35 * np.exp(-y / 0.012)
        - 1.5 * np.exp((y - 1.0) / 0.01)
    )
