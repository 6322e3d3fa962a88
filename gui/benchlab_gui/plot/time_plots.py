"""Voltage and current against time, on one time axis."""

from __future__ import annotations

import pyqtgraph as pg

from benchlab_gui.plot.axes import canvas, new_plot
from benchlab_gui.plot.time_curve import TimeCurve
from benchlab_gui.presenters.run_view import RunView
from benchlab_gui.theme.tokens import Theme

__all__ = ["TimePlots"]


class TimePlots:
    """Two plots, one above the other; moving one in time moves the other.

    Attributes
    ----------
    widget : QWidget
    voltage, current : TimeCurve
    """

    def __init__(self, theme: Theme) -> None:
        self.widget: pg.GraphicsLayoutWidget = canvas(theme)
        self._upper = new_plot(self.widget, 0, "Voltage / V", theme)
        self._lower = new_plot(self.widget, 1, "Current / A", theme)
        self._upper.getAxis("bottom").setStyle(showValues=False)
        self._lower.setXLink(self._upper)
        for plot in (self._upper, self._lower):
            plot.setMouseEnabled(x=True, y=False)
            plot.disableAutoRange()
        self.voltage = TimeCurve(self._upper, theme.voltage)
        self.current = TimeCurve(self._lower, theme.current)
        self._ends = (0.0, 1.0)

    def show_run(self, view: RunView) -> None:
        """Show a run, from its first to its last sample."""
        self._upper.setLabel("left", view.voltage.label)
        self._lower.setLabel("left", view.current.label)
        self._lower.setLabel("bottom", view.time_label)
        self._ends = view.voltage.curve.ends
        self.show_all()
        self.voltage.show_curve(view.voltage.curve)
        self.current.show_curve(view.current.curve)

    def show_all(self) -> None:
        """Show the whole run."""
        self.show_range(*self._ends)

    def show_range(self, low: float, high: float) -> None:
        """Show a stretch of time, in the unit of the axis."""
        self._upper.setXRange(low, high if high > low else low + 1.0, padding=0.01)

    @property
    def range(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The times in view of the upper and the lower plot."""
        upper, lower = (plot.getViewBox().viewRange()[0] for plot in (self._upper, self._lower))
        return (upper[0], upper[1]), (lower[0], lower[1])
