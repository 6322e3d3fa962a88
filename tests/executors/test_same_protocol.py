"""One protocol, one kind of cell: every instrument that can run it tells the same story."""

import pytest

from benchmarks.same_protocol import DRIVERS, SAME, apart, run

FIRST, *OTHERS = DRIVERS


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    """Return what each instrument made of it, with its errors and without."""
    folder = tmp_path_factory.mktemp("same")
    made = {(driver, False): run(folder, driver) for driver in DRIVERS}
    for driver in (FIRST, "neware_bts8", "palmsens_methodscript"):
        (folder / f"{driver}.h5").unlink()
        made[driver, True] = run(folder, driver, ideal=True)
    return made


@pytest.mark.parametrize("other", OTHERS)
def test_steps_cycles_and_ends_are_the_same_and_capacities_within_accuracy(stories, other):
    first, second = stories[FIRST, False], stories[other, False]
    assert len(first.steps) == len(second.steps) == 8
    for place, (a, b) in enumerate(zip(first.steps, second.steps, strict=True)):
        assert {name: a[name] for name in SAME} == {name: b[name] for name in SAME}
        found, may = apart(first, second, place)
        if a["set_current_ampere"]:
            assert found <= may
        else:
            assert abs(b["step_net_capacity_ah"]) <= may * second.size_ah + 1e-9


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_it_counts_is_the_truth_of_its_cell_within_its_accuracy(stories, driver):
    story = stories[driver, False]
    for way, truth in (
        ("charging", story.truth.charged_ah),
        ("discharging", story.truth.discharged_ah),
    ):
        assert abs(story.moved(way) - truth) <= story.allowed(way)
        assert story.moved(way) != pytest.approx(truth, abs=1e-12)  # it has errors of its own
    may = sum(story.allowed(way) / story.moved(way) for way in ("charging", "discharging"))
    assert abs(story.efficiency - story.true_efficiency) <= may * story.true_efficiency


@pytest.mark.parametrize("driver", ["neware_bts8", "palmsens_methodscript"])
def test_without_errors_they_agree_within_two_periods(stories, driver):
    first, second = stories[FIRST, True], stories[driver, True]
    for place, step in enumerate(first.steps):
        if step["set_current_ampere"]:
            found, _ = apart(first, second, place)
            assert found * first.size_ah <= 2.0 * abs(step["set_current_ampere"]) / 3600.0
