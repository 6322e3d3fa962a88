"""Windows of time: what stands still, and what rises how fast."""

import pytest

from benchlab.bench.window import Change, Slope


def first(window, values, period=1.0):
    """Return when a window's condition first holds."""
    for index, value in enumerate(values):
        if window.holds(100.0 + index * period, value):
            return index * period
    return None


def test_a_change_is_judged_over_its_window_and_one_part_more_at_most():
    window, held = Change(160.0, 0.01), []
    for second in range(2000):
        value = 3.7 if second < 500 else 3.8
        held.append(window.holds(float(second), value))
    assert held.index(True) == 160
    assert all(held[160:500])
    assert not any(held[500:660])
    again = held.index(True, 500)
    assert 660 <= again <= 671


@pytest.mark.parametrize("period", [0.1, 1.0, 7.0])
@pytest.mark.parametrize("share", [0.99, 1.01])
def test_the_slope_of_a_straight_line_is_its_slope(period, share):
    """The parts that are compared stand as far apart as their middles do."""
    rate = 1e-4
    line = [3.0 + rate * index * period for index in range(int(1800 / period))]
    found = first(Slope(600.0, share * rate, above=True), line, period)
    assert (found is not None) is (share < 1.0)
    if found is not None:
        assert 600.0 <= found <= 650.0 + 3 * period


def test_one_false_value_is_no_slope_and_hides_none():
    line = [3.0] * 1000
    line[640] = 5.3
    assert first(Slope(600.0, 1e-6, above=True), line) is None


@pytest.mark.parametrize("cut", [1, 37, 700, 1111])
def test_a_window_that_was_kept_goes_on_as_one_that_was_not(cut):
    values = [3.0 + 1e-3 * ((index * 7919) % 13) for index in range(1500)]
    for make in (lambda: Change(600.0, 0.0125), lambda: Slope(600.0, 1e-7, above=True)):
        whole, before, after = make(), make(), make()
        expected = [whole.holds(float(i), v) for i, v in enumerate(values)]
        found = [before.holds(float(i), v) for i, v in enumerate(values[:cut])]
        after.put_back(before.parts)
        found += [after.holds(float(cut + i), v) for i, v in enumerate(values[cut:])]
        assert found == expected
