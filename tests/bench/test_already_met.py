"""A step whose end held before it began never ran: it is no reference and no complete cycle."""

import json

import pytest

from benchlab.bench.commands import Stop


def test_a_step_that_never_ran_is_no_reference(program, rig):
    """The discharge to 4.1 V has nothing to do; half of what it moved would be half of nothing."""
    steps = "  - {discharge: 1C, until: 4.1 V, label: cap}\n  - {charge: 1C, until: 50 % of cap}\n"
    bench = rig(program, steps=steps)
    outcome = bench.run()
    assert outcome.end_reason == "held"
    assert "has not come to an end of its own" in outcome.text
    assert [step["end_reason"] for step in bench.sink.steps] == ["already_met"]


def test_the_last_execution_that_ran_stays_the_reference(program, rig):
    """Of a loop's discharges the second finds the cell empty: the first is the capacity."""
    steps = (
        "  - {charge: 1C, until: [30 mAh, 4.2 V]}\n"
        "  - {repeat: 2, steps: [{discharge: C/5, until: 3.65 V, label: cap},"
        " {discharge: C/5, for: 10 min}]}\n"
        "  - {keep: found, as: discharge capacity of cap}\n"
        "  - {charge: C/2, until: [50 % of cap, 4.2 V]}\n"
    )
    bench = rig(program, steps=steps)
    assert bench.run().end_reason == "done"
    ran = bench.sink.steps[1]
    assert ran["end_reason"] == "voltage"
    assert [s["end_reason"] for s in bench.sink.steps if s["label"] == "cap"][1] == "already_met"
    assert float(bench.told("kept")[0].split()[2]) == pytest.approx(
        ran["step_discharging_capacity_ah"], rel=1e-8
    )
    assert bench.sink.steps[-1]["step_charging_capacity_ah"] == pytest.approx(
        ran["step_discharging_capacity_ah"] / 2.0, rel=1e-3
    )


def test_an_end_that_the_first_current_brings_is_an_event_and_no_reference(program, rig):
    """The cell stands just above 3.6 V and is below it as soon as 2C flow: nothing was measured."""
    steps = (
        "  - {discharge: C/5, until: 3.605 V, at_most: 9 h}\n"
        "  - {discharge: 1C, until: 3.6 V, label: cap}\n"
        "  - {keep: found, as: discharge capacity of cap}\n"
    )
    bench = rig(program, steps=steps)
    assert bench.run().end_reason == "done"
    assert bench.sink.steps[1]["end_reason"] == "already_met"
    assert any("nothing to keep as found" in text for text in bench.told("alarm"))
    assert any("step 2" in text for text in bench.told("already_met"))


def test_a_step_that_ran_in_an_earlier_run_keeps_what_it_moved_there(program, rig):
    steps = "  - {charge: 1C, until: 3.75 V, label: cap}\n  - {discharge: 1C, until: 50 % of cap}\n"
    first = rig(program, steps=steps)
    first.clock.virtual = False
    first.at(200.0, Stop("as a crash"))
    first.run()
    moved = first.sink.steps[0]["step_charging_capacity_ah"]
    state = json.loads(json.dumps(first.sink.states[-1]))
    first.clock.virtual = True
    rig(program, steps="  - Charge at C/2 until 3.9 V\n", on=first).run()
    second = rig(program, steps=steps, on=first, resume=state)
    assert second.run().end_reason == "done"
    assert second.sink.steps[0]["end_reason"] == "already_met"
    assert second.sink.steps[1]["step_discharging_capacity_ah"] == pytest.approx(
        moved / 2.0, rel=0.02
    )
