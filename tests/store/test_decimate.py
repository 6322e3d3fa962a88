"""No extreme, gap or newest sample may be lost on the screen, whatever the view."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from benchlab.store.decimate import Decimator

# Values with NaN in runs and alone; steps in time with repeats, 10 ms pulses and 48 h rests.
value = st.one_of(st.floats(-5, 5, width=32), st.just(float("nan")))
step = st.sampled_from([0.0, 0.01, 1.0, 60.0, 172_800.0])


@st.composite
def views(draw: st.DrawFn) -> tuple[Decimator, float, float, int]:
    size = draw(st.integers(1, 300))
    x = np.cumsum(draw(hnp.arrays(float, size, elements=step)))
    y = draw(hnp.arrays(float, size, elements=value))
    ends = st.floats(x[0] - 10, x[-1] + 10) | st.sampled_from(x.tolist())
    low, high = sorted((draw(ends), draw(ends)))
    return Decimator(x, y), low, high, draw(st.integers(1, 20))


@given(views())
def test_every_column_keeps_its_extremes_its_gap_and_its_ends(
    case: tuple[Decimator, float, float, int],
) -> None:
    decimator, low, high, columns = case
    x, y = decimator.x, decimator.y
    chosen = decimator.view(low, high, columns)
    assert (np.diff(chosen) > 0).all()
    edges = np.linspace(low, high, columns + 1)
    for column in range(columns):
        last = column == columns - 1
        inside = (x >= edges[column]) & ((x <= high) if last else (x < edges[column + 1]))
        if not inside.any():
            continue
        kept = y[chosen[inside[chosen]]]
        assert kept.size
        if np.isnan(y[inside]).all():
            assert np.isnan(kept).all()
        else:
            assert np.nanmin(kept) == np.nanmin(y[inside])
            assert np.nanmax(kept) == np.nanmax(y[inside])


@given(views())
def test_the_newest_sample_in_view_and_the_neighbours_are_kept(
    case: tuple[Decimator, float, float, int],
) -> None:
    decimator, low, high, columns = case
    x, y = decimator.x, decimator.y
    chosen = set(decimator.view(low, high, columns).tolist())
    inside = np.flatnonzero((x >= low) & (x <= high))
    finite = inside[~np.isnan(y[inside])]
    if finite.size:
        assert int(finite[-1]) in chosen
    if inside.size:
        assert int(inside[-1]) in chosen
    before, after = np.flatnonzero(x < low), np.flatnonzero(x > high)
    assert not before.size or int(before[-1]) in chosen
    assert not after.size or int(after[0]) in chosen
    assert len(chosen) <= max(4 * columns + 3, inside.size + 2)


def test_a_single_overvoltage_sample_is_drawn_where_it_was() -> None:
    """The newest 100 of a million samples at 4.35 V: peak decimation by index drew 3.70 V."""
    x = np.arange(1_000_000.0)
    y = np.full(x.shape, 3.7)
    y[-100:] = 4.35
    chosen = Decimator(x, y).view(0.0, x[-1], 1200)
    assert y[chosen].max() == 4.35
    assert chosen[-1] == x.size - 1
    assert chosen.size <= 4 * 1200 + 3


def test_time_that_falls_is_refused() -> None:
    with pytest.raises(ValueError, match="must not fall"):
        Decimator(np.array([0.0, 2.0, 1.0]), np.zeros(3))
