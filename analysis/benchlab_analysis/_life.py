"""End of life: where a robust curve crosses it, or where a fitted law will, with an interval."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from benchlab_analysis._fade_data import FadeData, running_median
from benchlab_analysis._fits import LAWS, Fit

__all__ = ["Life", "from_cycle", "observed_end", "projected_end"]

Floats = npt.NDArray[np.float64]

LEAST_POINTS = 10

SHARE_SEEN = 0.2
"""Less of the loss up to the end of life than this seen supports no projection."""

FARTHEST = 4.0
"""Nor is one supported beyond this many times the cycles seen."""

DRAWS = 4000


@dataclass(frozen=True, slots=True)
class Life:
    """An end of life, in cycles; NaN where there is none, infinite where nothing bounds it.

    Attributes
    ----------
    seen : bool
        Whether the test went that far.
    law : str
        What was prolonged; empty where it was seen.
    why_not : str
        Why there is no figure.
    """

    seen: bool
    cycle: float = np.nan
    low: float = np.nan
    high: float = np.nan
    law: str = ""
    why_not: str = ""


def observed_end(data: FadeData, threshold: float, confidence: float = 0.95) -> Life | None:
    """Return where the retention fell to the threshold; None where it has not.

    Found on the falling curve closest to the running median, so that one cycle that was cut off
    ends no life; the figure is where the straight line through the points around it crosses, and
    its interval takes in the noise of the reference cycle.
    """
    if data.y.size < LEAST_POINTS:
        return None
    smooth = _falling(running_median(data.y))
    below = np.flatnonzero(smooth <= threshold)
    if not below.size:
        return None
    at = int(below[0])
    near = np.abs(smooth - threshold) <= max(0.01, 6.0 * data.sigma)
    chosen = np.flatnonzero(near & (np.abs(np.arange(near.size) - at) <= near.size // 4))
    if chosen.size < LEAST_POINTS:
        begin = min(max(at - LEAST_POINTS // 2, 0), data.y.size - LEAST_POINTS)
        chosen = np.arange(begin, begin + LEAST_POINTS)
    x, y = data.x[chosen], data.y[chosen]
    middle = float(x.mean())
    design = np.column_stack((np.ones_like(x), x - middle))
    (level, slope), *_ = np.linalg.lstsq(design, y, rcond=None)
    if not slope < 0.0:
        return Life(True, float(data.cycle[at]), why_not="the fade around it is not told from none")
    rest = y - design @ (level, slope)
    freedom = x.size - 2
    sigma = float(np.sqrt(rest @ rest / freedom)) * data.widening
    away = (threshold - level) / slope
    spread = sigma**2 * (1.0 / x.size + away**2 / float(np.sum((x - middle) ** 2)))
    spread += (
        threshold * data.sigma
    ) ** 2  # retention refers to one cycle, which has its own noise
    reach = student.ppf(0.5 + confidence / 2.0, freedom) * np.sqrt(spread) / -slope
    end = float(data.reference + middle + away)
    return Life(True, end, end - float(reach), end + float(reach))


def projected_end(
    data: FadeData, fit: Fit, threshold: float, confidence: float = 0.95, seed: int = 0
) -> Life:
    """Return where a fitted law will reach the threshold, if the law goes on.

    The interval is that of the law's parameters, drawn from their covariance, and of the noise of
    the reference cycle; that another law may come to hold is not in it.
    """
    if not fit.supported:
        return Life(False, law=fit.law, why_not=fit.why_not)
    last = float(data.x[-1])
    seen = (1.0 - float(fit.at(last))) / (1.0 - threshold)
    if not seen > SHARE_SEEN:
        return Life(False, law=fit.law, why_not=f"only {max(seen, 0.0):.0%} of the loss was seen")
    logs = list(LAWS[fit.law].logarithmic)
    centre = fit.values.copy()
    centre[logs] = np.log(centre[logs])
    rng = np.random.default_rng(seed)
    drawn = rng.multivariate_normal(np.zeros(centre.size), fit.covariance, DRAWS, method="eigh")
    # as wide as Student's t with the freedom of the fit
    drawn *= np.sqrt(fit.freedom / rng.chisquare(fit.freedom, DRAWS))[:, None]
    values = np.vstack((centre, centre + drawn))
    values[:, logs] = np.exp(np.clip(values[:, logs], -200.0, 200.0))
    levels = threshold * (1.0 + np.append(0.0, rng.normal(0.0, data.sigma, DRAWS)))
    ends = _reach(fit.law, values, levels, last)
    end = data.reference + float(ends[0])
    if not ends[0] <= FARTHEST * last:
        return Life(
            False,
            law=fit.law,
            why_not=f"it lies beyond cycle {data.reference + FARTHEST * last:.0f}, "
            f"{FARTHEST:g} times what was seen",
        )
    low, high = np.quantile(
        ends[1:], (0.5 - confidence / 2.0, 0.5 + confidence / 2.0), method="inverted_cdf"
    )
    return Life(False, end, data.reference + float(low), data.reference + float(high), fit.law)


def _reach(law: str, values: Floats, levels: Floats, last: float) -> Floats:
    """Return after how many cycles each set of parameters reaches its level; inf: never."""
    far = np.full(levels.size, 1e3 * last)
    near = np.zeros(levels.size)

    def over(x: Floats) -> npt.NDArray[np.bool_]:
        above: npt.NDArray[np.bool_] = LAWS[law].function(x, values.T) > levels
        return above

    never = over(far)
    for _ in range(60):
        middle = 0.5 * (near + far)
        above = over(middle)
        near, far = np.where(above, middle, near), np.where(above, far, middle)
    return np.where(never, np.inf, far)


def from_cycle(data: FadeData, cycle: float) -> FadeData:
    """Return the points from a cycle on."""
    kept = data.cycle >= cycle
    return replace(data, cycle=data.cycle[kept], x=data.x[kept], y=data.y[kept])


def _falling(values: Floats) -> Floats:
    """Return the falling curve closest to the points (pool adjacent violators)."""
    levels: list[list[float]] = []  # value, weight
    for value in values.tolist():
        levels.append([value, 1.0])
        while len(levels) > 1 and levels[-2][0] < levels[-1][0]:
            top, weight = levels.pop()
            below = levels[-1]
            below[0] = (below[0] * below[1] + top * weight) / (below[1] + weight)
            below[1] += weight
    return np.repeat([level for level, _ in levels], [int(weight) for _, weight in levels])
