"""Steps that the host itself regulates: what is regulated, and what is counted."""

import pytest

from benchlab.bench.twin import TwinSpec
from benchlab.model.expand import expand
from benchlab.model.protocol_text import read_protocol

HEAD = "name: t\ncell: {type: nmc811_graphite_pouch}\ncapacity: {C: 0.2 Ah}\n"


@pytest.mark.parametrize(
    ("step", "of", "wanted"),
    [
        ("{charge: 0.5 W, for: 40 min, current_at_most: 0.2 A}", lambda v, i: v * i, 0.5),
        ("{discharge: 0.5 W, for: 15 min, current_at_most: 0.3 A}", lambda v, i: v * i, -0.5),
        ("{discharge: 30 ohm, for: 15 min, current_at_most: 0.3 A}", lambda v, i: v / i, -30.0),
    ],
)
def test_a_power_and_a_resistance_are_kept_within_a_thousandth(program, rig, step, of, wanted):
    bench = rig(program, steps=f"  - {step}\n")
    assert bench.run().end_reason == "done"
    seen = [of(row[2], row[3]) for row in bench.sink.rows[3:]]
    assert len(seen) > 50
    assert max(abs(value / wanted - 1.0) for value in seen) < 1e-3
    assert sum(seen) / len(seen) == pytest.approx(wanted, rel=1e-3)
    counted, true = bench.charge()
    assert counted == pytest.approx(true, rel=2e-5)


def test_a_sweep_is_a_staircase_around_its_line_and_counts_both_ways(program, rig):
    steps = (
        "  - {sweep: [3.55 V, 3.7 V, 3.5 V, 3.55 V], rate: 0.1 mV/s, current_at_most: 0.15 A,"
        " times: 2, record: {every: 5 s}}\n"
    )
    bench = rig(program, steps=steps)
    assert bench.run().end_reason == "done"
    step = bench.sink.steps[0]
    assert step["end_time_second"] == pytest.approx(2 * 400e-3 / 0.1e-3, abs=2.0)
    began = bench.sink.rows[0][0]
    ups = [(row[0] - began, row[2]) for row in bench.sink.rows if 200 < row[0] - began < 1400]
    off = [volt - (3.55 + 0.1e-3 * second) for second, volt in ups]
    assert max(map(abs, off)) < 1.2e-3
    truth = bench.truth.record(bench.sink.steps, discharge_first=False)["total"]
    for way in ("charging", "discharging"):
        true = truth[f"cycle_{way}_capacity_ah"]
        assert true > 1e-3
        assert step[f"step_{way}_capacity_ah"] == pytest.approx(true, rel=2e-3)


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("{sweep: [3.55 V, 4.0 V], rate: 1 mV/s, current_at_most: 20 mA}", 1),
        ("{discharge: 2 W, for: 5 min, current_at_most: 0.1 A}", 1),
        ("{discharge: 1 ohm, for: 5 min, current_at_most: 0.1 A}", 1),
        ("{sweep: [3.6 V, 3.65 V], rate: 0.05 mV/s, current_at_most: 0.3 A}", 0),
        ("{discharge: 0.2 W, for: 5 min, current_at_most: 0.1 A}", 0),
    ],
)
def test_a_cell_that_does_not_follow_is_told_of_once(program, rig, step, told):
    bench = rig(program, steps=f"  - {step}\n")
    assert bench.run().end_reason == "done"
    said = [event["text"] for event in bench.sink.events if event["kind"] == "at_bound"]
    assert len(said) == told
    assert all("bound of" in text for text in said)


@pytest.mark.parametrize(
    ("unit", "values", "scale", "ampere"),
    [
        ("current_ampere", [0.1, -0.2, 0.0, 0.05], 1.0, [0.1, -0.2, 0.0, 0.05]),
        ("c_rate", [1.0, -1.0, 0.0, 0.5], 0.5, [0.1, -0.1, 0.0, 0.05]),
        ("power_watt", [0.4, -0.4, 0.0, 0.2], 1.0, None),
    ],
)
def test_a_profile_is_driven_edge_by_edge_and_each_edge_is_counted(
    rig, tmp_path, unit, values, scale, ampere
):
    times = [0.0, 10.37, 25.61, 40.02, 60.5]
    lines = [f"{t},{v}" for t, v in zip(times, [*values, 0.0], strict=True)]
    (tmp_path / "drive.csv").write_text(f"test_time_second,{unit}\n" + "\n".join(lines) + "\n")
    (tmp_path / "p.yaml").write_text(
        f"{HEAD}record: {{every: 1 s}}\nsteps:\n  - {{profile: drive.csv, scale: {scale},"
        " times: 3, current_at_most: 0.25 A}\n"
    )
    made = expand(read_protocol(tmp_path / "p.yaml"))
    bench = rig(made, spec=TwinSpec("nmc811_graphite_pouch", 0.2, ideal=True))
    applied = []
    apply = bench.source.apply

    def told(setpoint):
        edge = apply(setpoint)
        applied.append((edge.began, setpoint.current_ampere))
        return edge

    bench.source.apply = told
    assert bench.run().end_reason == "done"
    step = bench.sink.steps[0]
    assert step["end_time_second"] == pytest.approx(3 * 60.5, abs=0.1)
    began = applied[0][0]
    if ampere is not None:
        expected = [
            (60.5 * k + t, a) for k in range(3) for t, a in zip(times, ampere, strict=False)
        ]
        found = applied[: len(expected)]
        assert [a for _, a in found] == pytest.approx([a for _, a in expected])
        late = [at - began - t for (at, _), (t, _) in zip(found, expected, strict=True)]
        assert max(map(abs, late)) < 0.1, "an edge must not wait for the next control period"
    truth = bench.truth.record(bench.sink.steps, discharge_first=False)["total"]
    for way in ("charging", "discharging"):
        true = truth[f"cycle_{way}_capacity_ah"]
        assert step[f"step_{way}_capacity_ah"] == pytest.approx(true, rel=2e-3)
    counted, true = bench.charge()
    assert counted == pytest.approx(true, abs=2e-6)
