"""Sums a cycle from the step index of a recorded run, and what its instrument's accuracy allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.model.run import Run
from benchlab_analysis._stretch_sums import TEMPERATURE
from benchlab_analysis._sums import CycleSums, Provenance

__all__ = ["fill_temperature", "is_recorded", "stored_kinds", "sums_from_steps"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

PULSE_SHARE = 0.1
"""A step with less of the charge of its half cycle does not set its rate."""


def sums_from_steps(run: Run, provenance: Provenance) -> CycleSums:
    """Return the sums a cycle from the step index alone; `provenance` is filled in.

    Steps of cycle 0 belong to no cycle. A cycle is complete where it has both halves and the last
    driven step of each reached an end of its own; the last one of a run that was cut off is not.
    A step whose end was met before it began moves no charge: it makes no half cycle, but where
    there is one, it is at its end.
    """
    provenance.source = "step index"
    provenance.integral_deviation = "not computed here; benchlab check recomputes from rows"
    steps = run.steps
    inside = np.flatnonzero(steps["cycle_count"] > 0)
    cycle, of_step = np.unique(steps["cycle_count"][inside], return_inverse=True)
    count = cycle.size
    column = {name: steps[name][inside] for name in steps}
    charge = _number(column, "step_charging_capacity_ah")
    discharge = _number(column, "step_discharging_capacity_ah")
    rest = np.array(
        [text.startswith("REST") for text in column["step_type"].tolist()], dtype=np.bool_
    )
    met = column["end_reason"] == "already_met"
    direction = np.where(rest | met, 0, np.sign(charge - discharge))
    toward = np.where(met, np.sign(_number(column, "set_current_ampere")), direction)
    last = {sign: _edge(direction == sign, of_step, count, last=True) for sign in (1, -1)}
    first = {sign: _edge(direction == sign, of_step, count, last=False) for sign in (1, -1)}
    has = {sign: last[sign] >= 0 for sign in (1, -1)}
    both = has[1] & has[-1]
    complete = both.copy()
    for sign in (1, -1):
        ended = _edge(toward == sign, of_step, count, last=True)
        complete &= column["own_end"][ended] == 1
        _say_met(
            cycle[np.setdiff1d(of_step[met & (toward == sign)], has[sign].nonzero())], provenance
        )
    if count and run.state != "closed":
        complete[-1] = False
        provenance.notes.append(f"the run is {run.state}: its last cycle is not complete")
    errors = _step_errors(column, run.instrument, provenance)
    spent = _number(column, "end_time_second") - _number(column, "start_time_second")
    begin = _edge(np.ones(inside.size, dtype=np.bool_), of_step, count, last=False)
    finish = _edge(np.ones(inside.size, dtype=np.bool_), of_step, count, last=True)

    def total(values: Floats, sign: int | None = None) -> Floats:
        weights = values if sign is None else np.where(direction == sign, values, 0.0)
        sums: Floats = np.bincount(of_step, weights=weights, minlength=count).astype(np.float64)
        return sums

    def voltage(name: str, rows: Ints, sign: int) -> Floats:
        return np.where(has[sign], column[name][rows], np.nan).astype(np.float64)

    sums = CycleSums(
        cycle=cycle.astype(np.uint32),
        kind=_kinds(column, direction, of_step, begin, complete, provenance),
        both=both,
        complete=complete,
        charge=total(charge),
        discharge=total(discharge),
        charge_energy=total(_number(column, "step_charging_energy_wh")),
        discharge_energy=total(_number(column, "step_discharging_energy_wh")),
        charge_cv=total(np.nan_to_num(_number(column, "cv_capacity_ah")), 1),
        discharge_cv=total(np.nan_to_num(_number(column, "cv_capacity_ah")), -1),
        charge_error=total(errors, 1),
        discharge_error=total(errors, -1),
        charge_rate=_rate(column, direction == 1, charge, of_step, count),
        discharge_rate=_rate(column, direction == -1, discharge, of_step, count),
        charge_current=np.full(count, np.nan),
        discharge_current=np.full(count, np.nan),
        resolution=np.zeros(count),
        duration=column["end_time_second"][finish] - column["start_time_second"][begin],
        charge_duration=total(spent, 1),
        discharge_duration=total(spent, -1),
        discharge_first=both & (first[-1] < first[1]),
        charge_start=voltage("start_voltage_volt", first[1], 1),
        charge_end=voltage("end_voltage_volt", last[1], 1),
        discharge_start=voltage("start_voltage_volt", first[-1], -1),
        discharge_end=voltage("end_voltage_volt", last[-1], -1),
        charge_relaxation=_relaxation(steps, inside, last[1]),
        discharge_relaxation=_relaxation(steps, inside, last[-1]),
        temperature_mean=np.full(count, np.nan),
        temperature_min=np.full(count, np.nan),
        temperature_max=np.full(count, np.nan),
        window_charge=np.full(count, np.nan),
        window_discharge=np.full(count, np.nan),
        window_charge_energy=np.full(count, np.nan),
        window_discharge_energy=np.full(count, np.nan),
        window_charge_error=np.full(count, np.nan),
    )
    _fill_windows(sums, has)
    _check_sign(column, direction, provenance)
    return sums


def _number(column: dict[str, npt.NDArray[Any]], name: str) -> Floats:
    return np.asarray(column[name], dtype=np.float64)


def _edge(chosen: npt.NDArray[np.bool_], group: Ints, count: int, *, last: bool) -> Ints:
    """Return the first or last chosen step of each cycle, -1 where there is none."""
    out = np.full(count, -1, dtype=np.intp)
    index = np.flatnonzero(chosen)
    if not last:
        index = index[::-1]
    out[group[index]] = index
    return out


def _say_met(without: npt.NDArray[Any], provenance: Provenance) -> None:
    if without.size:
        provenance.notes.append(
            f"{without.size} cycles (first: cycle {without[0]}) are not complete: the end of a "
            "half cycle was met before it began, and no charge moved in it"
        )


def _kinds(
    column: dict[str, npt.NDArray[Any]],
    direction: Floats,
    of_step: Ints,
    begin: Ints,
    complete: npt.NDArray[np.bool_],
    provenance: Provenance,
) -> npt.NDArray[np.object_]:
    """Return the kind of each cycle; one whose halves both ended by time or Ah is imposed.

    A voltage that ended a step, or was held in one, decided over the charge of its half cycle.
    """
    kind: npt.NDArray[np.object_] = column["cycle_kind"][begin].astype(object)
    imposed_end = np.isin(column["end_reason"], ("time", "capacity"))
    by_cell = np.isin(column["end_reason"], ("voltage", "current", "hold_at_most"))
    by_cell |= np.nan_to_num(_number(column, "cv_capacity_ah")) > 0.0
    imposed = complete & (kind == "cycle")
    for sign in (1, -1):
        own = direction == sign
        last = _edge(own, of_step, kind.size, last=True)
        free = np.bincount(of_step[own & by_cell], minlength=kind.size) > 0
        imposed &= imposed_end[last] & ~free
    kind[imposed] = "imposed cycle"
    number = np.count_nonzero(kind == "imposed cycle")
    if number:
        found = np.count_nonzero(imposed)
        provenance.notes.append(
            f"{number} cycles are imposed ({found} of them found by their ends and stored as kind "
            "cycle): both halves ended by time or Ah, so their efficiency is what the protocol "
            "set; they have neither efficiency nor retention and stay out of fits and means"
        )
    return kind


def _rate(
    column: dict[str, npt.NDArray[Any]],
    own: npt.NDArray[np.bool_],
    moved: Floats,
    of_step: Ints,
    count: int,
) -> Floats:
    """Return the largest set current of each half cycle that was no mere pulse; NaN: unknown."""
    whole = np.bincount(of_step, weights=np.where(own, moved, 0.0), minlength=count)
    current = np.abs(_number(column, "set_current_ampere"))
    chosen = own & (moved >= PULSE_SHARE * whole[of_step]) & (current > 0.0)
    out = np.zeros(count)
    np.maximum.at(out, of_step[chosen], current[chosen])
    return np.where(out > 0.0, out, np.nan)


def stored_kinds(run: Run, sums: CycleSums) -> None:
    """Give cycles that were summed from the rows of a recorded run the kinds of its step index."""
    kinds = dict(
        zip(run.steps["cycle_count"].tolist(), run.steps["cycle_kind"].tolist(), strict=True)
    )
    sums.kind[:] = [kinds.get(cycle, "cycle") for cycle in sums.cycle.tolist()]


def fill_temperature(run: Run, sums: CycleSums) -> None:
    """Read the temperature of the rows of each cycle; the mean is weighed by time."""
    if TEMPERATURE not in run or not sums.cycle.size:
        return
    steps = run.steps
    for place, cycle in enumerate(sums.cycle.tolist()):
        own = steps["cycle_count"] == cycle
        rows = steps["first_row"][own].min(), steps["last_row"][own].max() + 1
        degrees = run.column(TEMPERATURE, *map(int, rows)).astype(np.float64)
        seconds = np.diff(run.column("test_time_second", *map(int, rows)), prepend=np.nan)
        known = np.isfinite(degrees) & (seconds > 0.0)
        if known.any():
            sums.temperature_mean[place] = np.average(degrees[known], weights=seconds[known])
        if np.isfinite(degrees).any():
            sums.temperature_min[place] = np.nanmin(degrees)
            sums.temperature_max[place] = np.nanmax(degrees)


def _relaxation(steps: Mapping[str, npt.NDArray[Any]], inside: Ints, last: Ints) -> Floats:
    """Return by how much the voltage went in the rests right after the last steps; NaN: no rest.

    A rest that follows in the next cycle counts too.
    """
    out = np.full(last.size, np.nan)
    known = np.flatnonzero(last >= 0)
    everywhere = np.array(
        [text.startswith("REST") for text in steps["step_type"].tolist()], dtype=np.bool_
    )
    place = inside[last[known]]
    driven = np.append(np.flatnonzero(~everywhere), everywhere.size)
    end = driven[np.searchsorted(driven, place, side="right")] - 1
    volts = np.asarray(steps["end_voltage_volt"], dtype=np.float64)
    out[known] = np.where(end > place, volts[end] - volts[place], np.nan)
    return out


def _fill_windows(sums: CycleSums, has: dict[int, npt.NDArray[np.bool_]]) -> None:
    """Put each discharge beside the charge of the cycle just before."""
    follows = np.zeros(sums.cycle.size, dtype=np.bool_)
    follows[1:] = (np.diff(sums.cycle.astype(np.int64)) == 1) & has[1][:-1] & has[-1][1:]
    at = np.flatnonzero(follows)
    sums.window_charge[at] = sums.charge[at - 1]
    sums.window_charge_energy[at] = sums.charge_energy[at - 1]
    sums.window_charge_error[at] = sums.charge_error[at - 1]
    sums.window_discharge[at] = sums.discharge[at]
    sums.window_discharge_energy[at] = sums.discharge_energy[at]


def _check_sign(
    column: dict[str, npt.NDArray[Any]], direction: Floats, provenance: Provenance
) -> None:
    driven = direction != 0
    change = column["end_voltage_volt"][driven] - column["start_voltage_volt"][driven]
    right = int(np.count_nonzero(direction[driven] * change >= 0.0))
    total = int(np.count_nonzero(driven))
    provenance.sign_check = f"voltage moves with the current in {right} of {total} driven steps"
    if total and right < 0.5 * total:
        provenance.sign_check += ": THE SIGN OF THE CURRENT LOOKS WRONG"


def _step_errors(
    column: dict[str, npt.NDArray[Any]], instrument: Any, provenance: Provenance
) -> Floats:
    """Return the worst-case error of each step's charge, in Ah; NaN where nothing is stated.

    gain x Q + offset x time + current at the edges x their half-widths, each taken at its worst.
    """
    charge = _number(column, "step_charging_capacity_ah")
    discharge = _number(column, "step_discharging_capacity_ah")
    moved = charge + discharge
    stated = instrument.get("current_ranges") or ()
    used = _ranges(column, moved > 0.0, stated, provenance)
    gain = np.full(used.size, np.nan)
    offset = np.full(used.size, np.nan)
    for item in stated:
        own = np.isclose(used, float(item["full_scale"]), rtol=1e-6, atol=0.0)
        gain[own], offset[own] = float(item["gain"]), float(item["offset"])
    hours = (_number(column, "end_time_second") - _number(column, "start_time_second")) / 3600.0
    edges = (
        np.abs(_number(column, "start_current_ampere"))
        * np.nan_to_num(_number(column, "start_half_width_second"))
        + np.abs(_number(column, "end_current_ampere"))
        * np.nan_to_num(_number(column, "end_half_width_second"))
    ) / 3600.0
    driven = moved > 0.0
    terms = {"gain": gain * moved, "offset": offset * hours, "step edges": edges}
    known = driven & np.isfinite(gain)
    if bool(known.any()):
        _say_what_limits(terms, used, gain, offset, known, provenance)
    elif stated and driven.any():
        provenance.interval = "not known: no step names a current range with a stated accuracy"
    if bool((driven & ~np.isfinite(gain)).any()) and stated:
        provenance.notes.append(
            "some steps name no current range with a stated accuracy: the interval of their "
            "cycles is not known"
        )
    return np.where(driven, sum(terms.values()), 0.0)


def _ranges(
    column: dict[str, npt.NDArray[Any]],
    driven: npt.NDArray[np.bool_],
    stated: Sequence[Mapping[str, Any]],
    provenance: Provenance,
) -> Floats:
    """Return the current range of each step; that of an unfinished one was not stored."""
    used = _number(column, "current_range_ampere").copy()
    scales = np.sort([float(item["full_scale"]) for item in stated])
    missing = driven & np.isnan(used) & (column["end_reason"] == "unfinished")
    wanted = np.abs(_number(column, "set_current_ampere"))
    for place in np.flatnonzero(missing & (wanted > 0.0)).tolist():
        holding = scales[scales >= wanted[place] * (1.0 - 1e-9)]
        if holding.size:
            used[place] = holding[0]
            provenance.notes.append(
                f"the current range of the unfinished step {column['step_count'][place]} is not "
                f"stored: the {holding[0]:.3g} A range is assumed, the smallest that holds its "
                f"{wanted[place]:.3g} A; its edges are taken as exact"
            )
    return used


def _say_what_limits(
    terms: dict[str, Floats],
    used: Floats,
    gain: Floats,
    offset: Floats,
    known: npt.NDArray[np.bool_],
    provenance: Provenance,
) -> None:
    totals = {name: float(values[known].sum()) for name, values in terms.items()}
    largest = max(totals, key=lambda name: totals[name])
    share = totals[largest] / (sum(totals.values()) or 1.0)
    heaviest = known.nonzero()[0][np.argmax(terms[largest][known])]
    stated = {
        "gain": f"{gain[heaviest]:.3g} of reading",
        "offset": f"{offset[heaviest]:.3g} A",
        "step edges": "half-widths of the step edges",
    }[largest]
    provenance.interval = (
        f"worst case of the stated accuracy, charge and discharge taken as independent; limited "
        f"by the {largest} of the {used[heaviest]:.3g} A range ({stated}; {share:.0%} of the bound)"
    )


def is_recorded(run: Run) -> bool:
    """Return whether a run carries a step index, be it still empty."""
    return run.steps.rows > 0 or (
        run.meta.get("origin") == "benchlab" and "cycle_count" in run.steps
    )
