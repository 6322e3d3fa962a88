"""One protocol, one simulated cell: a source and a cycler tell the same story of it."""

import pytest

from benchmarks.same_protocol import DRIVERS, SAME, allowed_ah, compare


@pytest.mark.parametrize("ideal", [False, True])
def test_a_source_and_a_cycler_give_the_same_run(tmp_path, ideal):
    first, second = compare(tmp_path, ideal=ideal)
    assert len(first) == len(second) == 8
    for a, b in zip(first, second, strict=True):
        assert {name: a[name] for name in SAME} == {name: b[name] for name in SAME}
        apart = abs(a["step_net_capacity_ah"] - b["step_net_capacity_ah"])
        if not a["set_current_ampere"]:
            assert abs(b["step_net_capacity_ah"]) < 1e-9
            continue
        may = sum(allowed_ah(d, step) for d, step in zip(DRIVERS, (a, b), strict=True))
        assert apart <= may
        if ideal:
            # two control periods of the source, at the current of the step
            assert apart <= 2.0 * abs(a["set_current_ampere"]) / 3600.0
