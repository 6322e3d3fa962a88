"""LFP cells: the gap between charge and discharge that no slowness closes, and the flat plateau.

The gap at half charge between the slowest charge and the slowest discharge holds hysteresis and
resistance. A second, faster discharge gives the resistance at that state (difference of voltage
over difference of current), which is taken off. What is left is the hysteresis; half of it is the
shift of either branch. The plateau says how little the voltage knows of the charge there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
from benchlab_analysis._curves import HalfCurve, half_curves
from benchlab_analysis._phases import complete, phases

__all__ = ["HELP", "NAME", "TAKES", "Options", "analyse"]

NAME = "LFP: hysteresis and plateau"
HELP = "hysteresis without resistance, and how flat the plateau is"
TAKES = "test"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    low: float = option(30.0, "lower end of the states of charge compared", unit="%")
    high: float = option(70.0, "upper end", unit="%")


def _at(curve: HalfCurve, charge: Floats) -> Floats:
    """Return the voltage at states of charge, counted over the curve's own charge."""
    share = curve.charge / curve.whole
    place = share if curve.sign > 0 else 1.0 - share
    order = np.argsort(place, kind="stable")
    return np.interp(charge, place[order], curve.voltage[order])


def analyse(run: Run, options: Options) -> Result:
    """Return the gap, its resistive part and the hysteresis at states of charge."""
    result = Result()
    found = phases(run)
    whole = {phase.number for phase in complete(found)}
    ways = {
        sign: sorted(
            (c for c in half_curves(run, found, sign) if c.number in whole and c.share > 0.9),
            key=lambda curve: abs(curve.current),
        )
        for sign in (1, -1)
    }
    if not ways[1] or not ways[-1]:
        result.warnings.append(
            "a complete charge and a complete discharge are needed, each at one current"
        )
        return result
    up, down = ways[1][0], ways[-1][0]
    grid = np.linspace(options.low, options.high, 81) / 100.0
    above, below = _at(up, grid), _at(down, grid)
    gap = above - below
    faster = [c for c in ways[-1] if abs(c.current) > 2.0 * abs(down.current)]
    span = abs(up.current) + abs(down.current)
    if faster:
        other = faster[0]
        ohm = (below - _at(other, grid)) / (abs(other.current) - abs(down.current))
        drop = ohm * span
        result.assumptions.append(
            f"resistance from the discharges of steps {down.number} and {other.number} "
            f"({abs(down.current):.4g} and {abs(other.current):.4g} A); it is taken as the same at "
            "both currents and both ways"
        )
    else:
        drop = np.full(grid.size, np.nan)
        result.warnings.append(
            "no second current: hysteresis and resistance cannot be told apart, the gap holds both"
        )
    hysteresis = gap - drop if faster else gap
    middle = float(np.median(hysteresis))
    # an error of a third in the resistance, and how the gap varies over the states compared
    scatter = 1.4826 * float(np.median(np.abs(hysteresis - middle)))
    width = (float(np.median(drop)) / 3.0 if faster else 0.0) + scatter
    slope = _plateau(below, grid)
    result.assumptions += [
        f"states of charge {options.low:g} to {options.high:g} %, each curve over its own charge",
        "interval: a third of the resistive part, and the scatter over the states of charge",
    ]
    result.tables += [
        ResultTable(
            "hysteresis",
            [
                ResultColumn("state_of_charge", grid, "1", "over the charge of each curve"),
                ResultColumn("charge_voltage_volt", above, "V", f"step {up.number}"),
                ResultColumn("discharge_voltage_volt", below, "V", f"step {down.number}"),
                ResultColumn("gap_volt", gap, "V", "their difference"),
                ResultColumn("resistive_volt", drop, "V", "currents times resistance"),
                ResultColumn("hysteresis_volt", hysteresis, "V", "what is left"),
            ],
        ),
        ResultTable(
            "summary",
            [
                ResultColumn(
                    "hysteresis_volt", [middle], "V", "median; twice the shift of a branch"
                ),
                ResultColumn("half_width_volt", [width], "V", "half of its interval"),
                ResultColumn("plateau_volt_per_share", [slope], "V", "dV/dSOC on the plateau"),
            ],
        ),
    ]
    result.sentences += [
        f"hysteresis {1e3 * middle:.3g} +- {1e3 * width:.2g} mV between charge and discharge"
        + ("" if faster else ", resistance included"),
        f"on the plateau 1 mV is {0.1 / max(slope, 1e-9):.2g} % of charge: "
        "go by counted charge, not by voltage",
    ]
    percent = 100.0 * grid
    lines = [Curve("charge", percent, above), Curve("discharge", percent, below)]
    left = [Curve("hysteresis", percent, 1e3 * hysteresis), Curve("gap", percent, 1e3 * gap)]
    label = "State of Charge / %"
    panels = [Panel(label, "Voltage / V", lines), Panel(label, "Difference / mV", left)]
    result.figures.append(FigurePlan("hysteresis", NAME, panels, share_x=True))
    return result


def _plateau(volts: Floats, grid: Floats) -> float:
    """Return the median slope of voltage over state of charge, in V."""
    return float(np.median(np.abs(np.diff(volts) / np.diff(grid))))
