"""Sodium-ion: first-cycle efficiency, and what a cell gives back after standing empty at 0 V.

First-cycle efficiency is everything that came out in the first discharge over everything that went
in before, pauses for gas included. Hard carbon keeps a fifth.

Recovery is a discharge after a rest at about 0 V over the last one before, at one current. It is
given for the first discharge afterwards and for the last one; every cycle between costs fade, which
is not the fault of 0 V, so the retention a cycle before the rest stands beside it.
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
from benchlab_analysis._first_cycle import first_cycle
from benchlab_analysis._phases import Phase, complete, phases
from benchlab_analysis.self_discharge import Rest, long_rests

__all__ = ["HELP", "NAME", "TAKES", "Options", "analyse"]

NAME = "Sodium-ion: first cycle and 0 V"
HELP = "first-cycle efficiency, and the recovery after a rest at 0 V"
TAKES = "test"

SAME = 0.02


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    empty_below: float = option(0.3, "a rest that begins below is one at 0 V", unit="V")
    shortest_rest: float = option(24.0, "a shorter rest is none", unit="h")


def analyse(run: Run, options: Options) -> Result:
    """Return the first cycle, and one row a discharge after each rest at 0 V."""
    result = Result()
    found = phases(run)
    first = first_cycle(found)
    if first is None:
        result.warnings.append("the cell was not driven both ways: there is no first cycle")
        return result
    result.sentences.append(
        f"first-cycle efficiency {first.said} "
        f"({first.put_in:.5g} Ah in, {first.came_back:.5g} Ah back; steps "
        f"{', '.join(map(str, first.steps))})"
    )
    result.tables.append(
        ResultTable(
            "first cycle",
            [
                ResultColumn("charged_ah", [first.put_in], "Ah", "every charge before the turn"),
                ResultColumn("discharged_ah", [first.came_back], "Ah", "what came back"),
                ResultColumn("first_cycle_efficiency", [first.efficiency], "1", "their ratio"),
                ResultColumn("half_width", [first.half_width], "1", "worst case of the accuracy"),
            ],
        )
    )
    result.assumptions.append(
        "the run begins with the fresh cell: its first charge is the cell's first"
    )
    if first.sign < 0:
        result.warnings.append(
            "the run begins with a discharge: the cell was not fresh, and the efficiency is not "
            "that of its first cycle"
        )
    if first.doubt:
        result.warnings.append(first.doubt)
    _recovery(run, found, options, result)
    return result


def _recovery(run: Run, found: list[Phase], options: Options, result: Result) -> None:
    rests = [
        rest for rest in long_rests(run, found, 3600.0 * options.shortest_rest)
        if rest.before is not None and rest.before.end_voltage < options.empty_below
    ]  # fmt: skip
    if not rests:
        result.warnings.append(
            f"no rest of {options.shortest_rest:g} h begins below {options.empty_below:g} V: "
            "nothing can be said of 0 V"
        )
        return
    whole = [phase for phase in complete(found) if phase.sign < 0]
    rows = []
    for rest in rests:
        rows += _after(rest, whole)
    if not rows:
        result.warnings.append(
            "a rest at 0 V has no complete discharge at one current on both sides of it"
        )
        return
    names = {
        "rest_step": ("1", "the rest at 0 V"),
        "rest_day": ("d", "its length"),
        "lowest_volt": ("V", "end of the discharge before it"),
        "reference_ah": ("Ah", "last discharge before, at the same current"),
        "step_count": ("1", "the discharge after it"),
        "capacity_ah": ("Ah", "of that"),
        "recovery": ("1", "capacity over reference"),
        "recovery_half_width": ("1", "worst case of the accuracy"),
        "retention_a_cycle_before": ("1", "of two discharges before the rest"),
    }
    result.tables.append(
        ResultTable(
            "recovery",
            [ResultColumn(n, [row[n] for row in rows], *about) for n, about in names.items()],
        )
    )
    best, last = rows[0], rows[-1]
    result.sentences.append(
        f"recovery after {best['rest_day']:.3g} days at {best['lowest_volt']:.2g} V: "
        f"{100.0 * best['recovery']:.4g} % (+- {100.0 * best['recovery_half_width']:.2g}) in the "
        f"first discharge, {100.0 * last['recovery']:.4g} % in the last of {len(rows)}"
    )
    line = Curve("", np.arange(1, len(rows) + 1), [100.0 * row["recovery"] for row in rows],
                 style="points")  # fmt: skip
    panel = Panel("Discharge after the Rest / 1", "Recovery / %", [line])
    result.figures.append(FigurePlan("recovery", NAME, [panel]))


def _after(rest: Rest, whole: list[Phase]) -> list[dict[str, float]]:
    begin, end = rest.phases[0].start, rest.phases[-1].end
    after = [phase for phase in whole if phase.start >= end]
    before = [phase for phase in whole if phase.end <= begin]
    for reference in reversed(before):
        same = [p for p in after if abs(p.current - reference.current) <= SAME * abs(p.current)]
        if same:
            break
    else:
        return []
    earlier = [
        p for p in before
        if p is not reference and abs(p.current - reference.current) <= SAME * abs(p.current)
    ]  # fmt: skip
    usual = reference.charge / earlier[-1].charge if earlier else np.nan
    rows = []
    for phase in same:
        ratio = phase.charge / reference.charge
        width = ratio * (
            phase.charge_half_width / phase.charge + reference.charge_half_width / reference.charge
        )
        rows.append(
            {
                "rest_step": rest.phases[0].number,
                "rest_day": rest.duration / 86400.0,
                "lowest_volt": rest.before.end_voltage if rest.before else np.nan,
                "reference_ah": reference.charge,
                "step_count": phase.number,
                "capacity_ah": phase.charge,
                "recovery": ratio,
                "recovery_half_width": width,
                "retention_a_cycle_before": usual,
            }
        )
    return rows
