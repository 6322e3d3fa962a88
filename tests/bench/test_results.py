"""Whose results they are: a step that ended gives its own label what it moved, and no other."""

import pytest

from benchlab.bench.commands import AddCycles, Stop

STEPS = """\
  - {charge: 1C, until: [5 mAh, 4.2 V], label: up}
  - {discharge: 1C, until: 2.8 V, at_most: 20 s, label: down}
  - {keep: found, as: discharge capacity of down}
  - {keep: moved, as: charge capacity of up}
  - Rest for 1 min
"""


def test_a_step_that_was_cut_short_does_not_get_the_capacity_of_the_step_before(program, rig):
    bench = rig(program, steps=STEPS)
    assert bench.run().end_reason == "done"
    assert bench.sink.steps[1]["end_reason"] == "at_most"
    assert any("nothing to keep as found" in text for text in bench.told("alarm"))
    kept = float(bench.told("kept")[0].split()[2])
    assert kept == pytest.approx(bench.sink.steps[0]["step_charging_capacity_ah"], rel=1e-8)


def test_cycles_that_were_added_are_in_the_next_state(program, rig):
    steps = (
        "  - {repeat: 2, counts_as: cycle, steps: [{charge: 1C, for: 20 s},"
        " {discharge: 1C, for: 20 s}]}\n"
    )
    bench = rig(program, steps=steps)
    bench.clock.virtual = False
    bench.at(10.3, AddCycles(3))
    bench.at(13.0, Stop("enough"))
    bench.run()
    whole = [state for state in bench.sink.states if "blocks" in state]
    assert whole[-1]["blocks"][0][2] == 5
