"""The rate at which a cell loses capacity, and its mean coulombic efficiency, over a window."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from scipy.stats import theilslopes

from benchlab.errors import UsageError
from benchlab.model.run import Run
from benchlab_analysis._analysis import Result, option
from benchlab_analysis._fade_data import chosen_cycles, neighbour_correlation
from benchlab_analysis._fade_result import fade_result
from benchlab_analysis.cycles import PAIRINGS, CycleTable, cycle_table

__all__ = ["HELP", "NAME", "TAKES", "FadeRate", "Options", "analyse", "fade_rate"]

NAME = "Capacity fade and life"
HELP = "fade rate, laws of fade, knee, and end of life, each with its interval or why not"
TAKES = "test"


LONGEST = 1500
"""Points used at most: the slopes of all pairs need memory as its square."""


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    first: int | None = option(None, "first cycle of the window", unit="cycle")
    last: int | None = option(None, "last cycle of the window", unit="cycle")
    reference: int | None = option(None, "the cycle that retention refers to", unit="cycle")
    end_of_life: float = option(0.8, "retention at which a cell's life ends", unit="1")
    confidence: float = option(0.95, "of every interval, between 0 and 1", unit="1")
    pairing: str = option("", "as for the cycle table", choices=tuple(PAIRINGS))


@dataclass(frozen=True, slots=True)
class FadeRate:
    """A fade rate over a window of cycles; NaN where it is not supported.

    Attributes
    ----------
    supported : bool
        Whether there were cycles enough.
    percent_per_100_cycles, low, high : float
        Loss of retention, positive while the cell fades, and its interval.
    confidence : float
        That of the interval.
    mean_coulombic_efficiency, coulombic_efficiency_half_width : float
        Over the same window. The half-width is the mean of those of the cycles: what a stated
        accuracy allows does not average out.
    cycle_number, first_cycle, last_cycle : int
        How many cycles were used, and the window; 0 where there are none.
    sentence : str
    """

    supported: bool
    percent_per_100_cycles: float
    low: float
    high: float
    confidence: float
    mean_coulombic_efficiency: float
    coulombic_efficiency_half_width: float
    cycle_number: int
    first_cycle: int
    last_cycle: int
    sentence: str


def analyse(run: Run, options: Options) -> Result:
    """Return fade rate, fitted laws, knee and end of life of a run.

    Raises
    ------
    benchlab.errors.UsageError
        For a confidence or an end of life that is no share.
    """
    for name, value in (("confidence", options.confidence), ("end of life", options.end_of_life)):
        if not 0.0 < value < 1.0:
            raise UsageError(f"the {name} is {value:g}.", remedy="It lies between 0 and 1.")
    table = cycle_table(run, pairing=options.pairing or None, reference=options.reference)
    rate = fade_rate(table, first=options.first, last=options.last, confidence=options.confidence)
    return fade_result(table, rate, options.first, options.last, options.end_of_life)


def fade_rate(
    table: CycleTable,
    *,
    first: int | None = None,
    last: int | None = None,
    at_least: int = 10,
    confidence: float = 0.95,
) -> FadeRate:
    """Return the robust slope of retention over the complete cycles of kind ``cycle``.

    Cycles that a correction excluded are left out, and so are those at another rate than most.

    Parameters
    ----------
    table : CycleTable
    first, last : int, optional
        The window of cycles, both included; all of them if left out.
    at_least : int
        Fewer cycles give no rate.
    confidence : float
        That of the interval, between 0 and 1.

    References
    ----------
    Sen, J. Am. Stat. Assoc. 63 (1968) 1379: the median slope of all pairs, and its interval, for
    residuals that are independent of each other.
    """
    cycle = table["cycle_count"].astype(np.float64)
    retention = table["capacity_retention"]
    index, others = chosen_cycles(table, first, last)
    number = int(index.size)
    window = (int(cycle[index[0]]), int(cycle[index[-1]])) if number else (0, 0)
    efficiency = table["coulombic_efficiency"][index]
    widths = table["coulombic_efficiency_half_width"][index][np.isfinite(efficiency)]
    efficiency = efficiency[np.isfinite(efficiency)]
    mean = float(efficiency.mean()) if efficiency.size else nan
    width = float(widths.mean()) if widths.size else nan
    imposed = int(np.count_nonzero(table["complete"] & (table["kind"] == "imposed cycle")))
    left_out = f"; {others} at other rates are left out" if others else ""
    left_out += f"; {imposed} imposed ones do not count" if imposed else ""
    if number < at_least:
        return FadeRate(
            False, nan, nan, nan, confidence, mean, width, number, *window,
            f"fade rate: not supported, {number} complete cycles < {at_least}{left_out}",
        )  # fmt: skip
    used = index if number <= LONGEST else index[np.linspace(0, number - 1, LONGEST).astype(int)]
    slope, level, low, high = theilslopes(retention[used], cycle[used], alpha=confidence)
    alike = neighbour_correlation(retention[used] - level - slope * cycle[used], 1)
    if alike > 0.0:  # the interval is that of independent points
        wider = np.sqrt((1.0 + alike) / (1.0 - alike))
        low, high = slope + wider * (low - slope), slope + wider * (high - slope)
    rate, rate_low, rate_high = (-1e4 * float(value) for value in (slope, high, low))
    wide = f", widened by {wider:.1f} since neighbours are alike" if alike > 0.0 else ""
    thinned = f", every {number / LONGEST:.1f}th used" if number > LONGEST else ""
    sentence = (
        f"fade rate {rate:.3g} % per 100 cycles ({confidence:.0%} interval {rate_low:.3g} to "
        f"{rate_high:.3g}{wide}), Theil-Sen over {number} complete cycles, "
        f"{window[0]} to {window[1]}{thinned}; retention refers to cycle "
        f"{table['retention_reference_cycle'][index[0]]}{left_out}"
    )
    return FadeRate(
        True, rate, rate_low, rate_high, confidence, mean, width, number, *window, sentence
    )  # fmt: skip
