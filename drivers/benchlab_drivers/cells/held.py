"""Constant voltage: one step of the current, fourth order, with the RC elements exact.

The current of a step is a parabola through its values at start, middle and end; the middle and the
end are where the circuit's equation holds (collocation at the three Lobatto points). The charge of
the step is the integral of that parabola, so what flows and what is booked are the same.
"""

from __future__ import annotations

import math
from functools import lru_cache

__all__ = ["Weights", "response", "weights"]

Weights = tuple[float, float, float, float]


def response(duration: float, step: float, tau: float) -> Weights:
    """Return how an RC element answers a parabola of current, `duration` after its start.

    Parameters
    ----------
    duration : float
        Seconds since the start of the step; half of `step` or all of it.
    step : float
        Length of the step in seconds.
    tau : float
        Time constant in seconds.

    Returns
    -------
    tuple of float
        Weights of the element's own voltage, and of resistance times current at start, middle, end.
    """
    z = duration / tau
    j0 = -math.expm1(-z)
    if z < 0.02:  # differences of nearly equal numbers otherwise
        j1 = tau * z * z * (1 / 2 - z * (1 / 6 - z * (1 / 24 - z / 120)))
        j2 = 2.0 * tau * tau * z**3 * (1 / 6 - z * (1 / 24 - z * (1 / 120 - z / 720)))
    else:
        j1 = duration - tau * j0
        j2 = duration * duration - 2.0 * tau * j1
    a, b = j1 / step, j2 / (step * step)
    return 1.0 - j0, j0 - 3.0 * a + 2.0 * b, 4.0 * (a - b), 2.0 * b - a


@lru_cache(maxsize=512)
def weights(
    step: float, elements: tuple[tuple[float, float], ...]
) -> tuple[
    tuple[float, ...], tuple[float, float, float], tuple[float, float, float], tuple[Weights, ...]
]:
    """Return what one step needs of the elements, summed where only the sum is needed.

    Returns
    -------
    tuple
        Decay of each element to the middle; weights of the three currents in the sum of voltages
        in the middle and at the end (ohm); weights of each element at the end, resistances in them.
    """
    middle = [response(step / 2.0, step, tau) for _, tau in elements]
    end = [response(step, step, tau) for _, tau in elements]
    ohms = [ohm for ohm, _ in elements]

    def summed(parts: list[Weights]) -> tuple[float, float, float]:
        return (
            math.fsum(r * w[1] for r, w in zip(ohms, parts, strict=True)),
            math.fsum(r * w[2] for r, w in zip(ohms, parts, strict=True)),
            math.fsum(r * w[3] for r, w in zip(ohms, parts, strict=True)),
        )

    each = tuple((w[0], r * w[1], r * w[2], r * w[3]) for r, w in zip(ohms, end, strict=True))
    return tuple(w[0] for w in middle), summed(middle), summed(end), each
