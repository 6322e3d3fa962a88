"""Laws of capacity fade fitted to a retention curve, with intervals, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.stats import t as student

from benchlab_analysis._fade_data import FadeData

__all__ = ["LAWS", "Fit", "best_fit", "fit_laws"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """One law fitted.

    Attributes
    ----------
    law : str
    formula : str
        With n, the cycles since the reference one.
    supported : bool
    why_not : str
    names : tuple of str
    values, low, high : ndarray, shape (p,)
        Parameters and their interval.
    covariance : ndarray, shape (p, p)
    sigma : float
        Standard deviation of the points about it.
    criterion : float
        Schwarz's, smaller is better; correlation of neighbours is taken into account.
    """

    law: str
    formula: str
    supported: bool
    why_not: str = ""
    names: tuple[str, ...] = ()
    values: Floats = field(default_factory=lambda: np.empty(0))
    low: Floats = field(default_factory=lambda: np.empty(0))
    high: Floats = field(default_factory=lambda: np.empty(0))
    covariance: Floats = field(default_factory=lambda: np.empty((0, 0)))
    sigma: float = np.nan
    criterion: float = np.inf
    freedom: int = 0

    def at(self, x: npt.ArrayLike, values: Floats | None = None) -> Floats:
        """Return the retention of the law `x` cycles after the reference one."""
        law = LAWS[self.law].function
        return law(np.asarray(x, dtype=np.float64), self.values if values is None else values)


@dataclass(frozen=True)
class Law:
    """A law: its formula, its parameters, where a search for them starts."""

    formula: str
    names: tuple[str, ...]
    function: Callable[[Floats, Floats], Floats]
    starts: Callable[[Floats, Floats], list[Floats]]
    at_least: int
    logarithmic: tuple[int, ...] = ()
    """Parameters that are searched as logarithms: they are positive, and so is their interval."""


def _linear_starts(x: Floats, y: Floats) -> list[Floats]:
    slope, level = np.polyfit(x, y, 1)
    return [np.array([level, -slope])]


def _root_starts(x: Floats, y: Floats) -> list[Floats]:
    return _linear_starts(np.sqrt(np.maximum(x, 0.0)), y)


def _power_starts(x: Floats, y: Floats) -> list[Floats]:
    found = []
    for power in (0.3, 0.5, 0.8, 1.2, 1.8, 2.5):
        design = np.column_stack((np.ones_like(x), -(np.maximum(x, 0.0) ** power)))
        level, loss = np.linalg.lstsq(design, y, rcond=None)[0]
        found.append(np.array([level, max(loss, 1e-12), power]))
    return found


def _exponential_starts(x: Floats, y: Floats) -> list[Floats]:
    found = []
    for share in (0.05, 0.1, 0.2, 0.35):
        scale = share * float(x.max())
        design = np.column_stack((np.ones_like(x), -x, -np.expm1((x - x.max()) / scale)))
        level, slope, end = np.linalg.lstsq(design, y, rcond=None)[0]
        found.append(np.array([level, slope, max(end, 1e-9), scale]))
    return found


def _exponential(x: Floats, p: Floats) -> Floats:
    with np.errstate(over="ignore"):  # a search may try any scale
        lost = p[2] * np.expm1(np.minimum(x / p[3], 300.0))
    return np.asarray(p[0] - p[1] * x - np.minimum(lost, 1e9), dtype=np.float64)


LAWS: dict[str, Law] = {
    "linear": Law("a - b n", ("a", "b"), lambda x, p: p[0] - p[1] * x, _linear_starts, 10),
    "square root": Law(
        "a - b sqrt(n)",
        ("a", "b"),
        lambda x, p: p[0] - p[1] * np.sqrt(np.maximum(x, 0.0)),
        _root_starts,
        10,
    ),
    "power": Law(
        "a - b n^c",
        ("a", "b", "c"),
        lambda x, p: p[0] - p[1] * np.maximum(x, 0.0) ** p[2],
        _power_starts,
        20,
        (1, 2),
    ),
    "linear + exponential": Law(
        "a - b n - c (exp(n / d) - 1)",
        ("a", "b", "c", "d"),
        _exponential,
        _exponential_starts,
        30,
        (2, 3),
    ),
}


def fit_laws(
    data: FadeData, confidence: float = 0.95, laws: Sequence[str] = tuple(LAWS)
) -> list[Fit]:
    """Return laws fitted by least squares; one that the points do not carry says why.

    Intervals are those of the linearised fit with Student's t, widened where neighbouring points
    are alike. A law is not supported where points are too few, or where a parameter that makes it
    what it is cannot be told from nothing.
    """
    return [_fit(name, LAWS[name], data, confidence) for name in laws]


def best_fit(fits: list[Fit], apart: float = 6.0) -> Fit | None:
    """Return the simplest supported law that none beats by more than `apart` in the criterion."""
    usable = [fit for fit in fits if fit.supported]
    if not usable:
        return None
    least = min(fit.criterion for fit in usable)
    return min(
        (fit for fit in usable if fit.criterion <= least + apart),
        key=lambda fit: (len(fit.names), fit.criterion),
    )


def _fit(name: str, law: Law, data: FadeData, confidence: float) -> Fit:
    x, y = data.x, data.y
    if y.size < law.at_least:
        return Fit(name, law.formula, False, f"{y.size} cycles < {law.at_least}")
    logs = list(law.logarithmic)

    def opened(found: Floats) -> Floats:
        values = found.copy()
        values[logs] = np.exp(np.clip(found[logs], -200.0, 200.0))
        return values

    def residual(found: Floats) -> Floats:
        return law.function(x, opened(found)) - y

    best = None
    for start in law.starts(x, y):
        begin = start.astype(np.float64)
        if name == "linear + exponential":  # from the loss at the end to the factor c
            begin[2] *= np.exp(-x.max() / begin[3])
        begin[logs] = np.log(np.maximum(begin[logs], 1e-300))
        tried = least_squares(residual, begin, method="lm", x_scale="jac", max_nfev=400)
        if np.isfinite(tried.cost) and (best is None or tried.cost < best.cost):
            best = tried
    if best is None:
        return Fit(name, law.formula, False, "no parameters fit")
    freedom = max(int(y.size / data.widening**2) - len(law.names), 1)
    spread = 2.0 * best.cost
    sigma = float(np.sqrt(spread / max(y.size - len(law.names), 1)))
    jacobian = best.jac
    scale = np.linalg.norm(jacobian, axis=0)
    if not np.all(scale > 0.0):
        return Fit(name, law.formula, False, "the points do not determine its parameters")
    within = jacobian / scale
    if np.linalg.cond(within) > 1e7:
        return Fit(name, law.formula, False, "the points do not determine its parameters")
    inverse = np.linalg.inv(within.T @ within) / np.outer(scale, scale)
    covariance = inverse * (sigma * data.widening) ** 2
    reach = student.ppf(0.5 + confidence / 2.0, freedom) * np.sqrt(np.diag(covariance))
    low, high = opened(best.x - reach), opened(best.x + reach)
    why = _why_not(name, best.x, reach, x)
    effective = y.size / data.widening**2
    criterion = effective * np.log(max(spread / y.size, 1e-300)) + len(law.names) * np.log(
        effective
    )
    # the covariance is that of what was searched: logarithms where `logarithmic` says so
    return Fit(
        name, law.formula, not why, why, law.names, opened(best.x), low, high, covariance, sigma,
        float(criterion), freedom,
    )  # fmt: skip


def _why_not(name: str, found: Floats, reach: Floats, x: Floats) -> str:
    """Return why a law is not what the points say, though it could be fitted."""
    if name == "power" and reach[2] > np.log(2.0):
        return "its exponent is not known within a factor of 2"
    if name == "linear + exponential":
        if reach[3] > np.log(2.0):
            return "its scale of cycles is not known within a factor of 2"
        if np.exp(found[3]) > x.max():
            return "its scale of cycles is longer than the test"
        if reach[2] > 3.0:
            return "its exponential part is not told from nothing"
    return ""
