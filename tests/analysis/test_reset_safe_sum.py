"""The sum of a counter's rises, whatever resets it and wherever the file is cut."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchlab_analysis._counters import (
    integrated,
    reset_safe,
    reset_scope,
    rest_threshold,
)

counters = st.lists(st.floats(0.0, 1e3), min_size=2, max_size=40)
rises = st.lists(st.floats(1e-3, 1.0), min_size=1, max_size=40)


@given(counters, st.data())
def test_parts_add_up_to_the_whole_wherever_it_is_cut(values, data):
    cut = data.draw(st.integers(1, len(values) - 1))
    whole = reset_safe(values)
    before = reset_safe(values[:cut])
    after = reset_safe(values[cut:], previous=values[cut - 1])
    parts = np.concatenate((before.values, before.values[-1] + after.values))
    np.testing.assert_allclose(parts, whole.values, rtol=1e-12, atol=1e-9)
    assert before.reset_rows.size + after.reset_rows.size == whole.reset_rows.size
    assert np.array_equal(after.noise_rows + cut, whole.noise_rows[whole.noise_rows >= cut])


@given(rises, st.data())
def test_resets_at_any_scope_do_not_change_the_sum(steps, data):
    """The counter goes to zero before some rises; each step is seen at its start and its end."""
    truth, seen, counter, total = [], [], 0.0, 0.0
    resets = 0
    for rise in steps:
        if data.draw(st.booleans()) and counter > 0.0:
            counter = 0.0
            resets += 1
        seen.append(counter)
        truth.append(total)
        counter += rise
        total += rise
        seen.append(counter)
        truth.append(total)
    found = reset_safe(seen)
    np.testing.assert_allclose(found.values, truth, rtol=1e-12, atol=1e-12)
    assert found.reset_rows.size == resets


@given(st.lists(st.floats(0.0, 1e3), min_size=2, max_size=60))
def test_it_never_falls_and_follows_the_rule_pair_by_pair(values):
    total = 0.0
    expected = [0.0]
    for old, new in pairwise(values):
        if new >= old:
            total += new - old
        elif new < 0.5 * old:
            total += new
        expected.append(total)
    found = reset_safe(values)
    np.testing.assert_allclose(found.values, expected, rtol=1e-9, atol=1e-9)
    assert np.all(np.diff(found.values) >= -1e-9)


def test_noise_drops_rise_by_nothing_and_are_reported():
    found = reset_safe([0.0, 1.0, 0.98, 1.5, 1.5 - 1e-14, 2.0])
    assert found.reset_rows.size == 0
    assert found.noise_rows.tolist() == [2, 4]
    assert abs(found.ignored - (0.02 + 1e-14)) < 1e-15
    np.testing.assert_allclose(found.values[-1], 1.0 + 0.52 + 0.5, rtol=1e-12)


def test_ten_thousand_resets_cost_no_digits():
    ramp = np.linspace(0.0, 1.0, 11)
    found = reset_safe(np.tile(ramp, 10_000))
    assert abs(found.values[-1] - 10_000.0) < 1e-8


def test_scope_of_resets_is_named():
    cycle = np.array([1, 1, 1, 2, 2, 2])
    step = np.array([1.0, 1.0, 2.0, 3.0, 3.0, 3.0])
    assert reset_scope(np.array([], dtype=np.intp), cycle, step) == "never"
    assert reset_scope(np.array([3]), cycle, step) == "each cycle"
    assert reset_scope(np.array([2, 3]), cycle, step) == "each step"
    assert reset_scope(np.array([4]), cycle, step) == "the schedule"


def test_empty_and_single_values():
    assert reset_safe([]).values.size == 0
    assert reset_safe([3.0]).values.tolist() == [0.0]


@given(st.lists(st.floats(0.0, 5.0), min_size=3, max_size=30), st.integers(2, 9))
def test_bound_of_an_integral_holds_for_a_quantity_that_moves_one_way_between_rows(coarse, fine):
    """Truth: the same quantity as a staircase that jumps anywhere between two rows."""
    values = np.array(coarse)
    time = np.arange(values.size) * 100.0
    found = integrated(time, values, values > -1.0)
    share = fine / 10.0
    truth = np.sum(values[:-1] * share + values[1:] * (1.0 - share)) * 100.0 / 3600.0
    assert found.bound is not None
    assert abs(found.values[-1] - truth) <= found.bound[-1] + 1e-9


def test_rest_is_relative_to_the_cells_own_currents():
    noise = np.tile([1.6e-3, -1.6e-3], 50)
    amperes = np.concatenate((noise, np.full(100, 0.55), noise, np.full(100, -0.55)))
    assert 1.6e-3 < rest_threshold(amperes) < 0.05
    assert 1.6e-9 < rest_threshold(amperes * 1e-6) < 0.05e-6
    assert rest_threshold(np.zeros(10)) == 0.0
