"""The stored overview: every extreme and the newest sample are drawn, at the time they were."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import benchlab
from benchlab.model.columns import EVENT_COLUMNS, STEP_COLUMNS, records_table
from benchlab.model.run import ProtocolRecord
from benchlab.store import overview
from benchlab.store.closed import write_closed
from benchlab.store.overview import OverviewBuilder, summarise
from benchlab.store.overview_read import MemoryCurve, StoredCurve, open_curve


def write(path, time, voltage):
    write_closed(
        path,
        rows={
            "test_time_second": time,
            "voltage_volt": voltage,
            "current_ampere": np.ones(len(time)),
            "surface_temperature_celsius": np.full(len(time), np.nan, "<f4"),
        },
        steps=records_table(STEP_COLUMNS, []),
        events=records_table(EVENT_COLUMNS, []),
        cell={},
        protocol=ProtocolRecord(),
        instrument={},
        meta={},
    )
    return benchlab.open(path)


@pytest.fixture(scope="session")
def uneven(tmp_path_factory):
    """Pulses of 10 ms, a rest of two days in 2,879 rows, and a minute's glitch; then pulses."""
    rng = np.random.default_rng(3)
    fast = np.arange(300_000) * 0.01
    rest = fast[-1] + np.linspace(60.0, 172_800.0, 2_879)
    time = np.concatenate((fast, rest, rest[-1] + 1.0 + np.arange(300_000) * 0.01))
    voltage = 3.7 + rng.normal(0.0, 1e-4, time.size)
    voltage[301_500] = 2.9
    voltage[1234:1240] = np.nan
    voltage[-1] = 4.35
    return time, voltage


@pytest.fixture(scope="session")
def curve(uneven, tmp_path_factory):
    run = write(tmp_path_factory.mktemp("long") / "a.h5", *uneven)
    made = open_curve(run, "voltage_volt")
    assert isinstance(made, StoredCurve)
    return made


def test_each_block_keeps_first_smallest_largest_and_last_in_order_of_time():
    time = np.arange(8.0).reshape(2, 4)
    values = np.array([[3.0, 9.0, 1.0, 4.0], [np.nan, np.nan, 5.0, np.nan]])
    times, kept = summarise(time, values)
    assert times.tolist() == [[0.0, 1.0, 2.0, 3.0], [4.0, 6.0, 6.0, 7.0]]
    assert kept[0].tolist() == [3.0, 9.0, 1.0, 4.0]
    assert np.nanmax(kept[1]) == np.nanmin(kept[1]) == 5.0


@given(cuts=st.lists(st.integers(0, 600_000), max_size=6))
@settings(max_examples=15, deadline=None)
def test_portions_do_not_matter(uneven, cuts):
    whole, parts = OverviewBuilder(), OverviewBuilder()
    rows = dict(zip(("test_time_second", "voltage_volt"), uneven, strict=True))
    whole.append(rows)
    edges = sorted({0, len(uneven[0]), *cuts})
    for a, b in pairwise(edges):
        parts.append({name: values[a:b] for name, values in rows.items()})
    cut = parts.finish()
    for size, level in whole.finish().items():
        for mine, other in zip(level["voltage_volt"], cut[size]["voltage_volt"], strict=True):
            np.testing.assert_array_equal(mine, other)


@given(where=st.floats(0.0, 1.0), zoom=st.floats(0.0, 5.0), columns=st.integers(2, 1500))
@settings(max_examples=60, deadline=None)
def test_every_pixel_column_shows_its_extremes(curve, uneven, where, zoom, columns):
    time, voltage = uneven
    span = curve.ends[1] * 10.0**-zoom
    low = where * (curve.ends[1] - span)
    high = low + span
    x, y = curve.points(low, high, columns)
    assert (np.diff(x) >= 0.0).all()
    np.testing.assert_array_equal(voltage[np.searchsorted(time, x)], y)
    width = span / columns
    inside = (time >= low) & (time <= high)
    drawn = (x >= low) & (x <= high)
    if not inside.any():
        return
    assert x[drawn][-1] == time[inside][-1], "the newest sample is drawn"
    assert np.nanmin(y[drawn]) == np.nanmin(voltage[inside])
    assert np.nanmax(y[drawn]) == np.nanmax(voltage[inside])
    # half a column to the edge of the window, one of a block, one of the pixel column it falls into
    for at in np.linspace(low, high, 40):
        near = inside & (np.abs(time - at) <= width / 2)
        if near.any() and np.isfinite(voltage[near]).any():
            shown = y[drawn & (np.abs(x - at) <= 2.5001 * width)]
            assert np.nanmax(shown) >= np.nanmax(voltage[near])
            assert np.nanmin(shown) <= np.nanmin(voltage[near])


def test_a_minute_in_two_days_is_drawn_where_it_was(curve, uneven):
    time, _ = uneven
    x, y = curve.points(*curve.ends, 1200)
    assert x[np.nanargmin(y)] == time[301_500]
    assert y[-1] == 4.35
    in_rest = (x > time[300_000]) & (x < time[302_878])
    assert np.count_nonzero(in_rest) > 1200, "the rest is drawn at the width of the screen"


def test_the_unit_of_the_axis_scales_times_and_nothing_else(curve, uneven):
    run = curve._run
    hours = open_curve(run, "voltage_volt", 3600.0)
    x, y = curve.points(1000.0, 90_000.0, 300)
    other, same = hours.points(1000.0 / 3600.0, 25.0, 300)
    np.testing.assert_allclose(other * 3600.0, x, rtol=1e-12)
    np.testing.assert_array_equal(same, y)


def test_a_column_without_values_and_a_short_run_have_none(tmp_path, curve):
    assert curve._run.overview_columns == ("current_ampere", "voltage_volt")
    time = np.arange(1000.0)
    run = write(tmp_path / "short.h5", time, time)
    assert run.overview_blocks == ()
    short = open_curve(run, "voltage_volt")
    assert isinstance(short, MemoryCurve)
    assert short.points(0.0, 999.0, 10)[0][-1] == 999.0
    assert short.ends == (0.0, 999.0)


def test_time_that_falls_has_no_overview(tmp_path, monkeypatch):
    monkeypatch.setattr(overview, "FROM_ROWS", 100)
    time = np.arange(10_000.0)
    assert write(tmp_path / "a.h5", time, time).overview_blocks == overview.BLOCK_ROWS
    time[5000] = 1.0
    assert write(tmp_path / "b.h5", time, time).overview_blocks == ()
