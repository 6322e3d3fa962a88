"""Laws, knee and end of life on curves of known truth; large batches are a benchmark."""

from __future__ import annotations

import numpy as np
import pytest

from benchlab_analysis import fade
from benchlab_analysis._fade_data import series
from benchlab_analysis._fits import best_fit, fit_laws
from benchlab_analysis._knee import find_knee, kneedle
from benchlab_analysis._life import observed_end, projected_end

SIGMA = 1e-3


def points(truth, count, seed=0, cut=()):
    noise = SIGMA * np.random.default_rng(seed).standard_normal(count)
    cycle = np.arange(1.0, count + 1.0)
    y = truth(cycle - 1.0) + noise
    y[list(cut)] *= 0.5
    return series(cycle, y / y[0], 1)


def line(x):
    return 1.0 - 2e-4 * x


def root(x):
    return 1.0 - 6e-3 * np.sqrt(x)


def broken(x):
    return 1.0 - 1e-4 * x - 9e-4 * np.maximum(x - 300.0, 0.0)


def rise(x):
    return 1.0 - 1e-4 * x - 1e-3 * np.expm1(x / 100.0)


def law(data, name):
    return next(fit for fit in fit_laws(data) if fit.law == name)


@pytest.mark.parametrize(
    ("truth", "name", "count", "values"),
    [
        (line, "linear", 300, (1.0, 2e-4)),
        (root, "square root", 300, (1.0, 6e-3)),
        (lambda x: 1.0 - 5e-5 * x**1.3, "power", 400, (1.0, 5e-5, 1.3)),
        (rise, "linear + exponential", 500, (1.0, 1e-4, 1e-3, 100.0)),
    ],
)
def test_a_law_finds_its_own_parameters(truth, name, count, values):
    fit = law(points(truth, count, 5), name)
    assert fit.supported
    wide = np.asarray(fit.high) - fit.low
    assert (np.abs(fit.values - values) <= wide + 2e-3 * np.abs(values)).all()
    assert best_fit(fit_laws(points(truth, count, 5))).law == name


def test_the_interval_of_a_slope_holds_the_truth_as_often_as_it_says():
    inside = 0
    for seed in range(150):
        data = points(line, 100, seed)
        fit = fit_laws(data, laws=("linear",))[0]
        inside += fit.low[1] <= 2e-4 * fit.values[0] <= fit.high[1]
    assert 134 <= inside <= 149  # 95 %, within a chance of 1e-3


@pytest.mark.parametrize(("name", "count"), [("linear", 9), ("power", 19)])
def test_too_few_cycles_are_not_supported(name, count):
    fit = law(points(line, count), name)
    assert not fit.supported
    assert fit.why_not.startswith(f"{count} cycles <")


def test_a_straight_line_does_not_carry_an_exponential():
    assert not law(points(line, 300), "linear + exponential").supported


@pytest.mark.parametrize("seed", range(5))
def test_a_knee_is_found_by_both_methods(seed):
    data = points(broken, 500, seed)
    knee = find_knee(data, fit_laws(data))
    assert knee.found
    assert knee.knee == pytest.approx(301.0, rel=0.05)
    assert knee.knee_low <= knee.knee <= knee.knee_high
    assert knee.knee_high - knee.knee_low < 5.0
    assert knee.kneedle == pytest.approx(301.0, rel=0.05)


def test_two_breaks_give_onset_and_knee():
    data = points(
        lambda x: 1.0 - 1e-4 * x - 3e-4 * np.maximum(x - 200, 0) - 6e-4 * np.maximum(x - 350, 0),
        500,
    )
    knee = find_knee(data, fit_laws(data))
    assert knee.onset == pytest.approx(201.0, rel=0.05)
    assert knee.second_break == pytest.approx(351.0, rel=0.05)
    assert knee.onset_low < 201.0 < knee.onset_high


@pytest.mark.parametrize("truth", [line, root, lambda x: 1.0 - 5e-5 * x**1.3])
@pytest.mark.parametrize("seed", range(6))
def test_a_smooth_curve_has_no_knee(truth, seed):
    data = points(truth, 400, seed)
    knee = find_knee(data, fit_laws(data))
    assert not knee.found
    assert knee.why_not


def test_a_rise_before_the_fade_is_no_knee():
    """Real cells gain a little first; they have lost next to nothing yet."""
    data = points(lambda x: 1.0 + 1e-4 * x - 2e-4 * np.maximum(x - 50, 0), 150)
    assert "less than 2%" in find_knee(data, fit_laws(data)).why_not


def test_kneedle_on_a_curve_that_does_not_fall():
    assert np.isnan(kneedle(np.arange(5.0), np.arange(5.0)))


def test_one_cycle_that_was_cut_off_ends_no_life():
    data = points(line, 500, cut=(100, 250))
    assert observed_end(data, 0.8) is None
    assert data.outliers.tolist() == [101, 251]
    assert "101, 251" in data.left_out[0]


def test_an_end_of_life_is_seen_where_it_is():
    inside = 0
    for seed in range(60):
        life = observed_end(points(line, 1100, seed, cut=(300,)), 0.8)
        assert life.seen
        assert life.cycle == pytest.approx(1001.0, rel=0.02)
        inside += life.low <= 1001.0 <= life.high
    assert inside >= 51  # 95 % of 60; fewer have a chance below 1e-3


def test_an_end_of_life_is_projected_with_an_interval_or_not_at_all():
    data = points(line, 600)
    life = projected_end(data, law(data, "linear"), 0.8)
    assert life.low < 1001.0 < life.high
    early = points(line, 150)
    few = projected_end(early, law(early, "linear"), 0.8)
    assert np.isnan(few.cycle)
    assert few.why_not.startswith("only 1")


def test_the_analysis_says_it_all(recorded):
    capacity = broken(np.arange(520.0)) + SIGMA * np.random.default_rng(2).standard_normal(520)
    result = fade.analyse(recorded([(q / 0.999, q) for q in capacity]), fade.Options())
    said = "\n".join(result.sentences)
    assert "knee at cycle" in said
    assert "end of life at 80%: seen at cycle" in said
    assert [table.name for table in result.tables] == ["fade rate", "laws", "knee", "end of life"]
    assert result.figures[0].panels[0].x_marks.keys() == {"onset", "knee", "end of life"}


def test_a_confidence_that_is_no_share_is_refused(recorded):
    with pytest.raises(fade.UsageError, match="confidence is 95"):
        fade.analyse(recorded([(1.0, 0.99)]), fade.Options(confidence=95.0))
