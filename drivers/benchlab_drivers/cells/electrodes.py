"""Open-circuit potentials of single electrodes against lithium, on a uniform grid."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import accumulate

import numpy as np
import numpy.typing as npt

__all__ = [
    "GRID",
    "OFFSET",
    "Electrode",
    "Table",
    "graphite",
    "lfp",
    "mean_volts",
    "nmc811",
    "summed",
    "tabulate",
]

Array = npt.NDArray[np.float64]
Electrode = Callable[[Array], Array]
Table = list[tuple[float, float]]

GRID = 4000
"""Grid intervals per unit of filling."""
OFFSET = 400
"""Grid index of filling 0: the table spans fillings -0.1 to 1.1."""
WALL_VOLT = 200.0
"""Slope per unit of filling outside 0 to 1, where an electrode has nothing left to take or give."""


def graphite(filling: Array) -> Array:
    """Potential of graphite in volts, as a function of its filling with lithium.

    Chen et al., J. Electrochem. Soc. 167 (2020) 080534, with one term added: a surface that was
    never lithiated stands near 3.1 V (typical value), so that a fresh cell stands near 0 V.
    """
    x = filling
    return np.asarray(
        1.9793 * np.exp(-39.3631 * x)
        + 0.2482
        - 0.0909 * np.tanh(29.8538 * (x - 0.1234))
        - 0.04478 * np.tanh(14.9159 * (x - 0.2769))
        - 0.0205 * np.tanh(30.4444 * (x - 0.6103))
        + 0.75 * np.exp(-x / 0.0008)
    )


def nmc811(filling: Array) -> Array:
    """Potential of LiNi0.8Mn0.1Co0.1O2 in volts (Chen et al., as for `graphite`)."""
    y = filling
    return np.asarray(
        -0.8090 * y
        + 4.4875
        - 0.0428 * np.tanh(18.5138 * (y - 0.5542))
        - 17.7326 * np.tanh(15.7890 * (y - 0.3117))
        + 17.5842 * np.tanh(15.9308 * (y - 0.3120))
    )


def lfp(filling: Array) -> Array:
    """Potential of LiFePO4 in volts.

    Afshar et al., arXiv:1709.03970 (2017), as used with the cell of Prada et al., J. Electrochem.
    Soc. 160 (2013) A616, who give none themselves.
    """
    y = filling
    return np.asarray(
        3.4077 - 0.020269 * y + 0.5 * np.exp(-150.0 * y) - 0.9 * np.exp(-30.0 * (1.0 - y))
    )


@cache
def tabulate(potential: Electrode) -> Table:
    """Return (volts, volts per interval) at every grid point of fillings -0.1 to 1.1.

    Cells share the table; nobody changes it.
    """
    filling = (np.arange(GRID + 2 * OFFSET + 1) - OFFSET) / GRID
    inside = np.clip(filling, 0.0, 1.0)
    volts = potential(inside) - WALL_VOLT * (filling - inside)
    return list(zip(volts[:-1].tolist(), np.diff(volts).tolist(), strict=True))


def summed(table: Table) -> list[float]:
    """Return the integral of a table (volts times intervals) from its start to each grid point."""
    return list(accumulate((volt + 0.5 * slope for volt, slope in table), initial=0.0))


def mean_volts(table: Table, sums: list[float], start: float, end: float) -> float:
    """Return the exact mean of a table between two grid indices, whichever is larger."""
    if start > end:
        start, end = end, start
    first, last = int(start), int(end)
    volt, slope = table[first]
    if first == last:
        return volt + (0.5 * (start + end) - first) * slope
    part = first + 1 - start
    area = part * (volt + (1.0 - 0.5 * part) * slope) + sums[last] - sums[first + 1]
    volt, slope = table[last]
    part = end - last
    return (area + part * (volt + 0.5 * part * slope)) / (end - start)
