"""Curves over time; the only file that sets the plot library's curve options.

The library's own downsampling, clipping and automatic x range are never used: they drop the
newest samples and take x for evenly spaced. `benchlab.store` chooses what is drawn.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg

from benchlab.errors import FileNotReadable
from benchlab.store.overview_read import Curve

__all__ = ["TimeCurve"]

Floats = npt.NDArray[np.floating[Any]]


class TimeCurve:
    """One curve in a plot; at each change of view it draws what that view can show.

    Parameters
    ----------
    plot : pyqtgraph.PlotItem
    colour : str
        ``#rrggbb``. The pen is one pixel wide: a wider one costs ten times as much.
    """

    def __init__(self, plot: pg.PlotItem, colour: str) -> None:
        self._plot = plot
        self._shown: Curve | None = None
        self._curve = pg.PlotCurveItem(
            pen=pg.mkPen(colour, width=1), connect="finite", antialias=True
        )
        plot.addItem(self._curve)
        view = plot.getViewBox()
        view.sigXRangeChanged.connect(self.refresh)
        view.sigResized.connect(self.refresh)

    def show_curve(self, curve: Curve) -> None:
        """Show another curve."""
        self._shown = curve
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Draw what the present view can show."""
        if self._shown is None:
            return
        view = self._plot.getViewBox()
        low, high = view.viewRange()[0]
        widget = self._plot.getViewWidget()
        scale = widget.devicePixelRatioF() if widget is not None else 1.0
        try:
            x, y = self._shown.points(low, high, max(math.ceil(view.width() * scale), 1))
        except FileNotReadable:
            return  # the file went away: what is drawn stays, and opening it again says why
        self._curve.setData(x, y)
        inside = y[(x >= low) & (x <= high)]
        self._fit_y(inside if np.isfinite(inside).any() else y)

    def _fit_y(self, y: Floats) -> None:
        """Fit the y axis to what is drawn: it holds the extremes of the view."""
        finite = y[np.isfinite(y)]
        if not finite.size:
            return
        low, high = float(finite.min()), float(finite.max())
        room = 0.05 * (high - low) or max(abs(high), 1e-3) * 0.01
        self._plot.setYRange(low - room, high + room, padding=0)

    @property
    def drawn(self) -> tuple[Floats, Floats]:
        """What is drawn now: x and y."""
        x, y = self._curve.getData()
        return x, y
