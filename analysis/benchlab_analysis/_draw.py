"""Figures of a result, drawn from their description without a screen: SVG, PNG, PDF."""

from __future__ import annotations

import io

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchlab_analysis._analysis import Curve, FigurePlan, Panel

__all__ = ["FORMATS", "draw", "picture"]

FORMATS = ("svg", "png", "pdf")

# colours of Okabe and Ito, told apart by every kind of colour vision
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def draw(plan: FigurePlan) -> Figure:
    """Return a figure of one description."""
    count = len(plan.panels)
    figure = Figure(figsize=(8.0, 2.2 + 2.4 * count), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(count, 1, sharex=plan.share_x, squeeze=False)[:, 0]
    for part, panel in zip(axes, plan.panels, strict=True):
        _panel(part, panel)
    figure.suptitle(plan.title, fontsize=11)
    return figure


def picture(plan: FigurePlan, kind: str) -> bytes:
    """Return a figure as the bytes of an SVG, PNG or PDF file; the same each time.

    Parameters
    ----------
    plan : FigurePlan
    kind : {"svg", "png", "pdf"}
    """
    dateless = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "benchlab", "svg.fonttype": "none"}):
        draw(plan).savefig(buffer, format=kind, dpi=150, metadata=dateless)
    return buffer.getvalue()


def _panel(axes: Axes, panel: Panel) -> None:
    for number, curve in enumerate(panel.curves):
        _curve(axes, curve, _COLOURS[number % len(_COLOURS)])
    for label, at in panel.x_marks.items():
        axes.axvline(at, color="#666666", linewidth=0.8, linestyle=":")
        axes.annotate(
            label, (at, 1.0), xycoords=("data", "axes fraction"), fontsize=7, rotation=90, va="top"
        )
    for label, at in panel.y_marks.items():
        axes.axhline(at, color="#666666", linewidth=0.8, linestyle=":")
        axes.annotate(label, (0.0, at), xycoords=("axes fraction", "data"), fontsize=7)
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    if panel.log_x:
        axes.set_xscale("log")
    if panel.log_y:
        axes.set_yscale("log")
    else:
        axes.ticklabel_format(axis="y", useOffset=False)
    if panel.equal:
        axes.set_aspect("equal", adjustable="datalim")
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title(panel.note, fontsize=8, loc="left", wrap=True)
    if any(curve.label for curve in panel.curves):
        axes.legend(fontsize=8, loc="best")


def _curve(axes: Axes, curve: Curve, colour: str) -> None:
    x, y = np.asarray(curve.x, dtype=np.float64), np.asarray(curve.y, dtype=np.float64)
    label = curve.label or None
    if curve.style in ("points", "open points"):
        reach = None
        if curve.low is not None and curve.high is not None:
            reach = np.vstack((y - np.asarray(curve.low), np.asarray(curve.high) - y))
            reach = np.maximum(np.nan_to_num(reach), 0.0)
        axes.errorbar(
            x, y, yerr=reach, linestyle="none", marker="o", markersize=3.5, color=colour,
            markerfacecolor=colour if curve.style == "points" else "none", elinewidth=0.8,
            label=label,
        )  # fmt: skip
        return
    axes.plot(x, y, color=colour, linewidth=1.2, label=label,
              linestyle="--" if curve.style == "dashed" else "-")  # fmt: skip
    if curve.low is not None and curve.high is not None:
        low, high = (np.asarray(side, dtype=np.float64) for side in (curve.low, curve.high))
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0.0)
