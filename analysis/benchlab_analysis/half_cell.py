"""Half cells against lithium: first-cycle efficiency, capacity by gram and area, plating.

The useful direction of an anode (graphite, hard carbon, silicon) is delithiation, a charge at the
terminals; its efficiency is delithiation over lithiation. A cathode against lithium is charged
first and its efficiency is discharge over charge. The lithium opposite is in excess: fade here is
that of the working electrode, and of the lithium only where it has run out or grown resistive.
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
from benchlab_analysis.rate_capability import after_the_other

__all__ = ["HELP", "NAME", "TAKES", "Options", "analyse"]

NAME = "Half cell"
HELP = "first-cycle efficiency, capacity by gram and area, plating below 0 V"
TAKES = "test"

ANODES = ("graphite_half_cell", "anode_half_cell")


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    electrode: str = option(
        "auto", "what stands opposite the lithium; auto is by the cell's role, or by voltage",
        choices=("auto", "anode", "cathode"),
    )  # fmt: skip
    mass: float | None = option(None, "active mass; that of the file if left out", unit="g")
    area: float | None = option(None, "area; that of the file if left out", unit="cm2")
    plated_below: float = option(0.0, "voltage of an anode below which lithium plates", unit="V")


def _is_anode(run: Run, found: list[Phase], options: Options, result: Result) -> bool:
    if options.electrode != "auto":
        return options.electrode == "anode"
    role = run.cell.get("role")
    if role in (*ANODES, "cathode_half_cell"):
        return role in ANODES
    ends = [p.end_voltage for p in complete(found) if p.sign < 0]
    anode = bool(ends) and float(np.median(ends)) < 1.0
    result.warnings.append(
        f"the cell is not said to be a half cell: by its voltage it is taken for "
        f"{'an anode' if anode else 'a cathode'} against lithium"
    )
    return anode


def analyse(run: Run, options: Options) -> Result:
    """Return the first cycle, and one row a cycle in the useful direction."""
    result = Result()
    found = phases(run)
    first = first_cycle(found)
    if first is None:
        result.warnings.append("the cell was not driven both ways: there is no cycle")
        return result
    anode = _is_anode(run, found, options, result)
    useful = 1 if anode else -1
    names = ("lithiated", "delithiated") if anode else ("charged", "discharged")
    expected = -useful
    if first.sign == expected:
        result.sentences.append(
            f"first-cycle efficiency {first.said} "
            f"({1e3 * first.put_in:.5g} mAh {names[0]}, {1e3 * first.came_back:.5g} mAh {names[1]})"
        )
    else:
        result.warnings.append(
            f"the run begins the other way round: the cell was not fresh, and there is no "
            f"first-cycle efficiency (the first half cycle should have {names[0]} it)"
        )
    if first.doubt:
        result.warnings.append(first.doubt)
    mass = options.mass or run.cell.get("active_mass_gram") or np.nan
    area = options.area or run.cell.get("area_square_centimetre") or np.nan
    if not np.isfinite(mass):
        result.warnings.append("the active mass is not known: no capacity by gram (--mass)")
    _cycles(found, useful, float(mass), float(area), names, result)
    if anode:
        _plating(run, found, options, result)
    return result


def _cycles(
    found: list[Phase], useful: int, mass: float, area: float, names: tuple[str, str],
    result: Result,
) -> None:  # fmt: skip
    chosen = after_the_other(found, useful)
    if not chosen:
        result.warnings.append("no complete cycle: capacities are not shown")
        return
    whole = complete(found)
    rows = []
    for phase in chosen:
        before = [p for p in whole if p.sign == -useful and p.start < phase.start][-1]
        ratio = phase.charge / before.charge
        width = (phase.charge_half_width + ratio * before.charge_half_width) / before.charge
        rows.append((phase, before, ratio, width))
    charge = np.array([row[0].charge for row in rows])
    # a faster way back leaves charge behind, which the next one finds: rate, not efficiency
    same = np.array([abs(p.current) <= 1.05 * abs(b.current) for p, b, *_ in rows])
    slow = np.abs([row[0].current for row in rows])
    same[1:] &= slow[:-1] <= 1.05 * slow[1:]
    ratios = np.where(same, [row[2] for row in rows], np.nan)
    result.tables.append(
        ResultTable(
            "cycles",
            [
                ResultColumn("step_count", [row[0].number for row in rows], "1", names[1]),
                ResultColumn("cycle_count", [row[0].cycle for row in rows], "1", "its cycle"),
                ResultColumn("capacity_ah", charge, "Ah", names[1]),
                ResultColumn("capacity_mah_per_gram", 1e3 * charge / mass, "mAh/g", "of mass"),
                ResultColumn("capacity_mah_per_square_centimetre", 1e3 * charge / area, "mAh/cm2",
                             "of area"),
                ResultColumn("current_ampere", [row[0].current for row in rows], "A", "mean"),
                ResultColumn(
                    "coulombic_efficiency", ratios, "1",
                    f"{names[1]} over {names[0]}; NaN where it, or that before, was faster",
                ),
                ResultColumn(
                    "coulombic_efficiency_half_width", [row[3] for row in rows], "1",
                    "worst case of the accuracy",
                ),
                ResultColumn(
                    "mean_voltage_volt", [r[0].energy / r[0].charge for r in rows], "V",
                    "energy over charge",
                ),
            ],
        )
    )  # fmt: skip
    result.assumptions.append(f"efficiency: {names[1]} over {names[0]}, neighbouring half cycles")
    if not same.all():
        result.assumptions.append(
            f"{int((~same).sum())} cycles have no efficiency: they, or those before, went back "
            "faster than in, and what stays behind is a matter of rate"
        )
    line = Curve(names[1], np.arange(1, len(rows) + 1), 1e3 * charge, style="points")
    panel = Panel("Half Cycle / 1", "Capacity / mAh", [line])
    result.figures.append(FigurePlan("capacity", NAME, [panel]))


def _plating(run: Run, found: list[Phase], options: Options, result: Result) -> None:
    below = 0
    lowest = np.inf
    for phase in found:
        if phase.sign < 0:
            volts = np.asarray(run["voltage_volt"][phase.first : phase.last + 1], dtype=np.float64)
            volts = volts[np.isfinite(volts)]
            low = float(volts.min()) if volts.size else np.inf
            lowest = min(lowest, low)
            below += low < options.plated_below
    if below:
        result.warnings.append(
            f"in {below} steps the voltage went below {options.plated_below:g} V (to {lowest:.4g} "
            "V): lithium may have been plated, and is counted as lithiation"
        )
    else:
        result.sentences.append(f"no plating: the lowest voltage was {lowest:.4g} V")
