"""Electrodes of lithium itself, and what stands opposite it; shapes typical, not measured."""

from __future__ import annotations

import numpy as np

from benchlab_drivers.cells.electrodes import GRID, Array, nmc811

__all__ = ["copper", "indium_lithium", "lithium", "nmc811_to_the_end"]


def lithium(filling: Array) -> Array:
    """Potential of lithium metal in volts: 0, until there is none left, then 2.5.

    A straight line over one interval of the grid, as for `copper`.
    """
    return np.asarray(2.5 * np.maximum(1.0 - filling * GRID, 0.0))


def copper(filling: Array) -> Array:
    """Potential of copper in volts against how much lithium is on it: 3 V bare, 0 V plated.

    A straight line over one interval of the grid, so that the table is the function.
    """
    return np.asarray(3.0 * np.maximum(1.0 - filling * GRID, 0.0))


def indium_lithium(filling: Array) -> Array:
    """Potential of the two-phase region of indium and lithium, in volts.

    0.62 V: Santhosha et al., Batteries & Supercaps 2 (2019) 524. Emptied, it climbs to 2.1 V.
    """
    x = filling
    return np.asarray(0.62 + 1.5 * np.exp(-x / 0.004) - 0.6 * np.exp((x - 1.0) / 0.01))


def nmc811_to_the_end(filling: Array) -> Array:
    """Potential of NMC811 in volts, which falls where its last sites are filled."""
    return np.asarray(nmc811(filling) - 1.5 * np.exp((filling - 1.0) / 0.01))
