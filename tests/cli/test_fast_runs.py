"""Whole runs on the virtual clock, through the driver's bytes, against the twin's truth."""

import json

import pytest

import benchlab as api
from benchlab_analysis import cycle_table

LIFE = """\
name: life
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.2 Ah}
record: {every: 60 s}
steps:
  - repeat: 2
    steps:
      - {charge: 1C, to: 4.2 V, then_hold_until: C/20, hold_at_most: 2 h, at_most: 4 h}
      - Rest for 10 min
      - {discharge: 1C, until: 2.8 V, at_most: 2 h}
      - {rest: 10 min, output: zero current}
"""
FAST = ("--channel", "sim:keithley2450", "--fast")


@pytest.fixture
def place(tmp_path):
    (tmp_path / "life.yaml").write_text(LIFE)
    return tmp_path


TWO_STEPS = """\
name: sentences
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.2 Ah}
steps:
  - repeat: 2
    steps:
      - Charge at 1C until 4.2 V
      - Hold at 4.2 V until C/20
      - {discharge: 1C, to: 2.8 V, then_hold_until: C/10, hold_at_most: 1 h}
"""
LFP = """\
name: lfp
cell: {type: lfp_graphite_26650}
capacity: {C: 2.3 Ah}
steps:
  - repeat: 2
    steps:
      - Charge at C/3 until 3.65 V
      - Hold at 3.65 V until C/20
      - Rest for 10 min
      - Discharge at C/3 until 2.5 V
      - Rest for 10 min
"""


@pytest.mark.parametrize("text", [LIFE, TWO_STEPS, LFP], ids=["life", "two steps", "lfp"])
@pytest.mark.parametrize("fresh", [(), ("--fresh",)], ids=["formed", "fresh"])
def test_an_ideal_instrument_measures_the_truth(benchlab, place, text, fresh):
    (place / "life.yaml").write_text(text)
    words = (*FAST, *fresh, "--ideal", "--truth", "t.json", "--out", "o.h5")
    done = benchlab("run", "life.yaml", *words, cwd=place)
    assert done.returncode == 0, done.stderr
    truth = json.loads((place / "t.json").read_text())["cycles"]
    table = list(cycle_table(api.open(place / "o.h5")).records())
    assert [row["cycle_count"] for row in table] == [cycle["cycle_count"] for cycle in truth]
    for seen, true in zip(table, truth, strict=True):
        assert seen["complete"]
        for name in ("cycle_charging_capacity_ah", "cycle_discharging_capacity_ah"):
            assert seen[name] == pytest.approx(true[name], rel=1e-6)
            assert seen[name] != true[name], "measured and true must come by different ways"
        assert seen["coulombic_efficiency"] == pytest.approx(true["coulombic_efficiency"], rel=2e-6)
    assert not (place / "o.run").exists()


def test_with_data_sheet_errors_the_interval_covers_the_truth(benchlab, place):
    for seed in (1, 2, 3):
        out, true = place / f"o{seed}.h5", place / f"t{seed}.json"
        done = benchlab(
            "run", "life.yaml", *FAST, "--seed", seed, "--truth", true, "--out", out, cwd=place
        )
        assert done.returncode == 0, done.stderr
        truth = json.loads(true.read_text())["cycles"]
        for seen, cycle in zip(cycle_table(api.open(out)).records(), truth, strict=True):
            error = abs(seen["coulombic_efficiency"] - cycle["coulombic_efficiency"])
            assert 1e-6 < error <= seen["coulombic_efficiency_half_width"]


def test_the_same_seed_gives_the_same_data_and_another_does_not(benchlab, place):
    digests = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        done = benchlab(
            "run", "life.yaml", *FAST, "--seed", seed, "--json", "--out", f"{name}.h5", cwd=place
        )
        digests.append(json.loads(done.stdout)["digest"])
    assert digests[0] == digests[1] != digests[2]
    assert api.open(place / "a.h5").meta["digest"] == digests[0]


def test_steps_and_rows_tell_the_same_story(benchlab, place):
    benchlab("run", "life.yaml", *FAST, "--out", "o.h5", cwd=place)
    run = api.open(place / "o.h5")
    steps = run.steps
    assert steps["step_type"].tolist() == ["CCCV_CHG", "REST", "CC_DCH", "REST"] * 2
    assert steps["end_reason"].tolist() == ["current", "time", "voltage", "time"] * 2
    assert steps["cycle_count"].tolist() == [1] * 4 + [2] * 4
    for step in steps.records():
        rows = slice(step["first_row"], step["last_row"] + 1)
        assert set(run["step_count"][rows]) == {step["step_count"]}
        charged = run["charging_capacity_ah"][rows]
        moved = step["step_charging_capacity_ah"]
        assert charged[-1] - charged[0] == pytest.approx(moved, abs=1e-5)
    assert steps["cc_capacity_ah"][0] > 0
    assert steps["cv_capacity_ah"][0] > 0
    crossing = steps["crossing_capacity_ah"][2]
    assert -steps["step_discharging_capacity_ah"][2] == pytest.approx(crossing, rel=1e-4)
    assert run.protocol.text == LIFE
    assert run.cell["first_half_cycle"] == "charge"


def test_a_protocol_limit_trips_and_the_file_says_whose_it_was(benchlab, place):
    text = LIFE.replace("record:", "limits: {charge_in_one_step: 0.05 Ah}\nrecord:")
    (place / "life.yaml").write_text(text)
    done = benchlab("run", "life.yaml", *FAST, "--out", "o.h5", cwd=place)
    assert done.returncode == 30
    assert "limit of the protocol" in done.stderr
    run = api.open(place / "o.h5")
    assert run.meta["end_reason"] == "tripped"
    assert run.meta["output_proven_off"]
    assert "trip" in run.events["kind"].tolist()
    assert run.steps["end_reason"].tolist() == ["tripped"]
    assert run.steps["step_charging_capacity_ah"][0] == pytest.approx(0.05, rel=1e-2)


def test_a_fresh_cell_stands_near_zero_and_a_low_limit_refuses_it(benchlab, place):
    text = LIFE.replace("record:", "limits: {voltage: {low: 2 V}}\nrecord:")
    (place / "life.yaml").write_text(text)
    done = benchlab("run", "life.yaml", *FAST, "--fresh", "--out", "o.h5", cwd=place)
    assert done.returncode == 27
    assert "No current was sent" in done.stderr
    assert sorted(p.name for p in place.iterdir()) == ["life.yaml"]


def test_the_demo_shows_the_truth_beside_what_it_measured(benchlab, place):
    done = benchlab("demo", "--out", "demo", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "covers the truth in 30 of 30 cycles" in done.stdout
    assert "what limits CE here" in done.stdout
    assert sorted(p.name for p in (place / "demo").iterdir()) == [
        "demo.h5",
        "demo.png",
        "truth.json",
    ]
    assert (place / "demo" / "demo.png").read_bytes().startswith(b"\x89PNG")
    run = api.open(place / "demo" / "demo.h5")
    assert run.steps["cycle_kind"].tolist()[0] == "formation cycle"
    again = benchlab("demo", "--out", "demo", cwd=place)
    assert again.returncode == 12
