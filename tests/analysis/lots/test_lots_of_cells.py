"""Lots of cells: what is said of few cells, and how often its intervals are right."""

import numpy as np
import pytest
from scipy import stats

from benchlab.errors import UsageError
from benchlab_analysis import capability, control_chart, lot_comparison, lots
from benchlab_analysis._statistics import (
    capability_index,
    compare,
    median_interval,
    outlier_scores,
    rule_breaks,
)


@pytest.fixture
def cells(from_steps, steps_of, ranges):
    """Return runs of one cell each with known capacity; the lot by name."""

    def build(capacities, lot="A", efficiency=None, start=0):
        runs = []
        for number, capacity in enumerate(capacities):
            share = 0.999 if efficiency is None else efficiency[number]
            steps = steps_of([(capacity / share, capacity)] * 3)
            stamp = np.array([1, 2], dtype="i8") * 10**9 + (start + number) * 10**12
            rows = {
                "test_time_second": np.array([0.0, 1.0]),
                "voltage_volt": np.array([3.0, 3.0]),
                "current_ampere": np.zeros(2),
                "unix_time_nanosecond": stamp,
            }
            cell = {"id": f"{lot}{number}", "lot": lot, "nominal_capacity_ah": 1.0}
            runs.append(from_steps(steps, rows, cell=cell, instrument={"current_ranges": ranges}))
        return runs

    return build


def spread(count, middle=1.0, sigma=0.01):
    """Return values that lie as evenly as normal ones should."""
    return middle + sigma * stats.norm.ppf((np.arange(count) + 0.5) / count)


@pytest.fixture
def noise():
    return np.random.default_rng(7)


def test_a_lot_has_n_median_spread_and_band(cells):
    capacity = [1.0, 1.01, 0.99, 1.02, 0.98, 1.0, 1.005]
    result = lots.analyse(cells(capacity), lots.Options())
    (row,) = next(table for table in result.tables if table.name == "lots").records()
    assert row["n"] == 7
    assert row["median"] == pytest.approx(1.0)
    assert (row["lowest"], row["highest"]) == pytest.approx((0.98, 1.02))
    assert row["median_low"] <= 1.0 <= row["median_high"]
    away = np.abs(np.array(capacity) - 1.0)
    assert row["spread"] == pytest.approx(1.4826 * np.median(away))


def test_an_outlier_is_named_with_why(cells):
    capacity = [1.0, 1.01, 0.99, 1.02, 0.98, 1.0, 0.7]
    result = lots.analyse(cells(capacity), lots.Options())
    (text,) = [text for text in result.warnings if text.startswith("outlier")]
    assert "A6" in text
    assert "-0.3 from its lot" in text


def test_among_few_cells_there_is_no_outlier_and_no_interval(cells):
    result = lots.analyse(cells([1.0, 1.0, 1.0, 0.1]), lots.Options())
    assert not any(text.startswith("outlier") for text in result.warnings)
    assert any("no outlier is named" in text for text in result.warnings)
    assert "no interval of the median" in result.sentences[0]


def test_an_efficiency_of_one_and_more_is_left_out_by_name(cells):
    efficiency = [0.999, 0.9991, 0.9989, 1.0005]
    runs = cells([1.0] * 4, efficiency=efficiency)
    result = lots.analyse(runs, lots.Options(metric="coulombic efficiency"))
    assert any(text.startswith("A3: an efficiency of 1 or more") for text in result.warnings)
    (row,) = result.tables[0].records()
    assert row["n"] == 3
    assert row["median"] == pytest.approx(0.999, abs=1e-6)


def test_the_interval_of_the_median_covers_at_least_what_it_says(noise):
    inside = 0
    for _ in range(1000):
        y = noise.exponential(1.0, 12)  # no distribution is assumed
        low, high = median_interval(y, 0.95)
        inside += low <= np.log(2.0) <= high
    assert 940 <= inside <= 985
    assert np.isnan(median_interval(np.arange(5.0), 0.95)).all()
    assert np.isfinite(median_interval(np.arange(6.0), 0.95)).all()


def test_false_outliers_are_few(noise):
    found = sum(
        int((np.abs(outlier_scores(noise.normal(0.0, 1.0, 30))) > 3.5).sum()) for _ in range(300)
    )
    assert found <= 0.005 * 300 * 30


# --- lot against lot -------------------------------------------------------------------------


def test_the_interval_of_a_difference_covers_as_often_as_it_says(noise):
    inside = shift = 0
    for _ in range(1000):
        a = noise.normal(1.0, 0.02, 6)
        b = noise.normal(1.05, 0.05, 9)
        found = compare(a, b, 0.95)
        inside += found.low <= 0.05 <= found.high
        shift += found.shift_low <= 0.05 <= found.shift_high
    assert 930 <= inside <= 970
    assert shift >= 910


def test_no_difference_is_rarely_found_where_there_is_none(noise):
    false = 0
    for _ in range(1000):
        a, b = noise.normal(1.0, 0.02, 8), noise.normal(1.0, 0.02, 8)
        found = compare(a, b, 0.95)
        false += not found.low <= 0.0 <= found.high
    assert false <= 70


def test_two_lots_are_told_apart_by_cells(cells):
    a = cells(list(spread(8)), "A")
    b = cells(list(spread(8, 0.9)), "B")
    result = lot_comparison.analyse([*a, *b], lot_comparison.Options())
    (row,) = result.tables[0].records()
    assert (row["n"], row["reference_n"]) == (8, 8)  # cells; each has three cycles
    assert row["low"] <= -0.1 <= row["high"]
    assert "they differ" in result.sentences[0]
    assert any("unpaired" in text for text in result.assumptions)


def test_losses_of_efficiency_are_compared_as_a_ratio(cells):
    first = 1.0 - 1e-3 * 10.0 ** spread(10, 0.0, 0.05)
    second = 1.0 - 2e-3 * 10.0 ** spread(10, 0.0, 0.05)
    runs = cells([1.0] * 10, "A", first) + cells([1.0] * 10, "B", second)
    options = lot_comparison.Options(metric="coulombic efficiency")
    result = lot_comparison.analyse(runs, options)
    (row,) = result.tables[0].records()
    assert 10.0 ** row["low"] <= 2.0 <= 10.0 ** row["high"]
    assert "times as much" in result.sentences[0]


def test_an_unknown_lot_is_refused_and_one_lot_is_said(cells):
    a, b = cells([1.0, 1.1, 1.2], "A"), cells([1.0, 1.1, 1.2], "B")
    with pytest.raises(UsageError, match="no lot 'C'"):
        lot_comparison.analyse([*a, *b], lot_comparison.Options(reference="C"))
    result = lot_comparison.analyse(a, lot_comparison.Options())
    assert any("two lots" in text for text in result.warnings)


# --- control chart and capability ------------------------------------------------------------


def test_a_shift_breaks_a_rule_and_noise_seldom_does(cells, noise):
    steady = list(1.0 + noise.normal(0.0, 0.01, 20))
    shifted = [0.93] * 2
    runs = cells(steady) + cells(shifted, "B", start=20)
    runs = runs[::-1]  # they are put into the order of their start
    result = control_chart.analyse(runs, control_chart.Options(baseline=20))
    table = result.tables[0]
    assert table["lot"].tolist() == ["A"] * 20 + ["B"] * 2
    assert "beyond 3 sigma" in table["rules_broken"][-1]
    assert "NOT in control" in result.sentences[0]


def test_each_rule_has_its_case():
    assert rule_breaks(np.array([0.0, 3.5]), 0.0, 1.0)[1] == ["beyond 3 sigma"]
    nine = rule_breaks(np.array([0.5, 0.4] * 5), 0.0, 1.0)
    assert nine[7] == []
    assert nine[8] == ["nine in a row on one side"]
    six = rule_breaks(np.array([-0.5, -0.3, -0.1, 0.1, 0.3, 0.5]), 0.0, 1.0)
    assert six[5] == ["six in a row in one direction"]
    two = rule_breaks(np.array([2.1, 0.0, 2.2]), 0.0, 1.0)
    assert two[2] == ["two of three beyond 2 sigma"]


def test_few_cells_set_no_limits(cells):
    result = control_chart.analyse(cells([1.0, 1.1, 1.2]), control_chart.Options())
    assert not result.tables
    assert any("set no limits" in text for text in result.warnings)


def test_the_interval_of_a_capability_covers_as_often_as_it_says(noise):
    one = two = 0
    for _ in range(1000):
        y = noise.normal(0.0, 1.0, 40)
        worst, _ = capability_index(y, -4.0, None, 0.95)
        one += worst.low <= 4.0 / 3.0 <= worst.high
        _, both = capability_index(y, -4.0, 4.0, 0.95)
        two += both.low <= 4.0 / 3.0 <= both.high
    assert 925 <= one <= 975
    assert 930 <= two <= 970


def test_a_capability_is_shown_only_where_its_interval_is_above(cells):
    few = cells(list(spread(6)))
    result = capability.analyse(few, capability.Options(lower=0.955))
    assert "1.33 is not shown" in result.sentences[0]
    assert any("6 cells only" in text for text in result.warnings)
    assert "lower limit of discharge capacity decides" in result.sentences[0]


def test_a_lower_limit_of_efficiency_is_an_upper_one_of_its_loss(cells):
    efficiency = 1.0 - 1e-3 * 10.0 ** spread(12, 0.0, 0.05)
    runs = cells([1.0] * 12, efficiency=efficiency)
    options = capability.Options(metric="coulombic efficiency", lower=0.998)
    result = capability.analyse(runs, options)
    row = next(iter(result.tables[0].records()))
    expected = (np.log10(2e-3) - np.log10(1.0 - efficiency).mean()) / (
        3.0 * np.log10(1.0 - efficiency).std(ddof=1)
    )
    assert row["value"] == pytest.approx(expected, rel=1e-3)
    assert "lower limit of coulombic efficiency decides" in result.sentences[0]
    with pytest.raises(UsageError, match="no limit of an efficiency"):
        capability.analyse(runs, capability.Options(metric="coulombic efficiency", upper=1.0))


def test_a_capability_needs_a_limit_in_order():
    with pytest.raises(UsageError, match="needs a limit"):
        capability.analyse([], capability.Options())
    with pytest.raises(UsageError, match="not below the upper"):
        capability.analyse([], capability.Options(lower=2.0, upper=1.0))
