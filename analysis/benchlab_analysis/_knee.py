"""Knee and onset of a fade curve: Bacon-Watts with one and two breaks, and Kneedle beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import f as fisher

from benchlab_analysis._fade_data import FadeData, running_median
from benchlab_analysis._fits import Fit

__all__ = ["Knee", "broken_line", "find_knee", "kneedle"]

Floats = npt.NDArray[np.float64]

AT_LEAST, BESIDE = 30, 5
"""Points for a knee at all, and on each side of it."""

STEEPER = 1.5
"""A knee is where the fade grows at least by this factor, its interval included."""

MATERIAL = 0.02
"""A knee is followed by a loss of at least this share."""

APART = 10.0
"""By how much Schwarz's criterion must prefer a break to every law without one."""

GRID = 160
"""Places of each break that are tried before the best is looked at closely."""


@dataclass(frozen=True, slots=True)
class Knee:
    """What is known of a knee, in cycles; NaN where there is none.

    Attributes
    ----------
    found : bool
    why_not : str
    knee, knee_low, knee_high : float
        The break of a line with one (Bacon-Watts), and its interval.
    onset, onset_low, onset_high : float
        The first break of a line with two.
    second_break : float
        Its second one.
    kneedle : float
        The same by the second method.
    slope_before, slope_after : float
        Retention per cycle.
    """

    found: bool
    why_not: str = ""
    knee: float = np.nan
    knee_low: float = np.nan
    knee_high: float = np.nan
    onset: float = np.nan
    onset_low: float = np.nan
    onset_high: float = np.nan
    second_break: float = np.nan
    kneedle: float = np.nan
    slope_before: float = np.nan
    slope_after: float = np.nan


def find_knee(data: FadeData, smooth: list[Fit], confidence: float = 0.95) -> Knee:
    """Return the knee of a fade curve, or why there is none.

    The Bacon-Watts model in its sharp limit is a continuous broken line, so its least squares are
    found on a grid of breaks without start values. The interval is that of the breaks whose sum
    of squares an F test does not reject. There is a knee where the fade grows steeper and a break
    tells more than every law without one: linear, square root, power.

    Parameters
    ----------
    smooth : list of Fit
        The laws, fitted to the same points.

    References
    ----------
    Bacon and Watts, Biometrika 58 (1971) 525. Fermin-Cueto et al., Energy and AI 1 (2020) 100006:
    the knee from one break, its onset from the first of two. Satopaa et al., ICDCSW (2011) 166:
    Kneedle.
    """
    count = data.y.size
    if count < AT_LEAST:
        return Knee(False, f"{count} cycles < {AT_LEAST}")
    x, y = data.x, data.y
    effective = count / data.widening**2
    single = broken_line(x, y, confidence, effective)
    double = _two_breaks(x, y, confidence, effective)
    criterion = min(
        effective * np.log(max(spread / count, 1e-300)) + number * np.log(effective)
        for spread, number in ((single.spread, 4.0), (double[4], 6.0))
    )
    rivals = [fit.criterion for fit in smooth if fit.names and fit.law != "linear + exponential"]
    before, after = single.slopes
    wide = single.slope_reach * data.widening
    if not criterion < min(rivals, default=np.inf) - APART:
        return Knee(False, "a curve without a break says as much")
    if not -after - wide[1] > STEEPER * max(-before + wide[0], 0.0):
        return Knee(False, f"the fade does not grow by a factor of {STEEPER:g}")
    lost = -float(after) * (float(x[-1]) - single.at)
    if not lost >= MATERIAL:
        return Knee(False, f"after the only break {lost:.1%} is lost, less than {MATERIAL:.0%}")
    shift = float(data.reference)
    return Knee(
        True,
        "",
        single.at + shift,
        single.low + shift,
        single.high + shift,
        double[0] + shift,
        double[1] + shift,
        double[2] + shift,
        double[3] + shift,
        kneedle(x, y) + shift,
        float(before),
        float(after),
    )


@dataclass(frozen=True, slots=True)
class Broken:
    """A line with one break; slopes before and after it with the reach of their interval."""

    at: float
    low: float
    high: float
    spread: float
    slopes: Floats
    slope_reach: Floats


def broken_line(x: Floats, y: Floats, confidence: float, effective: float) -> Broken:
    """Return the continuous line with one break that fits best."""
    edges = x[BESIDE - 1], x[-BESIDE]
    grid = np.linspace(edges[0], edges[1], 4 * GRID)
    sums = _spreads(x, y, grid)
    best = int(np.argmin(sums))
    fine = np.linspace(grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)], 41)
    near = _spreads(x, y, fine)
    at, least = float(fine[np.argmin(near)]), float(near.min())
    freedom = max(effective - 4.0, 1.0)
    limit = least * (1.0 + fisher.ppf(confidence, 1, freedom) / freedom)
    low, high = _within(grid, sums, limit, at, lambda places: _spreads(x, y, places))
    design = np.column_stack((np.ones_like(x), x, np.maximum(x - at, 0.0)))
    found = np.linalg.lstsq(design, y, rcond=None)[0]
    inverse = np.linalg.inv(design.T @ design) * least / max(x.size - 4, 1)
    slopes = np.array([found[1], found[1] + found[2]])
    reach = 2.0 * np.sqrt([inverse[1, 1], inverse[1, 1] + inverse[2, 2] + 2.0 * inverse[1, 2]])
    return Broken(at, low, high, least, slopes, reach)


def _within(
    grid: Floats, sums: Floats, limit: float, at: float, spreads: object
) -> tuple[float, float]:
    """Return the ends of the places whose sum of squares is within the limit."""
    inside = grid[sums <= limit]
    step = float(grid[1] - grid[0])
    ends = []
    for side, edge in ((-1, min(inside.min(initial=at), at)), (1, max(inside.max(initial=at), at))):
        near, far = float(edge), float(np.clip(edge + side * step, grid[0], grid[-1]))
        for _ in range(12):
            middle = 0.5 * (near + far)
            ok = float(spreads(np.array([middle]))[0]) <= limit  # type: ignore[operator]
            near, far = (middle, far) if ok else (near, middle)
        ends.append(near)
    return ends[0], ends[1]


def _spreads(x: Floats, y: Floats, places: Floats) -> Floats:
    """Return the sum of squares of the best line with a break at each place."""
    flat = np.column_stack((np.ones_like(x), (x - x.mean()) / np.ptp(x)))
    base, _ = np.linalg.qr(flat)
    rest = y - base @ (base.T @ y)
    hinge = np.maximum(x[:, None] - places[None, :], 0.0)
    hinge -= base @ (base.T @ hinge)
    length = np.einsum("ij,ij->j", hinge, hinge)
    along = rest @ hinge
    return np.asarray(
        rest @ rest - np.divide(along**2, length, out=np.zeros_like(along), where=length > 0.0)
    )


def _two_breaks(
    x: Floats, y: Floats, confidence: float, effective: float
) -> tuple[float, float, float, float, float]:
    """Return the first break of a line with two, its interval, the second, the sum of squares."""
    low, high = float(x[BESIDE - 1]), float(x[-BESIDE])
    first = second = np.linspace(low, high, GRID)
    for _ in range(3):  # look closer around the best pair
        sums = _pair_spreads(x, y, first, second)
        row, column = np.unravel_index(int(np.argmin(sums)), sums.shape)
        if _ == 0:
            whole, of_first = sums.min(axis=1), first
        first = _closer(first, int(row))
        second = _closer(second, int(column))
    sums = _pair_spreads(x, y, first, second)
    row, column = np.unravel_index(int(np.argmin(sums)), sums.shape)
    onset, knee = float(first[row]), float(second[column])
    freedom = max(effective - 6.0, 1.0)
    limit = float(sums.min()) * (1.0 + fisher.ppf(confidence, 1, freedom) / freedom)
    inside = of_first[whole <= limit]
    step = float(of_first[1] - of_first[0])
    return (
        onset,
        float(min(inside.min(initial=onset), onset)) - 0.5 * step,
        float(max(inside.max(initial=onset), onset)) + 0.5 * step,
        knee,
        float(sums.min()),
    )


def _closer(places: Floats, best: int) -> Floats:
    return np.linspace(
        places[max(best - 2, 0)], places[min(best + 2, places.size - 1)], 24, dtype=np.float64
    )


def _pair_spreads(x: Floats, y: Floats, first: Floats, second: Floats) -> Floats:
    """Return the sum of squares for each pair of breaks, shape (first, second); inf if reversed."""
    flat = np.column_stack((np.ones_like(x), (x - x.mean()) / np.ptp(x)))
    base, _ = np.linalg.qr(flat)
    rest = y - base @ (base.T @ y)
    parts = []
    for places in (first, second):
        hinge = np.maximum(x[:, None] - places[None, :], 0.0)
        parts.append(hinge - base @ (base.T @ hinge))
    a, b = parts
    aa, bb = np.einsum("ij,ij->j", a, a), np.einsum("ij,ij->j", b, b)
    ab = a.T @ b
    ya, yb = a.T @ rest, b.T @ rest
    determinant = aa[:, None] * bb[None, :] - ab**2
    gain = (
        ya[:, None] ** 2 * bb[None, :] - 2.0 * ya[:, None] * yb[None, :] * ab
        + yb[None, :] ** 2 * aa[:, None]
    )  # fmt: skip
    apart = 2.0 * float(np.median(np.diff(x)))
    usable = (determinant > 1e-9 * aa[:, None] * bb[None, :]) & (
        second[None, :] - first[:, None] >= apart
    )
    out = np.full(determinant.shape, np.inf)
    out[usable] = float(rest @ rest) - (gain[usable] / determinant[usable])
    return out


def kneedle(x: Floats, y: Floats) -> float:
    """Return where a falling curve lies farthest above its chord, after a running median."""
    smooth = running_median(y)
    across = (x - x[0]) / (x[-1] - x[0])
    drop = smooth[0] - smooth[-1]
    if not drop > 0.0:
        return float("nan")
    up = (smooth - smooth[-1]) / drop
    return float(x[np.argmax(up + across)])
