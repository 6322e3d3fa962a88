"""Figures without a screen: capacity and coulombic efficiency against cycle."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchlab_analysis.cycles import CycleTable

__all__ = ["cycle_figure", "png"]

# colours of Okabe and Ito, told apart by every kind of colour vision
_STYLES = {
    "cycle": ("o", "#0072B2"),
    "formation cycle": ("^", "#E69F00"),
    "check-up": ("s", "#009E73"),
    "imposed cycle": ("X", "#CC79A7"),
}
_OTHER = ("D", "#666666")

WIDE = 4.0
"""Points farther from the median than this many times the spread of the middle half stand apart."""

FLAT = 3.0
"""They are drawn at the edge if the axis would have to grow more than this to hold them."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.uint32]


def cycle_figure(table: CycleTable, *, title: str = "") -> Figure:
    """Return discharge capacity and coulombic efficiency against cycle.

    Imposed cycles stay out of the efficiency: theirs is 1 by construction. Points outside its axis
    are drawn at its edge and named.

    Parameters
    ----------
    table : CycleTable
    title : str
    """
    figure = Figure(figsize=(8.0, 6.0), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True)
    _capacity(above, table)
    _efficiency(below, table)
    if title:
        figure.suptitle(title, fontsize=11)
    for axes in (above, below):
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
    below.set_xlabel("Cycle Count / 1")
    return figure


def _capacity(axes: Axes, table: CycleTable) -> None:
    cycle = table["cycle_count"]
    capacity = table["cycle_discharging_capacity_ah"]
    shown = table["complete"] | (capacity > 0.0)
    for kind in dict.fromkeys(table["kind"][shown].tolist()):
        marker, colour = _STYLES.get(kind, _OTHER)
        for complete in (True, False):
            chosen = shown & (table["kind"] == kind) & (table["complete"] == complete)
            if chosen.any():
                axes.plot(
                    cycle[chosen],
                    capacity[chosen],
                    linestyle="none",
                    marker=marker,
                    markersize=4.5,
                    color=colour,
                    markerfacecolor=colour if complete else "none",
                    label=kind if complete else f"{kind}, not complete",
                )
    low, high = _limits(capacity[table["complete"]], np.zeros(table["complete"].sum()))
    if table["complete"].any():
        axes.set_ylim(low, high)
        axes.set_title(_mark_outside(axes, cycle, capacity, shown), fontsize=8, loc="left")
    axes.set_ylabel("Cycle Discharging Capacity / Ah")
    axes.ticklabel_format(axis="y", useOffset=False)
    if shown.any():
        axes.legend(fontsize=8, loc="best")


def _efficiency(axes: Axes, table: CycleTable) -> None:
    efficiency = table["coulombic_efficiency"]
    shown = np.isfinite(efficiency) & table["complete"] & (table["kind"] != "imposed cycle")
    cycle = table["cycle_count"]
    for kind in dict.fromkeys(table["kind"][shown].tolist()):
        marker, colour = _STYLES.get(kind, _OTHER)
        own = shown & (table["kind"] == kind)
        width = table["coulombic_efficiency_half_width"][own]
        axes.errorbar(
            cycle[own],
            efficiency[own],
            yerr=np.nan_to_num(width) if np.isfinite(width).any() else None,
            linestyle="none",
            marker=marker,
            markersize=4.5,
            color=colour,
            ecolor=colour,
            elinewidth=0.8,
            capsize=2.0,
        )
    axes.set_ylim(_limits(efficiency[shown], table["coulombic_efficiency_half_width"][shown]))
    notes = (_interval_note(table, shown), _mark_outside(axes, cycle, efficiency, shown))
    axes.set_title("; ".join(note for note in notes if note), fontsize=8, loc="left")
    axes.set_ylabel("Coulombic Efficiency / 1")
    axes.ticklabel_format(axis="y", useOffset=False)


def _mark_outside(axes: Axes, cycle: Counts, values: Floats, shown: Flags) -> str:
    """Draw the points outside the axis at its edge, and return a sentence that names them."""
    low, high = axes.get_ylim()
    outside = np.flatnonzero(shown & ((values < low) | (values > high))).tolist()
    for index in outside:
        up = values[index] > high
        axes.plot(
            cycle[index],
            high if up else low,
            marker="^" if up else "v",
            markersize=9,
            color="#D55E00",
            clip_on=False,
        )
    if not outside:
        return ""
    named = ", ".join(f"cycle {cycle[index]}: {values[index]:.4g}" for index in outside[:4])
    more = f" and {len(outside) - 4} more" if len(outside) > 4 else ""
    return f"outside the axis: {named}{more}"


def _interval_note(table: CycleTable, shown: Flags) -> str:
    known = np.isfinite(table["coulombic_efficiency_half_width"][shown]).any()
    bars = "bars: worst case of the stated accuracy" if known else "its interval is not known"
    return f"{table.provenance.pairing}; {bars}"


def _limits(values: Floats, widths: Floats) -> tuple[float, float]:
    """Return the limits of an axis: all of the points, unless a few would flatten the others."""
    if not values.size:
        return 0.0, 1.05
    reach = np.nan_to_num(widths)
    first, third = np.percentile(values, (25.0, 75.0))
    spread = max(float(third - first), float(np.median(reach)), 1e-4)
    near = np.abs(values - np.median(values)) <= WIDE * spread
    low, high = float((values - reach)[near].min()), float((values + reach)[near].max())
    if (values + reach).max() - (values - reach).min() <= FLAT * (high - low):
        low, high = float((values - reach).min()), float((values + reach).max())
    margin = 0.08 * (high - low) + 1e-5
    return low - margin, high + margin


def png(figure: Figure, *, dots_per_inch: int = 150) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots_per_inch)
    return buffer.getvalue()
