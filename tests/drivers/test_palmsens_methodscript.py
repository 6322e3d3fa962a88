"""Whole tests on a simulated potentiostat: from a protocol to rows, with damaged and lost lines."""

import itertools

import numpy as np
import pytest

from benchlab.bench.clock import VirtualClock
from benchlab.bench.executor import ChannelState, ExecutorCapabilities
from benchlab.bench.twin import TwinSpec
from benchlab.errors import (
    Unsupported,
)
from benchlab.model.expand import expand
from benchlab.model.flags import RowFlag
from benchlab.model.program import Control
from benchlab.model.protocol_text import parse_protocol
from benchlab_drivers.palmsens_methodscript import (
    CAPABILITIES,
    PalmSensMethodScript,
    simulate,
)
from benchlab_drivers.sim import palmsens_methodscript, palmsens_pico
from benchlab_drivers.wire.methodscript_line import DirectScriptLine

HEAD = """\
name: small cell
cell: {{type: {cell}, nominal_capacity: {mah} mAh}}
capacity: {{C: {mah} mAh}}
record: {{every: 1 s}}
steps:
"""
LIFE = """\
  - repeat: 2
    steps:
      - {charge: 1C, to: 3.6 V, then_hold_until: C/10, hold_at_most: 1 h, at_most: 3 h}
      - Rest for 2 min
      - {discharge: 1C, until: 3.2 V, at_most: 3 h}
      - {rest: 2 min, output: zero current}
"""
SHORT = "  - Rest for 20 s\n"


def program(steps, cell="lfp_half_coin", mah=3.1):
    return expand(parse_protocol(HEAD.format(cell=cell, mah=mah) + steps, "p.yaml"))


class Damage(DirectScriptLine):
    """A direct line that changes what comes."""

    def __init__(self, instrument, clock):
        super().__init__(instrument, clock)
        self.change = lambda data: data

    def read(self, second):
        return self.change(super().read(second))


class Bench:
    """A driver on a simulated instrument in virtual time."""

    def __init__(self, module=palmsens_methodscript, cell="lfp_half_coin", **spec):
        self.clock = VirtualClock()
        self.box = module.make(self.clock, TwinSpec(cell, **spec))
        self.line = Damage(self.box, self.clock)
        self.driver = PalmSensMethodScript(self.line, self.clock, resource="sim")
        self.driver.open()
        self.rows, self.ends, self.events, self.cursor = [], [], [], 0

    def fetch(self):
        found = self.driver.fetch("1", "run", self.cursor)
        self.cursor = found.cursor
        self.rows += found.rows
        self.ends += found.ends
        self.events += found.events

    def start(self, steps, **kind):
        self.before = self.box.truth()
        self.driver.start("1", self.driver.compile(program(steps, **kind)), "run")

    def run(self, steps, **kind):
        self.start(steps, **kind)
        while self.driver.status("1").state is ChannelState.RUNNING:
            self.clock.sleep_until(self.clock.now + 60.0)
            self.fetch()
        self.fetch()
        return self


def charge(rows):
    """Return what rows of one step carried, in Ah: each stands for the interval before it."""
    total = before = 0.0
    for row in rows:
        total += row.current * (row.step_second - before)
        before = row.step_second
    return total / 3600.0


def by_step(bench):
    return [list(rows) for _, rows in itertools.groupby(bench.rows, key=lambda row: row.cycle)]


def test_its_role_and_its_capabilities_are_told():
    assert isinstance(CAPABILITIES, ExecutorCapabilities)
    assert not CAPABILITIES.replayable
    assert Control.EIS in CAPABILITIES.controls
    pico = Bench(palmsens_pico)
    assert Control.CURRENT not in pico.driver.capabilities.controls
    assert pico.driver.capabilities.voltage_volt == (-1.7, 2.0)
    driver, twin = simulate(VirtualClock(), TwinSpec("lfp_half_coin"))
    assert driver.open().model == "EmStat4 HR"
    assert twin.truth().charged_ah == 0.0


@pytest.mark.parametrize("seed", [1, 2])
def test_charge_agrees_with_the_truth_within_the_instruments_accuracy(seed):
    bench = Bench(seed=seed).run(LIFE)
    assert bench.driver.status("1").state is ChannelState.FINISHED
    assert bench.events == []
    steps = by_step(bench)
    assert [end.reason for end in bench.ends] == ["current", "time", "voltage", "time"] * 2
    assert [row.sequence for row in bench.rows] == sorted({row.sequence for row in bench.rows})
    truth = bench.box.truth()
    charged = truth.charged_ah - bench.before.charged_ah
    discharged = truth.discharged_ah - bench.before.discharged_ah
    can = CAPABILITIES.current_ranges
    full = next(r for r in can if r.full_scale >= 3.1e-3)
    for moved, mine in (
        (charged, sum(charge(steps[k]) for k in (0, 4))),
        (discharged, -sum(charge(steps[k]) for k in (2, 6))),
    ):
        hours = sum(end.second for end in bench.ends) / 3600.0
        bound = full.gain * moved + full.offset * hours
        assert 0.0 < abs(mine - moved) < bound


def test_an_ideal_one_counts_the_cells_charge():
    """What is left is the gap between current and hold, and rows that are points of a decay."""
    bench = Bench(ideal=True).run(LIFE)
    truth = bench.box.truth()
    steps = by_step(bench)
    charged = truth.charged_ah - bench.before.charged_ah
    discharged = truth.discharged_ah - bench.before.discharged_ah
    assert sum(charge(steps[k]) for k in (0, 4)) == pytest.approx(charged, rel=5e-4)
    assert -sum(charge(steps[k]) for k in (2, 6)) == pytest.approx(discharged, rel=1e-6)


def test_rows_tell_step_time_and_an_open_circuit():
    bench = Bench(ideal=True).run(LIFE)
    compiled = bench.driver.compile(program(LIFE))
    for rows, step_id in zip(by_step(bench), [0, 1, 2, 3] * 2, strict=True):
        assert {compiled.step_ids[row.step] for row in rows} == {step_id}
        assert np.all(np.diff([row.step_second for row in rows]) > 0.0)
    rest = by_step(bench)[1]
    assert {row.flags for row in rest} == {int(RowFlag.OPEN_CIRCUIT)}
    assert {row.current for row in rest} == {0.0}
    assert all(row.values["current_range_ampere"] > 0.0 for row in by_step(bench)[0][-3:])


def test_constant_current_hands_over_to_constant_voltage_at_its_voltage():
    bench = Bench(ideal=True).run(LIFE)
    first = by_step(bench)[0]
    held = [row for row in first if row.voltage == pytest.approx(3.6, abs=1e-9)]
    driven = [row for row in first if row.current == pytest.approx(3.1e-3)]
    assert held
    assert driven
    assert all(row.voltage < 3.6 for row in driven[:-1])
    assert abs(first[-1].current) <= 0.31e-3
    assert first[-3].current > 0.0


@pytest.mark.parametrize(
    ("steps", "ends"),
    [
        ("  - {sweep: 3.35 V to 3.5 V, rate: 1 mV/s, current_at_most: 6 mA}\n", (3.35, 3.5)),
        (
            "  - {sweep: [3.4 V, 3.5 V, 3.4 V], rate: 1 mV/s, times: 2, current_at_most: 6 mA}\n",
            (3.4, 3.4),
        ),
    ],
)
def test_sweeps_go_from_corner_to_corner(steps, ends):
    bench = Bench(ideal=True).run(steps)
    volts = [row.voltage for row in bench.rows]
    assert volts[-1] == pytest.approx(ends[1])
    assert max(volts) == pytest.approx(3.5)
    assert min(volts) == pytest.approx(ends[0])
    assert abs(np.diff(volts)).max() < 2.2e-3, "it never jumps, not even to its first corner"
    peaks = sum(a < 3.5 - 1e-9 <= b for a, b in itertools.pairwise(volts))
    assert peaks == (2 if "times" in steps else 1)


def test_a_hold_comes_to_its_voltage_by_current():
    steps = "  - {hold: 3.5 V, current_at_most: 3 mA, for: 10 min, until: 1 mA}\n"
    bench = Bench(ideal=True).run(steps)
    assert bench.rows[0].current == pytest.approx(3e-3)
    assert bench.rows[-1].voltage == pytest.approx(3.5)
    assert max(row.current for row in bench.rows) < 4e-3


def test_a_charge_ends_a_step_by_the_time_that_it_takes():
    bench = Bench(ideal=True).run("  - {charge: 1 mA, until: 0.1 mAh, at_most: 1 h}\n")
    assert [end.reason for end in bench.ends] == ["capacity"]
    moved = bench.box.truth().charged_ah - bench.before.charged_ah
    assert moved == pytest.approx(1e-4, rel=1e-6)


@pytest.mark.parametrize("amplitude", ["10 mV", "0.1 mA"])
def test_a_spectrum_is_the_cells_impedance(amplitude):
    steps = f"  - {{eis: 10 kHz to 10 mHz, amplitude: {amplitude}, points_per_decade: 5}}\n"
    bench = Bench(ideal=True).run(steps)
    assert len(bench.rows) == 31
    first = bench.rows[0].values
    assert first["frequency_hertz"] == pytest.approx(1e4)
    assert first["real_impedance_ohm"] == pytest.approx(bench.box.cell._ohm, rel=1e-3)
    assert bench.rows[-1].values["frequency_hertz"] == pytest.approx(0.01)
    assert bench.rows[-1].values["imaginary_impedance_ohm"] < 0.0


def test_a_limit_ends_the_test_with_the_cell_off():
    steps = "  - {sweep: 3.2 V to 3.9 V, rate: 10 mV/s, current_at_most: 2 mA}\n"
    bench = Bench(ideal=True).run(steps)
    assert bench.driver.status("1").state is ChannelState.TRIPPED
    assert [event.kind for event in bench.events] == ["trip"]
    assert "over_current" in bench.events[0].text
    assert bench.ends[-1].reason == "current_limit"
    assert not bench.box.terminals.on
    assert bench.rows[-1].voltage < 3.9


# --- what cannot be expressed -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ("  - {discharge: 5 mW, until: 3.2 V, at_most: 1 h}\n", "power"),
        ("  - {charge: 200 mA, until: 3.6 V, at_most: 1 h}\n", "above its 0.1 A"),
        ("  - {rest: 1 h, until: change below 1 mV in 10 min}\n", "cannot watch"),
        ("  - {eis: 2 MHz to 1 Hz, amplitude: 10 mV}\n", "Hz"),
        ("  - {charge: 1 mA, to: 3.6 V, then_hold_until: 0.1 mA, until: 2 mAh}\n", "count"),
    ],
)
def test_what_it_cannot_express_is_refused_with_step_and_line(steps, why):
    bench = Bench()
    with pytest.raises(Unsupported) as caught:
        bench.driver.compile(program(SHORT + steps, mah=300))
    assert why in caught.value.what
    assert "p.yaml:7" in caught.value.where
    assert bench.box.exchange(b"Z\n") == b"Z!0006\n", "nothing was sent"


def test_a_pico_refuses_a_full_cell_and_a_current():
    bench = Bench(palmsens_pico)
    for steps in (
        "  - {charge: 1 mA, until: 3.6 V}\n",
        "  - {hold: 3.6 V, current_at_most: 1 mA, for: 1 min}\n",
    ):
        with pytest.raises(Unsupported):
            bench.driver.compile(program(steps))
