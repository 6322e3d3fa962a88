"""Lots of cells: median, spread and band of each, and the cells that stand apart, with why.

Spread is robust (1.4826 times the median distance from the median), so that one bad cell does not
hide itself. The interval of the median assumes no distribution; below 6 cells there is none. An
outlier is a cell 3.5 robust standard deviations from its lot; where its own measurement interval
reaches back to the lot, that is said: it may be the instrument.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchlab.errors import UsageError
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
from benchlab_analysis._cells import METRICS, Cells, gather
from benchlab_analysis._statistics import (
    FEWEST_OUTLIERS,
    LIMIT_SCORE,
    median_interval,
    outlier_scores,
    robust_spread,
)

__all__ = ["HELP", "NAME", "TAKES", "Options", "analyse", "cells_table"]

NAME = "Lots"
HELP = "groups of cells: n, median, spread, band, and outliers with a reason"
TAKES = "cells"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    metric: str = option("discharge capacity", "one number a cell", choices=METRICS)
    confidence: float = option(0.95, "of the interval of the median")


def cells_table(cells: Cells, scores: Floats) -> ResultTable:
    """Return one row a cell."""
    return ResultTable(
        "cells",
        [
            ResultColumn("cell", cells.name, "", "its id, else the file"),
            ResultColumn("lot", cells.lot, "", "as its cell file says"),
            ResultColumn("value", cells.value, cells.unit, cells.metric),
            ResultColumn("half_width", cells.half_width, cells.unit, "of its own interval"),
            ResultColumn("score", scores, "1", "robust standard deviations from its lot"),
            ResultColumn(
                "remarks", np.array(["; ".join(r) for r in cells.remarks], object), "", "of its run"
            ),
        ],
    )


def analyse(runs: Sequence[Run], options: Options) -> Result:
    """Return one row a lot, and one a cell.

    Raises
    ------
    benchlab.errors.UsageError
        For a confidence that is none.
    """
    if not 0.5 <= options.confidence < 1.0:
        raise UsageError("the confidence lies between 0.5 and 1.", remedy="0.95 is usual.")
    result = Result()
    cells = gather(runs, options.metric, result)
    if not cells.value.size:
        result.warnings.append(f"no cell gives a {options.metric}: there is nothing to group")
        return result
    scores = np.full(cells.value.size, np.nan)
    rows = []
    for lot in sorted(set(cells.lot.tolist())):
        own = cells.lot == lot
        y = cells.y[own]
        scores[own] = outlier_scores(y)
        ends = [cells.back(value) for value in median_interval(y, options.confidence)]
        low, high = min(ends), max(ends)
        value = cells.value[own]
        middle = cells.back(float(np.median(y)))
        rows.append(
            {
                "lot": lot, "n": int(own.sum()), "median": middle,
                "median_low": low, "median_high": high,
                "spread": _spread(cells, y), "lowest": float(value.min()),
                "highest": float(value.max()),
            }
        )  # fmt: skip
        said = (
            f"{100.0 * options.confidence:.3g} % interval {low:.6g} to {high:.6g}"
            if np.isfinite(low)
            else f"no interval of the median below 6 cells for {options.confidence:.0%}"
        )
        result.sentences.append(
            f"lot {lot}: median {middle:.6g} {cells.unit} of {own.sum()} cells ({said})"
        )
        if own.sum() < FEWEST_OUTLIERS:
            result.warnings.append(
                f"lot {lot} has {own.sum()} cells: no outlier is named among fewer than "
                f"{FEWEST_OUTLIERS}"
            )
    _outliers(cells, scores, result)
    meanings = {
        "lot": ("", "as the cell files say"),
        "n": ("1", "cells"),
        "median": (cells.unit, cells.metric),
        "median_low": (cells.unit, "lower end of the interval of the median; NaN: too few"),
        "median_high": (cells.unit, "upper end"),
        "spread": (cells.unit, "one robust standard deviation; NaN: fewer than 3"),
        "lowest": (cells.unit, "the band: lowest cell"),
        "highest": (cells.unit, "the band: highest cell"),
    }
    columns = [
        ResultColumn(
            name, np.array([row[name] for row in rows], object if name == "lot" else None), *about
        )
        for name, about in meanings.items()
    ]
    result.tables += [ResultTable("lots", columns), cells_table(cells, scores)]
    result.assumptions.append(
        f"an outlier is {LIMIT_SCORE} robust standard deviations from the median of its lot"
    )
    result.figures.append(_figure(cells))
    return result


def _spread(cells: Cells, y: Floats) -> float:
    spread = robust_spread(y)
    if not cells.logarithmic or not np.isfinite(spread):
        return spread
    middle = float(np.median(y))
    return abs(cells.back(middle + spread) - cells.back(middle - spread)) / 2.0


def _outliers(cells: Cells, scores: Floats, result: Result) -> None:
    for place in np.flatnonzero(np.abs(np.nan_to_num(scores)) > LIMIT_SCORE).tolist():
        lot = cells.lot == cells.lot[place]
        middle = cells.back(float(np.median(cells.y[lot])))
        away = cells.value[place] - middle
        reasons = [
            f"its {cells.metric} is {cells.value[place]:.6g} {cells.unit}, {away:+.3g} from its lot"
        ]
        if np.isfinite(cells.half_width[place]) and abs(away) <= cells.half_width[place]:
            reasons.append("its own measurement interval reaches back to the lot")
        reasons += cells.remarks[place]
        result.warnings.append(
            f"outlier: cell {cells.name[place]} of lot {cells.lot[place]} "
            f"({scores[place]:+.1f} robust standard deviations): {'; '.join(reasons)}"
        )


def _figure(cells: Cells) -> FigurePlan:
    curves = []
    x = np.arange(1, cells.value.size + 1)
    for lot in sorted(set(cells.lot.tolist())):
        own = cells.lot == lot
        reach = cells.half_width[own]
        value = cells.value[own]
        curves.append(Curve(f"lot {lot}", x[own], value, value - reach, value + reach, "points"))
    panel = Panel("Cell / 1", f"{cells.metric} / {cells.unit}", curves, "each with its interval")
    return FigurePlan("lots", NAME, [panel])
