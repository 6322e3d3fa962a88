"""Voltage against charge of half cycles, with their mean voltages and the gap between them.

The hysteresis of a cycle is the difference of the mean voltages of its charge and its discharge,
both energies over charge at the terminals; it holds resistance and real hysteresis alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
from benchlab_analysis._curves import HalfCurve
from benchlab_analysis.incremental_capacity import chosen_curves

__all__ = ["HELP", "NAME", "TAKES", "Options", "analyse"]

NAME = "Voltage against charge"
HELP = "V-Q curves of chosen cycles, per cell, gram or cm2"
TAKES = "test"

MOST_POINTS = 2000
SHOWN = 8


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    cycles: str = option("", "cycle numbers with blanks between; up to eight, spread, if left out")
    direction: str = option("both", "of the current", choices=("charge", "discharge", "both"))
    per: str = option("cell", "what the charge is divided by", choices=("cell", "gram", "cm2"))
    resistance: float = option(0.0, "its drop is taken off the voltage", unit="ohm")


def analyse(run: Run, options: Options) -> Result:
    """Return the curves, and one row a half cycle."""
    result = Result()
    curves = chosen_curves(
        run, direction=options.direction, cycles=options.cycles, result=result,
        resistance=options.resistance,
    )  # fmt: skip
    if not curves:
        return result
    key = {"gram": "active_mass_gram", "cm2": "area_square_centimetre"}.get(options.per)
    by, unit = 1.0, "Ah"
    if key is not None:
        known = run.cell.get(key)
        if known:
            by, unit = float(known), "Ah/g" if options.per == "gram" else "Ah/cm2"
        else:
            result.warnings.append(
                f"the cell's {key} is not known: the charge is that of the whole cell"
            )
    if not options.cycles.strip():
        places = np.unique(np.linspace(0, len(curves) - 1, SHOWN).astype(int))
        curves = [curves[place] for place in places.tolist()]
    lines = []
    for curve in curves:
        thin = np.unique(np.linspace(0, curve.voltage.size - 1, MOST_POINTS).astype(int))
        way = "charge" if curve.sign > 0 else "discharge"
        name = f"cycle {curve.cycle} {way}, step {curve.number}"
        lines.append(Curve(name, curve.charge[thin] / by, curve.voltage[thin]))
    result.tables.append(
        ResultTable(
            "half cycles",
            [
                ResultColumn("cycle_count", [c.cycle for c in curves], "1", "the cycle"),
                ResultColumn("step_count", [c.number for c in curves], "1", "the step"),
                ResultColumn(
                    "direction",
                    np.array(["charge" if c.sign > 0 else "discharge" for c in curves], object),
                    "", "of the current",
                ),
                ResultColumn("charge", [c.whole / by for c in curves], unit, "of the half cycle"),
                ResultColumn(
                    "constant_current_share", [c.share for c in curves], "1",
                    "of the charge that the curve holds",
                ),
                ResultColumn(
                    "mean_voltage_volt", [_mean(c) for c in curves], "V", "over that charge"
                ),
                ResultColumn("current_ampere", [c.current for c in curves], "A", "mean, signed"),
            ],
        )
    )  # fmt: skip
    result.sentences.append(f"{len(curves)} half cycles, charge per {options.per}")
    panel = Panel(f"Charge / {unit}", "Voltage / V", lines, "constant-current rows alone")
    result.figures.append(FigurePlan("voltage", NAME, [panel]))
    return result


def _mean(curve: HalfCurve) -> float:
    middle = (curve.voltage[1:] + curve.voltage[:-1]) / 2.0
    total = float(curve.pieces.sum())
    return float((middle * curve.pieces).sum() / total) if total > 0.0 else np.nan
