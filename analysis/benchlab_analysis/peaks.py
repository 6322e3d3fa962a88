"""Peaks of dQ/dV over the cycles: where they lie, how high they are, what charge they hold.

A peak is a maximum of the smoothed dQ/dV that stands out by a share of the highest (its
prominence). Peaks are followed from cycle to cycle by the nearest voltage. The interval of a
position is the step of the grid, half the distance of the rows, and what it moves when half as
much is smoothed. Another current moves a peak by its drop over the resistance: compare at one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.signal import find_peaks, peak_widths

from benchlab.model.run import Run
from benchlab_analysis._analysis import (
    Curve,
    FigurePlan,
    Panel,
    Result,
    ResultColumn,
    ResultTable,
    option,
)
from benchlab_analysis._curves import SMOOTHERS, HalfCurve, density, voltage_grid
from benchlab_analysis.incremental_capacity import chosen_curves, smoothing_said

__all__ = ["HELP", "NAME", "TAKES", "Options", "Peak", "analyse", "peaks_of"]

NAME = "Peaks of dQ/dV over cycles"
HELP = "position, height and charge of each peak of dQ/dV against cycle"
TAKES = "test"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    direction: str = option("discharge", "of the current", choices=("charge", "discharge"))
    cycles: str = option("", "cycle numbers with blanks between; all if left out")
    smoother: str = option("gaussian", "how noise is smoothed", choices=SMOOTHERS)
    window: float = option(15.0, "width of the smoothing", unit="mV")
    step: float = option(1.0, "step of voltage", unit="mV")
    prominence: float = option(5.0, "least a peak stands out, of the highest", unit="%")
    farthest: float = option(40.0, "a peak that moved farther in a cycle is another", unit="mV")
    resistance: float = option(0.0, "its drop is taken off the voltage", unit="ohm")


class Peak(NamedTuple):
    """A peak: volts, the half-width of that, Ah/V, Ah between its half heights, volts."""

    position: float
    half_width: float
    height: float
    charge: float
    width: float


def peaks_of(
    curve: HalfCurve, *, smoother: str, window: float, step: float, prominence: float
) -> list[Peak]:
    """Return the peaks of one half cycle, in order of voltage.

    Parameters
    ----------
    window, step : float
        Volts.
    prominence : float
        A share of the highest peak.
    """
    edges = voltage_grid([curve], step)
    middle = (edges[1:] + edges[:-1]) / 2.0
    y = density(curve, edges, smoother, window)
    finer = density(curve, edges, smoother, window / 2.0)
    place, _ = find_peaks(y, prominence=prominence * float(y.max(initial=0.0)))
    if not place.size:
        return []
    widths, _, left, right = peak_widths(y, place, rel_height=0.5)
    reach = max(int(window / step), 1)
    found = []
    for index, wide, a, b in zip(place.tolist(), widths, left, right, strict=True):
        near = slice(max(index - reach, 0), index + reach + 1)
        other = float(middle[near][np.argmax(finer[near])])
        at = _vertex(middle, y, index)
        inside = (np.arange(y.size) >= a) & (np.arange(y.size) <= b)
        found.append(
            Peak(at, step + abs(other - at) + _spacing(curve, at, window), float(y[index]),
                 float(y[inside].sum() * step),
                 float(wide * step))
        )  # fmt: skip
    return found


def _spacing(curve: HalfCurve, at: float, window: float) -> float:
    """Return half the usual distance of rows around a voltage: between them it is not known."""
    near = np.abs(curve.voltage[1:] - at) <= window
    steps = np.abs(np.diff(curve.voltage))[near]
    return float(np.median(steps)) / 2.0 if steps.size else 0.0


def _vertex(x: Floats, y: Floats, index: int) -> float:
    if not 0 < index < y.size - 1:
        return float(x[index])
    low, mid, high = y[index - 1 : index + 2]
    bend = low - 2.0 * mid + high
    shift = 0.5 * (low - high) / bend if bend < 0.0 else 0.0
    return float(x[index] + shift * (x[1] - x[0]))


def analyse(run: Run, options: Options) -> Result:
    """Return one row a cycle and peak."""
    result = Result()
    curves = chosen_curves(
        run, direction=options.direction, cycles=options.cycles, result=result,
        resistance=options.resistance,
    )  # fmt: skip
    if not curves:
        return result
    said = smoothing_said(options.smoother, options.window, "mV")
    result.assumptions += [
        said,
        f"a peak stands out by {options.prominence:g} % of the highest; it is the same one in the "
        f"next cycle within {options.farthest:g} mV",
    ]
    amperes = np.abs([curve.current for curve in curves])
    if amperes.max() > 1.05 * amperes.min() and not options.resistance:
        result.warnings.append(
            f"the currents differ ({amperes.min():.4g} to {amperes.max():.4g} A): part of what the "
            "peaks move is resistance; choose cycles of one current, or state the resistance"
        )
    known: dict[int, float] = {}
    rows: list[tuple[HalfCurve, int, Peak]] = []
    for curve in curves:
        own = peaks_of(
            curve, smoother=options.smoother, window=options.window / 1e3,
            step=options.step / 1e3, prominence=options.prominence / 100.0,
        )  # fmt: skip
        for peak, name in zip(own, _names(own, known, options.farthest / 1e3), strict=True):
            known[name] = peak.position
            rows.append((curve, name, peak))
    if not rows:
        result.warnings.append("no peak stands out: the curve has no plateau, or is smoothed away")
        return result
    result.tables.append(
        ResultTable(
            "peaks",
            [
                ResultColumn("cycle_count", [c.cycle for c, _, _ in rows], "1", "the cycle"),
                ResultColumn("step_count", [c.number for c, _, _ in rows], "1", "the step"),
                ResultColumn("peak", [n for _, n, _ in rows], "1", "followed over the cycles"),
                ResultColumn("voltage_volt", [p.position for *_, p in rows], "V", "of its top"),
                ResultColumn(
                    "voltage_half_width_volt", [p.half_width for *_, p in rows], "V",
                    "half of its interval",
                ),
                ResultColumn("height_ah_per_volt", [p.height for *_, p in rows], "Ah/V", "its top"),
                ResultColumn(
                    "charge_ah", [p.charge for *_, p in rows], "Ah", "between its half heights"
                ),
                ResultColumn("width_volt", [p.width for *_, p in rows], "V", "at half height"),
            ],
        )
    )  # fmt: skip
    lines = []
    for name in sorted({name for _, name, _ in rows}):
        own_rows = [(curve, peak) for curve, number, peak in rows if number == name]
        x = [curve.cycle for curve, _ in own_rows]
        y = np.array([peak.position for _, peak in own_rows])
        width = np.array([peak.half_width for _, peak in own_rows])
        lines.append(Curve(f"peak {name}", x, y, y - width, y + width, "points"))
        moved = 1e3 * (y[-1] - y[0])
        result.sentences.append(
            f"peak {name}: {y[0]:.4f} +- {width[0]:.4f} V in cycle {x[0]}"
            + (f", moved by {moved:+.1f} mV until cycle {x[-1]}" if len(y) > 1 else "")
        )
    panel = Panel("Cycle Count / 1", "Voltage of the Peak / V", lines, said)
    result.figures.append(FigurePlan("peaks", f"{NAME}, {options.direction}", [panel]))
    return result


def _names(found: list[Peak], known: dict[int, float], farthest: float) -> list[int]:
    """Return the number of each peak: the nearest known one that is not taken, else a new one."""
    out: list[int] = []
    for peak in found:
        near = sorted(
            (abs(at - peak.position), name) for name, at in known.items() if name not in out
        )
        if near and near[0][0] <= farthest:
            out.append(near[0][1])
        else:
            out.append(max([*known, *out], default=0) + 1)
    return out
