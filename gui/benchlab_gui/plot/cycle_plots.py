"""Capacity and coulombic efficiency against the cycle number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg

from benchlab_gui.plot.axes import canvas, new_plot
from benchlab_gui.presenters.cycles_view import CyclesView
from benchlab_gui.theme.tokens import Theme, Tone

__all__ = ["CyclePlots"]

Floats = npt.NDArray[np.float64]

MOST_SYMBOLS = 5000
"""Beyond this many cycles symbols cost a frame, and lines alone are drawn."""


class CyclePlots:
    """Two plots, one above the other; moving one along the cycles moves the other.

    Attributes
    ----------
    widget : QWidget
    """

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self.widget: pg.GraphicsLayoutWidget = canvas(theme)
        self._capacity = new_plot(self.widget, 0, "Capacity / Ah", theme)
        self._efficiency = new_plot(self.widget, 1, "CE / 1", theme)
        self._capacity.getAxis("bottom").setStyle(showValues=False)
        self._efficiency.setLabel("bottom", "Cycle")
        self._efficiency.setXLink(self._capacity)
        for plot in (self._capacity, self._efficiency):
            plot.setMouseEnabled(x=True, y=False)  # the marks at the edge belong to this range
            plot.disableAutoRange()
        self._legend = self._capacity.addLegend(offset=(-8, 8), labelTextColor=theme.text)

    def show_cycles(self, view: CyclesView) -> None:
        """Show the cycles of a run."""
        theme = self._theme
        self._capacity.clear()
        self._efficiency.clear()
        if not view.cycle.size:
            return
        curves = [
            (self._capacity, view.cycle, view.charge, theme.charge, "t", "charge"),
            (self._capacity, view.cycle, view.discharge, theme.discharge, "o", "discharge"),
            (self._efficiency, view.efficiency_cycle, view.efficiency, theme.efficiency, "o", None),
        ]
        for plot, x, y, colour, symbol, name in curves:
            plot.plot(
                x,
                y,
                name=name,
                pen=pg.mkPen(colour, width=1),
                symbol=symbol if x.size <= MOST_SYMBOLS else None,
                symbolSize=6,
                symbolPen=colour,
                symbolBrush=colour if symbol == "o" else None,
                connect="finite",
            )
        known = np.isfinite(view.half_width)
        if known.any():
            bars = pg.ErrorBarItem(
                x=view.efficiency_cycle[known],
                y=view.efficiency[known],
                height=2.0 * view.half_width[known],
                beam=0.3,
                pen=pg.mkPen(theme.efficiency, width=1),
            )
            self._efficiency.addItem(bars)
        ends = view.cycle[[0, -1]]
        self._capacity.setXRange(*ends, padding=0.05)
        fit(self._capacity, np.concatenate((view.charge, view.discharge)))
        low, high = view.efficiency_range
        self._efficiency.setYRange(low, high, padding=0)
        self._mark(view, view.efficiency < low, low, "t")
        self._mark(view, view.efficiency > high, high, "t1")

    def _mark(
        self, view: CyclesView, outside: npt.NDArray[np.bool_], edge: float, symbol: str
    ) -> None:
        """Mark at the edge what lies beyond it: nothing is left out without a word."""
        if outside.any():
            x = view.efficiency_cycle[outside]
            colour = self._theme.tones[Tone.ATTENTION]
            marks = pg.ScatterPlotItem(
                x, np.full(x.shape, edge), symbol=symbol, size=12, pen=None, brush=colour
            )
            self._efficiency.addItem(marks)


def fit(plot: pg.PlotItem, values: Floats) -> None:
    """Fit the y axis to every value, but no closer than 1e-4 of them: noise is not to fill it."""
    finite = values[np.isfinite(values)]
    if finite.size:
        low, high = float(finite.min()), float(finite.max())
        room = max(0.08 * (high - low), 1e-4 * max(abs(low), abs(high)), 1e-12)
        plot.setYRange(low - room, high + room, padding=0)
