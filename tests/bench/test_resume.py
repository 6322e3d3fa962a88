"""Going on inside a step in a new run: counters from zero, ends that know what was moved before."""

import json
import math

import pytest

from benchlab.bench.commands import Pause, Stop
from benchlab.bench.truth import TruthLog

LOOP = """\
  - {zero: start}
  - repeat: 3
    steps:
      - {charge: 1C, until: [0.02 Ah, 4.2 V], label: up}
      - {rest: 1 min, output: zero current}
      - {discharge: 1C, until: [95 % of up, 2.8 V], label: down}
  - {discharge: C/2, until: [net discharge since start reaches 0.01 Ah, 2.8 V]}
"""


def cut(rig, program, steps, at, **more):
    """Return a run stopped at an instant, and the run that goes on with its last state."""
    first = rig(program, steps=steps, **more)
    first.clock.virtual = False  # a state each second, as a real run keeps it
    first.at(at, Stop("as a crash"))
    first.run()
    first.clock.virtual = True
    state = json.loads(json.dumps(first.sink.states[-1]))
    first.clock.sleep_until(first.clock.now + 30.0)
    return first, rig(program, steps=steps, on=first, resume=state)


def sums(*benches):
    found = {}
    for bench in benches:
        for step in bench.sink.steps:
            moved = found.setdefault(step["step_count"], [0.0, 0.0])
            moved[0] += step["step_charging_capacity_ah"]
            moved[1] += step["step_discharging_capacity_ah"]
    return found


@pytest.mark.parametrize("at", [30.0, 75.0, 100.0, 140.0, 300.0, 440.0, 700.0])
def test_both_files_together_say_what_one_run_would_have_said(program, rig, at):
    whole = rig(program, steps=LOOP)
    assert whole.run().end_reason == "done"
    first, second = cut(rig, program, LOOP, at)
    assert second.run().end_reason == "done"
    expected, found = sums(whole), sums(first, second)
    assert found.keys() == expected.keys()
    gap = 0.2 * 2.0 / 3600.0  # nobody counted between the last state and the end
    for step, moved in expected.items():
        assert found[step] == pytest.approx(moved, abs=1.5 * gap), step
    assert second.sink.steps[0]["step_count"] == first.sink.steps[-1]["step_count"]
    ends = [step["end_reason"] for step in first.sink.steps[:-1] + second.sink.steps]
    assert ends == [step["end_reason"] for step in whole.sink.steps]
    assert [s["cycle_count"] for s in second.sink.steps] == [
        s["cycle_count"] for s in whole.sink.steps[-len(second.sink.steps) :]
    ]
    assert {"resumed", "gap"} <= set(second.kinds())
    assert second.row(0).test_time_second < 0.1
    assert second.row(0).charging_capacity_ah < 1e-5


def test_what_a_later_step_asks_for_is_the_whole_step_and_not_its_second_half(program, rig):
    steps = (
        "  - {charge: 1C, until: [0.02 Ah, 4.2 V], label: up}\n"
        "  - {discharge: 1C, until: [50 % of up, 2.8 V]}\n"
    )
    _, second = cut(rig, program, steps, 200.0)
    assert second.run().end_reason == "done"
    assert second.sink.steps[0]["step_charging_capacity_ah"] < 0.01
    assert second.sink.steps[1]["step_discharging_capacity_ah"] == pytest.approx(0.01, rel=2e-3)


def test_a_rest_goes_on_while_nobody_looks_and_a_driven_step_does_not(program, rig):
    for step, lasts in (
        ("{rest: 10 min, output: zero current}", 470.0),
        ("{charge: C/2, for: 10 min}", 500.0),
    ):
        _, second = cut(rig, program, f"  - {step}\n", 100.0)
        assert second.run().end_reason == "done"
        seen = second.sink.steps[0]
        span = seen["end_time_second"] - seen["start_time_second"]
        assert span == pytest.approx(lasts, abs=3.0)


def test_a_step_that_was_paused_goes_on_where_it_stood(program, rig):
    first = rig(program, steps="  - {charge: C/2, for: 10 min}\n")
    first.clock.virtual = False
    first.at(100.0, Pause())
    first.at(400.0, Stop("as a crash"))
    first.run()
    first.clock.virtual = True
    state = json.loads(json.dumps(first.sink.states[-1]))
    second = rig(program, steps="  - {charge: C/2, for: 10 min}\n", on=first, resume=state)
    assert second.run().end_reason == "done"
    assert second.sink.steps[0]["end_time_second"] == pytest.approx(500.0, abs=2.0)


@pytest.mark.parametrize("at", [60.0, 1500.0, 6500.0])
def test_a_hold_goes_on_and_its_parts_are_this_runs_own(program, rig, at):
    steps = "  - {charge: C/2, to: 4.0 V, then_hold_until: C/20, hold_at_most: 2 h}\n"
    whole = rig(program, steps=steps)
    whole.run()
    first, second = cut(rig, program, steps, min(at, whole.sink.steps[0]["end_time_second"] - 60.0))
    assert second.run().end_reason == "done"
    step = second.sink.steps[0]
    assert step["end_reason"] == "current"
    moved = step["step_net_capacity_ah"]
    assert step["cc_capacity_ah"] + step["cv_capacity_ah"] == pytest.approx(moved, rel=1e-9)
    together = moved + first.sink.steps[0]["step_net_capacity_ah"]
    assert together == pytest.approx(whole.sink.steps[0]["step_net_capacity_ah"], rel=3e-3)
    if at > 5000.0:  # it was in its hold already
        assert step["cc_capacity_ah"] == 0.0
    counted, true = second.charge()
    assert counted == pytest.approx(true, abs=3e-7)


def test_a_hold_whose_current_goes_the_other_way_now_ends_all_the_same(program, rig):
    steps = "  - Charge at C/2 for 10 min\n  - {hold: 3.62 V, for: 20 min, current_at_most: C/2}\n"
    _, second = cut(rig, program, steps, 900.0)
    assert second.run().end_reason == "done"


def test_a_sweep_goes_on_at_the_voltage_where_it_stood(program, rig):
    steps = "  - {sweep: [3.5 V, 3.9 V, 3.5 V], rate: 1 mV/s, current_at_most: 0.2 A}\n"
    _, second = cut(rig, program, steps, 300.0)
    applied = []
    apply = second.source.apply
    second.source.apply = lambda setpoint: (applied.append(setpoint), apply(setpoint))[1]
    assert second.run().end_reason == "done"
    volts = [item.voltage_volt for item in applied if not math.isnan(item.voltage_volt)]
    assert volts[0] == pytest.approx(3.8, abs=0.01)
    assert second.sink.steps[0]["end_time_second"] == pytest.approx(500.0, abs=3.0)


def test_an_end_that_holds_already_does_not_leak_into_the_next_step(program, rig):
    """The cell stands beyond the end when the run goes on: only that step was carried over."""
    steps = "  - Charge at C/2 until 3.75 V\n  - {rest: 1 min, output: zero current}\n"
    first = rig(program, steps=steps)
    first.clock.virtual = False
    first.at(200.0, Stop("as a crash"))
    first.run()
    first.clock.virtual = True
    state = json.loads(json.dumps(first.sink.states[-1]))
    other = rig(program, steps="  - Charge at C/2 until 3.9 V\n", on=first)
    other.run()
    second = rig(program, steps=steps, on=first, resume=state)
    second.truth = TruthLog(second.instrument)
    assert second.run().end_reason == "done"
    assert [step["end_reason"] for step in second.sink.steps] == ["already_met", "time"]
    assert second.sink.steps[0]["step_net_capacity_ah"] == pytest.approx(0.0, abs=1e-12)
    assert second.sink.steps[1]["step_type"] == "REST"
    assert second.sink.steps[1]["end_time_second"] == pytest.approx(60.0, abs=2.0)
