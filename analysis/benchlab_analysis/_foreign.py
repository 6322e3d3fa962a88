"""Sums a cycle from rows: the cycler's counters, or integration where there are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchlab.model.run import Run
from benchlab_analysis._halves import Halves, halves, merge_small, number_cycles
from benchlab_analysis._rows import Rows, cycle_index, read_rows
from benchlab_analysis._sums import CycleSums, Provenance

__all__ = ["sums_from_rows"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

COMPLETE_SHARE = 0.05
"""A half cycle with less than this share of the median one is not a whole one."""

COARSE = 1e-4
"""A counter that moves in larger shares of a discharge than this is worth a word."""

BALANCE = 0.5
"""A half cycle with less than this share of its partner, or of the usual one, was cut short."""


class _Blocks(NamedTuple):
    cycle: npt.NDArray[np.uint32]
    first: Ints
    last: Ints
    of_row: Ints


def sums_from_rows(run: Run, provenance: Provenance) -> CycleSums:
    """Return the sums a cycle of a run without step index; `provenance` is filled in.

    A rise of a counter between the last row of a cycle and the first row of the next belongs to
    the next, unless the current shows that it was the tail of the half cycle before.

    Raises
    ------
    KeyError
        Where time, voltage or current is missing.
    """
    rows = read_rows(run, provenance)
    cycle = cycle_index(run)
    if cycle is None:
        cycle = _cycles_from_current(rows, run.cell, provenance)
    blocks = _blocks(cycle, provenance)
    found = halves(rows.current, rows.threshold, rows.charge, rows.discharge, blocks.of_row)
    return _sum(rows, blocks, found, provenance)


def _cycles_from_current(
    rows: Rows, cell: Mapping[str, object], provenance: Provenance
) -> npt.NDArray[np.uint32]:
    found = halves(rows.current, rows.threshold, rows.charge, rows.discharge)
    large, pulses = merge_small(found, rows.charge, rows.discharge)
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
    return number_cycles(large, opening, len(rows.time))


def _blocks(cycle: npt.NDArray[np.generic], provenance: Provenance) -> _Blocks:
    label = cycle.astype(np.uint32)
    starts = np.flatnonzero(np.concatenate(([label.size > 0], label[1:] != label[:-1])))
    ends = np.append(starts[1:], label.size)[: starts.size] - 1
    if starts.size and bool((np.diff(label[starts].astype(np.int64)) < 0).any()):
        provenance.notes.append(
            "the cycle index falls: a restart or two tests in one file; stretches are kept apart "
            "in the order of the rows"
        )
    lengths = ends - starts + 1 if starts.size else starts
    of_row = np.repeat(np.arange(starts.size), lengths)
    return _Blocks(label[starts], starts, ends, of_row)


def _sum(rows: Rows, blocks: _Blocks, found: Halves, provenance: Provenance) -> CycleSums:
    count = blocks.cycle.size
    totals = [
        _per_block(values, blocks, first)
        for values, first in zip(
            (rows.charge, rows.discharge, rows.charge_energy, rows.discharge_energy),
            rows.before_first,
            strict=True,
        )
    ]
    _give_tails_back(rows, blocks, totals, provenance)
    charge, discharge, charge_energy, discharge_energy = totals
    main = {sign: _main_half(found, blocks, sign, count) for sign in (1, -1)}
    _check(rows, found, main, blocks, provenance)
    has = {sign: half >= 0 for sign, half in main.items()}

    def voltage(sign: int, rows_of: Ints) -> Floats:
        out = np.full(count, np.nan)
        out[has[sign]] = rows.voltage[rows_of[main[sign][has[sign]]]]
        return out

    both = has[1] & has[-1]
    first_discharge = np.zeros(count, dtype=np.bool_)
    first_discharge[both] = found.first[main[-1][both]] < found.first[main[1][both]]
    complete = both.copy()
    for values in (charge, discharge):
        usual = np.median(values[both]) if both.any() else 0.0
        complete &= values >= COMPLETE_SHARE * usual
    complete &= np.minimum(charge, discharge) >= BALANCE * np.maximum(charge, discharge)
    if count and abs(rows.current[-1]) > rows.threshold:
        complete[-1] = False
        provenance.notes.append("the file ends under current: its last cycle is not complete")
    bound = rows.bound if rows.bound is not None else np.zeros(len(rows.time))
    resolution = _per_block(bound, blocks, 0.0) + 2.0 * rows.quantum
    if both.any() and rows.quantum > COARSE * np.median(discharge[both]):
        provenance.notes.append(
            f"the counters move in steps of {rows.quantum:.3g} Ah, "
            f"{rows.quantum / np.median(discharge[both]):.2%} of a discharge: no efficiency is "
            "known any finer"
        )
    currents = {sign: _mean_current(rows, found, main[sign]) for sign in (1, -1)}
    windows = _windows(rows, found, main, totals, first_discharge)
    unknown = np.full(count, np.nan)
    previous_end = np.maximum(blocks.first - 1, 0)
    sums = CycleSums(
        cycle=blocks.cycle,
        both=both,
        kind=np.full(count, "cycle", dtype=object),
        complete=complete,
        charge=charge,
        discharge=discharge,
        charge_energy=charge_energy,
        discharge_energy=discharge_energy,
        charge_error=unknown,
        discharge_error=unknown,
        charge_rate=unknown,
        discharge_rate=unknown,
        charge_current=currents[1],
        discharge_current=currents[-1],
        resolution=resolution,
        duration=rows.time[blocks.last] - rows.time[previous_end],
        discharge_first=first_discharge,
        charge_start=voltage(1, found.first),
        charge_end=voltage(1, found.last),
        discharge_start=voltage(-1, found.first),
        discharge_end=voltage(-1, found.last),
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


def _per_block(values: Floats, blocks: _Blocks, first: float) -> Floats:
    if not blocks.cycle.size:
        return np.empty(0)
    out = np.diff(np.concatenate(([values[0]], values[blocks.last])))
    out[0] += first
    return out


def _give_tails_back(
    rows: Rows, blocks: _Blocks, totals: list[Floats], provenance: Provenance
) -> None:
    """Credit the rise at a change of the index to the cycle before, where it is its tail."""
    after = blocks.first[1:]
    moved, count = 0.0, 0
    for sign, charge, energy in ((1.0, 0, 2), (-1.0, 1, 3)):
        values = (rows.charge, rows.discharge, rows.charge_energy, rows.discharge_energy)
        rise = values[charge][after] - values[charge][after - 1]
        tail = (
            (rise > 0.0)
            & ~np.isin(after, rows.resets)
            & (sign * rows.current[after - 1] > rows.threshold)
            & (sign * rows.current[after] <= rows.threshold)
        )
        for number in (charge, energy):
            shift = np.where(tail, values[number][after] - values[number][after - 1], 0.0)
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
    out[blocks.of_row[found.first[order]]] = order
    return out


def _mean_current(rows: Rows, found: Halves, main: Ints) -> Floats:
    """Return the mean magnitude of the current of each half cycle between its driven rows."""
    out = np.full(main.size, np.nan)
    known = main >= 0
    magnitude = np.abs(rows.current)
    driven = magnitude > rows.threshold
    seconds = np.where(driven[1:] & driven[:-1], np.diff(rows.time), 0.0)
    flowed = 0.5 * (magnitude[1:] + magnitude[:-1])
    time = np.concatenate(([0.0], np.cumsum(seconds)))
    moved = np.concatenate(([0.0], np.cumsum(np.where(seconds > 0.0, flowed * seconds, 0.0))))
    first, last = found.first[main[known]], found.last[main[known]]
    spent = time[last] - time[first]
    mean = np.full(spent.size, np.nan)
    np.divide(moved[last] - moved[first], spent, out=mean, where=spent > 0.0)
    out[known] = mean
    return out


def _windows(
    rows: Rows,
    found: Halves,
    main: dict[int, Ints],
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
        charging = np.append(found.first[found.sign > 0], len(rows.time))
        ends = charging[np.searchsorted(charging, last, side="right")] - 1
        window = discharge_first[with_discharge[1:]]
        window |= (with_discharge[1:] == count - 1) & ~has_charge[with_discharge[1:]]
        for target, values in zip(
            out,
            (rows.charge, rows.discharge, rows.charge_energy, rows.discharge_energy),
            strict=True,
        ):
            target[with_discharge[1:][window]] = np.diff(values[ends])[window]
    return out


def _check(
    rows: Rows, found: Halves, main: dict[int, Ints], blocks: _Blocks, provenance: Provenance
) -> None:
    large = np.concatenate([half[half >= 0] for half in main.values()])
    if large.size:
        change = rows.voltage[found.last[large]] - rows.voltage[found.first[large]]
        right = int(np.count_nonzero(found.sign[large] * change > 0.0))
        provenance.sign_check = (
            f"voltage moves with the current in {right} of {large.size} half cycles"
        )
        if right < 0.5 * large.size:
            provenance.sign_check += ": THE SIGN OF THE CURRENT LOOKS WRONG"
    big = found.charge >= COMPLETE_SHARE * found.charge.max(initial=0.0)
    block = blocks.of_row[found.first[big]]
    charges = np.bincount(block[found.sign[big] > 0], minlength=blocks.cycle.size)
    discharges = np.bincount(block[found.sign[big] < 0], minlength=blocks.cycle.size)
    several = int(np.count_nonzero((charges > 1) & (discharges > 1)))
    if several:
        provenance.notes.append(f"{several} cycle indices hold more than one charge and discharge")
