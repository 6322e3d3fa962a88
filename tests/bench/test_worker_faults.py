"""What becomes of a run when something fails: the output goes off, and the record says why."""

import math

import pytest

from benchlab.bench.clock import VirtualClock
from benchlab.bench.prepare import prepare
from benchlab.bench.roles import Mode
from benchlab.bench.twin import TwinSpec
from benchlab.errors import CellCheckError, GarbledAnswer, LinkTimeout, StorageError
from benchlab.model.flags import RowFlag
from benchlab_drivers.keithley2450 import simulate

STEPS = """\
  - {charge: C/2, to: 4.2 V, then_hold_until: C/20, hold_at_most: 1 h}
  - Rest for 5 min
  - Discharge at C/2 until 2.8 V
"""


@pytest.fixture
def bench(program, rig):
    return rig(program)


def test_nothing_fails(bench):
    outcome = bench.run()
    assert outcome.end_reason == "done"
    assert [step["end_reason"] for step in bench.sink.steps] == ["current", "time", "voltage"]
    assert bench.kinds()[-2:] == ["done", "off"]


def test_one_answer_without_a_number_is_asked_for_again(bench):
    bench.spoil(lambda _: b"+9.910000E+37,+9.910000E+37", after=60.0)
    assert bench.run().end_reason == "done"
    assert all(math.isfinite(step["step_net_capacity_ah"]) for step in bench.sink.steps)
    assert all(math.isfinite(value) for row in bench.sink.rows for value in row[7:11])


def test_a_glitch_is_recorded_as_not_believed_and_not_counted(bench, rig):
    clean = rig(lambda _: bench.program)
    clean.run()
    bench.spoil(lambda answer: b"+3.6E+00,+1.0E-02", after=60.0)
    assert bench.run().end_reason == "done"
    flagged = [row for row in bench.sink.rows if row[-1] & RowFlag.SUSPECT]
    assert [row[3] for row in flagged] == [0.01]
    for name in ("step_net_capacity_ah", "step_charging_energy_wh"):
        assert bench.sink.steps[0][name] == pytest.approx(clean.sink.steps[0][name], rel=1e-6)


def test_steps_that_are_over_at_once_hold_the_run(program, rig):
    bench = rig(
        program,
        steps="  - {repeat: 500, steps: [Charge at C/2 until 3.2 V, Discharge at C/2 until 4 V]}\n",
    )
    outcome = bench.run()
    assert outcome.end_reason == "held"
    assert [step["end_reason"] for step in bench.sink.steps] == ["already_met"] * 3
    truth = bench.instrument.truth()
    assert truth.charged_ah < 1e-9, "no current may flow in a step whose end holds already"
    assert truth.discharged_ah < 1e-9


def test_two_answers_without_a_number_trip(bench):
    bench.spoil(lambda _: b"+9.910000E+37,+9.910000E+37", after=60.0, times=2)
    outcome = bench.run()
    assert outcome.end_reason == "tripped"
    assert outcome.trip is not None
    assert f"(limit of the {outcome.trip.owner})" in outcome.text
    assert "no number" in outcome.text
    assert bench.sink.steps[-1]["end_reason"] == "tripped"


@pytest.mark.parametrize("volt", [b"+5.300000E+00,", b"-2.500000E+00,"])
def test_a_single_leap_beyond_a_hard_limit_is_read_again_and_a_second_one_trips(program, volt, rig):
    once, twice = rig(program), rig(program)
    once.spoil(lambda answer: volt + answer.split(b",")[1], after=60.0)
    assert once.run().end_reason == "done"
    assert sum(bool(row[-1] & RowFlag.SUSPECT) for row in once.sink.rows) == 1
    twice.spoil(lambda answer: volt + answer.split(b",")[1], after=60.0, times=2)
    outcome = twice.run()
    assert outcome.end_reason == "tripped"
    assert "limit of the cell type" in outcome.text
    assert twice.sink.rows[-1][0] - twice.sink.rows[-2][0] < 0.2


def test_a_voltage_that_creeps_beyond_a_hard_limit_trips_at_once(bench):
    volt = b"%+.6E," % (bench.program.limits.hard_high_volt + 1e-3)
    bench.spoil(lambda answer: b"+4.200000E+00," + answer.split(b",")[1], after=59.5, times=2)
    bench.spoil(lambda answer: volt + answer.split(b",")[1], after=60.5)
    outcome = bench.run()
    assert outcome.end_reason == "tripped"
    assert not [row for row in bench.sink.rows if row[-1] & RowFlag.SUSPECT]


@pytest.mark.parametrize("after", [60.0, 5000.0], ids=["constant current", "hold"])
def test_contact_lost_trips_instead_of_ending_the_step(bench, after):
    bench.clock.schedule(after, bench.instrument.take_cell_away)
    outcome = bench.run()
    assert outcome.end_reason == "tripped"
    assert "contact lost" in outcome.text
    assert len(bench.sink.steps) == 1


@pytest.mark.parametrize("output", ["open", "zero current"])
def test_contact_lost_in_a_rest_is_seen_at_the_latest_when_it_ends(program, output, rig):
    steps = f"  - {{rest: 5 min, output: {output}}}\n  - Charge at C/2 until 4.2 V\n"
    bench = rig(program, steps=steps)
    bench.clock.schedule(100.0, bench.instrument.take_cell_away)
    outcome = bench.run()
    assert outcome.end_reason == "tripped"
    assert "contact lost" in outcome.text
    assert [step["step_type"] for step in bench.sink.steps] == ["REST"]


def test_an_open_rest_ends_with_the_voltage_that_was_seen_at_its_end(bench):
    bench.run()
    rest = bench.sink.steps[1]
    assert rest["reading_count"] >= sum(row[5] == 2 for row in bench.sink.rows)
    assert 4.1 < rest["end_voltage_volt"] < 4.2
    assert rest["step_net_capacity_ah"] == 0.0
    assert math.isnan(rest["start_voltage_volt"])


def garbled(answer):
    return answer[:-3] + b"#!?"


def silent(_):
    raise LinkTimeout("no answer")


@pytest.mark.parametrize("fault", [garbled, silent])
def test_a_passing_fault_of_the_line_is_read_through_and_told(bench, fault):
    bench.spoil(fault, after=60.0)
    assert bench.run().end_reason == "done"
    assert bench.kinds().count("link") == 2


@pytest.mark.parametrize(("fault", "leaf"), [(garbled, GarbledAnswer), (silent, LinkTimeout)])
def test_a_line_that_stays_bad_fails_the_run(bench, fault, leaf):
    bench.spoil(fault, after=60.0, times=3)
    outcome = bench.run()
    assert outcome.end_reason == "failed"
    assert isinstance(outcome.error, leaf)
    assert bench.sink.steps[-1]["end_reason"] == "failed"


@pytest.mark.parametrize(
    ("hold", "sign"),
    [("2.85 V", -1), ("4.15 V", 1), ("3.578 V", 1), ("3.56 V", -1), ("3.5 V", -1)],
)
def test_a_hold_goes_the_way_that_its_voltage_asks_for(program, hold, sign, rig):
    """After an open rest the cell is looked at, and near its voltage the current decides."""
    steps = f"""\
  - Charge at C/2 for 60 s
  - Rest for 30 min
  - {{hold: {hold}, for: 5 min}}
  - Rest for 1 min
"""
    bench = rig(program, steps=steps)
    before = bench.instrument.truth()
    assert bench.run().end_reason == "done"
    step = bench.sink.steps[2]
    assert step["step_type"] == ("CV_CHG" if sign > 0 else "CV_DCH")
    truth = bench.instrument.truth()
    charged = truth.charged_ah - before.charged_ah - 0.1 / 60.0
    moved = charged - (truth.discharged_ah - before.discharged_ah)
    assert step["step_net_capacity_ah"] == pytest.approx(moved, abs=2e-7)
    counter = "charging" if sign > 0 else "discharging"
    assert step[f"step_{counter}_capacity_ah"] == pytest.approx(abs(moved), abs=2e-7)


def test_an_imposed_charge_and_a_short_pulse_end_where_they_should(program, rig):
    steps = """\
  - {discharge: C/2, until: [0.01 Ah, 2.8 V]}
  - {charge: C/2, for: 0.5 s}
  - {rest: 1 s, output: zero current}
"""
    bench = rig(program, steps=steps)
    assert bench.run().end_reason == "done"
    assert bench.sink.steps[0]["step_discharging_capacity_ah"] == pytest.approx(0.01, rel=3e-4)
    pulse = bench.sink.steps[1]
    lasted = pulse["end_time_second"] - pulse["start_time_second"]
    assert lasted == pytest.approx(0.5, abs=5e-3)


def test_a_full_cell_ends_a_timed_charge_by_its_voltage_limit(program, rig):
    bench = rig(program, steps="  - Charge at C/2 for 9 h\n")
    bench.run()
    assert bench.sink.steps[0]["end_reason"] == "voltage_limit"
    assert bench.sink.steps[0]["own_end"] == 0


def test_a_host_that_slept_for_an_hour_trips(bench):
    def sleep(answer):
        bench.clock.sleep_until(bench.clock.now + 3600.0)
        return answer

    bench.spoil(sleep, after=60.0)
    outcome = bench.run()
    assert outcome.end_reason == "tripped"
    assert "no reading for" in outcome.text


def test_a_bug_switches_off_and_leaves_its_traceback(bench):
    def bug(_):
        return 1 / 0

    bench.spoil(bug, after=60.0)
    outcome = bench.run()
    assert isinstance(outcome.error, ZeroDivisionError)
    assert any("ZeroDivisionError" in event["text"] for event in bench.sink.events)


def test_a_full_disk_switches_off(bench):
    bench.sink.full_after = 20
    outcome = bench.run()
    assert isinstance(outcome.error, StorageError)


def test_a_stop_switches_off_and_records_the_last_reading(bench):
    bench.clock.schedule(60.0, lambda: bench.worker.stop("enough"))
    outcome = bench.run()
    assert (outcome.end_reason, outcome.text) == ("stopped", "enough")
    assert bench.sink.steps[-1]["end_reason"] == "stopped"
    assert bench.sink.rows[-1][0] == pytest.approx(60.0, abs=2.0)


def test_a_cell_that_is_not_there_is_refused_before_any_current(program):
    clock = VirtualClock()
    source, instrument = simulate(clock, TwinSpec("nmc811_graphite_pouch", 0.2))
    instrument.take_cell_away()
    source.open()
    with pytest.raises(CellCheckError, match="no cell"):
        prepare(source, program(STEPS).limits)
    assert instrument.exchange(b":OUTP?\n") == b"0\n"
    assert instrument.truth().charged_ah == 0.0


def test_the_output_is_in_the_mode_of_the_step(bench):
    """The rest is open: its voltage is unknown, its current is nothing."""
    bench.run()
    rest = [row for row in bench.sink.rows if row[5] == 2][:-1]
    assert len(rest) > 5
    assert all(math.isnan(row[2]) and row[3] == 0.0 for row in rest)
    assert Mode.OPEN in bench.source.capabilities.modes
