"""Lot against lot: how far apart two lots are, with an interval, by cells and unpaired.

The difference of the means has Welch's interval, which allows each lot its own spread. Beside it
stand the shift of Hodges and Lehmann, which one outlier cannot move, and Hedges' g, the effect in
standard deviations. An interval that holds 0 means that no difference was shown, not that there is
none. Efficiencies are compared as log10(1 - CE); the difference there is a ratio of losses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
from benchlab_analysis._statistics import Effect, compare

__all__ = ["HELP", "NAME", "TAKES", "Options", "analyse"]

NAME = "Lot against lot"
HELP = "difference of two lots with its interval, unpaired, n = cells"
TAKES = "cells"

FEWEST = 3


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    metric: str = option("discharge capacity", "one number a cell", choices=METRICS)
    reference: str = option("", "the lot others are compared with; the first by name if left out")
    confidence: float = option(0.95, "of the intervals")


def analyse(runs: Sequence[Run], options: Options) -> Result:
    """Return one row a lot that is compared with the reference.

    Raises
    ------
    benchlab.errors.UsageError
        For a reference lot that is not there.
    """
    if not 0.5 <= options.confidence < 1.0:
        raise UsageError("the confidence lies between 0.5 and 1.", remedy="0.95 is usual.")
    result = Result()
    cells = gather(runs, options.metric, result)
    known = sorted(set(cells.lot.tolist()))
    if len(known) < 2:
        result.warnings.append(
            "it takes cells of two lots; the lot stands in the cell file as 'lot'"
        )
        return result
    reference = options.reference or known[0]
    if reference not in known:
        raise UsageError(f"there is no lot {reference!r}.", remedy=f"Known: {', '.join(known)}.")
    a = cells.y[cells.lot == reference]
    others = [lot for lot in known if lot != reference]
    rows = []
    for lot in others:
        b = cells.y[cells.lot == lot]
        if min(a.size, b.size) < FEWEST:
            result.warnings.append(
                f"lot {lot} ({b.size} cells) against {reference} ({a.size}): it takes {FEWEST} "
                "cells each"
            )
            continue
        found = compare(a, b, options.confidence)
        rows.append((lot, b.size, found))
        result.sentences.append(_sentence(cells, lot, reference, b.size, a.size, found, options))
    if len(others) > 1:
        result.warnings.append(
            f"{len(others)} comparisons: among so many one interval is easily without 0 by chance"
        )
    if not rows:
        return result
    wide = cells.half_width[np.isfinite(cells.half_width)]
    if wide.size and not cells.logarithmic and any(
        abs(row[2].difference) < float(np.median(wide)) for row in rows
    ):  # fmt: skip
        result.warnings.append(
            f"a difference is smaller than the accuracy of one instrument ({np.median(wide):.2g} "
            f"{cells.unit}): lots on different channels differ by that much alone"
        )
    result.assumptions.append(
        f"unpaired; Welch's interval of the mean, B minus {reference}, on {cells.scale_said}"
    )
    names = [
        "difference", "low", "high", "shift", "shift_low", "shift_high", "effect", "effect_low",
        "effect_high", "p_welch", "p_rank",
    ]  # fmt: skip
    unit = "1" if cells.logarithmic else cells.unit
    result.tables.append(
        ResultTable(
            "comparison",
            [
                ResultColumn("lot", np.array([row[0] for row in rows], object), "", "B"),
                ResultColumn("reference", np.array([reference] * len(rows), object), "", "A"),
                ResultColumn("n", [row[1] for row in rows], "1", "cells of B"),
                ResultColumn("reference_n", [a.size] * len(rows), "1", "cells of A"),
                *(
                    ResultColumn(
                        name, [getattr(row[2], name) for row in rows],
                        unit if place < 6 else "1", "see the definition",
                    )
                    for place, name in enumerate(names)
                ),
            ],
        )
    )  # fmt: skip
    curves = [
        Curve(f"lot {lot}", np.full(np.count_nonzero(cells.lot == lot), place + 1.0),
              cells.y[cells.lot == lot], style="points")
        for place, lot in enumerate(known)
    ]  # fmt: skip
    panel = Panel("Lot / 1", cells.scale_said, curves, "one point a cell")
    result.figures.append(FigurePlan("lots", NAME, [panel]))
    return result


def _sentence(
    cells: Cells, lot: str, reference: str, n: int, other: int, found: Effect, options: Options
) -> str:
    low, high, middle = found.low, found.high, found.difference
    if cells.logarithmic:
        said = (
            f"loses {10.0**middle:.3g} times as much as {reference} (interval {10.0**low:.3g} to "
            f"{10.0**high:.3g})"
        )
    else:
        said = f"{middle:+.4g} {cells.unit} from {reference} (interval {low:+.4g} to {high:+.4g})"
    verdict = "no difference is shown" if low <= 0.0 <= high else "they differ"
    return (
        f"lot {lot} ({n} cells) {said}, {other} cells of {reference}, {options.confidence:.0%}: "
        f"{verdict}; Hedges' g {found.effect:.3g}"
    )
