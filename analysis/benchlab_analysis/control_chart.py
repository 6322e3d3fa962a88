"""Control chart of cells in the order they were started: individuals and moving ranges.

Centre and sigma come from the first cells (the baseline), sigma from the mean moving range over
1.128 (Shewhart), so that a drift does not widen its own limits. Four rules tell a process that has
changed from one that scatters. Efficiencies are charted as log10(1 - CE). The limits are what the
process does; they are not what a customer allows (see capability).
"""

from __future__ import annotations

from collections.abc import Sequence
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
from benchlab_analysis._cells import METRICS, gather
from benchlab_analysis._statistics import D2, rule_breaks

__all__ = ["HELP", "NAME", "TAKES", "Options", "analyse"]

NAME = "Control chart"
HELP = "cells in the order of their start, with control limits and four rules"
TAKES = "cells"

FEWEST = 8
STEADY = 20


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    metric: str = option("discharge capacity", "one number a cell", choices=METRICS)
    baseline: int | None = option(None, "the first so many cells set the limits; all if left out",
                                  unit="cells")  # fmt: skip


def analyse(runs: Sequence[Run], options: Options) -> Result:
    """Return one row a cell, in order, with the rules it breaks."""
    result = Result()
    cells = gather(runs, options.metric, result)
    if not cells.value.size:
        result.warnings.append(f"no cell gives a {options.metric}: there is nothing to chart")
        return result
    if np.isfinite(cells.start).all() and (cells.start > 0.0).all():
        order = np.argsort(cells.start, kind="stable")
        result.assumptions.append("order: by the time each run began")
    else:
        order = np.arange(cells.value.size)
        result.warnings.append("not every run knows when it began: the order is that of the files")
    y = cells.y[order]
    number = min(options.baseline or y.size, y.size)
    base = y[:number]
    sigma = float(np.abs(np.diff(base)).mean()) / D2 if number > 1 else np.nan
    if number < FEWEST or not sigma > 0.0:
        result.warnings.append(
            f"{number} cells set no limits: it takes {FEWEST} that differ"
            if number < FEWEST
            else "the cells of the baseline are all equal: they set no limits"
        )
        return result
    if number < STEADY:
        result.warnings.append(
            f"limits from {number} cells are themselves uncertain by some "
            f"{100.0 / np.sqrt(2.0 * (number - 1)):.0f} %; {STEADY} and more are usual"
        )
    centre = float(base.mean())
    broken = rule_breaks(y, centre, sigma)
    limits = (centre - 3.0 * sigma, centre + 3.0 * sigma)
    result.assumptions.append(
        f"centre and sigma of the first {number} cells, sigma = mean moving range / {D2}"
    )
    said = np.array(["; ".join(item) for item in broken], dtype=object)
    result.tables.append(
        ResultTable(
            "control chart",
            [
                ResultColumn("cell", cells.name[order], "", "in order"),
                ResultColumn("lot", cells.lot[order], "", "as its cell file says"),
                ResultColumn("value", cells.value[order], cells.unit, cells.metric),
                ResultColumn("charted", y, "", cells.scale_said),
                ResultColumn("sigmas", (y - centre) / sigma, "1", "from the centre"),
                ResultColumn("rules_broken", said, "", "of four"),
            ],
        )
    )
    ends = sorted(cells.back(limit) for limit in limits)
    out = [name for name, item in zip(cells.name[order], broken, strict=True) if item]
    result.sentences.append(
        f"{cells.metric}: centre {cells.back(centre):.6g} {cells.unit}, limits {ends[0]:.6g} to "
        f"{ends[1]:.6g}; "
        + (
            f"NOT in control: {len(out)} of {y.size} cells break a rule "
            f"(first: {out[0]}, {next(item for item in broken if item)[0]})"
            if out
            else f"in control over {y.size} cells"
        )
    )
    x = np.arange(1, y.size + 1)
    marks = {"centre": centre, "-3 sigma": limits[0], "+3 sigma": limits[1]}
    ranges = np.abs(np.diff(y))
    panels = [
        Panel("Cell / 1", cells.scale_said, [Curve("", x, y, style="points")],
              f"limits from the first {number} cells", y_marks=marks),
        Panel("Cell / 1", "Moving Range", [Curve("", x[1:], ranges, style="points")],
              y_marks={"limit": 3.267 * sigma * D2}),
    ]  # fmt: skip
    result.figures.append(FigurePlan("control chart", NAME, panels, share_x=True))
    return result
