"""Curves to draw at any zoom: from rows in memory, or from a file without reading its rows."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import h5py
import numpy as np
import numpy.typing as npt

from benchlab.errors import FileNotReadable
from benchlab.model.run import Run
from benchlab.store.decimate import Decimator

__all__ = ["Curve", "MemoryCurve", "StoredCurve", "open_curve"]

Floats = npt.NDArray[np.floating[Any]]
Flags = npt.NDArray[np.bool_]


class Curve(Protocol):
    """One column over time.

    Attributes
    ----------
    ends : tuple of float
        The first and last time.
    """

    ends: tuple[float, float]

    def points(self, low: float, high: float, columns: int) -> tuple[Floats, Floats]:
        """Return the samples to draw: times in order, and values.

        Each pixel column shows its smallest and largest value; the first and last sample of the
        view, and one neighbour on either side, are among them.

        Parameters
        ----------
        low, high : float
            The times in view.
        columns : int
            Width of the view in pixels.
        """


class MemoryCurve:
    """A curve whose samples are in memory."""

    def __init__(self, x: Floats, y: Floats) -> None:
        self._samples = Decimator(x, y)
        self.ends = (float(x[0]), float(x[-1])) if x.size else (0.0, 1.0)

    def points(self, low: float, high: float, columns: int) -> tuple[Floats, Floats]:
        """Return the samples to draw, as `Curve` says."""
        chosen = self._samples.view(low, high, columns)
        return self._samples.x[chosen], self._samples.y[chosen]


class StoredCurve:
    """A curve of a closed file with an overview; rows are read only where the view needs them.

    A block of rows stands for itself by its first, smallest, largest and last sample only where
    it is narrower than a pixel column and wholly in view.

    Parameters
    ----------
    unit_second : float
        Seconds of a unit of the time axis.
    """

    def __init__(self, run: Run, name: str, unit_second: float = 1.0) -> None:
        self._run = run
        self._name = name
        self._unit = unit_second
        self._fine, self._coarse = run.overview_blocks
        time = self._top[0]
        self.ends = (float(time[0, 0]) / unit_second, float(time[-1, 3]) / unit_second)

    @cached_property
    def _top(self) -> tuple[Floats, Floats]:
        return self._stored(self._coarse, 0, None)

    def points(self, low: float, high: float, columns: int) -> tuple[Floats, Floats]:
        """Return the samples to draw, as `Curve` says.

        Raises
        ------
        benchlab.errors.FileNotReadable
        """
        low, high = low * self._unit, high * self._unit
        width = (high - low) / max(columns, 1)
        time, value = self._top
        first = max(int(np.searchsorted(time[:, 3], low)) - 1, 0)
        stop = min(int(np.searchsorted(time[:, 0], high, side="right")) + 1, len(time))
        pieces: list[tuple[npt.NDArray[np.int64], Floats, Floats]] = []
        split = _too_wide(time[first:stop], low, high, width)
        _keep(
            pieces, first * self._coarse, self._coarse, time[first:stop], value[first:stop], split
        )
        share = self._coarse // self._fine
        for start, end in _stretches(split, first):
            begin = start * share
            time, value = self._stored(self._fine, begin, end * share)
            finer = _too_wide(time, low, high, width)
            _keep(pieces, begin * self._fine, self._fine, time, value, finer)
            for a, b in _stretches(finer, begin):
                rows = slice(a * self._fine, min(b * self._fine, len(self._run)))
                time = self._run.column("test_time_second", rows.start, rows.stop)
                value = self._run.column(self._name, rows.start, rows.stop)
                pieces.append((np.arange(rows.start, rows.stop), time, value))
        order, x, y = (np.concatenate(part) for part in zip(*pieces, strict=True))
        sort = np.argsort(order, kind="stable")
        x, y = x[sort], y[sort]
        chosen = Decimator(x, y).view(low, high, columns)
        return x[chosen] / self._unit, y[chosen]

    def _stored(self, rows: int, first: int, stop: int | None) -> tuple[Floats, Floats]:
        try:
            with h5py.File(self._run.path, "r", locking=False) as file:
                group = file["overview"][f"blocks_{rows}"]
                return (
                    group[f"{self._name}_time"][first:stop],
                    group[self._name][first:stop],
                )
        except (OSError, KeyError, RuntimeError) as error:
            raise FileNotReadable(
                f"the overview of {self._name} cannot be read: {error}.",
                where=str(self._run.path),
                remedy="The file was changed or damaged since; take it from a backup.",
            ) from error


def open_curve(run: Run, name: str, unit_second: float = 1.0) -> Curve:
    """Return a column of a run to draw over its test time; rows are read only where needed.

    Raises
    ------
    KeyError
        Where the run has no such column.
    ValueError
        Where the test time falls or is not finite.
    """
    if name not in run:
        raise KeyError(f"no column {name!r}; this run has {', '.join(run.column_names)}")
    if run.overview_blocks and name in run.overview_columns:
        return StoredCurve(run, name, unit_second)
    return MemoryCurve(run["test_time_second"] / unit_second, run[name])


def _too_wide(time: Floats, low: float, high: float, width: float) -> Flags:
    """Return which blocks must not stand for their rows."""
    start, end = time[:, 0], time[:, 3]
    in_view = (end >= low) & (start <= high)
    edge = (start < low) | (end > high)
    wide: Flags = in_view & ((end - start > width) | edge)
    return wide


def _keep(
    pieces: list[tuple[npt.NDArray[np.int64], Floats, Floats]],
    row: int,
    rows: int,
    time: Floats,
    value: Floats,
    split: Flags,
) -> None:
    kept = np.flatnonzero(~split)
    order = (row + rows * kept)[:, None] + np.arange(4)
    pieces.append((order.reshape(-1), time[kept].reshape(-1), value[kept].reshape(-1)))


def _stretches(chosen: Flags, offset: int) -> list[tuple[int, int]]:
    """Return the stretches of chosen blocks as (first, stop)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], chosen.astype(np.int8), [0]))))
    return [(int(a) + offset, int(b) + offset) for a, b in edges.reshape(-1, 2)]
