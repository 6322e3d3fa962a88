"""Runs that must end safely, each on a simulated cell through a driver's bytes."""

import pytest

from benchlab.bench.prepare import prepare
from benchlab.bench.sensing import SURFACE, Surroundings
from benchlab.bench.surroundings import Sensed
from benchlab.bench.twin import TwinSpec
from benchlab.errors import CellCheckError

SENSOR_HEAD = """\
name: t
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.2 Ah}
limits: {temperature: {when_charging: 5 to 45 degC, otherwise: -10 to 60 degC}}
"""


def head(cell, capacity="0.2 Ah", more=""):
    return f"name: t\ncell: {{type: {cell}}}\ncapacity: {{C: {capacity}}}\n{more}"


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


def test_a_hold_entered_far_from_its_voltage_never_exceeds_its_current_bound(program, rig):
    steps = (
        "  - {discharge: C/5, until: [20 mAh, 2.8 V]}\n"
        "  - {hold: 4.1 V, current_at_most: C/5, until: C/20, at_most: 9 h}\n"
    )
    bench = rig(program, steps=steps, spec=TwinSpec("nmc811_graphite_pouch", 0.2, seed=3))
    assert bench.run().end_reason == "done"
    held = [row for row in bench.sink.rows if row[5] == 2]
    assert max(abs(row[3]) for row in held) < 0.04 * 1.005  # as its meter, with its gain, sees it
    assert bench.sink.steps[1]["step_type"] == "CV_CHG"
    assert bench.sink.steps[1]["end_reason"] == "current"


@pytest.mark.parametrize("after", [600.0, 3500.0, 7300.0, 9000.0])
def test_contact_lost_in_a_loop_of_500_cycles_is_not_done_in_a_minute(program, rig, after):
    steps = (
        "  - repeat: 500\n    steps:\n"
        "      - {charge: C/2, to: 4.2 V, then_hold_until: C/20, hold_at_most: 2 h, at_most: 5 h}\n"
        "      - Rest for 1 min\n      - Discharge at C/2 until 2.8 V\n      - Rest for 1 min\n"
    )
    bench = rig(program, steps=steps, spec=TwinSpec("nmc811_graphite_pouch", 0.2, seed=1))
    bench.clock.schedule(after, bench.instrument.take_cell_away)
    outcome = bench.run()
    assert outcome.end_reason in ("tripped", "held")
    assert bench.clock.now < after + 75.0, "a rest is blind for a minute, nothing else"
    assert bench.sink.steps[-1]["cycle_count"] <= 2


def test_a_soft_short_that_never_reaches_its_voltage_ends_by_time_or_charge(program, rig):
    steps = "  - {charge: C/2, to: 4.2 V, then_hold_until: C/20, at_most: 5 h, hold_at_most: 2 h}\n"
    bench = rig(program, steps=steps)
    read = bench.source._query
    before = []

    def shorted(request):
        answer = read(request)
        parts = answer.split(b",")
        if len(parts) == 2 and bench.clock.now > 600.0:  # the voltage stands still from here on
            before.append(parts[0])
            return before[0] + b",+1.000000E-01"
        return answer

    bench.source._query = shorted
    outcome = bench.run()
    assert outcome.end_reason in ("done", "tripped")
    step = bench.sink.steps[0]
    assert step["end_reason"] in ("at_most", "tripped")
    assert step["own_end"] == 0
    assert step["step_net_capacity_ah"] <= 1.31 * 0.2


def test_a_sodium_cell_goes_down_to_0_v_without_a_trip(program, rig):
    steps = "  - {discharge: C/5, until: 0.05 V, at_most: 9 h}\n  - Charge at C/5 until 2.5 V\n"
    made = program(steps, head("na_layered_hardcarbon"))
    bench = rig(made, spec=TwinSpec("na_layered_hardcarbon", 0.2, seed=1))
    outcome = bench.run()
    assert outcome.end_reason == "done", outcome.text
    assert min(row[2] for row in bench.sink.rows) < 0.06


def test_a_fresh_cell_at_0_1_v_is_charged_and_only_armed_limits_trip_it(program, rig):
    more = "limits: {voltage: {low_once_formed: 2.5 V}}\n"
    charge = "  - {charge: C/10, for: 30 min}\n"
    fresh = TwinSpec("nmc811_graphite_pouch", 0.2, fresh=True)
    bench = rig(program(charge, head("nmc811_graphite_pouch", more=more)), spec=fresh)
    assert bench.seen.voltage < 1.0
    assert bench.run().end_reason == "done"
    armed = "  - {arm: low_once_formed}\n" + charge
    bench = rig(program(armed, head("nmc811_graphite_pouch", more=more)), spec=fresh)
    outcome = bench.run()
    assert outcome.end_reason == "tripped"
    assert "beyond 2.4 V" in outcome.text
    assert bench.instrument.truth().charged_ah < 1e-5


@pytest.mark.parametrize("warm_second", [0.0, 1000.0])
def test_a_cell_below_0_degc_is_not_charged(program, rig, warm_second):
    steps = "  - Rest for 10 min\n  - Charge at C/2 for 1 h\n"

    def around(clock, twin):
        warmth = Warmth(clock, lambda now: 9.0 if now < warm_second else -3.0)
        return Surroundings([warmth], None, clock)

    bench = rig(program(steps, SENSOR_HEAD), around=around)
    outcome = bench.run()
    assert outcome.end_reason == "tripped"
    assert "degC" in outcome.text
    charged = bench.instrument.truth().charged_ah
    if warm_second:
        assert 0.0 < charged < 0.1 * 430.0 / 3600.0
    else:
        assert charged < 1e-9, "no current may flow at all"


def test_noise_around_0_a_in_a_cold_rest_is_no_charge(program, rig):
    def around(clock, twin):
        return Surroundings([Warmth(clock, lambda _: -3.0)], None, clock)

    steps = "  - {rest: 10 min, output: zero current}\n  - Discharge at C/2 for 10 min\n"
    spec = TwinSpec("nmc811_graphite_pouch", 0.2, seed=2)
    assert rig(program(steps, SENSOR_HEAD), spec=spec, around=around).run().end_reason == "done"


def test_one_false_temperature_is_no_rise(program, rig):
    head_ = SENSOR_HEAD.replace(
        "limits: {temperature: {", "limits: {temperature: {rise_in_a_minute: 5 K, "
    )

    def around(clock, twin):
        return Surroundings(
            [Warmth(clock, lambda now: 12.0 if 395 < now < 404 else 25.0)], None, clock
        )

    made = program("  - Charge at C/2 for 20 min\n", head_)
    bench = rig(made, around=around)
    assert bench.run().end_reason == "done"


def test_a_cell_that_is_wired_the_wrong_way_round_is_refused_before_any_current(program, rig):
    bench = rig(program)
    look = bench.source.look

    def reversed_look(high):
        seen = look(high)
        return seen._replace(voltage=-seen.voltage)

    bench.source.look = reversed_look
    with pytest.raises(CellCheckError, match="No current was sent"):
        prepare(bench.source, bench.program.limits)
    assert bench.instrument.truth().charged_ah < 1e-9


def test_lithium_sulfur_whose_shuttle_eats_the_charge_ends_by_what_was_discharged(program, rig):
    steps = (
        "  - {discharge: C/10, until: 1.8 V, at_most: 20 h, label: dis}\n"
        "  - {charge: C/10, until: [110 % of dis, 2.8 V], at_most: 20 h,"
        " if_ended_by: {110 % of dis: flag CE imposed}}\n"
    )
    made = program(steps, head("li_s_pouch"))
    bench = rig(made, spec=TwinSpec("li_s_pouch/shuttle", 0.2, seed=1))
    outcome = bench.run()
    assert outcome.end_reason == "done", outcome.text
    dis, charge = bench.sink.steps[:2]
    assert charge["end_reason"] == "capacity"
    moved = charge["step_charging_capacity_ah"] / dis["step_discharging_capacity_ah"]
    assert moved == pytest.approx(1.1, abs=1e-3)
    assert "step 2: CE imposed" in bench.told("flag")
