"""Voltage, current and temperature of a run against time, drawn before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchlab.store.decimate import Decimator
from benchlab_analysis._figures import png

__all__ = ["preview_figure", "preview_png"]

Floats = npt.NDArray[np.float64]
COLUMNS = 2000
"""Finer than any screen shows: four samples a column are drawn."""
MOST_EDGES = 60
_UNITS = ((86400.0 * 3, 86400.0, "d"), (7200.0, 3600.0, "h"), (300.0, 60.0, "min"))


def preview_figure(
    second: Floats,
    volt: Floats,
    ampere: Floats,
    celsius: Floats,
    *,
    edge_second: Sequence[float] = (),
    title: str = "",
    note: str = "",
) -> Figure:
    """Return three axes over time: voltage, current, temperature of the cell.

    Parameters
    ----------
    second, volt, ampere, celsius : ndarray, shape (n,)
        NaN where nothing was seen: there the line breaks.
    edge_second : sequence of float
        Where steps end; drawn as thin lines unless they are many.
    note : str
        How far the curves go, and why.
    """
    figure = Figure(figsize=(10.0, 7.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 1))
    last = float(second[-1]) if second.size else 0.0
    divisor, unit = next(((d, u) for least, d, u in _UNITS if last >= least), (1.0, "s"))
    curves = (
        (volt, "#0072B2", "Voltage / V"),
        (ampere, "#D55E00", "Current / A"),
        (celsius, "#009E73", "Surface / degC"),
    )
    for part, (values, colour, label) in zip(axes, curves, strict=True):
        _curve(part, second, values, divisor, colour)
        part.set_ylabel(label)
        part.grid(visible=True, color="#dddddd", linewidth=0.6)
        part.set_axisbelow(True)
        part.ticklabel_format(axis="y", useOffset=False)
        if len(edge_second) <= MOST_EDGES:
            for at in edge_second:
                part.axvline(at / divisor, color="#aaaaaa", linewidth=0.4, zorder=0.5)
    axes[1].axhline(0.0, color="#888888", linewidth=0.6)
    _span(axes[2], celsius)
    axes[2].set_xlabel(f"Test Time / {unit}")
    if title:
        figure.suptitle(title, fontsize=11)
    axes[0].set_title(note, fontsize=8, loc="left", wrap=True)
    return figure


def _curve(axes: Axes, second: Floats, values: Floats, divisor: float, colour: str) -> None:
    seen = second, values
    if second.size > 4 * COLUMNS:
        drawn = Decimator(second, values).view(float(second[0]), float(second[-1]), COLUMNS)
        seen = second[drawn], values[drawn]
    axes.plot(seen[0] / divisor, seen[1], color=colour, linewidth=1.0)
    if second.size and not np.isfinite(values).any():
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color="#888888")


def _span(axes: Axes, celsius: Floats) -> None:
    """Keep a temperature that hardly moves from filling its axis with nothing."""
    known = celsius[np.isfinite(celsius)]
    if known.size and known.max() - known.min() < 2.0:
        middle = float(known.max() + known.min()) / 2.0
        axes.set_ylim(middle - 1.2, middle + 1.2)


def preview_png(
    second: Sequence[float],
    volt: Sequence[float],
    ampere: Sequence[float],
    celsius: Sequence[float],
    *,
    edge_second: Sequence[float] = (),
    title: str = "",
    note: str = "",
) -> bytes:
    """Return the figure as the bytes of a PNG file; see `preview_figure`."""
    curves = [np.asarray(values, dtype=np.float64) for values in (second, volt, ampere, celsius)]
    if any(later < earlier for earlier, later in pairwise(second)):
        order = np.argsort(curves[0], kind="stable")
        curves = [values[order] for values in curves]
    return png(
        preview_figure(
            curves[0],
            curves[1],
            curves[2],
            curves[3],
            edge_second=edge_second,
            title=title,
            note=note,
        )
    )
