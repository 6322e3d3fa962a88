"""The cycle table as the window shows it: chosen columns, honest digits, the curves beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchlab.errors import BenchError
from benchlab.model.run import Run
from benchlab.model.table import Table

__all__ = ["CyclesView", "cycles_view", "efficiency_range", "efficiency_text", "no_cycles"]

Floats = npt.NDArray[np.float64]

HEADERS = {
    "cycle_count": "Cycle",
    "kind": "Kind",
    "complete": "Complete",
    "cycle_charging_capacity_ah": "Charge / Ah",
    "cycle_discharging_capacity_ah": "Discharge / Ah",
    "coulombic_efficiency": "CE / 1",
    "energy_efficiency": "Energy efficiency / 1",
    "capacity_retention": "Retention / 1",
    "charging_end_voltage_volt": "Charge end / V",
    "discharging_end_voltage_volt": "Discharge end / V",
    "duration_second": "Duration / s",
}


@dataclass(frozen=True, slots=True)
class CyclesView:
    """The cycle table and its curves over the cycle number.

    Attributes
    ----------
    table : Table
        The columns to show, under the headings to show them under.
    efficiency_cycle, efficiency, half_width : ndarray, shape (m,)
        Complete cycles alone: an efficiency of half a cycle says nothing.
    efficiency_range : tuple of float
        What the axis shows; efficiencies outside it are to be marked at its edge, never left out.
    caption : str
        How the efficiency was paired, and what the analysis found besides.
    """

    table: Table
    cycle: Floats
    charge: Floats
    discharge: Floats
    efficiency_cycle: Floats
    efficiency: Floats
    half_width: Floats
    efficiency_range: tuple[float, float]
    caption: str


def efficiency_text(value: float, half_width: float) -> str:
    """Return an efficiency no finer than its half-width: ``0.9987 ± 0.0003``.

    Without a known half-width it is shown in four digits, marked ``± ?``.
    """
    if math.isnan(value):
        return "-"
    if not math.isfinite(half_width) or half_width <= 0.0:
        return f"{value:.4f} ± ?"
    digits = min(max(math.ceil(-math.log10(half_width)), 0), 9)
    return f"{value:.{digits}f} ± {half_width:.{digits}f}"


def cycles_view(run: Run) -> CyclesView:
    """Return the cycles of a run; where there is no cycle table, the caption says why."""
    from benchlab_analysis import cycle_table

    try:
        cycles = cycle_table(run)
    except BenchError as error:
        return no_cycles(f"There is no cycle table: {error}")
    if not cycles.rows:
        return no_cycles("This run holds no cycle.")
    pairs = zip(
        cycles["coulombic_efficiency"].tolist(),
        cycles["coulombic_efficiency_half_width"].tolist(),
        strict=True,
    )
    table = {heading: cycles[name] for name, heading in HEADERS.items()}
    table[HEADERS["coulombic_efficiency"]] = np.array(
        [efficiency_text(*pair) for pair in pairs], dtype=object
    )
    drawn = cycles["complete"].astype(bool) & np.isfinite(cycles["coulombic_efficiency"])
    number = cycles["cycle_count"].astype(float)
    efficiency = cycles["coulombic_efficiency"][drawn]
    half_width = cycles["coulombic_efficiency_half_width"][drawn]
    low, high = efficiency_range(efficiency, half_width)
    found = cycles.provenance
    left_out = int((~cycles["complete"].astype(bool)).sum())
    parts = [
        f"CE: {found.pairing}; {found.pairing_reason}.",
        f"{left_out} incomplete cycles are in the table but not in the CE plot." * bool(left_out),
        _outside(number[drawn], efficiency, low, high),
        *(f"{note[:1].upper()}{note[1:]}." for note in found.notes),
    ]
    return CyclesView(
        table=Table(table),
        cycle=number,
        charge=cycles["cycle_charging_capacity_ah"],
        discharge=cycles["cycle_discharging_capacity_ah"],
        efficiency_cycle=number[drawn],
        efficiency=efficiency,
        half_width=half_width,
        efficiency_range=(low, high),
        caption=" ".join(part for part in parts if part),
    )


def no_cycles(caption: str) -> CyclesView:
    """Return a view without cycles that says why."""
    none = np.array([], dtype=float)
    return CyclesView(Table({}), none, none, none, none, none, none, (0.99, 1.002), caption)


def efficiency_range(efficiency: Floats, half_width: Floats) -> tuple[float, float]:
    """Return the range that shows what most efficiencies do.

    The first cycle of a cell loses a tenth of its charge and would press all others into a line:
    the range follows the median and the middle nine tenths, and holds their intervals.
    """
    if not efficiency.size:
        return 0.99, 1.002
    low, middle, high = (float(value) for value in np.quantile(efficiency, (0.05, 0.5, 0.95)))
    known = half_width[np.isfinite(half_width)]
    width = float(np.median(known)) if known.size else 0.0
    room = max(0.5 * (high - low), 1.5 * width, 2e-4)
    return min(low, middle) - room, max(high, middle) + room


def _outside(cycle: Floats, efficiency: Floats, low: float, high: float) -> str:
    """Return the sentence on the efficiencies that the axis does not show; empty where all are."""
    outside = (efficiency < low) | (efficiency > high)
    if not outside.any():
        return ""
    farthest = int(np.argmax(np.where(outside, np.abs(efficiency - np.median(efficiency)), -1.0)))
    return (
        f"{int(outside.sum())} of {efficiency.size} CE lie outside the plot and are marked at its "
        f"edge; the farthest is {efficiency[farthest]:.4f}, in cycle {cycle[farthest]:.0f}."
    )
