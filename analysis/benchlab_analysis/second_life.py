"""Second life: a grade from state of health, resistance and self-discharge.

State of health is the last complete discharge over the rated capacity, at the current it was
measured with. The resistance is that of the last pulse after a rest, over that of a new cell of the
type. K is the fall of the open-circuit voltage a day. The worst of the three decides. A limit that
lies inside the interval of its number is said to: there the grade is a matter of luck.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchlab.model.run import Run
from benchlab_analysis import self_discharge
from benchlab_analysis._analysis import Result, ResultColumn, ResultTable, option
from benchlab_analysis._phases import Phase, complete, phases
from benchlab_analysis._pulses import find_pulses, resistance_at

__all__ = ["HELP", "NAME", "TAKES", "Finding", "Options", "analyse", "grade_of"]

NAME = "Second-life grade"
HELP = "grade A, B or waste by state of health, resistance and self-discharge, with the reasons"
TAKES = "test"

GRADES = ("A", "B", "waste")


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    rated: float | None = option(None, "capacity on the label; nominal if left out", unit="Ah")
    new_resistance: float | None = option(None, "of a new cell of this type", unit="ohm")
    at: float = option(10.0, "time of the resistance after the edge", unit="s")
    health_a: float = option(75.0, "least state of health of grade A", unit="%")
    health_b: float = option(65.0, "least state of health of grade B", unit="%")
    ratio_a: float = option(1.8, "most resistance over that of a new cell of grade A", unit="1")
    ratio_b: float = option(2.4, "most of grade B", unit="1")
    k_a: float = option(5.0, "most K of grade A, away from full", unit="mV/d")
    k_b: float = option(5.0, "most K of grade B, away from full", unit="mV/d")


class Finding(NamedTuple):
    """A number with its half-width, and the limits of grade A and of grade B."""

    name: str
    value: float
    half_width: float
    limit_a: float
    limit_b: float
    least: bool
    """Whether the limits are the least that is allowed, else the most."""


def grade_of(item: Finding) -> tuple[str, bool]:
    """Return the grade of one number, and whether a limit lies inside its interval."""
    sign = 1.0 if item.least else -1.0
    if not np.isfinite(item.value):
        return "", False
    ranks = [sign * (item.value - limit) >= 0.0 for limit in (item.limit_a, item.limit_b)]
    grade = GRADES[0] if ranks[0] else GRADES[1] if ranks[1] else GRADES[2]
    width = item.half_width if np.isfinite(item.half_width) else 0.0
    near = any(abs(item.value - limit) <= width for limit in (item.limit_a, item.limit_b))
    return grade, near


def analyse(run: Run, options: Options) -> Result:
    """Return the three numbers with their grades, and the grade of the cell."""
    result = Result()
    found = phases(run)
    items = [_health(run, found, options, result), _ratio(run, found, options, result),
             _k(run, result, options)]  # fmt: skip
    graded = [(item, *grade_of(item)) for item in items]
    known = [row for row in graded if row[1]]
    result.tables.append(
        ResultTable(
            "grade",
            [
                ResultColumn("quantity", np.array([r[0].name for r in graded], object), "", ""),
                ResultColumn("value", [r[0].value for r in graded], "", "NaN: not measured"),
                ResultColumn("half_width", [r[0].half_width for r in graded], "", "of it"),
                ResultColumn("limit_a", [r[0].limit_a for r in graded], "", "of grade A"),
                ResultColumn("limit_b", [r[0].limit_b for r in graded], "", "of grade B"),
                ResultColumn("grade", np.array([r[1] or "-" for r in graded], object), "", "alone"),
            ],
        )
    )
    result.assumptions.append(
        "limits of grades are a matter of what the cells are for; these are options, not a standard"
    )
    for item, _, near in graded:
        if near:
            result.warnings.append(
                f"a limit of {item.name} lies inside its interval ({item.value:.4g} +- "
                f"{item.half_width:.2g}): the grade could as well be the other"
            )
    if not known:
        result.warnings.append("nothing that a grade rests on was measured")
        return result
    worst = max(known, key=lambda row: GRADES.index(row[1]))
    parts = ", ".join(
        f"{item.name} {item.value:.4g} +- {item.half_width:.2g} ({grade})"
        for item, grade, _ in known
    )
    missing = [item.name for item, grade, _ in graded if not grade]
    if missing:
        result.warnings.append(f"not measured, and not in the grade: {', '.join(missing)}")
    result.sentences.append(f"grade {worst[1]}, decided by {worst[0].name}: {parts}")
    return result


def _health(run: Run, found: list[Phase], options: Options, result: Result) -> Finding:
    rated = options.rated or run.cell.get("nominal_capacity_ah")
    down = [phase for phase in complete(found) if phase.sign < 0]
    value = width = np.nan
    if not rated:
        result.warnings.append("the rated capacity is not known (--rated)")
    elif not down:
        result.warnings.append("no complete discharge: the state of health is not known")
    else:
        last = down[-1]
        value, width = 100.0 * last.charge / rated, 100.0 * last.charge_half_width / rated
        result.assumptions.append(
            f"state of health: discharge of step {last.number} at {abs(last.current):.4g} A over "
            f"{rated:.4g} Ah; a slower one gives more"
        )
    return Finding("state of health / %", value, width, options.health_a, options.health_b, True)


def _ratio(run: Run, found: list[Phase], options: Options, result: Result) -> Finding:
    values = [
        value for pulse in find_pulses(run, found, longest_second=120.0)
        if (value := resistance_at(pulse, options.at)) is not None
    ]  # fmt: skip
    ratio = width = np.nan
    if not values:
        result.warnings.append(f"no pulse after a rest with a reading at {options.at:g} s")
    elif not options.new_resistance:
        result.warnings.append(
            f"the resistance is {values[-1].ohm:.4g} ohm at {values[-1].second:.3g} s; that of a "
            "new cell is not known (--new-resistance), so it is not in the grade"
        )
    else:
        ratio = values[-1].ohm / options.new_resistance
        width = values[-1].half_width / options.new_resistance
    return Finding("resistance ratio", ratio, width, options.ratio_a, options.ratio_b, False)


def _k(run: Run, result: Result, options: Options) -> Finding:
    own = self_discharge.analyse(run, self_discharge.Options())
    tables = [table for table in own.tables if table.name == "by voltage"]
    value = width = np.nan
    if tables:
        table = tables[0]
        # near full the voltage falls by oxidation too; where it is lower, a leak shows
        place = int(np.argmin(table["voltage_volt"]))
        value = float(table["k_millivolt_per_day"][place])
        width = float(table["k_half_width_millivolt_per_day"][place])
        result.assumptions.append(
            f"K at {table['voltage_volt'][place]:.4g} V, the lowest voltage that was rested at"
        )
    else:
        result.warnings.append("no long rest whose voltage was seen twice: K is not known")
    return Finding("K / mV a day", value, width, options.k_a, options.k_b, False)
