"""Self-discharge by capacity and by open-circuit voltage.

By capacity, over a rest after a complete charge: the discharge before it (reference), the one
after it (retained), and the one after the next complete charge (recovered), all at one current.
What came back, recovered - retained, is reversible; what did not, reference - recovered, is not.

By voltage: K = (V1 - V2) / time, in mV a day, from the first reading after the cell settled to the
last one. With the slope dQ/dV of the slowest discharge of the run it becomes a charge a month; on a
plateau, where the voltage does not say how full the cell is, it does not, and none is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

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
from benchlab_analysis._phases import Phase, complete, phases, temperature
from benchlab_analysis.rate_capability import SAME, after_the_other

__all__ = [
    "HELP", "NAME", "TAKES", "Options", "Rest", "analyse", "charge_slope", "long_rests",
    "slowest_discharge",
]  # fmt: skip

NAME = "Self-discharge"
HELP = "what a rest cost: by capacity (reversible or not) and by voltage (mV a day)"
TAKES = "test"

Floats = npt.NDArray[np.float64]

DAY = 86400.0
MONTH_DAYS = 30.4375

WINDOW_VOLT = 0.03
"""Half the window around the voltage over which dQ/dV is taken."""

ENOUGH = 8
MANY_ROWS = 20_000

FLAT_VOLT = 0.25
"""Where a whole discharge at this slope would change the voltage by less, it is a plateau."""


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    shortest_rest: float = option(24.0, "a shorter rest is none", unit="h")
    settle: float = option(
        24.0, "relaxation at the start of a rest that is no self-discharge", unit="h"
    )


class Rest(NamedTuple):
    """Neighbouring rests as one, and its readings of voltage that are finite.

    Attributes
    ----------
    before, after : Phase or None
        What was driven just before and after.
    second : ndarray, shape (n,)
        Since its start.
    """

    phases: list[Phase]
    before: Phase | None
    after: Phase | None
    second: Floats
    voltage: Floats

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.phases[-1].end - self.phases[0].start


def long_rests(run: Run, found: list[Phase], shortest_second: float) -> list[Rest]:
    """Return the rests of at least so many seconds; pulses between two rests end a rest."""
    out: list[Rest] = []
    group: list[Phase] = []
    before: Phase | None = None
    phase: Phase | None
    for phase in [*found, None]:
        if phase is not None and phase.sign == 0:
            group.append(phase)
            continue
        if group and group[-1].end - group[0].start >= shortest_second:
            rows = slice(group[0].first, group[-1].last + 1)
            time = np.asarray(run["test_time_second"][rows], dtype=np.float64)
            volts = np.asarray(run["voltage_volt"][rows], dtype=np.float64)
            seen = np.isfinite(time) & np.isfinite(volts)
            out.append(Rest(group, before, phase, time[seen] - group[0].start, volts[seen]))
        group, before = [], phase
    return out


def analyse(run: Run, options: Options) -> Result:
    """Return one row a long rest, by each of the two ways that the run allows."""
    result = Result()
    found = phases(run)
    rests = long_rests(run, found, 3600.0 * options.shortest_rest)
    if not rests:
        result.warnings.append(
            f"no rest of at least {options.shortest_rest:g} h: nothing is known of self-discharge"
        )
        return result
    _by_capacity(found, rests, result)
    _by_voltage(run, found, rests, options, result)
    if not result.tables:
        result.warnings.append(
            "no rest is followed by a complete discharge, and the voltage was not seen twice in one"
        )
    return result


def _by_capacity(found: list[Phase], rests: list[Rest], result: Result) -> None:
    chosen = after_the_other(found, -1)
    rested = {rest.after.number: rest for rest in rests if rest.after is not None}
    whole = {phase.number for phase in complete(found)}
    rows = []
    for phase in chosen:
        rest = rested.get(phase.number)
        if rest is None or rest.before is None or rest.before.number not in whole:
            continue
        same = [
            other for other in chosen
            if other.number not in rested
            and abs(other.current - phase.current) <= SAME * abs(phase.current)
        ]  # fmt: skip
        before = [other for other in same if other.start < phase.start]
        after = [other for other in same if other.start > phase.start]
        days = rest.duration / DAY
        reference = before[-1] if before else None
        recovered = after[0] if after else None
        top = reference or recovered
        if top is None:
            continue
        widths = [item.charge_half_width for item in (reference, phase, recovered) if item]
        rows.append(
            {
                "step_count": phase.number,
                "days": days,
                "reference_ah": reference.charge if reference else np.nan,
                "retained_ah": phase.charge,
                "recovered_ah": recovered.charge if recovered else np.nan,
                "lost_percent": _share(reference, phase, top),
                "reversible_percent": _share(recovered, phase, top),
                "irreversible_percent": _share(reference, recovered, top),
                # one range and one current: the gain cancels in a difference, its worst case stays
                "half_width_percent": 200.0 * max(widths) / top.charge,
            }
        )
    if not rows:
        return
    meanings = {
        "step_count": ("1", "the discharge after the rest"),
        "days": ("d", "length of the rest"),
        "reference_ah": ("Ah", "discharge before the rest"),
        "retained_ah": ("Ah", "discharge after the rest"),
        "recovered_ah": ("Ah", "discharge after the next charge"),
        "lost_percent": ("%", "reference - retained, of the reference"),
        "reversible_percent": ("%", "recovered - retained, of the reference"),
        "irreversible_percent": ("%", "reference - recovered, of the reference"),
        "half_width_percent": ("%", "of each, worst case of the stated accuracy"),
    }
    result.tables.append(
        ResultTable(
            "by capacity",
            [
                ResultColumn(n, [row[n] for row in rows], *meaning)
                for n, meaning in meanings.items()
            ],
        )
    )
    result.assumptions.append(
        "by capacity: discharges from full at one current; where the reference is missing, shares "
        "refer to what was recovered"
    )
    for row in rows:
        parts = [
            f"{row[name + '_percent']:.3g} % {name}"
            for name in ("lost", "reversible", "irreversible")
            if np.isfinite(row[name + "_percent"])
        ]
        result.sentences.append(
            f"by capacity, over {row['days']:.3g} days before step {row['step_count']}: "
            f"{', '.join(parts)} (each +- {row['half_width_percent']:.2g} %)"
        )
    if any(row["irreversible_percent"] < -row["half_width_percent"] for row in rows):
        result.warnings.append(
            "more was recovered than there was before: oxidation at the positive electrode lends "
            "the cell charge, or the reference was not yet steady; it is no gain in health"
        )


def _share(above: Phase | None, below: Phase | None, top: Phase) -> float:
    if above is None or below is None:
        return np.nan
    return 100.0 * (above.charge - below.charge) / top.charge


def _by_voltage(
    run: Run, found: list[Phase], rests: list[Rest], options: Options, result: Result
) -> None:
    settle = 3600.0 * options.settle
    slowest = min(
        (phase for phase in complete(found) if phase.sign < 0),
        key=lambda phase: abs(phase.current), default=None,
    )  # fmt: skip
    resolution = _resolution(run)
    rows: list[dict[str, float]] = []
    curves: list[Curve] = []
    plateau = blind = 0
    for rest in rests:
        late = rest.second >= settle
        second, volts = rest.second[late], rest.voltage[late]
        if second.size < 2 or second[-1] - second[0] < 0.1 * rest.duration:
            blind += 1
            continue
        days = float(second[-1] - second[0]) / DAY
        fall = float(volts[0] - volts[-1])
        noise = _noise(volts, resolution)
        gain = _gain(run, float(volts[0]))
        width = (3.0 * np.sqrt(2.0) * noise + gain * abs(fall)) / days
        slope, slope_width, flat = charge_slope(run, slowest, float(volts[-1]))
        plateau += flat
        rate = fall / days * slope * MONTH_DAYS
        rows.append(
            {
                "step_count": rest.phases[0].number,
                "voltage_volt": float(volts[-1]),
                "days": days,
                "k_millivolt_per_day": 1e3 * fall / days,
                "k_half_width_millivolt_per_day": 1e3 * width,
                "charge_ah_per_month": rate,
                "charge_half_width_ah_per_month": abs(rate) * slope_width
                + width * slope * MONTH_DAYS,
                "temperature_celsius": temperature(run, rest.phases[-1])[0],
            }
        )
        curves.append(
            Curve(f"after step {rest.phases[0].number - 1}", rest.second / DAY,
                  1e3 * (rest.voltage - volts[0]), style="points")
        )  # fmt: skip
    if blind:
        result.warnings.append(
            f"in {blind} long rests the voltage was not seen twice after {options.settle:g} h: by "
            "voltage nothing can be said of them"
        )
    if plateau:
        result.warnings.append(
            f"{plateau} rests are on a plateau of the voltage (or there is no slow discharge to "
            "tell): there K says nothing of the charge; go by capacity"
        )
    if not rows:
        return
    meanings = {
        "step_count": ("1", "the first step of the rest"),
        "voltage_volt": ("V", "last reading"),
        "days": ("d", "between the two readings"),
        "k_millivolt_per_day": ("mV/d", "fall of the voltage"),
        "k_half_width_millivolt_per_day": ("mV/d", "of noise and gain"),
        "charge_ah_per_month": ("Ah", "K times dQ/dV of the slowest discharge"),
        "charge_half_width_ah_per_month": ("Ah", "with the doubt about dQ/dV"),
        "temperature_celsius": ("degC", "NaN where not recorded"),
    }
    result.tables.append(
        ResultTable(
            "by voltage",
            [
                ResultColumn(n, [row[n] for row in rows], *meaning)
                for n, meaning in meanings.items()
            ],
        )
    )
    result.assumptions.append(
        f"by voltage: the first {options.settle:g} h of a rest are relaxation; dQ/dV from the "
        f"slowest complete discharge within {1e3 * WINDOW_VOLT:.0f} mV"
    )
    if not np.isfinite([row["temperature_celsius"] for row in rows]).all():
        result.warnings.append(
            "by voltage: the temperature was not recorded; 1 K moves the voltage by some 0.1 mV"
        )
    for row in rows:
        charge = row["charge_ah_per_month"]
        said = (
            f", {charge:.3g} +- {row['charge_half_width_ah_per_month']:.2g} Ah a month"
            if np.isfinite(charge) else ""
        )  # fmt: skip
        result.sentences.append(
            f"by voltage, at {row['voltage_volt']:.4g} V: K = {row['k_millivolt_per_day']:.3g} +- "
            f"{row['k_half_width_millivolt_per_day']:.2g} mV a day{said}"
        )
    note = f"against the first reading after {options.settle:g} h"
    panel = Panel("Rest Time / d", "Voltage Change / mV", curves, note)
    result.figures.append(FigurePlan("self-discharge", NAME, [panel]))


def _noise(volts: Floats, resolution: float) -> float:
    """Return one standard deviation from the second differences, no less than the resolution."""
    if volts.size < ENOUGH:
        return resolution  # so few lie too far apart to tell noise from fall
    bends = np.abs(np.diff(volts, 2)) / np.sqrt(6.0)
    return max(1.4826 * float(np.median(bends)), resolution)


def _resolution(run: Run) -> float:
    """Return half the smallest difference of two voltages among the first rows, in V."""
    volts = np.asarray(run.column("voltage_volt", 0, MANY_ROWS), dtype=np.float64)
    steps = np.diff(np.unique(volts[np.isfinite(volts)]))
    steps = steps[steps > 1e-9]
    return float(steps.min()) / 2.0 if steps.size else 0.0


def _gain(run: Run, volts: float) -> float:
    stated = sorted(run.instrument.get("voltage_ranges") or (), key=lambda item: item["full_scale"])
    return next((float(i["gain"]) for i in stated if float(i["full_scale"]) >= volts), 0.0)


def slowest_discharge(found: list[Phase]) -> Phase | None:
    """Return the complete discharge of the smallest current; None where there is none."""
    down = [phase for phase in complete(found) if phase.sign < 0]
    return min(down, key=lambda phase: abs(phase.current), default=None)


def charge_slope(run: Run, phase: Phase | None, volts: float) -> tuple[float, float, bool]:
    """Return dQ/dV in Ah/V at a voltage, its doubt as a share, and whether it is of no use."""
    if phase is None:
        return np.nan, np.nan, True
    rows = slice(phase.first, phase.last + 1)
    seen = np.asarray(run["voltage_volt"][rows], dtype=np.float64)
    time = np.asarray(run["test_time_second"][rows], dtype=np.float64)
    moved = abs(phase.current) * (time - phase.start) / 3600.0
    known = np.isfinite(seen) & np.isfinite(moved)
    order = np.argsort(seen[known], kind="stable")
    level, charge = seen[known][order], moved[known][order]
    if level.size < 4:
        return np.nan, np.nan, True
    # a voltage above the first under current lies on the curve's first piece
    at = float(np.clip(volts, level[0] + WINDOW_VOLT, level[-1] - WINDOW_VOLT))
    low, mid, high = np.interp((at - WINDOW_VOLT, at, at + WINDOW_VOLT), level, charge)
    slope = abs(high - low) / (2.0 * WINDOW_VOLT)
    if slope <= 0.0 or phase.charge / slope < FLAT_VOLT:
        return np.nan, np.nan, True
    bend = abs(abs(high - mid) - abs(mid - low)) / abs(high - low)
    return float(slope), float(bend + 0.05 + abs(volts - at) / WINDOW_VOLT), False
