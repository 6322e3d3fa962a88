"""What somebody or something does at the worst moment, on the virtual clock."""

import json
import math

import pytest

from benchlab.bench.commands import AddCycles, Pause, Resume, Skip, Stop, StopAfter
from benchlab.bench.sensing import SURFACE, Surroundings
from benchlab.bench.surroundings import Sensed

NESTED = """\
  - repeat: 2
    steps:
      - repeat: 2
        counts_as: cycle
        steps:
          - {rest: 10 s, output: zero current}
          - {charge: 1C, for: 30 s}
          - {discharge: 1C, for: 30 s}
      - {rest: 5 h, output: zero current, label: long}
"""
WARM = """\
name: t
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.2 Ah}
limits: {temperature: {when_charging: 5 to 45 degC, otherwise: -10 to 60 degC}}
"""


class Warmth:
    """A thermocouple that reads what it is told to."""

    channels = (SURFACE,)
    fastest_period_second = 1.0

    def __init__(self, clock, celsius):
        self.clock, self.celsius = clock, celsius

    def read(self):
        return Sensed(self.clock.now, {SURFACE: self.celsius(self.clock.now)})

    def recover(self):
        """Nothing is lost."""

    def close(self):
        """Nothing is open."""


def around(celsius):
    return lambda clock, twin: Surroundings([Warmth(clock, celsius)], None, clock)


@pytest.mark.parametrize(("asked", "steps"), [(5.0, 3), (45.0, 3), (90.0, 6), (110.0, 6)])
def test_stop_after_this_cycle_ends_before_what_is_no_part_of_it(program, rig, asked, steps):
    """Neither the rest of the next round nor what follows the loop belongs to the cycle."""
    bench = rig(program, steps=NESTED)
    bench.at(asked, StopAfter("cycle"))
    assert bench.run().end_reason == "stopped"
    expected = 1 if asked < 10.0 else steps  # no cycle is under way in the first rest
    assert len(bench.sink.steps) == expected
    assert bench.sink.steps[-1]["label"] != "long"


def test_cycles_are_added_to_the_loop_under_way_and_to_none_that_is_over(program, rig):
    bench = rig(program, steps=NESTED.replace("repeat: 2\n    steps", "repeat: 1\n    steps"))
    bench.at(40.0, AddCycles(1))
    bench.at(300.0, AddCycles(5))
    assert bench.run().end_reason == "done"
    assert bench.sink.steps[-1]["cycle_count"] == 3
    assert len(bench.told("refused")) == 1


@pytest.mark.parametrize("everything", [False, True])
def test_a_pause_does_not_put_off_what_the_clock_ends(program, rig, everything):
    """The clock of the wall goes on while the step's own time stands still."""
    ends = "until_all: [clock 00:10 UTC, 1 min]" if everything else "until: clock 00:10 UTC"
    bench = rig(program, steps=f"  - {{charge: C/20, {ends}, at_most: 20 h}}\n")
    start = bench.clock.unix_ns() / 1e9
    left = (600.0 - start) % 86400.0
    bench.at(left - 400.0, Pause())
    bench.at(left - 100.0, Resume())
    assert bench.run().end_reason == "done"
    assert bench.sink.steps[0]["end_time_second"] == pytest.approx(left, abs=3.0)


def test_a_pause_does_not_let_a_step_pass_the_clock_time_that_lay_behind_its_own(program, rig):
    bench = rig(program)
    left = (3600.0 - bench.clock.unix_ns() / 1e9) % 86400.0
    assert left > 700.0
    begin = left - 700.0
    first = f"  - {{rest: {begin:.0f} s, output: zero current}}\n"
    steps = first + "  - {charge: C/20, until: clock 01:00 UTC, for: 10 min}\n"
    bench = rig(program, steps=steps)
    bench.at(begin + 100.0, Pause())
    bench.at(begin + 400.0, Resume())
    assert bench.run().end_reason == "done"
    assert bench.sink.steps[1]["end_time_second"] == pytest.approx(left, abs=3.0)


def test_a_hold_that_would_charge_a_cold_cell_trips_before_any_current(program, rig):
    steps = "  - {hold: 4.1 V, current_at_most: C/5, until: C/20, at_most: 9 h}\n"
    made = program(steps, WARM)
    bench = rig(made, around=around(lambda _: -2.0))
    assert bench.run().end_reason == "tripped"
    assert bench.instrument.truth().charged_ah == 0.0


def test_a_paused_charge_may_be_cold_and_does_not_go_on_cold(program, rig):
    made = program("  - {charge: C/5, for: 10 min}\n", WARM)
    for warm_again, ends in ((True, "done"), (False, "tripped")):

        def celsius(now, warms=warm_again):
            if now < 110.0:
                return 25.0
            return min(25.0, -2.0 + 0.08 * max(0.0, now - 300.0)) if warms else -2.0

        bench = rig(made, around=around(celsius))
        bench.at(100.0, Pause())
        bench.at(900.0, Resume())
        outcome = bench.run()
        assert outcome.end_reason == ends, outcome.text
        assert bench.clock.now > 899.0, "a circuit that is open charges nothing"
        if not warm_again:
            assert bench.instrument.truth().charged_ah < 0.04 * 103.0 / 3600.0


KINDS = [
    "{charge: C/2, for: 10 min}",
    "{charge: 0.4 W, for: 10 min, current_at_most: 0.2 A}",
    "{discharge: 40 ohm, for: 10 min, current_at_most: 0.3 A}",
    "{hold: 3.9 V, for: 10 min, current_at_most: C/5}",
    "{sweep: [3.5 V, 3.9 V], rate: 1 mV/s, current_at_most: 0.1 A}",
    "{rest: 10 min, output: zero current}",
    "{rest: 10 min}",
    "{rest: 1 h, output: zero current, until: change below 10 mV in 5 min}",
    "{rest: 1 h, output: zero current, until: dV/dt below 9 mV/min over 5 min}",
    "{charge: C/2, until_all: [3.0 V, 10 min], at_most: 1 h}",
    "{charge: C/2, until: [4.2 V, 0.05 Wh, drop of 50 mV from peak], at_most: 10 min}",
]


@pytest.mark.parametrize("step", KINDS)
@pytest.mark.parametrize("asked", [Skip(), Pause()], ids=["skip", "pause"])
def test_each_kind_of_step_can_be_skipped_and_paused(program, rig, step, asked):
    bench = rig(program, steps=f"  - {step}\n  - Rest for 1 min\n")
    bench.at(100.4, asked)
    bench.at(160.0, Resume())
    outcome = bench.run()
    assert outcome.end_reason == "done", outcome.text
    assert (bench.sink.steps[0]["end_reason"] == "skipped") is isinstance(asked, Skip)
    counted, true = bench.charge()
    assert counted == pytest.approx(true, abs=1e-6 if "sweep" in step else 2e-7)


@pytest.mark.parametrize("step", KINDS)
def test_each_kind_of_step_goes_on_after_a_crash(program, rig, step):
    steps = f"  - {step}\n  - Rest for 1 min\n"
    whole = rig(program, steps=steps)
    assert whole.run().end_reason == "done"
    first = rig(program, steps=steps)
    first.clock.virtual = False
    first.at(120.0, Stop("as a crash"))
    first.run()
    first.clock.virtual = True
    state = json.loads(json.dumps(first.sink.states[-1]))
    second = rig(program, steps=steps, on=first, resume=state)
    outcome = second.run()
    assert outcome.end_reason == "done", outcome.text
    ends = [step["end_reason"] for step in second.sink.steps]
    assert ends == [step["end_reason"] for step in whole.sink.steps]
    wanted = whole.sink.steps[0]["step_net_capacity_ah"]
    both = (
        first.sink.steps[0]["step_net_capacity_ah"] + second.sink.steps[0]["step_net_capacity_ah"]
    )
    assert both == pytest.approx(wanted, rel=0.05, abs=2e-4)


def test_a_burst_of_no_numbers_trips_and_is_never_counted(program, rig):
    bench = rig(program, steps="  - {charge: C/2, for: 10 min}\n")
    bench.spoil(lambda _: b"+9.910000E+37,+9.910000E+37", after=60.0, times=50)
    assert bench.run().end_reason == "tripped"
    counted, true = bench.charge()
    assert math.isfinite(counted)
    assert counted == pytest.approx(true, abs=1e-5)


def test_nanoamperes_flow_are_counted_and_are_no_lost_contact(program, rig):
    bench = rig(program, steps="  - {charge: 1 nA, for: 10 min}\n")
    outcome = bench.run()
    assert outcome.end_reason == "done", outcome.text
    counted, true = bench.charge()
    assert counted == pytest.approx(true, rel=1e-3)
    assert counted == pytest.approx(1e-9 / 6.0, rel=1e-2)
