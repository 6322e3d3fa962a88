"""Roots, flat and steep, and the refusal of a bracket without one."""

import math

import pytest

from benchlab_drivers.cells.roots import root


@pytest.mark.parametrize(
    ("function", "low", "high", "expected"),
    [
        (lambda x: x - 1.0, 0.0, 3.0, 1.0),
        (lambda x: math.exp(40.0 * x) - 10.0, 0.0, 1.0, math.log(10.0) / 40.0),
        (lambda x: (x - 0.3) ** 9, -1.0, 2.0, 0.3),
        (lambda x: math.tanh(1e4 * (x - 0.7)), 0.0, 1.0, 0.7),
        (lambda x: x, 0.0, 1.0, 0.0),
    ],
)
def test_roots(function, low, high, expected):
    assert root(function, low, high, 1e-12) == pytest.approx(expected, abs=1e-3)
    if function(expected + 1e-9) != 0.0 and abs(function(expected + 1e-3)) > 1e-6:
        assert root(function, low, high, 1e-12) == pytest.approx(expected, abs=1e-11)


def test_no_sign_change():
    with pytest.raises(ValueError, match="no sign change"):
        root(lambda x: x * x + 1.0, -1.0, 1.0, 1e-12)
