"""Which samples of a curve to draw, so that no extreme, gap or newest sample is lost on the screen.

For each pixel column of the view: the first, smallest, largest and last sample (M4: Jugel et al.,
"M4: a visualization-oriented time series data aggregation", PVLDB 7(10), 2014). Columns are cut by
time, not by index, so that pulses and long rests in one run are both drawn where they were.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Decimator"]

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.intp]


class Decimator:
    """Chooses the samples of one curve that a view of given width can show.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Times, finite and never falling; equal times are allowed.
    y : ndarray, shape (n,)
        Values; NaN is a gap.

    Raises
    ------
    ValueError
        Where `x` falls or is not finite, or the lengths differ.
    """

    def __init__(self, x: Floats, y: Floats) -> None:
        if x.shape != y.shape or x.ndim != 1:
            raise ValueError(f"x and y differ in shape: {x.shape}, {y.shape}")
        if not np.isfinite(x).all() or (np.diff(x) < 0).any():
            raise ValueError("x must be finite and must not fall")
        self.x = x
        self.y = y

    def view(self, low: float, high: float, columns: int) -> Indices:
        """Return the indices of the samples to draw, ascending.

        In each column the first and last sample (a NaN too: there the line is to break), the
        smallest and the largest finite one; the last finite one of the view; and one neighbour
        on either side, so that the line reaches the edges. At most ``4 * columns + 3``, unless all
        samples of the view are fewer than that.

        Parameters
        ----------
        low, high : float
            The range of x in view; both belong to it.
        columns : int
            Width of the view in pixels.
        """
        first = int(np.searchsorted(self.x, low, side="left"))
        stop = int(np.searchsorted(self.x, high, side="right"))
        left, right = max(first - 1, 0), min(stop + 1, len(self.x))
        if stop - first <= 4 * columns:
            return np.arange(left, max(right, left))
        edges = np.linspace(low, high, columns + 1)[1:-1]
        inner = np.searchsorted(self.x[first:stop], edges, side="left") + first
        bounds = np.unique(np.concatenate(([first], inner, [stop])))
        chosen = [np.array([left, right - 1]), bounds[:-1], bounds[1:] - 1]
        chosen.append(self._extremes(bounds))
        finite = np.flatnonzero(~np.isnan(self.y[bounds[-2] : stop]))
        if finite.size:
            chosen.append(finite[-1:] + bounds[-2])
        else:
            chosen.append(self._last_finite(first, int(bounds[-2])))
        return np.unique(np.concatenate(chosen))

    def _extremes(self, bounds: Indices) -> Indices:
        """Return where the smallest and largest finite sample of each column are."""
        found: list[int] = []
        y = self.y
        for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            part = y[start:stop]
            lowest = int(part.argmin())
            if part[lowest] == part[lowest]:
                found += (start + lowest, start + int(part.argmax()))
            elif not np.isnan(part).all():  # argmin stops at the first NaN
                found += (start + int(np.nanargmin(part)), start + int(np.nanargmax(part)))
        return np.array(found, dtype=np.intp)

    def _last_finite(self, first: int, stop: int) -> Indices:
        """Return where the last finite sample in a range is: one index, or none."""
        for end in range(stop, first, -65_536):
            start = max(end - 65_536, first)
            finite = np.flatnonzero(~np.isnan(self.y[start:end]))
            if finite.size:
                return finite[-1:] + start
        return np.array([], dtype=np.intp)
