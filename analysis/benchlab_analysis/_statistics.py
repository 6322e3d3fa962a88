"""Statistics of few cells: robust spread, outliers, intervals, capability, effects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = [
    "CapabilityIndex", "Effect", "capability_index", "compare", "median_interval",
    "outlier_scores", "robust_spread", "rule_breaks",
]  # fmt: skip

Floats = npt.NDArray[np.float64]

FEWEST_OUTLIERS = 5
LIMIT_SCORE = 3.5

D2 = 1.128
"""Mean of the range of two normal values, in standard deviations."""


def robust_spread(y: Floats) -> float:
    """Return 1.4826 times the median distance from the median; NaN for fewer than 3 values."""
    if y.size < 3:
        return np.nan
    return 1.4826 * float(np.median(np.abs(y - np.median(y))))


def median_interval(y: Floats, confidence: float) -> tuple[float, float]:
    """Return the interval of the median from order statistics; NaN where n is too small for it.

    No distribution is assumed: the coverage is that of the binomial distribution, at least
    `confidence`, which takes 6 values for 95 %.
    """
    ranked, n = np.sort(y), y.size
    k = int(stats.binom.ppf((1.0 - confidence) / 2.0, n, 0.5))
    if k < 1 or stats.binom.cdf(k - 1, n, 0.5) * 2.0 > 1.0 - confidence:
        return np.nan, np.nan
    return float(ranked[k - 1]), float(ranked[n - k])


def outlier_scores(y: Floats) -> Floats:
    """Return the distance of each value from the median in robust standard deviations.

    Iglewicz and Hoaglin (1993) call values beyond 3.5 outliers. Where more than half of the values
    are equal, the mean distance takes the place of the median one. NaN for fewer than 5 values.
    """
    if y.size < FEWEST_OUTLIERS:
        return np.full(y.size, np.nan)
    away = y - np.median(y)
    scale = 1.4826 * float(np.median(np.abs(away)))
    if scale <= 0.0:
        scale = 1.2533 * float(np.mean(np.abs(away)))
    return away / scale if scale > 0.0 else np.zeros(y.size)


class CapabilityIndex(NamedTuple):
    """A capability index with its interval, and which limit it is about."""

    value: float
    low: float
    high: float
    limit: str


def capability_index(
    y: Floats, low: float | None, high: float | None, confidence: float
) -> tuple[CapabilityIndex, CapabilityIndex | None]:
    """Return Ppk, and Pp where there are two limits, from the overall standard deviation.

    Intervals: Pp by the chi-squared distribution of the variance, exact for normal values; Ppk
    after Bissell, Applied Statistics 39 (1990) 331, its large-sample form.

    Parameters
    ----------
    y : ndarray, shape (n,)
        At least 2 values that differ.
    """
    n, mean, sigma = y.size, float(y.mean()), float(y.std(ddof=1))
    sides = []
    if low is not None:
        sides.append(((mean - low) / (3.0 * sigma), "lower"))
    if high is not None:
        sides.append(((high - mean) / (3.0 * sigma), "upper"))
    value, limit = min(sides)
    z = float(stats.norm.ppf(0.5 + confidence / 2.0))
    reach = z * float(np.sqrt(1.0 / (9.0 * n) + value**2 / (2.0 * (n - 1))))
    worst = CapabilityIndex(value, value - reach, value + reach, limit)
    if low is None or high is None:
        return worst, None
    both = (high - low) / (6.0 * sigma)
    ends = stats.chi2.ppf([(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0], n - 1)
    root = np.sqrt(ends / (n - 1))
    return worst, CapabilityIndex(both, both * float(root[0]), both * float(root[1]), "both")


class Effect(NamedTuple):
    """Lot B against lot A, unpaired.

    Attributes
    ----------
    difference, low, high : float
        Of the means, B - A, with Welch's interval.
    shift, shift_low, shift_high : float
        Of Hodges and Lehmann: the median of all pairwise differences; robust.
    effect, effect_low, effect_high : float
        Hedges' g: the difference in pooled standard deviations, without its bias for few cells.
    p_welch, p_rank : float
        Of Welch's t and of Mann and Whitney.
    """

    difference: float
    low: float
    high: float
    shift: float
    shift_low: float
    shift_high: float
    effect: float
    effect_low: float
    effect_high: float
    p_welch: float
    p_rank: float


def compare(a: Floats, b: Floats, confidence: float) -> Effect:
    """Compare two lots of at least 2 cells each; cells are independent, not paired.

    References
    ----------
    Welch, Biometrika 34 (1947) 28. Hodges and Lehmann, Ann. Math. Stat. 34 (1963) 598.
    Hedges, J. Educ. Stat. 6 (1981) 107.
    """
    va, vb = float(a.var(ddof=1)) / a.size, float(b.var(ddof=1)) / b.size
    difference = float(b.mean() - a.mean())
    error = float(np.sqrt(va + vb))
    if error > 0.0:
        free = (va + vb) ** 2 / (va**2 / (a.size - 1) + vb**2 / (b.size - 1))
        reach = float(stats.t.ppf(0.5 + confidence / 2.0, free)) * error
        p_welch = 2.0 * float(stats.t.sf(abs(difference) / error, free))
    else:
        reach, p_welch = np.nan, np.nan
    pairs = np.sort((b[:, None] - a[None, :]).ravel())
    mean = a.size * b.size / 2.0
    deviation = np.sqrt(a.size * b.size * (a.size + b.size + 1) / 12.0)
    z = float(stats.norm.ppf(0.5 + confidence / 2.0))
    k = int(np.floor(mean - z * deviation))
    shift = (float(pairs[k - 1]), float(pairs[pairs.size - k])) if k >= 1 else (np.nan, np.nan)
    degrees = a.size + b.size - 2
    pooled = float(np.sqrt(((a.size - 1) * a.var(ddof=1) + (b.size - 1) * b.var(ddof=1)) / degrees))
    g = (1.0 - 3.0 / (4.0 * degrees - 1.0)) * difference / pooled if pooled > 0.0 else np.nan
    spread = np.sqrt((a.size + b.size) / (a.size * b.size) + g**2 / (2.0 * (a.size + b.size)))
    p_rank = float(stats.mannwhitneyu(a, b, alternative="two-sided").pvalue)
    return Effect(
        difference, difference - reach, difference + reach,
        float(np.median(pairs)), *shift, g, float(g - z * spread), float(g + z * spread),
        p_welch, p_rank,
    )  # fmt: skip


def rule_breaks(y: Floats, centre: float, sigma: float) -> list[list[str]]:
    """Return, for each point of a control chart, the rules it breaks.

    The first four of Nelson, J. Qual. Technol. 16 (1984) 237, but for the third: a point beyond 3
    sigma; nine in a row on one side; six in a row rising or falling; two of three beyond 2 sigma on
    one side.
    """
    out: list[list[str]] = [[] for _ in y]
    z = (y - centre) / sigma
    for i in range(y.size):
        if abs(z[i]) > 3.0:
            out[i].append("beyond 3 sigma")
        if i >= 8 and abs(np.sign(z[i - 8 : i + 1]).sum()) == 9:
            out[i].append("nine in a row on one side")
        if i >= 5 and abs(np.sign(np.diff(y[i - 5 : i + 1])).sum()) == 5:
            out[i].append("six in a row in one direction")
        if i >= 2:
            near = z[i - 2 : i + 1]
            side = np.sign(z[i])
            if abs(z[i]) > 2.0 and np.count_nonzero(side * near > 2.0) >= 2:
                out[i].append("two of three beyond 2 sigma")
    return out
