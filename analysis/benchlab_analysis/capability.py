"""Capability: how far a lot lies inside the limits that somebody set, with its interval.

Ppk = min((mean - lower), (upper - mean)) / (3 sigma); with one limit its side alone. sigma is the
overall standard deviation of the cells, so what drifts counts. Efficiencies are judged as
log10(1 - CE): a lower limit of CE is an upper limit there. With few cells the interval is wide, and
a Ppk of 1.33 is only shown where its lower end is above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

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
from benchlab_analysis._cells import METRICS, Cells, gather, inefficiency_scale
from benchlab_analysis._statistics import capability_index

__all__ = ["HELP", "NAME", "TAKES", "Options", "analyse"]

NAME = "Capability"
HELP = "Ppk against one or two limits with its interval; efficiencies on log10(1 - CE)"
TAKES = "cells"

FEWEST = 3
NORMAL_FROM = 8


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    metric: str = option("discharge capacity", "one number a cell", choices=METRICS)
    lower: float | None = option(None, "lower limit; none if left out", unit="unit of the metric")
    upper: float | None = option(None, "upper limit; none if left out", unit="unit of the metric")
    lot: str = option("", "only cells of this lot; all if left out")
    confidence: float = option(0.95, "of the intervals")
    wanted: float = option(1.33, "Ppk that is asked for")


def analyse(runs: Sequence[Run], options: Options) -> Result:
    """Return Ppk (and Pp) of a lot.

    Raises
    ------
    benchlab.errors.UsageError
        Without any limit, for limits in the wrong order, or efficiencies of 1 as limits.
    """
    if options.lower is None and options.upper is None:
        raise UsageError("a capability needs a limit.", remedy="State --lower, --upper or both.")
    if options.lower is not None and options.upper is not None and options.lower >= options.upper:
        raise UsageError("the lower limit is not below the upper one.", remedy="Swap them.")
    if not 0.5 <= options.confidence < 1.0:
        raise UsageError("the confidence lies between 0.5 and 1.", remedy="0.95 is usual.")
    result = Result()
    cells = gather(runs, options.metric, result)
    if options.lot:
        cells = cells.chosen(cells.lot == options.lot)
    n = cells.value.size
    if n < FEWEST or float(np.ptp(cells.y)) <= 0.0:
        result.warnings.append(
            f"{n} cells: a capability takes {FEWEST} that differ, and some 30 to mean much"
        )
        return result
    low, high = _limits(cells, options)
    worst, both = capability_index(cells.y, low, high, options.confidence)
    outside = np.zeros(n, dtype=np.bool_)
    if low is not None:
        outside |= cells.y < low
    if high is not None:
        outside |= cells.y > high
    normal = float(stats.shapiro(cells.y).pvalue) if n >= NORMAL_FROM else np.nan
    if normal < 0.05:
        result.warnings.append(
            f"the cells are not normally distributed (Shapiro and Wilk, p = {normal:.2g}): Ppk "
            "does not tell how many lie outside; look for outliers first"
        )
    if n < 30:
        result.warnings.append(f"{n} cells only: look at the interval, not at the index")
    wide = float(np.nanmedian(cells.half_width)) if np.isfinite(cells.half_width).any() else np.nan
    if wide > float(cells.value.std(ddof=1)):
        result.warnings.append(
            f"the instrument's interval ({wide:.2g}) is wider than the cells scatter "
            f"({cells.value.std(ddof=1):.2g}): it is the instrument that is judged, too"
        )
    shown = worst.low >= options.wanted
    verdict = "shown" if shown else "refuted" if worst.high < options.wanted else "not shown"
    share = stats.beta.ppf(0.5 + options.confidence / 2.0, outside.sum() + 1, n - outside.sum())
    result.sentences.append(
        f"Ppk {worst.value:.3g} ({options.confidence:.0%} interval {worst.low:.3g} to "
        f"{worst.high:.3g}), {_side(cells, worst.limit)}; {options.wanted:g} is {verdict}; "
        f"{outside.sum()} of {n} cells lie outside (at most {100.0 * share:.3g} % of all)"
    )
    result.assumptions += [
        "sigma: overall standard deviation of the cells; normal on the scale that is judged",
        "intervals: Ppk after Bissell, Pp by the chi-squared distribution; share outside after "
        "Clopper and Pearson",
    ]
    rows = [("Ppk", worst), *([("Pp", both)] if both is not None else [])]
    result.tables.append(
        ResultTable(
            "capability",
            [
                ResultColumn("index", np.array([name for name, _ in rows], object), "", ""),
                ResultColumn("value", [item.value for _, item in rows], "1", ""),
                ResultColumn("low", [item.low for _, item in rows], "1", "of its interval"),
                ResultColumn("high", [item.high for _, item in rows], "1", "of its interval"),
                ResultColumn("n", [n] * len(rows), "1", "cells"),
                ResultColumn("outside", [int(outside.sum())] * len(rows), "1", "cells"),
            ],
        )
    )
    marks = {
        name: value for name, value in (("lower limit", low), ("upper limit", high))
        if value is not None
    }  # fmt: skip
    ranked = np.sort(cells.y)
    points = stats.norm.ppf((np.arange(1, n + 1) - 0.375) / (n + 0.25))
    line = Curve("normal", points, cells.y.mean() + points * cells.y.std(ddof=1), style="dashed")
    curves = [Curve("cells", points, ranked, style="points"), line]
    panel = Panel("Normal Quantile / 1", cells.scale_said, curves, y_marks=marks)
    result.figures.append(FigurePlan("capability", NAME, [panel]))
    return result


def _limits(cells: Cells, options: Options) -> tuple[float | None, float | None]:
    """Return the limits on the scale that is judged, lower first."""
    if not cells.logarithmic:
        return options.lower, options.upper
    turned: list[float | None] = []
    for limit in (options.upper, options.lower):  # an upper CE is a lower loss
        if limit is None:
            turned.append(None)
            continue
        scaled = float(inefficiency_scale(np.array([limit]))[0])
        if not np.isfinite(scaled):
            raise UsageError(
                f"{limit:g} is no limit of an efficiency: at 1 nothing is lost.",
                remedy="State one below 1, such as 0.999.",
            )
        turned.append(scaled)
    return turned[0], turned[1]


def _side(cells: Cells, limit: str) -> str:
    if cells.logarithmic:
        limit = {"upper": "lower", "lower": "upper"}[limit]
    return f"the {limit} limit of {cells.metric} decides"
