"""The cycles that fits of the fade use: which are chosen, what is left out, and their noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchlab.model.table import Table

__all__ = [
    "FadeData",
    "chosen_cycles",
    "fade_data",
    "neighbour_correlation",
    "running_median",
    "series",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

OUTLIER = 6.0
"""A point this many standard deviations from the running median of its neighbours is one."""

LEAST_APART = 2e-3
"""Nor is one closer than this: small real changes are no outliers of a quiet curve."""

WIDTH = 11
"""Points of the running median."""


@dataclass(frozen=True, slots=True)
class FadeData:
    """Points of a fade curve, arrays of shape (n,).

    Attributes
    ----------
    cycle : ndarray
    x : ndarray
        Cycles since the reference one.
    y : ndarray
        Retention.
    reference : int
        The cycle that retention refers to.
    outliers : ndarray of int, shape (k,)
        Cycles left out since they lie far from their neighbours.
    sigma : float
        Standard deviation of a point about its neighbours.
    correlation : float
        Of neighbouring points about a smooth curve, 0 where it is not told from none.
    left_out : list of str
        In words.
    """

    cycle: Floats
    x: Floats
    y: Floats
    reference: int
    outliers: Ints
    sigma: float
    correlation: float
    left_out: list[str]

    @property
    def widening(self) -> float:
        """By what intervals grow since neighbouring points are alike."""
        return float(np.sqrt((1.0 + self.correlation) / (1.0 - self.correlation)))


def fade_data(table: Table, first: int | None = None, last: int | None = None) -> FadeData:
    """Return the points of the fade curve of a cycle table.

    Complete cycles of kind ``cycle`` that no correction excluded, at one rate, in the window.
    Points far from the running median of their neighbours are left out, each by name.

    Parameters
    ----------
    first, last : int, optional
        The window of cycles, both included.
    """
    index, others = chosen_cycles(table, first, last)
    words = [f"{others} cycles at other rates are left out"] if others else []
    reference = table["retention_reference_cycle"]
    of = int(reference[index[0]]) if index.size else 0
    cycle = table["cycle_count"].astype(np.float64)[index]
    data = series(cycle, table["capacity_retention"][index], of)
    imposed = int(np.count_nonzero(table["complete"] & (table["kind"] == "imposed cycle")))
    if imposed:
        words.append(f"{imposed} imposed cycles do not count")
    data.left_out[:0] = words
    return data


def chosen_cycles(table: Table, first: int | None, last: int | None) -> tuple[Ints, int]:
    """Return the places of the cycles that count, and how many are left out for their rate.

    Retention starts at 1 with each reference: a line through several would hide what was lost, so
    the largest group that refers to one cycle is kept.
    """
    cycle = table["cycle_count"]
    chosen = (
        table["complete"]
        & ~table["excluded"]
        & (table["kind"] == "cycle")
        & np.isfinite(table["capacity_retention"])
    )
    chosen &= (cycle >= (first or 0)) & (cycle <= (np.inf if last is None else last))
    index = np.flatnonzero(chosen)
    if not index.size:
        return index, 0
    reference = table["retention_reference_cycle"]
    known, number = np.unique(reference[index], return_counts=True)
    kept = index[reference[index] == known[np.argmax(number)]]
    return kept, int(index.size - kept.size)


def series(cycle: Floats, retention: Floats, reference: int) -> FadeData:
    """Return points as fade data: outliers taken out, noise measured."""
    smooth = running_median(retention)
    sigma = _spread(retention)
    far = np.abs(retention - smooth) > max(OUTLIER * sigma, LEAST_APART)
    if not sigma > 0.0 or retention.size < WIDTH:
        far[:] = False
    words = []
    if far.any():
        named = ", ".join(str(int(item)) for item in cycle[far][:5])
        more = " ..." if far.sum() > 5 else ""
        words.append(
            f"{np.count_nonzero(far)} cycles lie more than {OUTLIER:g} standard deviations from "
            f"their neighbours and are left out: {named}{more}"
        )
    cycle_kept, kept = cycle[~far], retention[~far]
    return FadeData(
        cycle_kept,
        cycle_kept - reference,
        kept,
        reference,
        cycle[far].astype(np.intp),
        _difference_sigma(kept),
        _correlation(kept),
        words,
    )


def running_median(values: Floats, width: int = WIDTH) -> Floats:
    """Return the median of each point and its neighbours; a straight line stays what it is."""
    if values.size < 3:
        return values.copy()
    half = min(width // 2, (values.size - 1) // 2)
    # mirrored through the end points, so that a slope goes on
    before = 2.0 * values[0] - values[half:0:-1]
    after = 2.0 * values[-1] - values[-2 : -half - 2 : -1]
    padded = np.concatenate((before, values, after))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    return np.asarray(np.median(windows, axis=1), dtype=np.float64)


def _spread(values: Floats) -> float:
    """Return the noise of points, which outliers do not move, from second differences."""
    if values.size < 5:
        return 0.0
    second = values[2:] - 2.0 * values[1:-1] + values[:-2]
    return float(1.4826 * np.median(np.abs(second)) / np.sqrt(6.0))


def _difference_sigma(values: Floats) -> float:
    """Return the noise from second differences, in which a smooth curve cancels."""
    if values.size < 5:
        return 0.0
    second = values[2:] - 2.0 * values[1:-1] + values[:-2]
    return float(np.sqrt(np.mean(second**2) / 6.0))


def _correlation(values: Floats) -> float:
    """Return the correlation of neighbours about a smooth curve; 0 where it is hardly there."""
    count = values.size
    if count < 30:
        return 0.0
    x = np.linspace(-1.0, 1.0, count)
    degree = min(7, count // 10)
    found = neighbour_correlation(
        values - np.polynomial.Polynomial.fit(x, values, degree)(x), degree
    )
    # a sharp bend is no likeness of neighbours: lines that bend once are tried too
    for place in np.linspace(-0.9, 0.9, 61 if found else 0):
        design = np.column_stack((np.ones_like(x), x, np.maximum(x - place, 0.0)))
        line = design @ np.linalg.lstsq(design, values, rcond=None)[0]
        found = min(found, neighbour_correlation(values - line, 2))
    return found


def neighbour_correlation(rest: Floats, degree: int) -> float:
    """Return the correlation of neighbouring residuals; 0 where it is not told from none.

    Parameters
    ----------
    degree : int
        Of the curve that was fitted, which takes some of the correlation along.
    """
    count, total = rest.size, float(np.dot(rest, rest))
    if count < 30 or not total > 0.0:
        return 0.0
    found = float(np.dot(rest[1:], rest[:-1])) / total
    found += (1.0 + 2.0 * max(found, 0.0)) * (degree + 1.0) / count
    return min(found, 0.9) if found > 2.5 / np.sqrt(count) else 0.0
