"""Plots in the house's look: one background, SI prefixes off, labels as in the column table."""

from __future__ import annotations

import pyqtgraph as pg

from benchlab_gui.theme.tokens import Theme

__all__ = ["canvas", "new_plot"]

AXIS_WIDTH = 72
"""Pixels of a left axis, the same in all plots above each other, so that their times align."""


def canvas(theme: Theme) -> pg.GraphicsLayoutWidget:
    """Return an empty canvas that plots are put on, one above the other."""
    widget = pg.GraphicsLayoutWidget()
    widget.setBackground(theme.background)
    widget.setAcceptDrops(False)  # a file dropped on a plot is the window's to open
    return widget


def new_plot(widget: pg.GraphicsLayoutWidget, row: int, label: str, theme: Theme) -> pg.PlotItem:
    """Return a new plot in a row of the canvas, labelled on its left axis."""
    plot = widget.addPlot(row=row, col=0)
    plot.setMenuEnabled(False)  # it offers the library's own downsampling
    plot.hideButtons()
    plot.showGrid(x=True, y=True, alpha=0.15)
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setPen(theme.text)
        axis.setTextPen(theme.text)
        axis.enableAutoSIPrefix(False)
    plot.getAxis("left").setWidth(AXIS_WIDTH)
    plot.setLabel("left", label)
    return plot
