"""Lithium-sulfur: plateaus, the shuttle constant, and efficiencies that a lid imposed.

The upper plateau is what a discharge gives above a split voltage (between 2.35 and 2.10 V, under
current), the lower one what it gives below. Of theory the lower holds three times the upper; more
loss there is precipitation, more loss above is shuttle.

Shuttle: while a full cell rests, the charge of the upper plateau decays, d ln Q_up / dt = -k_s
(Mikhaylik and Akridge, J. Electrochem. Soc. 151 (2004) A1969). The slope of ln Q_up against the
rest is k_s; each plateau is divided by the charge below it, so that capacity lost from one fill to
the next does not count as shuttle. The charge shuttle factor is f_c = k_s q_up / I_c; at 1 and
above a charge never ends by voltage.

A charge that a lid ended (a capacity or a time) has an efficiency that the lid set: it is marked
and stays out of means.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

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
from benchlab_analysis._phases import Phase, large, moved, phases

__all__ = ["HELP", "NAME", "TAKES", "Decay", "Options", "Plateaus", "analyse", "decay"]

NAME = "Lithium-sulfur: plateaus and shuttle"
HELP = "plateau capacities, shuttle constant and factor, efficiencies a lid imposed"
TAKES = "test"

Floats = npt.NDArray[np.float64]

SHORT_HOUR = 0.2
"""After a longer rest the shuttle has its share in the efficiency."""

LID = ("capacity", "time", "at_most", "net_capacity")


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    split: float = option(2.2, "voltage between the plateaus, under current", unit="V")
    confidence: float = option(0.95, "of the interval of k_s")
    shortest_rest: float = option(
        0.5, "a shorter rest after a charge counts as none for k_s", unit="h"
    )


class Plateaus(NamedTuple):
    """A discharge: hours of rest before, Ah above and below the split, and the charge before."""

    phase: Phase
    charge: Phase | None
    rest_hour: float
    upper: float
    lower: float
    half_width: float
    full_before: bool


class Decay(NamedTuple):
    """k_s per hour, the half-width of its interval, and the rest of the fit."""

    per_hour: float
    half_width: float
    intercept: float
    points: int


def decay(hour: Floats, charge: Floats, width: Floats, confidence: float) -> Decay:
    """Fit ln(charge) = a - k hour; NaN with fewer than 3 points or one rest.

    The interval is the fit's own and, beside it, what the relative half-widths of the first and
    last point can turn the line by.
    """
    if hour.size < 3 or np.ptp(hour) <= 0.0:
        return Decay(np.nan, np.nan, np.nan, int(hour.size))
    logs = np.log(charge)
    slope, intercept = np.polyfit(hour, logs, 1)
    residual = logs - intercept - slope * hour
    away = hour - hour.mean()
    spread = np.sqrt(float(residual @ residual) / (hour.size - 2) / float(away @ away))
    reach = float(student.ppf(0.5 + confidence / 2.0, hour.size - 2)) * spread
    systematic = float(np.nan_to_num(width).max()) * 2.0 / float(np.ptp(hour))
    return Decay(-float(slope), float(reach + systematic), float(intercept), int(hour.size))


def analyse(run: Run, options: Options) -> Result:
    """Return one row a discharge, k_s where rests of several lengths allow it, and the factor."""
    result = Result()
    found = _plateaus(run, options)
    if not found:
        result.warnings.append(
            f"no discharge crosses {options.split:g} V: there are no two plateaus"
        )
        return result
    result.assumptions.append(
        f"plateaus are split at {options.split:g} V under current; efficiency is discharge over "
        "the charge before it"
    )
    _table(found, result)
    _efficiency(found, result)
    _shuttle(found, options, result)
    _figure(found, result)
    return result


def _plateaus(run: Run, options: Options) -> list[Plateaus]:
    """Return the discharges; neighbouring steps are one, split by voltage and not by step."""
    everything = phases(run)
    if not everything:
        return []
    counter = moved(run)[-1]
    driven = large(everything)
    groups: list[list[Phase]] = []
    for phase in driven:
        if groups and groups[-1][-1].sign == phase.sign:
            groups[-1].append(phase)
        else:
            groups.append([phase])
    out = []
    for before, group in pairwise([[], *groups]):
        if group[0].sign > 0 or group[-1].end_voltage > options.split:
            continue
        index = np.concatenate([np.arange(p.first, p.last + 1) for p in group])
        volts = np.asarray(run["voltage_volt"][index], dtype=np.float64)
        start = counter[max(group[0].first - 1, 0)]
        charge = np.asarray(counter[index] - start, dtype=np.float64)
        seen = np.isfinite(volts) & np.isfinite(charge)
        volts, charge = volts[seen], charge[seen]
        below = np.flatnonzero(volts <= options.split)
        if not below.size or below[0] == 0:
            continue
        k = int(below[0])
        share = (volts[k - 1] - options.split) / max(volts[k - 1] - volts[k], 1e-9)
        upper = float(charge[k - 1] + share * (charge[k] - charge[k - 1]))
        total = sum(phase.charge for phase in group)
        width = sum(phase.charge_half_width for phase in group) + charge[k] - charge[k - 1]
        filled = before[-1] if before else None
        rest = (group[0].start - filled.end) / 3600.0 if filled else np.nan
        out.append(
            Plateaus(
                group[0]._replace(charge=total), filled and _whole(before), rest, upper,
                total - upper, float(width), bool(filled and filled.end_reason not in LID),
            )
        )  # fmt: skip
    return out


def _whole(group: list[Phase]) -> Phase:
    return group[-1]._replace(charge=sum(phase.charge for phase in group), start=group[0].start)


def _imposed(item: Plateaus) -> bool:
    return item.charge is not None and not item.full_before


def _table(found: list[Plateaus], result: Result) -> None:
    into = np.array([item.charge.charge if item.charge else np.nan for item in found])
    out = np.array([item.phase.charge for item in found])
    result.tables.append(
        ResultTable(
            "plateaus",
            [
                ResultColumn("step_count", [p.phase.number for p in found], "1", "the discharge"),
                ResultColumn("cycle_count", [p.phase.cycle for p in found], "1", "its cycle"),
                ResultColumn("rest_hour", [p.rest_hour for p in found], "h", "since the charge"),
                ResultColumn("upper_ah", [p.upper for p in found], "Ah", "above the split"),
                ResultColumn("lower_ah", [p.lower for p in found], "Ah", "below the split"),
                ResultColumn(
                    "upper_half_width_ah", [p.half_width for p in found], "Ah",
                    "accuracy, and the distance of the rows at the split",
                ),
                ResultColumn(
                    "lower_over_upper", [p.lower / p.upper for p in found], "1", "3 of theory"
                ),
                ResultColumn("charge_before_ah", into, "Ah", "that filled the cell"),
                ResultColumn("coulombic_efficiency", out / into, "1", "discharge over that charge"),
                ResultColumn(
                    "imposed", [_imposed(p) for p in found], "1",
                    "a lid ended the charge: the efficiency is what the lid was",
                ),
            ],
        )
    )  # fmt: skip
    usual = found[-1]
    result.sentences.append(
        f"last discharge (step {usual.phase.number}): upper plateau {usual.upper:.4g} Ah, lower "
        f"{usual.lower:.4g} Ah, ratio {usual.lower / usual.upper:.3g}"
    )


def _efficiency(found: list[Plateaus], result: Result) -> None:
    free = [
        item.phase.charge / item.charge.charge
        for item in found
        if item.charge is not None and not _imposed(item) and item.rest_hour < SHORT_HOUR
    ]
    imposed = sum(_imposed(item) for item in found)
    if imposed:
        result.warnings.append(
            f"in {imposed} of {len(found)} cycles a lid (capacity or time) ended the charge: their "
            "coulombic efficiency is imposed, and stays out of the mean"
        )
    if free:
        result.sentences.append(
            "coulombic efficiency (discharge over the charge before): median "
            f"{np.median(free):.4f} of {len(free)} charges that ended by themselves, no rest after"
        )


def _shuttle(found: list[Plateaus], options: Options, result: Result) -> None:
    usable = [item for item in found if item.charge is not None and item.full_before]
    hour = np.array([item.rest_hour for item in usable])
    if np.count_nonzero(hour >= options.shortest_rest) < 2 or hour.size < 3:
        result.warnings.append(
            "k_s needs discharges after at least three rests of different length, two of them "
            f"of {options.shortest_rest:g} h or more, each after a charge that ended by itself"
        )
        return
    upper = np.array([item.upper for item in usable])
    lower = np.array([item.lower for item in usable])
    share = np.array([item.half_width / item.upper for item in usable])
    fit = decay(hour, upper / lower, share, options.confidence)
    # the same without the division: what capacity lost from fill to fill does to it
    plain = decay(hour, upper, share, options.confidence)
    width = fit.half_width + abs(fit.per_hour - plain.per_hour)
    full = float(np.exp(plain.intercept))
    result.assumptions += [
        "k_s: slope of ln(Q_up / Q_low) against the rest; its interval holds the fit, the "
        "accuracy, and the difference to ln(Q_up) alone",
        "the shuttle that goes on during the discharge shifts all points alike",
    ]
    result.sentences.append(
        f"shuttle constant k_s = {fit.per_hour:.4g} +- {width:.2g} per hour from {fit.points} "
        f"rests of {hour.min():.2g} to {hour.max():.3g} h"
    )
    rows = []
    for item in usable:
        if item.charge is None:
            continue
        ampere = abs(item.charge.current)
        rows.append((item.charge.number, ampere, fit.per_hour * full / ampere,
                     width * full / ampere))  # fmt: skip
    result.tables.append(
        ResultTable(
            "shuttle",
            [
                ResultColumn("step_count", [row[0] for row in rows], "1", "the charge"),
                ResultColumn("current_ampere", [row[1] for row in rows], "A", "mean of the charge"),
                ResultColumn("shuttle_factor", [r[2] for r in rows], "1", "f_c = k_s q_up / I"),
                ResultColumn("shuttle_factor_half_width", [r[3] for r in rows], "1", "from k_s"),
                ResultColumn(
                    "k_s_per_hour", np.full(len(rows), fit.per_hour), "1/h", "shuttle constant"
                ),
                ResultColumn(
                    "k_s_half_width_per_hour", np.full(len(rows), width), "1/h", "of its interval"
                ),
            ],
        )
    )
    factor = float(np.median([row[2] for row in rows]))
    said = "a charge never ends by voltage" if factor >= 1.0 else "a charge ends by voltage"
    result.sentences.append(
        f"charge shuttle factor f_c = {factor:.3g} with q_up = {full:.4g} Ah: {said}"
    )
    line = np.linspace(0.0, float(hour.max()), 50)
    points = Curve("Q_up / Q_low", hour, upper / lower, style="points")
    fitted = Curve(f"k_s = {fit.per_hour:.4g} +- {width:.2g} 1/h", line,
                   np.exp(fit.intercept - fit.per_hour * line))  # fmt: skip
    panel = Panel("Rest / h", "Upper over Lower Plateau / 1", [points, fitted], log_y=True)
    result.figures.append(FigurePlan("shuttle", "Shuttle constant", [panel]))


def _figure(found: list[Plateaus], result: Result) -> None:
    x = [item.phase.number for item in found]
    lines = [
        Curve("upper plateau", x, [item.upper for item in found], style="points"),
        Curve("lower plateau", x, [item.lower for item in found], style="points"),
    ]
    panel = Panel("Step Count / 1", "Discharging Capacity / Ah", lines)
    result.figures.append(FigurePlan("plateaus", NAME, [panel]))
