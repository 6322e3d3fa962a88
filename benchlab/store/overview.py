"""The overview in a closed file: four samples a block of rows, so that a long curve opens at once.

For each block the first, smallest, largest and last sample, in the order of time, each with its
own time. Two sizes of block are kept: a view takes a block only where it is narrower than a pixel
column, else the finer ones, else the rows themselves (`benchlab.store.overview_read`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["BLOCK_ROWS", "COLUMNS_SHOWN", "FROM_ROWS", "OverviewBuilder", "summarise"]

Floats = npt.NDArray[np.floating[Any]]

BLOCK_ROWS = (256, 4096)
"""Rows of a block, finest first; each is a multiple of the one before."""

COLUMNS_SHOWN = ("voltage_volt", "current_ampere", "surface_temperature_celsius")
"""The columns that get an overview."""

FROM_ROWS = 500_000
"""Shorter runs get none: reading all their rows takes no longer than a blink."""


def summarise(time: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Return times and values of the first, smallest, largest and last sample of each block.

    Parameters
    ----------
    time, values : ndarray, shape (blocks, rows)
        NaN is never the smallest or largest unless there is nothing else.

    Returns
    -------
    tuple of ndarray, shape (blocks, 4)
        Ascending in time.
    """
    unknown = np.isnan(values)
    if unknown.any():
        smallest = np.where(unknown, np.inf, values).argmin(axis=1)
        largest = np.where(unknown, -np.inf, values).argmax(axis=1)
    else:
        smallest, largest = values.argmin(axis=1), values.argmax(axis=1)
    last = np.full(len(values), values.shape[1] - 1)
    places = np.stack((np.zeros_like(last), smallest, largest, last), axis=1)
    places.sort(axis=1)
    return np.take_along_axis(time, places, axis=1), np.take_along_axis(values, places, axis=1)


def _blocks(values: Floats, rows: int) -> Floats:
    """Return values as blocks; the last one is filled up with the last value."""
    short = -len(values) % rows
    if short:
        values = np.concatenate((values, np.repeat(values[-1:], short)))
    return values.reshape(-1, rows)


class OverviewBuilder:
    """Gathers the overview of rows that come in any portions; 64 bytes a block and column."""

    def __init__(self) -> None:
        self._kept: dict[str, list[tuple[Floats, Floats]]] = {}
        self._rest: dict[str, Floats] = {}
        self._newest = -np.inf
        self._possible = True
        self._rows = 0

    def append(self, block: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take rows given as columns of equal length."""
        if not self._possible or "test_time_second" not in block:
            self._possible = False
            return
        time = block["test_time_second"]
        if not len(time):
            return
        steps_back = bool((np.diff(time) < 0.0).any()) or time[0] < self._newest
        if steps_back or not np.isfinite(time).all():
            self._possible = False  # what is not in order of time cannot be cut by time
            return
        self._newest = float(time[-1])
        self._rows += len(time)
        shown = {name: block[name] for name in COLUMNS_SHOWN if name in block}
        whole = self._join(dict(shown, test_time_second=time))
        count = len(whole["test_time_second"]) // BLOCK_ROWS[0] * BLOCK_ROWS[0]
        self._take({name: values[:count] for name, values in whole.items()})
        self._rest = {name: values[count:].copy() for name, values in whole.items()}

    def _join(self, block: dict[str, Floats]) -> dict[str, Floats]:
        if not self._rest:
            return block
        return {name: np.concatenate((self._rest[name], block[name])) for name in block}

    def _take(self, rows: Mapping[str, Floats]) -> None:
        time = rows["test_time_second"]
        if len(time):
            times = _blocks(time, BLOCK_ROWS[0])
            for name, values in rows.items():
                if name != "test_time_second":
                    summary = summarise(times, _blocks(values, BLOCK_ROWS[0]))
                    self._kept.setdefault(name, []).append(summary)

    def finish(self) -> dict[int, dict[str, tuple[Floats, Floats]]]:
        """Return times and values by rows of a block and column; empty for a short run.

        A column without any value gets no overview.
        """
        if not self._possible or self._rows < FROM_ROWS:
            return {}
        self._take(self._rest)
        fine, coarse = BLOCK_ROWS
        share = coarse // fine
        levels: dict[int, dict[str, tuple[Floats, Floats]]] = {fine: {}, coarse: {}}
        for name, parts in self._kept.items():
            time = np.concatenate([part[0] for part in parts])
            values = np.concatenate([part[1] for part in parts])
            if np.isnan(values).all():
                continue
            levels[fine][name] = time, values
            levels[coarse][name] = summarise(
                _blocks(time.reshape(-1), 4 * share), _blocks(values.reshape(-1), 4 * share)
            )
        return levels
