"""Voltage against charge of half cycles, and what becomes of it where the voltage turns back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.interpolate import make_smoothing_spline
from scipy.ndimage import gaussian_filter1d
from scipy.signal import savgol_filter

from benchlab.model.run import Run
from benchlab_analysis._phases import Phase, large, moved

__all__ = [
    "SMOOTHERS", "HalfCurve", "charge_below", "density", "half_curves", "slope_over_charge",
    "voltage_grid",
]  # fmt: skip

Floats = npt.NDArray[np.float64]

ONE_CURRENT = 0.05
"""Rows whose current differs from the median of their step by a larger share are left out."""

SMOOTHERS = ("gaussian", "savitzky-golay", "spline", "none")

_FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))


class HalfCurve(NamedTuple):
    """A half cycle under constant current; arrays of shape (n,), and (n - 1,) for `pieces`.

    Attributes
    ----------
    voltage, charge : ndarray
        Volts, and Ah since the start of the half cycle.
    pieces : ndarray
        Ah between neighbouring rows; 0 where rows between them were left out.
    whole : float
        Ah of the whole half cycle, its constant voltage included.
    """

    cycle: int
    number: int
    label: str
    sign: int
    current: float
    voltage: Floats
    charge: Floats
    pieces: Floats
    whole: float

    @property
    def share(self) -> float:
        """How much of the charge of the half cycle the curve holds."""
        return float(self.pieces.sum() / self.whole) if self.whole > 0.0 else 0.0


def half_curves(run: Run, found: Sequence[Phase], sign: int) -> list[HalfCurve]:
    """Return the half cycles of one direction, their constant-current rows alone, in order.

    Steps of one direction in one cycle, with nothing but rests between, are one half cycle.
    """
    groups: list[list[Phase]] = []
    for phase in large(found):
        if groups and groups[-1][-1].sign == phase.sign and (phase.cycle == groups[-1][-1].cycle):
            groups[-1].append(phase)
        else:
            groups.append([phase])
    own = [group for group in groups if group[0].sign == sign]
    if not own:
        return []
    counter = moved(run)[sign]
    out = [_curve(run, group, counter) for group in own]
    return [curve for curve in out if curve.voltage.size >= 4]


def _curve(run: Run, group: list[Phase], counter: Floats) -> HalfCurve:
    rows = []
    breaks = np.zeros(group[-1].last - group[0].first + 2, dtype=np.intp)
    for phase in group:
        breaks[phase.first - group[0].first] += 1
        index = np.arange(phase.first, phase.last + 1)
        ampere = np.abs(run["current_ampere"][index])
        usual = float(np.nanmedian(ampere)) if np.isfinite(ampere).any() else np.nan
        seen = np.isfinite(run["voltage_volt"][index]) & np.isfinite(counter[index])
        with np.errstate(invalid="ignore"):
            steady = np.abs(ampere - usual) <= ONE_CURRENT * usual
        breaks[index[np.isfinite(ampere) & ~steady] - group[0].first] += 1
        rows.append(index[seen & steady])
    chosen = np.concatenate(rows)
    before = counter[max(group[0].first - 1, 0)]
    charge = np.asarray(counter[chosen] - before, dtype=np.float64)
    # a row whose voltage is not a number is bridged; one at another current is not
    part = np.cumsum(breaks)[chosen - group[0].first]
    pieces = np.where(np.diff(part) == 0, np.diff(charge), 0.0)
    whole = sum(phase.charge for phase in group)
    main = max(group, key=lambda phase: phase.charge)
    ampere = run["current_ampere"][chosen]
    return HalfCurve(
        group[0].cycle, main.number, main.label, main.sign,
        float(np.mean(ampere)) if chosen.size else np.nan,
        np.asarray(run["voltage_volt"][chosen], dtype=np.float64), charge,
        np.maximum(pieces, 0.0), whole,
    )  # fmt: skip


def voltage_grid(curves: Sequence[HalfCurve], step: float) -> Floats:
    """Return edges in volts, `step` apart, that hold every curve."""
    low = min(float(curve.voltage.min()) for curve in curves)
    high = max(float(curve.voltage.max()) for curve in curves)
    return step * np.arange(np.floor(low / step) - 1.0, np.ceil(high / step) + 2.0)


def charge_below(voltage: Floats, pieces: Floats, grid: Floats) -> Floats:
    """Return the charge that moved while the voltage was below each level, in Ah.

    Between two rows the voltage goes straight. Where it turns back, what moved at one level is
    added up, so that the result rises whatever the voltage does, and ends at the sum of `pieces`.
    (The idea of counting by level: Feng et al., eTransportation 3 (2020) 100051.)

    Parameters
    ----------
    voltage : ndarray, shape (n,)
    pieces : ndarray, shape (n - 1,)
        Ah between neighbouring rows.
    grid : ndarray, shape (m,)
        Rising.
    """
    low = np.minimum(voltage[:-1], voltage[1:])
    high = np.maximum(voltage[:-1], voltage[1:])
    # a stretch finer than the grid can tell is a jump at its middle
    fine = float(np.diff(grid).min()) / 64.0
    flat = high - low < fine
    middle = (low + high) / 2.0
    low, high = np.where(flat, middle - fine, low), np.where(flat, middle + fine, high)
    rate = pieces / (high - low)
    place = np.concatenate((low, high))
    turn = np.concatenate((rate, -rate))
    order = np.argsort(place, kind="stable")
    place, turn = place[order], turn[order]
    slope = np.cumsum(turn)
    total = np.concatenate(([0.0], np.cumsum(slope[:-1] * np.diff(place))))
    return np.interp(grid, place, total, left=0.0, right=float(total[-1]))


def density(curve: HalfCurve, edges: Floats, smoother: str, window: float) -> Floats:
    """Return dQ/dV in Ah/V in the middle of each step of `edges`, never negative before smoothing.

    Parameters
    ----------
    edges : ndarray, shape (m + 1,)
        Evenly spaced volts.
    smoother : {"gaussian", "savitzky-golay", "spline", "none"}
    window : float
        Volts: the full width at half maximum of the Gaussian, or the window of Savitzky and Golay
        (third order). A spline chooses by generalised cross validation.
    """
    step = float(edges[1] - edges[0])
    total = charge_below(curve.voltage, curve.pieces, edges)
    raw = np.diff(total) / step
    return _smooth(raw, window / step, smoother)


def slope_over_charge(
    curve: HalfCurve, points: int, smoother: str, share: float
) -> tuple[Floats, Floats]:
    """Return charge in Ah and dV/dQ in V/Ah; the voltage may turn back, the slope is then negative.

    Parameters
    ----------
    points : int
        Steps of charge.
    share : float
        Window as a share of the charge.
    """
    rising = np.concatenate(([True], np.diff(curve.charge) > 0.0))
    charge, voltage = curve.charge[rising], curve.voltage[rising]
    edges = np.linspace(charge[0], charge[-1], points + 1)
    raw = np.diff(np.interp(edges, charge, voltage)) / np.diff(edges)
    return (edges[1:] + edges[:-1]) / 2.0, _smooth(raw, share * points, smoother)


def _smooth(raw: Floats, steps: float, smoother: str) -> Floats:
    """Smooth evenly spaced values; the sum is kept by the Gaussian, which mirrors at the ends."""
    if smoother == "none" or raw.size < 8:
        return raw
    if smoother == "gaussian":
        out: Floats = gaussian_filter1d(raw, max(steps / _FWHM, 1e-3), mode="reflect")
        return out
    if smoother == "savitzky-golay":
        odd = min(max(int(steps) // 2 * 2 + 1, 5), (raw.size - 1) // 2 * 2 + 1)
        fitted: Floats = savgol_filter(raw, odd, 3, mode="interp")
        return fitted
    place = np.arange(raw.size, dtype=np.float64)
    spline: Floats = make_smoothing_spline(place, raw)(place)
    return spline
