"""Rate capability: what is left of the capacity at higher currents.

A discharge counts where the cell was full before it (a complete charge, and rests alone in
between) and went to the end of the voltage window. Shares refer to the slowest one. The first and
the last at that current, where there are two, say how much of the difference is damage, not rate.
For a half cell whose charge is the useful direction (delithiation) the roles change.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

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
from benchlab_analysis._phases import Phase, complete, large, phases

__all__ = ["HELP", "NAME", "TAKES", "Options", "after_the_other", "analyse"]

NAME = "Rate capability"
HELP = "capacity against current, with the share of the slowest and what was damage"
TAKES = "test"

SAME = 0.02
"""Currents that differ by a smaller share are one rate."""


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    direction: str = option(
        "auto", "whose capacity: auto is the charge for an anode half cell, else the discharge",
        choices=("auto", "discharge", "charge"),
    )  # fmt: skip
    capacity: float | None = option(None, "1C is this in an hour; nominal if left out", unit="Ah")


def after_the_other(found: list[Phase], sign: int) -> list[Phase]:
    """Return the complete phases of one direction with a complete one of the other before them."""
    whole = {phase.number for phase in complete(found)}
    driven = large(found)
    return [
        phase
        for before, phase in pairwise(driven)
        if phase.sign == sign and before.sign == -sign and {phase.number, before.number} <= whole
    ]


def analyse(run: Run, options: Options) -> Result:
    """Return one row a discharge from full to empty, in the order of the run."""
    result = Result()
    anode = run.cell.get("role") in ("graphite_half_cell", "anode_half_cell")
    charging = options.direction == "charge" or (options.direction == "auto" and anode)
    sign = 1 if charging else -1
    name = "charge" if charging else "discharge"
    chosen = after_the_other(phases(run), sign)
    if not chosen:
        result.warnings.append(
            f"no complete {name} after a complete one of the other direction: there is nothing to "
            "compare"
        )
        return result
    current = np.array([abs(phase.current) for phase in chosen])
    charge = np.array([phase.charge for phase in chosen])
    width = np.array([phase.charge_half_width for phase in chosen])
    slow = np.flatnonzero(current <= current.min() * (1.0 + SAME))
    reference = int(slow[0])
    share = charge / charge[reference]
    # the gain of one range cancels; what does not is taken at its worst, once for each
    share_width = share * (width / charge + width[reference] / charge[reference])
    share_width[reference] = 0.0
    nominal = options.capacity or run.cell.get("nominal_capacity_ah") or np.nan
    result.assumptions += [
        f"{name}s from end to end of the voltage window; a {name} that follows another, without a "
        "complete step of the other direction between, is left out",
        f"shares refer to the slowest, step {chosen[reference].number}",
        f"1C is {nominal:.6g} A",
    ]
    if not np.isfinite(width).all():
        result.warnings.append("no accuracy of the current is stated: there is no interval")
    result.tables.append(
        ResultTable(
            "rates",
            [
                ResultColumn("step_count", [p.number for p in chosen], "1", "the step"),
                ResultColumn("label", np.array([p.label for p in chosen], object), "", "its name"),
                ResultColumn("current_ampere", current, "A", "mean"),
                ResultColumn("c_rate", current / nominal, "1/h", "current over capacity"),
                ResultColumn("capacity_ah", charge, "Ah", "from end to end"),
                ResultColumn("capacity_half_width_ah", width, "Ah", "worst case of the accuracy"),
                ResultColumn("share", share, "1", "of the slowest"),
                ResultColumn("share_half_width", share_width, "1", "worst case of the accuracy"),
                ResultColumn(
                    "mean_voltage_volt", [p.energy / p.charge for p in chosen], "V",
                    "energy over charge",
                ),
                ResultColumn("energy_wh", [p.energy for p in chosen], "Wh", "at the terminals"),
            ],
        )
    )  # fmt: skip
    fast = int(np.argmax(current))
    if current[fast] > current[reference] * (1.0 + SAME):
        result.sentences.append(
            f"at {current[fast] / nominal:.3g}C there is {100.0 * share[fast]:.4g} % "
            f"(+- {100.0 * share_width[fast]:.2g}) of the capacity at "
            f"{current[reference] / nominal:.3g}C"
        )
    else:
        result.warnings.append("there is one rate only")
    last = int(slow[-1])
    if last > fast:
        result.sentences.append(
            f"back at the slowest there is {100.0 * share[last]:.5g} % "
            f"(+- {100.0 * share_width[last]:.2g}): the rest is damage or self-discharge, not rate"
        )
    else:
        result.warnings.append(
            "the slowest rate was not repeated at the end: rate and damage cannot be told apart"
        )
    curve = Curve(
        name, current / nominal, 100.0 * share, 100.0 * (share - share_width),
        100.0 * (share + share_width), "points",
    )  # fmt: skip
    note = f"share of step {chosen[reference].number}, {current[reference]:.4g} A"
    panel = Panel("C rate / 1/h", "Capacity / % of the slowest", [curve], note, log_x=True)
    result.figures.append(FigurePlan("rates", NAME, [panel]))
    return result
