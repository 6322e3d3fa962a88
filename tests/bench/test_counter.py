import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchlab.bench.counter import Counter, Totals

AMPERES = st.floats(-10, 10, allow_nan=False)
GAPS = st.floats(1e-3, 100)


def run_step(counter, edge, readings, end, *, direction=1, is_open=False):
    time, voltage, current = readings[0]
    counter.begin(edge, time, voltage, current, direction=direction, is_open=is_open)
    for reading in readings[1:]:
        counter.reading(*reading)
    return counter.end(end)


def test_constant_current_counts_from_edge_to_edge():
    counter = Counter()
    readings = [(10.5 + k, 4.0, 2.0) for k in range(3)]
    moved = run_step(counter, 10.0, readings, 13.0)
    assert moved.net_ah == pytest.approx(2.0 * 3.0 / 3600.0, rel=1e-15)
    assert moved.net_wh == pytest.approx(8.0 * 3.0 / 3600.0, rel=1e-15)
    assert counter.totals() == Totals(moved.net_ah, 0.0, moved.net_wh, 0.0)


def test_a_straight_line_of_current_is_integrated_exactly():
    counter = Counter()
    readings = [(float(t), 1.0, 3.0 - 0.1 * t) for t in (0, 1, 2.5, 7, 10)]
    moved = run_step(counter, 0.0, readings, 10.0)
    assert moved.net_ah == pytest.approx((3.0 * 10 - 0.05 * 100) / 3600.0, rel=1e-14)


def test_discharge_counts_up_in_its_own_counter():
    counter = Counter()
    run_step(counter, 0.0, [(0.0, 3.0, -1.0), (3600.0, 3.0, -1.0)], 3600.0, direction=-1)
    assert counter.totals() == Totals(0.0, 1.0, 0.0, 3.0)


def test_noise_of_the_other_sign_is_subtracted_not_rectified():
    counter = Counter()
    readings = [(float(t), 1.0, 1.0 if t % 2 else -1.0) for t in range(1001)]
    moved = run_step(counter, 0.0, readings, 1000.0)
    assert moved.net_ah == pytest.approx(0.0, abs=1e-12)
    assert counter.totals().discharging_ah == 0.0


def test_nothing_is_counted_while_the_circuit_is_open():
    counter = Counter()
    moved = run_step(counter, 0.0, [(0.0, math.nan, 1.0), (9.0, math.nan, 1.0)], 9.0, is_open=True)
    assert moved.net_ah == 0.0
    assert counter.totals() == Totals(0.0, 0.0, 0.0, 0.0)


def test_a_rest_at_regulated_zero_keeps_its_leak_out_of_both_counters():
    counter = Counter()
    moved = run_step(counter, 0.0, [(0.0, 3.0, 1e-9), (3600.0, 3.0, 1e-9)], 3600.0, direction=0)
    assert moved.net_ah == pytest.approx(1e-9)
    assert counter.totals() == Totals(0.0, 0.0, 0.0, 0.0)


def test_voltages_without_a_number_leave_the_extremes_alone():
    counter = Counter()
    moved = run_step(counter, 0.0, [(0.0, math.nan, 1.0), (1.0, 3.5, 1.0), (2.0, 3.6, 1.0)], 2.0)
    assert (moved.minimum_volt, moved.maximum_volt) == (3.5, 3.6)


@given(st.lists(st.tuples(GAPS, AMPERES), min_size=2, max_size=40), st.data())
def test_cutting_a_stream_into_steps_anywhere_moves_the_same_charge(samples, data):
    """A cut at a reading, with the edge at that very instant, changes no sum."""
    time, readings = 0.0, []
    for gap, current in samples:
        time += gap
        readings.append((time, 1.0, current))
    cut = data.draw(st.integers(0, len(readings) - 1))
    edge = readings[cut][0]
    whole = run_step(Counter(), readings[0][0], readings, time)
    parts = Counter()
    first = run_step(parts, readings[0][0], readings[: cut + 1], edge)
    second = run_step(parts, edge, readings[cut:], time)
    scale = sum(abs(current) * gap for gap, current in samples) / 3600.0
    assert first.net_ah + second.net_ah == pytest.approx(whole.net_ah, abs=1e-12 * (1 + scale))
