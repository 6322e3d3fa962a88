"""Loud checks of a converted run: sign, unit and time base, and what is odd in single rows."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.errors import ForeignDataError
from benchlab.model.flags import RowFlag
from benchlab_analysis._counters import rest_threshold, time_in_doubt
from benchlab_analysis.importers.layout import Columns

__all__ = ["ACCEPTABLE", "check_sign", "check_time", "check_units", "count_odd_rows"]

ACCEPTABLE = ("sign", "unit", "time")

Where = Callable[[int], str]
Floats = npt.NDArray[np.float64]

STEADY = 0.1
"""Two rows whose currents differ by less than this share count for the check of units."""

CLEAR = 2.0
"""Counter and current that differ by this factor are of different units."""

TOLERANCE = 0.1
GLITCH_VOLT = 0.5
HIGHEST_VOLT = 200.0
_LEAST_INTERVALS = 5
_FACTORS = {
    1e3: "the current looks to be in mA, or the charge counter in Ah under a header in mAh",
    1e-3: "the charge counter looks to be in mAh, or the current in A under a header in mA",
    1e6: "the current looks to be in uA",
    3600.0: "the test time looks to be in units of 1/3600 s, or the charge counter in ampere hours "
    "is one in kilocoulombs",
    1.0 / 3600.0: "the test time looks to be in hours, or the charge counter in coulombs",
    1.0 / 60.0: "the test time looks to be in minutes",
    1.0 / 86400.0: "the test time looks to be in days",
}


def _refuse(
    kind: str, what: str, where: str, remedy: str, accept: Collection[str], warnings: list[str]
) -> None:
    if kind in accept:
        warnings.append(f"{what} It was not changed, as --accept {kind} says")
        return
    raise ForeignDataError(
        f"{what} Nothing was written.",
        where=where,
        remedy=f"{remedy} If it is right as it is: --accept {kind}.",
    )


def check_sign(columns: Columns, where: Where, accept: Collection[str], warnings: list[str]) -> str:
    """Return in words whether charge is counted, or voltage rises, where current is positive.

    Raises
    ------
    benchlab.errors.ForeignDataError
        Where most of it happens against the current.
    """
    current = np.nan_to_num(np.asarray(columns["current_ampere"], dtype=np.float64))
    charge = columns.get("charging_capacity_ah")
    discharge = columns.get("discharging_capacity_ah")
    what = "the counters follow"
    right = wrong = np.zeros(max(len(current) - 1, 0))
    if charge is not None and discharge is not None:
        rises = [np.maximum(np.nan_to_num(np.diff(c)), 0.0) for c in (charge, discharge)]
        sign = np.sign(current[1:])
        right = rises[0] * (sign > 0.0) + rises[1] * (sign < 0.0)
        wrong = rises[0] * (sign < 0.0) + rises[1] * (sign > 0.0)
    if right.sum() + wrong.sum() <= 0.0:
        what = "the voltage follows"
        threshold = rest_threshold(current)
        driven = (np.abs(current[1:]) > threshold) & (np.abs(current[:-1]) > threshold)
        driven &= np.sign(current[1:]) == np.sign(current[:-1])
        moves = np.nan_to_num(np.diff(columns["voltage_volt"])) * np.sign(current[1:]) * driven
        right, wrong = np.maximum(moves, 0.0), np.maximum(-moves, 0.0)
    total = float(right.sum() + wrong.sum())
    if total <= 0.0:
        return "not known: no current flows"
    share = float(right.sum()) / total
    if share < 0.5:
        first = int(np.argmax(wrong > 0.0)) + 1
        row = f"{current[first]:.6g} A at {float(columns['voltage_volt'][first]):.6g} V"
        _refuse(
            "sign",
            f"THE SIGN OF THE CURRENT LOOKS WRONG: {what} it in {share:.0%} only ({row}); positive "
            "must charge.",
            where(first),
            "Describe the columns with `current: {column: ..., positive: discharge}` in a "
            "--columns MAP.yaml.",
            accept,
            warnings,
        )
    return f"{what} the current in {share:.2%}"


def sign_from_counters(columns: Columns, warnings: list[str]) -> None:
    """Give an unsigned current its sign where the counters, step by step, tell the direction."""
    current = columns["current_ampere"]
    charge = columns.get("charging_capacity_ah")
    discharge = columns.get("discharging_capacity_ah")
    if charge is None or discharge is None or not len(current):
        return
    threshold = rest_threshold(np.asarray(current, dtype=np.float64))
    if not bool((current > threshold).any()) or bool((current < -threshold).any()):
        return
    step = np.cumsum(np.diff(columns["step_count"], prepend=columns["step_count"][0]) != 0)
    up, down = (
        np.bincount(step, np.maximum(np.nan_to_num(np.diff(c, prepend=c[0])), 0.0))
        for c in (charge, discharge)
    )
    turned = (down > up)[step] & (current > 0.0)
    if not turned.any():
        return
    columns["current_ampere"] = np.where(turned, -current, current)
    warnings.append(
        f"the current has no sign: minus was given to {int(turned.sum())} rows of the "
        f"{int(np.count_nonzero(down > up))} steps in which the discharge counter rises"
    )


def check_units(
    columns: Columns, where: Where, accept: Collection[str], warnings: list[str]
) -> str:
    """Return in words how the charge counters compare with current times time.

    Only intervals with nearly the same current at both ends are compared, so that sparse rows do
    not matter.

    Raises
    ------
    benchlab.errors.ForeignDataError
        Where they differ by more than twice, or the voltage is one of no cell.
    """
    voltage = np.abs(np.asarray(columns["voltage_volt"], dtype=np.float64))
    known = voltage[np.isfinite(voltage)]
    if known.size and float(np.median(known)) > HIGHEST_VOLT:
        row = int(np.nanargmax(voltage))
        _refuse(
            "unit",
            f"the voltage looks to be in mV: its median is {float(np.median(known)):.6g} V.",
            where(row),
            "State the unit in a --columns MAP.yaml.",
            accept,
            warnings,
        )
    names = ("charging_capacity_ah", "discharging_capacity_ah")
    if not all(name in columns for name in names):
        return "not known: there are no charge counters"
    current = np.abs(np.asarray(columns["current_ampere"], dtype=np.float64))
    rise = sum(np.diff(columns[name]) for name in names)
    hours = np.diff(columns["test_time_second"]) / 3600.0
    low, high = np.minimum(current[1:], current[:-1]), np.maximum(current[1:], current[:-1])
    steady = (low > rest_threshold(current)) & (high - low <= STEADY * high) & (hours > 0.0)
    same = np.ones(len(hours), dtype=np.bool_)
    if "step_count" in columns:
        same = np.diff(columns["step_count"]) == 0
    steady &= same & (rise >= 0.0)
    if steady.any():
        steady &= hours <= 100.0 * float(np.median(hours[steady]))
    if int(steady.sum()) < _LEAST_INTERVALS:
        return "not known: too few rows under a steady current"
    flowed = float((0.5 * (low + high) * hours)[steady].sum())
    counted = float(np.asarray(rise)[steady].sum())
    if counted <= 0.0:
        warnings.append(
            f"the charge counters stand still while {flowed:.6g} Ah flow under steady currents"
        )
        return "the counters stand still"
    ratio = flowed / counted
    if not 1.0 / CLEAR < ratio < CLEAR:
        near = [text for f, text in _FACTORS.items() if abs(np.log(ratio / f)) < np.log(1.25)]
        row = int(np.flatnonzero(steady)[0]) + 1
        _refuse(
            "unit",
            f"current times time is {ratio:.6g} times what the charge counters count: "
            + (near[0] if near else "a unit of current, charge or time is wrong")
            + f" (first seen at {float(current[row]):.6g} A).",
            where(row),
            "State the units in a --columns MAP.yaml.",
            accept,
            warnings,
        )
    elif abs(ratio - 1.0) > TOLERANCE:
        warnings.append(
            f"current times time is {ratio:.3f} times what the charge counters count under steady "
            "currents: check what the counters count"
        )
    return f"current times time is {ratio:.4f} times the counters under steady currents"


def check_time(
    columns: Columns,
    span_by_date: float | None,
    where: Where,
    accept: Collection[str],
    warnings: list[str],
) -> None:
    """Hold the test time against the time in the step and against the dates.

    Raises
    ------
    benchlab.errors.ForeignDataError
        Where they run at speeds that differ as units do.
    """
    time = np.asarray(columns["test_time_second"], dtype=np.float64)
    ratios: list[tuple[float, str]] = []
    if "step_time_second" in columns and time.size > 2:
        step = np.diff(columns["step_time_second"])
        test = np.diff(time)
        moving = (step > 0.0) & (test > 0.0)
        if int(moving.sum()) >= _LEAST_INTERVALS:
            ratios.append((float(np.median(step[moving] / test[moving])), "the time in the step"))
    if span_by_date and time.size > 1 and time[-1] > time[0] and span_by_date > 10.0:
        ratios.append((span_by_date / float(time[-1] - time[0]), "the dates"))
    for ratio, other in ratios:
        units = (60.0, 3600.0, 86400.0, 1000.0)
        if any(abs(np.log(ratio / f)) < 0.05 for u in units for f in (u, 1.0 / u)):
            _refuse(
                "time",
                f"THE UNIT OF THE TEST TIME LOOKS WRONG: {other} run {ratio:.6g} times as fast.",
                where(1),
                "State the unit in a --columns MAP.yaml.",
                accept,
                warnings,
            )
            return
    doubt = time_in_doubt(time)
    if doubt:
        words, _, found = doubt.partition(":")
        warnings.append(
            f"{words.upper()}:{found}. It was not changed; every capacity that is integrated from "
            "it is as wrong as it is"
        )


def count_odd_rows(columns: Columns, where: Where, warnings: list[str]) -> dict[str, Any]:
    """Return how many rows repeat a time, lack a value, or are glitches; none is left out.

    A glitch is one row whose voltage lies 0.5 V or more off both its neighbours, on the same side
    and more than three times as far as they lie from each other, while its current is that of a
    neighbour: it is marked `RowFlag.SUSPECT`.
    """
    time = columns["test_time_second"]
    voltage = np.asarray(columns["voltage_volt"], dtype=np.float64)
    current = np.asarray(columns["current_ampere"], dtype=np.float64)
    found: dict[str, Any] = {"repeated_times": int(np.count_nonzero(np.diff(time) == 0.0))}
    for name, values in (("voltage", voltage), ("current", current)):
        empty = np.flatnonzero(~np.isfinite(values))
        found[f"rows_without_{name}"] = int(empty.size)
    none = np.isnan(current)
    if none.any():
        warnings.append(
            f"{int(none.sum())} rows have no current, the first at {where(int(np.argmax(none)))}; "
            "they are kept as NaN"
        )
    none = np.isnan(voltage)
    if none.any():
        warnings.append(
            f"{int(none.sum())} rows have no voltage, the first at {where(int(np.argmax(none)))}; "
            "they are kept as NaN"
        )
    glitches = np.empty(0, dtype=np.intp)
    if voltage.size >= 3:
        before, after = voltage[1:-1] - voltage[:-2], voltage[1:-1] - voltage[2:]
        nearest = np.minimum(np.abs(before), np.abs(after))
        odd = (before * after > 0.0) & (nearest >= GLITCH_VOLT)
        odd &= nearest > 3.0 * np.abs(voltage[2:] - voltage[:-2])
        same = rest_threshold(current) + STEADY * np.abs(current[1:-1])
        odd &= np.fmin(np.abs(np.diff(current)[:-1]), np.abs(np.diff(current)[1:])) <= same
        glitches = np.flatnonzero(odd) + 1
    found["glitches"] = int(glitches.size)
    if glitches.size:
        shown = "; ".join(f"{voltage[row]:.4g} V at {where(int(row))}" for row in glitches[:3])
        warnings.append(
            f"{glitches.size} single readings of the voltage are not believed ({shown}); they are "
            "kept and flagged as suspect"
        )
        if "flags" not in columns:
            flags = np.zeros(voltage.size)
            flags[glitches] = int(RowFlag.SUSPECT)
            columns["flags"] = flags
    return found
