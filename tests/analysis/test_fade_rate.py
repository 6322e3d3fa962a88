from __future__ import annotations

import numpy as np
import pytest

from benchlab_analysis import cycle_table, fade_rate


def fading(count, per_cycle=2e-4, noise=0.0, seed=3):
    rng = np.random.default_rng(seed)
    capacity = 1.0 - per_cycle * np.arange(count) + noise * rng.standard_normal(count)
    return [(q / 0.999, q) for q in capacity]


def test_a_known_fade_is_found(recorded):
    found = fade_rate(cycle_table(recorded(fading(50))))
    assert found.supported
    assert found.percent_per_100_cycles == pytest.approx(2.0, rel=1e-6)
    assert found.low <= found.percent_per_100_cycles <= found.high
    assert found.mean_coulombic_efficiency == pytest.approx(0.999)
    assert (found.cycle_number, found.first_cycle, found.last_cycle) == (50, 1, 50)
    assert "2 % per 100 cycles" in found.sentence


def test_interval_holds_the_truth_about_as_often_as_it_says(recorded):
    inside = 0
    for seed in range(60):
        found = fade_rate(cycle_table(recorded(fading(30, noise=1e-3, seed=seed))))
        reference = fading(30, noise=1e-3, seed=seed)[0][1]
        inside += found.low <= 2.0 / reference <= found.high
    assert inside >= 51  # 95 % of 60 is 57; fewer than 51 has a chance below 1e-3


def test_outliers_and_other_kinds_do_not_move_it(recorded):
    pairs = fading(50)
    pairs[20] = (0.5, 0.4)
    kinds = ["check-up" if number % 10 == 0 else "cycle" for number in range(1, 51)]
    pairs = [
        (q * 1.05, d * 1.05) if kind == "check-up" else (q, d)
        for (q, d), kind in zip(pairs, kinds, strict=True)
    ]
    found = fade_rate(cycle_table(recorded(pairs, kinds=kinds)))
    assert found.cycle_number == 45
    assert found.percent_per_100_cycles == pytest.approx(2.0, rel=1e-3)


def test_window_is_kept_and_stated(recorded):
    table = cycle_table(recorded(fading(50)))
    found = fade_rate(table, first=11, last=30)
    assert (found.cycle_number, found.first_cycle, found.last_cycle) == (20, 11, 30)
    assert "11 to 30" in found.sentence


@pytest.mark.parametrize("count", [0, 1, 9])
def test_too_few_cycles_are_not_supported(recorded, count):
    found = fade_rate(cycle_table(recorded(fading(count))))
    assert not found.supported
    assert np.isnan(found.percent_per_100_cycles)
    assert found.sentence == f"fade rate: not supported, {count} complete cycles < 10"


def test_half_width_does_not_average_out(recorded, ranges):
    table = cycle_table(recorded(fading(50), instrument={"current_ranges": ranges}))
    found = fade_rate(table)
    widths = table["coulombic_efficiency_half_width"]
    assert found.coulombic_efficiency_half_width == pytest.approx(widths.mean())


def test_long_tests_are_thinned_and_say_so(recorded):
    found = fade_rate(cycle_table(recorded(fading(2000, per_cycle=1e-4))))
    assert found.cycle_number == 2000
    assert "every 1.3th used" in found.sentence
    assert found.percent_per_100_cycles == pytest.approx(1.0, rel=1e-6)
