"""Cumulative charge and energy from a cycler's counters, or from its rows where it has none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "Cumulative",
    "counter_quantum",
    "integrated",
    "interval_in_doubt",
    "reset_safe",
    "reset_scope",
    "rest_threshold",
    "time_in_doubt",
]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

RESET_BELOW = 0.5
"""A drop that lands below this share of the old value is a reset, a smaller one is noise."""

REST_SHARE = 0.005
"""Rest is a current below this share of the cell's own large currents (their 99th percentile)."""


LONGEST_INTERVAL_SECOND = 3600.0
LONGEST_TEST_SECOND = 10.0 * 365.25 * 86400.0
"""Rows that usually lie farther apart, or a longer test, speak of a wrong unit of time."""


@dataclass(frozen=True, slots=True)
class Cumulative:
    """A quantity since the first row that only ever rises.

    Attributes
    ----------
    values : ndarray of float64, shape (n,)
        0 in the first row.
    reset_rows, noise_rows : ndarray of int, shape (k,)
        The first row after each reset, and after each drop that was ignored.
    ignored : float
        The sum of the ignored drops, in the unit of the counter.
    bound : ndarray of float64, shape (n,), or None
        How far an integral may be off since the first row; None for counters.
    """

    values: Floats
    reset_rows: Rows
    noise_rows: Rows
    ignored: float = 0.0
    bound: Floats | None = None


def reset_safe(counter: npt.ArrayLike, *, previous: float | None = None) -> Cumulative:
    """Return a counter as a sum of its rises, whatever resets it.

    A drop that lands below half of the old value is a reset, and the rise is the new value; a
    smaller drop is noise, and the rise is 0.

    Parameters
    ----------
    counter : array_like, shape (n,)
        Finite values, in order of time.
    previous : float, optional
        The counter's last value before this stretch; the sums of consecutive stretches then add
        up to the sum of the whole, wherever it is cut.
    """
    raw = np.asarray(counter, dtype=np.float64)
    start = 0
    if previous is not None:
        raw = np.concatenate(([previous], raw))
        start = 1
    if raw.size == 0:
        none = np.empty(0, dtype=np.intp)
        return Cumulative(raw.copy(), none, none)
    drops = np.flatnonzero(raw[1:] < raw[:-1])
    values = raw - raw[0]
    old, new = raw[drops], raw[drops + 1]
    is_reset = (old > 0.0) & (new < RESET_BELOW * old)
    if drops.size:
        rise = np.where(is_reset, np.maximum(new, 0.0), 0.0)
        jumps = np.concatenate(([0.0], np.cumsum(rise - (new - old))))
        lengths = np.diff(np.concatenate(([0], drops + 1, [raw.size])))
        values += np.repeat(jumps, lengths)
    return Cumulative(
        values[start:],
        drops[is_reset] + 1 - start,
        drops[~is_reset] + 1 - start,
        float(np.sum((old - new)[~is_reset])),
    )


def counter_quantum(counter: npt.ArrayLike) -> float:
    """Return the smallest rise of a counter, which no sum of its rises can beat; 0 if it is still.

    Rises below 1e-8 of its largest value are rounding, not steps of the counter.

    Parameters
    ----------
    counter : array_like, shape (n,)
    """
    raw = np.asarray(counter, dtype=np.float64)
    rises = np.diff(raw)
    rises = rises[rises > 1e-8 * raw.max(initial=0.0)]
    return float(rises.min()) if rises.size else 0.0


def reset_scope(resets: Rows, cycle: npt.NDArray[np.generic], step: Floats | None) -> str:
    """Return what resets the counters: ``never``, ``each cycle``, ``each step``, ``the schedule``.

    Parameters
    ----------
    resets : ndarray of int, shape (k,)
        The first row after each reset.
    cycle, step : ndarray, shape (n,)
        Cycle index, and a number that changes at each step.
    """
    if resets.size == 0:
        return "never"
    new_cycle = cycle[1:] != cycle[:-1]
    at_cycle = new_cycle[resets - 1]
    if bool(np.all(at_cycle)):
        return "each cycle"
    if step is not None and bool(np.all((step[1:] != step[:-1])[resets - 1] | at_cycle)):
        return "each step"
    return "the schedule"


def rest_threshold(current: Floats) -> float:
    """Return the magnitude below which a current is rest, from the cell's own currents.

    Parameters
    ----------
    current : ndarray of float64, shape (n,)
        Amperes.
    """
    magnitude = np.abs(current[np.isfinite(current)])
    flowing = magnitude[magnitude > REST_SHARE * magnitude.max(initial=0.0)]
    return REST_SHARE * float(np.percentile(flowing, 99.0)) if flowing.size else 0.0


def time_in_doubt(time: Floats) -> str:
    """Return why the unit of a test time looks wrong, in words; empty where it does not.

    Parameters
    ----------
    time : ndarray of float64, shape (n,)
        Seconds.
    """
    if time.size < 2:
        return ""
    return interval_in_doubt(float(np.median(np.diff(time))), float(time[-1] - time[0]))


def interval_in_doubt(usual: float, span: float) -> str:
    """Return why the unit of a test time looks wrong, from its usual interval and its span in s."""
    if usual <= LONGEST_INTERVAL_SECOND and span <= LONGEST_TEST_SECOND:
        return ""
    return (
        f"the unit of the test time looks wrong: rows lie {usual:.0f} s apart and span "
        f"{span / 86400.0:.0f} days"
    )


def integrated(time: Floats, values: Floats, gate: npt.NDArray[np.bool_]) -> Cumulative:
    """Integrate rows by the trapezoid, with how far that may be off.

    The bound holds where the quantity moves in one direction between two rows: half the
    difference of the rows times their distance.

    Parameters
    ----------
    time : ndarray of float64, shape (n,)
        Seconds.
    values : ndarray of float64, shape (n,)
        Amperes or watts; the result is in ampere hours or watt hours.
    gate : ndarray of bool, shape (n,)
        Rows that count; elsewhere the quantity is taken as 0.
    """
    seen = np.where(gate, values, 0.0)
    hours = np.diff(time) / 3600.0
    none = np.empty(0, dtype=np.intp)
    total = np.concatenate(([0.0], np.cumsum(0.5 * (seen[1:] + seen[:-1]) * hours)))
    bound = np.concatenate(([0.0], np.cumsum(0.5 * np.abs(seen[1:] - seen[:-1]) * hours)))
    return Cumulative(total, none, none, bound=bound)
