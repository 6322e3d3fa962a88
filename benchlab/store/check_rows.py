"""One pass over all rows: sums a step, order of time, counters, and the digest of each column."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.model.flags import RowFlag
from benchlab.model.run import Run

__all__ = ["COUNTERS", "RowScan", "scan_rows"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

COUNTERS = (
    "charging_capacity_ah",
    "discharging_capacity_ah",
    "charging_energy_wh",
    "discharging_energy_wh",
)
BLOCK_ROWS = 1 << 19
MOST_PLACES = 20
"""Places kept of each kind of trouble; all of them are counted."""
CLOCK_SECOND = 1.0
"""Wall clock and test time may drift apart by this much from one row to the next."""


@dataclass
class Places:
    """Where something was found: how often, and the first few rows."""

    count: int = 0
    rows: list[int] = field(default_factory=list)
    largest: float = 0.0

    def add(self, rows: Ints, sizes: Floats) -> None:
        """Take the rows of one block, and how much of it was there."""
        self.count += len(rows)
        self.rows += rows[: max(MOST_PLACES - len(self.rows), 0)].tolist()
        self.largest = max(self.largest, float(sizes.max(initial=0.0)))


@dataclass
class RowScan:
    """What the rows say; arrays are of shape (steps,).

    Attributes
    ----------
    net_ah, net_wh : ndarray
        Trapezoid of the recorded rows inside each step, without its edges.
    bound_ah, bound_wh : ndarray
        How far readings in between may have moved that, had they lain between their two rows.
    wrong_step : ndarray
        Rows inside the step's range that name another step.
    widest : ndarray
        The longest time between two rows, in seconds.
    edges : dict of ndarray, shape (steps, 2)
        Columns at the first and last row of each step; NaN for a step without rows.
    started : ndarray of bool
        Whether the first row is flagged as one.
    digests : dict of bytes
        SHA-256 of each column.
    """

    net_ah: Floats
    net_wh: Floats
    bound_ah: Floats
    bound_wh: Floats
    wrong_step: Ints
    widest: Floats
    edges: dict[str, Floats]
    back: Places = field(default_factory=Places)
    doubled: Places = field(default_factory=Places)
    fallen: dict[str, Places] = field(default_factory=dict)
    clock: Places = field(default_factory=Places)
    unknown_time: Places = field(default_factory=Places)
    digests: dict[str, bytes] = field(default_factory=dict)


def scan_rows(run: Run, steps: Ints, first: Ints, last: Ints) -> RowScan:
    """Read every row once, in blocks.

    Parameters
    ----------
    steps, first, last : ndarray of int, shape (steps,)
        Number, first and last row of each step.

    Raises
    ------
    benchlab.errors.FileNotReadable
        A column is damaged.
    """
    count = len(first)
    kept = ("test_time_second", "current_ampere", "voltage_volt", "flags", *COUNTERS)
    scan = RowScan(
        net_ah=np.zeros(count),
        net_wh=np.zeros(count),
        bound_ah=np.zeros(count),
        bound_wh=np.zeros(count),
        wrong_step=np.zeros(count, np.int64),
        widest=np.zeros(count),
        edges={name: np.full((count, 2), np.nan) for name in kept if name in run},
    )
    hashes = {name: hashlib.sha256() for name in run.column_names}
    before: dict[str, npt.NDArray[Any]] = {}
    row = 0
    for block in run.blocks(BLOCK_ROWS):
        for name, values in block.items():
            hashes[name].update(np.ascontiguousarray(values).tobytes())
        _edges(scan, block, row, first, last)
        # the last row of the block before comes first, so that no interval is missed
        joined = {
            name: np.concatenate((before[name], values)) if before else values
            for name, values in block.items()
        }
        _intervals(scan, joined, row - bool(before), (steps, first, last), fresh=row)
        before = {name: values[-1:] for name, values in block.items()}
        row += block.rows
    scan.digests = {name: item.digest() for name, item in hashes.items()}
    return scan


def _edges(
    scan: RowScan, block: Mapping[str, npt.NDArray[Any]], row: int, first: Ints, last: Ints
) -> None:
    stop = row + len(next(iter(block.values())))
    for side, rows in enumerate((first, last)):
        here = np.flatnonzero((rows >= row) & (rows < stop) & (last >= first))
        for name, values in scan.edges.items():
            values[here, side] = block[name][rows[here] - row]


def _intervals(
    scan: RowScan,
    rows: Mapping[str, npt.NDArray[Any]],
    row: int,
    index: tuple[Ints, Ints, Ints],
    *,
    fresh: int,
) -> None:
    if "test_time_second" not in rows or len(rows["test_time_second"]) < 1:
        return
    time = rows["test_time_second"].astype(np.float64)
    number = row + np.arange(len(time), dtype=np.int64)
    unknown = ~np.isfinite(time) & (number >= fresh)
    scan.unknown_time.add(number[unknown], np.zeros(0))
    step = np.diff(time)
    back = step < 0.0
    scan.back.add(number[1:][back], -step[back])
    same = step == 0.0
    for name, values in rows.items():
        if not same.any():
            break
        if name not in ("flags", "unix_time_nanosecond"):
            equal = values[1:] == values[:-1]
            if values.dtype.kind == "f":
                equal |= np.isnan(values[1:]) & np.isnan(values[:-1])
            same &= equal
    scan.doubled.add(number[1:][same], np.zeros(0))
    for name in COUNTERS:
        if name in rows:
            fall = -np.diff(rows[name])
            room = 1e-9 + 1e-7 * np.abs(rows[name][:-1]) + _reversed(rows, name, step)
            fallen = fall > room
            scan.fallen.setdefault(name, Places()).add(number[1:][fallen], fall[fallen])
    if "unix_time_nanosecond" in rows:
        unix = rows["unix_time_nanosecond"]
        drift = np.abs(np.diff(unix) / 1e9 - step)
        jumped = (drift > CLOCK_SECOND) & (unix[1:] != 0) & (unix[:-1] != 0)
        scan.clock.add(number[1:][jumped], drift[jumped])
    if len(index[0]):
        if "flags" in rows:  # what was not believed was not counted
            counted = rows["flags"] & RowFlag.SUSPECT == 0
            if not counted.all():
                rows = {name: values[counted] for name, values in rows.items()}
                number = number[counted]
        _sums(scan, rows, number, index, fresh=fresh)


def _reversed(rows: Mapping[str, npt.NDArray[Any]], name: str, seconds: Floats) -> Floats:
    """Return by how much a counter may step back from row to row, shape (n - 1,).

    A step driven one way adds its net charge to one counter, so that a current the other way takes
    from it: at most the larger of the two rows' currents, or powers, for the time between them.
    """
    needed = ("current_ampere", "step_count", "voltage_volt")
    if any(column not in rows for column in needed):
        return np.zeros(len(seconds))
    flow = rows["current_ampere"].astype(np.float64)
    if name.endswith("_wh"):
        flow = flow * rows["voltage_volt"]
    against = np.maximum(-flow if name.startswith("charging") else flow, 0.0)
    taken = np.maximum(against[1:], against[:-1]) * seconds / 3600.0
    same = rows["step_count"][1:] == rows["step_count"][:-1]
    return np.where(same & np.isfinite(taken), np.maximum(taken, 0.0), 0.0)


def _sums(
    scan: RowScan,
    rows: Mapping[str, npt.NDArray[Any]],
    number: Ints,
    index: tuple[Ints, Ints, Ints],
    *,
    fresh: int,
) -> None:
    steps, first, last = index
    count = len(first)
    place = np.searchsorted(first, number, side="right") - 1
    inside = (place >= 0) & (number <= last[np.maximum(place, 0)])
    if "step_count" in rows:
        wrong = inside & (number >= fresh)
        wrong &= rows["step_count"] != steps[np.maximum(place, 0)]
        scan.wrong_step += np.bincount(place[wrong], minlength=count)
    pair = inside[1:] & inside[:-1] & (place[1:] == place[:-1])
    of = place[1:][pair]
    seconds = np.diff(rows["test_time_second"])[pair]
    np.maximum.at(scan.widest, of, seconds)
    if "current_ampere" not in rows:
        return
    current = rows["current_ampere"].astype(np.float64)
    voltage = rows["voltage_volt"].astype(np.float64) if "voltage_volt" in rows else current
    hours = seconds / 7200.0
    for value, net, bound in (
        (current, scan.net_ah, scan.bound_ah),
        (current * voltage, scan.net_wh, scan.bound_wh),
    ):
        total = (value[1:] + value[:-1])[pair] * hours
        spread = np.abs(np.diff(value))[pair] * hours
        net += np.bincount(of, weights=np.nan_to_num(total), minlength=count)
        bound += np.bincount(of, weights=np.nan_to_num(spread), minlength=count)
