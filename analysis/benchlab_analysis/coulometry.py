"""High-precision coulometry: which electrode loses what, from the slippage of both endpoints.

On an axis of cumulative charge each cycle ends its charge and its discharge a little farther on.
What the charge endpoint slips is the side current at the positive electrode, what the discharge
endpoint slips that at the negative one; their difference is the fade.
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
from benchlab_analysis._pairing import NONE
from benchlab_analysis.cycles import PAIRINGS, CycleTable, cycle_table

__all__ = ["HELP", "NAME", "TAKES", "Options", "Slippage", "analyse", "slippage"]

NAME = "High-precision coulometry"
HELP = "endpoint slippage, fade split, inefficiency per hour, with the channel's accuracy"
TAKES = "test"

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    first: int | None = option(None, "first cycle of the window", unit="cycle")
    last: int | None = option(None, "last cycle of the window", unit="cycle")
    pairing: str = option("", "as for the cycle table", choices=tuple(PAIRINGS))


@dataclass(frozen=True)
class Slippage:
    """Slippage a cycle, arrays of shape (n,), in Ah; NaN where the cycle before is not whole.

    Attributes
    ----------
    cycle : ndarray
    charge, discharge : ndarray
        By how much the endpoint of charge, and of discharge, went on since the cycle before.
    fade : ndarray
        Discharge capacity lost since the cycle before: the difference of the two.
    inefficiency, per_hour, cumulative : ndarray
        1 - CE; the same per hour of the cycle; and its sum so far.
    charge_reach, discharge_reach, fade_reach, inefficiency_reach : ndarray
        Half-widths of their intervals: what the stated accuracy allows at worst.
    hours : ndarray
        Of the cycle.
    """

    cycle: npt.NDArray[np.uint32]
    charge: Floats
    discharge: Floats
    fade: Floats
    inefficiency: Floats
    per_hour: Floats
    cumulative: Floats
    charge_reach: Floats
    discharge_reach: Floats
    fade_reach: Floats
    inefficiency_reach: Floats
    hours: Floats


def slippage(table: CycleTable, first: int | None = None, last: int | None = None) -> Slippage:
    """Return the slippage of both endpoints of each complete cycle.

    With c_n and d_n the cumulative charge at the end of charge and of discharge of cycle n:
    c_n - c_(n-1) = Qc_n - Qd_(n-1), d_n - d_(n-1) = Qc_n - Qd_n, and their difference
    Qd_(n-1) - Qd_n is the fade, so 1 - CE_n = (slippage of charge + fade) / Qc_n. Qc is what went
    in and Qd what came out, whichever terminal that is.

    The bound of an interval is the stated accuracy, taken at its worst. Gain errors of two like
    half cycles are one error, so that they cancel in the fade but for the difference; offsets and
    edges are taken as independent there too, which is wider.

    Parameters
    ----------
    first, last : int, optional
        The window of cycles, both included.

    References
    ----------
    Smith, Burns, Trussler and Dahn, J. Electrochem. Soc. 157 (2010) A196: endpoint slippage.
    """
    cycle = table["cycle_count"]
    whole = table["complete"] & ~table["excluded"] & (table["kind"] != "imposed cycle")
    whole &= np.isfinite(table["input_ah"]) & np.isfinite(table["output_ah"])
    whole &= (cycle >= (first or 0)) & (cycle <= (np.inf if last is None else last))
    place = np.flatnonzero(whole)
    gone_in, out = table["input_ah"][place], table["output_ah"][place]
    quantum = table["coulombic_efficiency_resolution"][place] * gone_in
    in_reach = table["input_half_width_ah"][place] + np.nan_to_num(quantum)
    out_reach = table["output_half_width_ah"][place] + np.nan_to_num(quantum)
    follows = np.zeros(place.size, dtype=np.bool_)
    follows[1:] = np.diff(cycle[place].astype(np.int64)) == 1
    hours = table["duration_second"][place] / 3600.0
    inefficiency = 1.0 - out / gone_in

    def since(values: Floats, earlier: Floats) -> Floats:
        moved = np.full(values.size, np.nan)
        moved[1:] = values[1:] - earlier[:-1]
        return np.where(follows, moved, np.nan)

    def both(values: Floats, earlier: Floats) -> Floats:
        wide = np.full(values.size, np.nan)
        wide[1:] = values[1:] + earlier[:-1]
        return np.where(follows, wide, np.nan)

    return Slippage(
        cycle[place],
        since(gone_in, out),
        gone_in - out,
        -since(out, out),
        inefficiency,
        inefficiency / hours,
        np.cumsum(inefficiency),
        both(in_reach, out_reach),
        in_reach + out_reach,
        both(out_reach, out_reach),
        np.hypot(
            table["coulombic_efficiency_half_width"][place],
            np.nan_to_num(table["coulombic_efficiency_resolution"][place]),
        ),
        hours,
    )


def analyse(run: Run, options: Options) -> Result:
    """Return slippage, fade split and inefficiency of a run."""
    table = cycle_table(run, pairing=options.pairing or None)
    result = Result(
        corrections=list(table.provenance.corrections), warnings=list(table.provenance.notes)
    )
    result.assumptions += [
        f"pairing: {table.provenance.pairing} ({table.provenance.pairing_reason})",
        f"interval: {table.provenance.interval}",
        "all that leaves an electrode's balance is a side current at it: no active material is "
        "lost, no current leaks through the cell",
        "each endpoint is one electrode's alone; where the other's potential slopes there too, a "
        "few per cent of one side current show as the other",
    ]
    if table.provenance.pairing == NONE:
        result.sentences.append("slippage: not supported, this cell has no efficiency")
        return result
    found = slippage(table, options.first, options.last)
    steps = np.isfinite(found.charge)
    if np.count_nonzero(steps) < 2:
        result.sentences.append(
            f"slippage: not supported, {np.count_nonzero(steps)} pairs of whole cycles < 2"
        )
        return result
    if not np.isfinite(found.inefficiency_reach).any():
        result.warnings.append(
            "THE ACCURACY OF THE CHANNEL IS NOT KNOWN: no figure here has an interval, and a "
            "usual cycler is off by more than what coulometry looks for"
        )
    if table.provenance.source == "integration":
        result.warnings.append("integrated rows are too coarse for coulometry")
    _say(result, found, steps)
    result.tables.append(_table(found))
    result.figures.append(_figure(found))
    return result


def _say(result: Result, found: Slippage, steps: Flags) -> None:
    number = int(np.count_nonzero(steps))
    for name, values, reach in (
        ("charge endpoint slips", found.charge, found.charge_reach),
        ("discharge endpoint slips", found.discharge, found.discharge_reach),
        ("fade", found.fade, found.fade_reach),
    ):
        mean, wide = float(values[steps].mean()), float(reach[steps].mean())
        # the channel's own error does not average out; the scatter of cycles does
        told = f"+- {1e3 * wide:.3g} mAh by the channel" if np.isfinite(wide) else "not known"
        scatter = float(values[steps].std(ddof=1) / np.sqrt(number))
        zero = np.isfinite(wide) and abs(mean) <= wide
        result.sentences.append(
            f"{name}: {1e3 * mean:.4g} mAh a cycle ({told}; +- {1e3 * scatter:.2g} by scatter of "
            f"{number} cycles)" + ("; not told from nothing" if zero else "")
        )
    per_hour = float(found.per_hour[steps].mean())
    off = float((found.inefficiency_reach / found.hours)[steps].mean())
    wide_text = f"+- {off:.2g}" if np.isfinite(off) else "interval not known"
    result.sentences.append(
        f"inefficiency per hour: {per_hour:.3g} ({wide_text}); cumulative over "
        f"{found.cycle.size} cycles: {found.cumulative[-1]:.4g}"
    )


def _table(found: Slippage) -> ResultTable:
    hour = "1/h"
    return ResultTable(
        "slippage",
        [
            ResultColumn("cycle_count", found.cycle, "1"),
            ResultColumn("charge_endpoint_slippage_ah", found.charge, "Ah"),
            ResultColumn("charge_endpoint_half_width_ah", found.charge_reach, "Ah"),
            ResultColumn("discharge_endpoint_slippage_ah", found.discharge, "Ah"),
            ResultColumn("discharge_endpoint_half_width_ah", found.discharge_reach, "Ah"),
            ResultColumn("fade_ah", found.fade, "Ah"),
            ResultColumn("fade_half_width_ah", found.fade_reach, "Ah"),
            ResultColumn("coulombic_inefficiency", found.inefficiency, "1", "1 - CE"),
            ResultColumn("coulombic_inefficiency_half_width", found.inefficiency_reach, "1"),
            ResultColumn("coulombic_inefficiency_per_hour", found.per_hour, hour),
            ResultColumn("capacity_loss_per_hour_ah", found.fade / found.hours, "Ah/h"),
            ResultColumn("cumulative_coulombic_inefficiency", found.cumulative, "1"),
        ],
    )


def _figure(found: Slippage) -> FigurePlan:
    def curve(name: str, values: Floats, reach: Floats) -> Curve:
        wide = np.nan_to_num(reach)
        return Curve(
            name, found.cycle, 1e3 * values, 1e3 * (values - wide), 1e3 * (values + wide), "points"
        )

    return FigurePlan(
        "coulometry",
        "Endpoint slippage and inefficiency",
        [
            Panel(
                "",
                "Slippage a Cycle / mAh",
                [
                    curve("charge endpoint", found.charge, found.charge_reach),
                    curve("discharge endpoint", found.discharge, found.discharge_reach),
                    curve("fade", found.fade, found.fade_reach),
                ],
                note="interval: worst case of the channel's stated accuracy"
                if np.isfinite(found.charge_reach).any()
                else "the channel's accuracy is not known",
            ),
            Panel(
                "Cycle Count / 1",
                "Cumulative Inefficiency / 1",
                [Curve("", found.cycle, found.cumulative)],
            ),
        ],
        share_x=True,
    )
