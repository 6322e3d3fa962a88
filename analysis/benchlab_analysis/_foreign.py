"""Sums a cycle from rows: the cycler's counters, or integration where there are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchlab.model.run import Run
from benchlab_analysis._halves import Halves, halves, merge_small, number_cycles
from benchlab_analysis._row_remarks import QUANTITIES
from benchlab_analysis._rows import RowReader, Rows
from benchlab_analysis._sums import CycleSums, Provenance

__all__ = ["sums_from_rows"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Columns = dict[str, npt.NDArray[Any]]

COMPLETE_SHARE = 0.05
"""A half cycle with less than this share of the median one is not a whole one."""

COARSE = 1e-4
"""A counter that moves in larger shares of a discharge than this is worth a word."""

BALANCE = 0.5
"""A half cycle with less than this share of its partner, or of the usual one, was cut short."""


class _Blocks(NamedTuple):
    """Cycles as ranges of stretches, arrays of shape (n,); `of` is the block of each stretch."""

    cycle: npt.NDArray[np.uint32]
    first: Ints
    last: Ints
    of: Ints


def sums_from_rows(run: Run, provenance: Provenance, reader: RowReader | None = None) -> CycleSums:
    """Return the sums a cycle from the rows of a run; `provenance` is filled in.

    A rise of a counter between the last row of a cycle and the first row of the next belongs to
    the next, unless the current shows that it was the tail of the half cycle before.

    Parameters
    ----------
    reader : RowReader, optional
        One that read earlier rows of the same run.

    Raises
    ------
    KeyError
        Where time, voltage or current is missing.
    """
    rows = (reader or RowReader()).read(run, provenance)
    made = rows.stretches
    before = _before_first(rows, provenance)
    totals = [made[f"enter_{name}"] + made[f"inner_{name}"] for name in QUANTITIES]
    for values, extra in zip(totals, before, strict=True):
        values[:1] += extra
    charge, discharge = np.cumsum(totals[0]), np.cumsum(totals[1])
    label = made["cycle"]
    if not rows.indexed:
        label = _cycles_from_current(rows, charge, discharge, run.cell, provenance)
    blocks = _blocks(label, provenance)
    found = halves(made["sign"], charge, discharge, blocks.of)
    return _sum(rows, blocks, found, totals, provenance)


def _before_first(rows: Rows, provenance: Provenance) -> list[float]:
    """Return what the counters show in the first row, if it can have flowed since the start."""
    first, extras = rows.extras.first, rows.extras
    before = [0.0] * 4
    if not rows.counted or not first:
        return before
    interval = min(first["test_time_second"], 2.0 * extras.usual_interval())
    seen = np.nan_to_num(np.concatenate(extras.magnitudes))
    possible = 1.1 * float(seen.max(initial=0.0)) * max(interval, 0.0) / 3600.0
    for number, direction in enumerate(("charging", "discharging")):
        value = first[QUANTITIES[number]]
        if 0.0 < value <= possible:
            before[number] = value
            before[number + 2] = first.get(QUANTITIES[number + 2], 0.0)
        elif value > possible:
            provenance.corrections.append(
                f"the {direction} counter stands at {value:.6g} Ah in the first row, more than can "
                "have flowed by then: it is charge from before the file and is not counted"
            )
    return before


def _cycles_from_current(
    rows: Rows, charge: Floats, discharge: Floats, cell: Mapping[str, object],
    provenance: Provenance,
) -> Ints:  # fmt: skip
    found = halves(rows.stretches["sign"], charge, discharge)
    large, pulses = merge_small(found, charge, discharge)
    stated = cell.get("first_half_cycle")
    opening = int(large.sign[0]) if len(large) else 1
    if len(large) > 1 and large.charge[0] < BALANCE * np.median(large.charge):
        opening = -opening  # a test that begins in the middle of a half cycle
    if stated in ("charge", "discharge"):
        opening = 1 if stated == "charge" else -1
    provenance.corrections.append(
        f"there is no cycle index: {len(large)} half cycles were found in the current (rest is "
        f"below {rows.threshold:.3g} A; {pulses} pulses were merged into them), and a cycle begins "
        f"with each {'charge' if opening > 0 else 'discharge'}"
    )
    return number_cycles(large, opening, charge.size).astype(np.intp)


def _blocks(label: Ints, provenance: Provenance) -> _Blocks:
    starts = np.flatnonzero(np.concatenate(([label.size > 0], label[1:] != label[:-1])))
    ends = np.append(starts[1:], label.size)[: starts.size] - 1
    if starts.size and bool((np.diff(label[starts]) < 0).any()):
        provenance.notes.append(
            "the cycle index falls: a restart or two tests in one file; stretches are kept apart "
            "in the order of the rows"
        )
    of = np.repeat(np.arange(starts.size), ends - starts + 1)
    return _Blocks(label[starts].astype(np.uint32), starts, ends, of)


def _sum(
    rows: Rows, blocks: _Blocks, found: Halves, parts: list[Floats], provenance: Provenance
) -> CycleSums:
    made, count = rows.stretches, blocks.cycle.size

    def of_block(values: npt.NDArray[Any]) -> Floats:
        return np.bincount(blocks.of, weights=values, minlength=count).astype(np.float64)

    totals = [of_block(values) for values in parts]
    _give_tails_back(rows, blocks, totals, provenance)
    charge, discharge, charge_energy, discharge_energy = totals
    main = {sign: _main_half(found, blocks, sign, count) for sign in (1, -1)}
    _check(made, found, main, blocks, provenance)
    has = {sign: half >= 0 for sign, half in main.items()}

    def at(sign: int, name: str, stretches: Ints) -> Floats:
        out = np.full(count, np.nan)
        out[has[sign]] = made[name][stretches[main[sign][has[sign]]]]
        return out

    both = has[1] & has[-1]
    first_discharge = np.zeros(count, dtype=np.bool_)
    first_discharge[both] = found.first[main[-1][both]] < found.first[main[1][both]]
    complete = both.copy()
    for values in (charge, discharge):
        usual = np.median(values[both]) if both.any() else 0.0
        complete &= values >= COMPLETE_SHARE * usual
    complete &= np.minimum(charge, discharge) >= BALANCE * np.maximum(charge, discharge)
    if count and made["sign"][-1] != 0:
        complete[-1] = False
        provenance.notes.append("the file ends under current: its last cycle is not complete")
    quantum = rows.extras.quantum() if rows.counted else 0.0
    if both.any() and quantum > COARSE * np.median(discharge[both]):
        provenance.notes.append(
            f"the counters move in steps of {quantum:.3g} Ah, "
            f"{quantum / np.median(discharge[both]):.2%} of a discharge: no efficiency is "
            "known any finer"
        )
    bound = np.zeros(count) if rows.counted else of_block(made["bound"])
    windows = _windows(found, main, parts, totals, first_discharge)
    unknown = np.full(count, np.nan)
    sign = made["sign"]
    warm = of_block(made["temperature_seconds"])
    relaxed = {way: _relaxation(made, found, main[way]) for way in (1, -1)}
    sums = CycleSums(
        cycle=blocks.cycle,
        both=both,
        kind=np.full(count, "cycle", dtype=object),
        complete=complete,
        charge=charge,
        discharge=discharge,
        charge_energy=charge_energy,
        discharge_energy=discharge_energy,
        charge_cv=of_block(np.where(sign > 0, made["cv"], 0.0)),
        discharge_cv=of_block(np.where(sign < 0, made["cv"], 0.0)),
        charge_error=unknown,
        discharge_error=unknown,
        charge_rate=unknown,
        discharge_rate=unknown,
        charge_current=_mean_current(made, found, main[1]),
        discharge_current=_mean_current(made, found, main[-1]),
        resolution=bound + 2.0 * quantum,
        duration=of_block(made["seconds"]),
        charge_duration=of_block(np.where(sign > 0, made["driven_seconds"], 0.0)),
        discharge_duration=of_block(np.where(sign < 0, made["driven_seconds"], 0.0)),
        discharge_first=first_discharge,
        charge_start=at(1, "voltage_first", found.first),
        charge_end=at(1, "voltage_last", found.last),
        discharge_start=at(-1, "voltage_first", found.first),
        discharge_end=at(-1, "voltage_last", found.last),
        charge_relaxation=relaxed[1],
        discharge_relaxation=relaxed[-1],
        temperature_mean=np.divide(
            of_block(made["degree_seconds"]), warm, out=unknown.copy(), where=warm > 0.0
        ),
        temperature_min=_extreme(np.fmin, made["temperature_min"], blocks),
        temperature_max=_extreme(np.fmax, made["temperature_max"], blocks),
        window_charge=windows[0],
        window_discharge=windows[1],
        window_charge_energy=windows[2],
        window_discharge_energy=windows[3],
        window_charge_error=unknown,
    )
    before = (blocks.cycle == 0) & ~both
    if charge[before].sum() + discharge[before].sum() > 0.0:
        provenance.notes.append(
            f"before the first cycle {charge[before].sum():.6g} Ah were charged and "
            f"{discharge[before].sum():.6g} Ah discharged; they belong to no cycle"
        )
    return sums.only(~before)


def _extreme(function: np.ufunc, values: Floats, blocks: _Blocks) -> Floats:
    if not blocks.first.size:
        return np.empty(0)
    return np.asarray(function.reduceat(values, blocks.first), dtype=np.float64)


def _relaxation(made: Columns, found: Halves, main: Ints) -> Floats:
    """Return by how much the voltage went in the rest after each half cycle; NaN: no rest."""
    out = np.full(main.size, np.nan)
    known = np.flatnonzero(main >= 0)
    last = found.last[main[known]]
    driven = np.append(np.flatnonzero(made["sign"]), made["sign"].size)
    end = driven[np.searchsorted(driven, last, side="right")] - 1
    volts = made["voltage_last"][end] - made["voltage_last"][last] if last.size else np.empty(0)
    out[known] = np.where(end > last, volts, np.nan)
    return out


def _give_tails_back(
    rows: Rows, blocks: _Blocks, totals: list[Floats], provenance: Provenance
) -> None:
    """Credit the rise at a change of the index to the cycle before, where it is its tail."""
    made, after = rows.stretches, blocks.first[1:]
    before, now = made["current_before"][after], made["current_first"][after]
    moved, count = 0.0, 0
    for sign, charge, energy in ((1.0, 0, 2), (-1.0, 1, 3)):
        rise = made[f"enter_{QUANTITIES[charge]}"][after]
        tail = (
            (rise > 0.0)
            & ~made["enter_reset"][after].astype(np.bool_)
            & (sign * before > rows.threshold)
            & ~(sign * now > rows.threshold)
        )
        for number in (charge, energy):
            shift = np.where(tail, made[f"enter_{QUANTITIES[number]}"][after], 0.0)
            totals[number][:-1] += shift
            totals[number][1:] -= shift
        moved += float(rise[tail].sum())
        count += int(np.count_nonzero(tail))
    if count and provenance.source == "counters":
        provenance.corrections.append(
            f"{count} rises where the cycle index advanced ({moved:.3g} Ah in all) were the tail "
            "of the half cycle before and are counted there"
        )


def _main_half(found: Halves, blocks: _Blocks, sign: int, count: int) -> Ints:
    """Return the half cycle with the most charge in each block, -1 where there is none."""
    out = np.full(count, -1, dtype=np.intp)
    own = np.flatnonzero(found.sign == sign)
    order = own[np.argsort(found.charge[own], kind="stable")]
    out[blocks.of[found.first[order]]] = order
    return out


def _mean_current(made: Columns, found: Halves, main: Ints) -> Floats:
    """Return the mean magnitude of the current of each half cycle between its driven rows."""
    out = np.full(main.size, np.nan)
    known = main >= 0
    driven = made["sign"] != 0
    spent, moved = (
        np.concatenate(([0.0], np.cumsum(np.where(driven, made[name], 0.0))))
        for name in ("driven_seconds", "integral_inner")
    )
    first, last = found.first[main[known]], found.last[main[known]] + 1
    hours = (spent[last] - spent[first]) / 3600.0
    mean = np.full(hours.size, np.nan)
    np.divide(moved[last] - moved[first], hours, out=mean, where=hours > 0.0)
    out[known] = mean
    return out


def _windows(
    found: Halves,
    main: dict[int, Ints],
    parts: list[Floats],
    totals: list[Floats],
    discharge_first: npt.NDArray[np.bool_],
) -> list[Floats]:
    """Return charge, discharge and energies of each discharge and the charge of the cycle before.

    Where the discharge comes first in its index, they are those from the end of the discharge
    before to its own end, so that a charge before the first discharge of all is left out.
    """
    count = discharge_first.size
    charge, discharge, charge_energy, discharge_energy = totals
    has_charge, has_discharge = main[1] >= 0, main[-1] >= 0
    out = [np.full(count, np.nan) for _ in range(4)]
    at = 1 + np.flatnonzero(has_discharge[1:] & has_charge[:-1] & ~discharge_first[1:])
    for target, values, back in zip(
        out, (charge, discharge, charge_energy, discharge_energy), (1, 0, 1, 0), strict=True
    ):
        target[at] = values[at - back]
    with_discharge = np.flatnonzero(has_discharge)
    if with_discharge.size > 1:
        last = found.last[main[-1][with_discharge]]
        charging = np.append(found.first[found.sign > 0], parts[0].size)
        ends = charging[np.searchsorted(charging, last, side="right")] - 1
        window = discharge_first[with_discharge[1:]]
        window |= (with_discharge[1:] == count - 1) & ~has_charge[with_discharge[1:]]
        for target, values in zip(out, parts, strict=True):
            target[with_discharge[1:][window]] = np.diff(np.cumsum(values)[ends])[window]
    return out


def _check(
    made: Columns, found: Halves, main: dict[int, Ints], blocks: _Blocks, provenance: Provenance
) -> None:
    large = np.concatenate([half[half >= 0] for half in main.values()])
    if large.size:
        change = made["voltage_last"][found.last[large]] - made["voltage_first"][found.first[large]]
        right = int(np.count_nonzero(found.sign[large] * change > 0.0))
        provenance.sign_check = (
            f"voltage moves with the current in {right} of {large.size} half cycles"
        )
        if right < 0.5 * large.size:
            provenance.sign_check += ": THE SIGN OF THE CURRENT LOOKS WRONG"
    big = found.charge >= COMPLETE_SHARE * found.charge.max(initial=0.0)
    block = blocks.of[found.first[big]]
    charges = np.bincount(block[found.sign[big] > 0], minlength=blocks.cycle.size)
    discharges = np.bincount(block[found.sign[big] < 0], minlength=blocks.cycle.size)
    several = int(np.count_nonzero((charges > 1) & (discharges > 1)))
    if several:
        provenance.notes.append(f"{several} cycle indices hold more than one charge and discharge")
