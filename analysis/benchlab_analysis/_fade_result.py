"""The fade of a cell as a result: sentences, tables and the figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchlab_analysis._analysis import (
    Curve,
    FigurePlan,
    Panel,
    Result,
    ResultColumn,
    ResultTable,
)
from benchlab_analysis._fade_data import FadeData, fade_data, running_median
from benchlab_analysis._fits import Fit, best_fit, fit_laws
from benchlab_analysis._knee import Knee, find_knee
from benchlab_analysis._life import Life, from_cycle, observed_end, projected_end

if TYPE_CHECKING:
    from benchlab_analysis.cycles import CycleTable
    from benchlab_analysis.fade import FadeRate

__all__ = ["fade_result"]


def fade_result(
    table: CycleTable, rate: FadeRate, first: int | None, last: int | None, threshold: float
) -> Result:
    """Return everything that is said of the fade of a cycle table.

    Parameters
    ----------
    rate : FadeRate
        Its confidence is that of all intervals.
    first, last : int, optional
        The window of cycles.
    threshold : float
        The retention at which a life ends.
    """
    data = fade_data(table, first, last)
    confidence = rate.confidence
    fits = fit_laws(data, confidence)
    knee = find_knee(data, fits, confidence)
    lives = _lives(data, fits, knee, threshold, confidence)
    result = Result(sentences=[rate.sentence, _say_knee(knee, confidence)])
    chosen = best_fit(fits)
    if chosen is not None:
        result.sentences.append(
            f"law of fade: {chosen.formula} with "
            + ", ".join(
                f"{name} = {value:.4g} ({low:.4g} to {high:.4g})"
                for name, value, low, high in zip(
                    chosen.names, chosen.values, chosen.low, chosen.high, strict=True
                )
            )
            + "; the simplest that the points support"
        )
    result.sentences.append(_say_life(lives[0], threshold, confidence))
    result.tables += [_rate_table(rate), _law_table(fits), _knee_table(knee), _life_table(lives)]
    result.assumptions += [
        f"pairing: {table.provenance.pairing} ({table.provenance.pairing_reason})",
        f"retention refers to cycle {data.reference}; n counts the cycles since it",
        f"intervals: {confidence:.0%}, noise of a point {data.sigma:.2g} in retention",
        "outliers are told by a running median of 11 cycles; Theil-Sen uses them all",
    ]
    if data.correlation > 0.0:
        result.assumptions.append(
            f"neighbouring cycles are alike (correlation {data.correlation:.2f}): intervals are "
            f"widened by {data.widening:.1f}"
        )
    result.corrections += [*table.provenance.corrections, *data.left_out]
    result.warnings += table.provenance.notes
    if data.y.size:
        result.figures.append(_figure(data, chosen, knee, lives[0], threshold, table))
    return result


def _lives(
    data: FadeData, fits: list[Fit], knee: Knee, threshold: float, confidence: float
) -> list[Life]:
    """Return the end of life that counts first, and what each law says."""
    seen = observed_end(data, threshold, confidence)
    if seen is not None:
        return [seen]
    projected = [projected_end(data, fit, threshold, confidence) for fit in fits]
    if knee.found:
        after = from_cycle(data, knee.knee)
        line = fit_laws(after, confidence)[0]
        return [projected_end(after, line, threshold, confidence), *projected]
    chosen = best_fit(fits)
    if chosen is None:
        return [Life(False, why_not=fits[0].why_not), *projected]
    head = next(life for life in projected if life.law == chosen.law)
    return [head, *(life for life in projected if life is not head)]


def _say_knee(knee: Knee, confidence: float) -> str:
    if not knee.found:
        return f"knee: none, {knee.why_not}"
    return (
        f"knee at cycle {knee.knee:.0f} ({confidence:.0%} interval {knee.knee_low:.0f} to "
        f"{knee.knee_high:.0f}, Bacon-Watts), onset at {knee.onset:.0f} ({knee.onset_low:.0f} to "
        f"{knee.onset_high:.0f}, first of two breaks); Kneedle says {knee.kneedle:.0f}; the fade "
        f"goes from {-1e4 * knee.slope_before:.3g} to {-1e4 * knee.slope_after:.3g} % per 100 "
        "cycles"
    )


def _say_life(life: Life, threshold: float, confidence: float) -> str:
    name = f"end of life at {threshold:.0%}"
    if not np.isfinite(life.cycle):
        return f"{name}: not supported, {life.why_not}"
    if life.seen:
        if not np.isfinite(life.low):
            return f"{name}: seen near cycle {life.cycle:.0f}, no interval: {life.why_not}"
        return (
            f"{name}: seen at cycle {life.cycle:.0f} ({confidence:.0%} interval {life.low:.0f} to "
            f"{life.high:.0f})"
        )
    high = f"{life.high:.0f}" if np.isfinite(life.high) else "no upper bound"
    return (
        f"{name}: projected at cycle {life.cycle:.0f} ({confidence:.0%} interval {life.low:.0f} "
        f"to {high}), if the {life.law} law goes on"
    )


def _rate_table(rate: FadeRate) -> ResultTable:
    return ResultTable(
        "fade rate",
        [
            ResultColumn("supported", [rate.supported]),
            ResultColumn("fade_rate", [rate.percent_per_100_cycles], "% per 100 cycles"),
            ResultColumn("fade_rate_low", [rate.low], "% per 100 cycles"),
            ResultColumn("fade_rate_high", [rate.high], "% per 100 cycles"),
            ResultColumn("cycles_used", [rate.cycle_number], "1"),
            ResultColumn("first_cycle", [rate.first_cycle], "1"),
            ResultColumn("last_cycle", [rate.last_cycle], "1"),
        ],
    )


def _law_table(fits: list[Fit]) -> ResultTable:
    rows = [
        (fit.law, fit.formula, fit.supported, fit.why_not, name, value, low, high, fit.sigma,
         fit.criterion)
        for fit in fits
        for name, value, low, high in (
            zip(fit.names, fit.values.tolist(), fit.low.tolist(), fit.high.tolist(), strict=True)
            if fit.names
            else [("", np.nan, np.nan, np.nan)]
        )
    ]  # fmt: skip
    names = ("law", "formula", "supported", "why_not", "parameter", "value", "low", "high",
             "sigma", "criterion")  # fmt: skip
    return ResultTable(
        "laws",
        [
            ResultColumn(
                name,
                np.array([row[place] for row in rows], dtype=None if place > 4 else object),
                meaning="Schwarz's criterion; smaller is better" if name == "criterion" else "",
            )
            for place, name in enumerate(names)
        ],
    )


def _knee_table(knee: Knee) -> ResultTable:
    cycle, slope = "1", "1 per cycle"
    return ResultTable(
        "knee",
        [
            ResultColumn("found", [knee.found]),
            ResultColumn("why_not", np.array([knee.why_not], dtype=object)),
            ResultColumn("knee_cycle", [knee.knee], cycle, "Bacon-Watts with one break"),
            ResultColumn("knee_low", [knee.knee_low], cycle),
            ResultColumn("knee_high", [knee.knee_high], cycle),
            ResultColumn("onset_cycle", [knee.onset], cycle, "the first of two breaks"),
            ResultColumn("onset_low", [knee.onset_low], cycle),
            ResultColumn("onset_high", [knee.onset_high], cycle),
            ResultColumn("second_break_cycle", [knee.second_break], cycle),
            ResultColumn("kneedle_cycle", [knee.kneedle], cycle, "farthest above the chord"),
            ResultColumn("slope_before", [knee.slope_before], slope),
            ResultColumn("slope_after", [knee.slope_after], slope),
        ],
    )


def _life_table(lives: list[Life]) -> ResultTable:
    return ResultTable(
        "end of life",
        [
            ResultColumn("seen", [life.seen for life in lives]),
            ResultColumn("law", np.array([life.law for life in lives], dtype=object)),
            ResultColumn("cycle", [life.cycle for life in lives], "1"),
            ResultColumn("low", [life.low for life in lives], "1"),
            ResultColumn("high", [life.high for life in lives], "1"),
            ResultColumn("why_not", np.array([life.why_not for life in lives], dtype=object)),
        ],
    )


def _figure(
    data: FadeData, chosen: Fit | None, knee: Knee, life: Life, threshold: float, table: CycleTable
) -> FigurePlan:
    curves = [
        Curve("retention", data.cycle, data.y, style="points"),
        Curve("running median", data.cycle, running_median(data.y)),
    ]
    if data.outliers.size:
        out = np.isin(table["cycle_count"], data.outliers)
        curves.append(
            Curve("left out", table["cycle_count"][out], table["capacity_retention"][out],
                  style="open points")
        )  # fmt: skip
    if chosen is not None:
        end = data.cycle[-1]
        if np.isfinite(life.cycle) and not life.seen:
            end = max(end, life.cycle)
        drawn = np.linspace(data.cycle[0], end, 300)
        curves.append(
            Curve(chosen.formula, drawn, chosen.at(drawn - data.reference), style="dashed")
        )
    marks = {}
    if knee.found:
        marks = {"onset": knee.onset, "knee": knee.knee}
    if np.isfinite(life.cycle):
        marks["end of life" if life.seen else "end of life, projected"] = life.cycle
    return FigurePlan(
        "fade",
        "Capacity retention",
        [
            Panel(
                "Cycle Count / 1",
                "Capacity Retention / 1",
                curves,
                note=f"retention refers to cycle {data.reference}; smoothing: running median of 11",
                x_marks=marks,
                y_marks={f"{threshold:.0%}": threshold} if np.isfinite(life.cycle) else {},
            )
        ],
    )
