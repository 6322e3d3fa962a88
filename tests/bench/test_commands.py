"""What somebody asks of a run while it goes on, on the virtual clock."""

import itertools

import pytest

from benchlab.bench.commands import (
    AddCycles,
    Answer,
    Pause,
    Resume,
    Skip,
    Stop,
    StopAfter,
)
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol

CYCLES = """\
  - repeat: 4
    steps:
      - {charge: 1C, until: 3.75 V, at_most: 1 h}
      - {rest: 1 min, output: zero current}
      - {discharge: 1C, until: 3.6 V, at_most: 1 h}
      - {rest: 1 min, output: zero current}
"""


def span(step):
    return step["end_time_second"] - step["start_time_second"]


@pytest.mark.parametrize(
    ("steps", "stands"),
    [
        ("  - {charge: C/2, for: 10 min}\n", True),
        ("  - {rest: 10 min, output: zero current}\n", False),
        ("  - {rest: 10 min}\n", False),
    ],
    ids=["driven", "zero current", "open"],
)
def test_a_pause_opens_the_circuit_and_only_a_driven_steps_time_stands_still(
    program, rig, steps, stands
):
    bench = rig(program, steps=steps)
    states = []
    bench.clock.schedule(200.0, lambda: states.append(bench.instrument.exchange(b":OUTP?\n")))
    bench.at(100.0, Pause("anna"))
    bench.at(300.0, Resume("anna"))
    assert bench.run().end_reason == "done"
    assert states == [b"0\n"]
    step = bench.sink.steps[0]
    assert step["end_reason"] == "time"
    assert span(step) == pytest.approx(800.0 if stands else 600.0, abs=2.0)
    counted, true = bench.charge()
    assert counted == pytest.approx(true, abs=1e-8)
    kinds = bench.kinds()
    assert kinds.index("pause") < kinds.index("resume")


def test_a_long_pause_of_a_rest_is_no_silence(program, rig):
    bench = rig(program, steps="  - Rest for 1 h\n")
    bench.at(100.0, Pause())
    bench.at(1000.0, Resume())
    assert bench.run().end_reason == "done"


@pytest.mark.parametrize(
    "step",
    [
        "{charge: 0.4 W, for: 10 min, current_at_most: 0.2 A}",
        "{discharge: 40 ohm, for: 10 min, current_at_most: 0.3 A}",
    ],
)
def test_a_step_that_the_host_regulates_goes_on_after_a_pause(program, rig, step):
    bench = rig(program, steps=f"  - {step}\n")
    bench.at(100.3, Pause())
    bench.at(300.0, Resume())
    assert bench.run().end_reason == "done"
    counted, true = bench.charge()
    assert counted == pytest.approx(true, abs=1e-7)
    assert span(bench.sink.steps[0]) == pytest.approx(800.0, abs=2.0)


def test_a_cell_that_was_taken_away_in_a_pause_trips_before_any_current(program, rig):
    bench = rig(program, steps="  - {charge: C/2, for: 10 min}\n")
    bench.at(100.0, Pause())
    bench.clock.schedule(200.0, bench.instrument.take_cell_away)
    bench.at(300.0, Resume())
    outcome = bench.run()
    assert outcome.end_reason == "tripped"
    assert "no cell" in outcome.text


def test_a_pause_that_comes_between_two_steps_is_not_lost(program, rig):
    bench = rig(program, steps="  - Charge at C/2 for 60 s\n  - Discharge at C/2 for 60 s\n")
    apply, asked = bench.source.apply, []

    def meanwhile(setpoint):
        if bench.sink.rows and not asked:
            asked.append(bench.clock.now)
            bench.worker.put(Pause())
            bench.at(bench.clock.now + 50.0, Resume())
        return apply(setpoint)

    bench.source.apply = meanwhile
    assert bench.run().end_reason == "done"
    assert bench.kinds().count("pause") == 1
    assert not bench.told("refused")


def test_stop_and_skip_are_heard_in_a_pause(program, rig):
    for asked, ends in ((Stop("enough"), "stopped"), (Skip(), "done")):
        bench = rig(program, steps="  - Charge at C/2 for 10 min\n")
        bench.at(100.0, Pause())
        bench.at(130.0, asked)
        assert bench.run().end_reason == ends
        counted, true = bench.charge()
        assert counted == pytest.approx(true, abs=1e-8)


def test_a_step_that_is_skipped_is_not_complete_and_the_next_one_follows(program, rig):
    bench = rig(program, steps="  - Charge at C/2 for 10 min\n  - Rest for 1 min\n")
    bench.at(60.0, Skip())
    assert bench.run().end_reason == "done"
    assert [step["end_reason"] for step in bench.sink.steps] == ["skipped", "time"]
    assert [step["own_end"] for step in bench.sink.steps] == [0, 1]
    assert span(bench.sink.steps[0]) < 63.0


@pytest.mark.parametrize(("what", "steps"), [("step", 1), ("cycle", 4)])
def test_a_run_stops_after_this_step_or_cycle(program, rig, what, steps):
    bench = rig(program, steps=CYCLES)
    bench.at(20.0, StopAfter(what))
    outcome = bench.run()
    assert outcome.end_reason == "stopped"
    assert what in outcome.text
    assert len(bench.sink.steps) == steps
    assert all(step["own_end"] for step in bench.sink.steps)


def test_the_last_step_is_done_and_not_stopped(program, rig):
    bench = rig(program, steps="  - Rest for 1 min\n")
    bench.at(20.0, StopAfter("step"))
    assert bench.run().end_reason == "done"


def test_cycles_are_added_and_what_means_nothing_is_refused(program, rig):
    bench = rig(program, steps=CYCLES)
    bench.at(20.0, AddCycles(2), AddCycles(-3), StopAfter("lunch"), Resume(), Answer({}))
    assert bench.run().end_reason == "done"
    assert bench.sink.steps[-1]["cycle_count"] == 6
    assert len(bench.told("refused")) == 4


def test_an_operator_answers_and_a_wrong_barcode_is_asked_for_again(rig):
    head = (
        "name: t\ncell: {type: nmc811_graphite_pouch, id: A17}\ncapacity: {C: 0.2 Ah}\n"
        "steps:\n  - {operator: Degas the pouch, ask: [mass_g], resume_if: same barcode}\n"
        "  - Rest for 1 min\n"
    )
    bench = rig(expand(parse_protocol(head, "t.yaml")), cell_id="A17")
    bench.at(50.0, Answer({"barcode": "A17"}))
    bench.at(60.0, Answer({"barcode": "B1", "mass_g": "1.2"}))
    bench.at(70.0, Answer({"barcode": "A17", "mass_g": "1.2"}, "anna"))
    assert bench.run().end_reason == "done"
    assert len(bench.told("refused")) == 2
    assert span(bench.sink.steps[0]) == pytest.approx(70.0, abs=2.0)
    assert bench.sink.steps[0]["end_reason"] == "operator"


def test_an_operator_who_never_comes_holds_the_run(program, rig):
    steps = "  - {operator: Degas the pouch, at_most: 1 h}\n  - Charge at C/2 for 1 min\n"
    bench = rig(program, steps=steps)
    outcome = bench.run()
    assert outcome.end_reason == "held"
    assert bench.instrument.truth().charged_ah < 1e-9


@pytest.mark.parametrize("second", [0.1, 1.0, 17.35, 59.99])
def test_commands_at_any_instant_leave_the_charge_right(program, rig, second):
    bench = rig(program, steps="  - Charge at C/2 for 60 s\n  - Discharge at C/2 for 60 s\n")
    for k in itertools.count():
        if second + 7.3 * k > 110.0:
            break
        bench.at(second + 7.3 * k, Pause())
        bench.at(second + 7.3 * k + 3.1, Resume())
    assert bench.run().end_reason == "done"
    counted, true = bench.charge()
    assert counted == pytest.approx(true, abs=1e-8)
