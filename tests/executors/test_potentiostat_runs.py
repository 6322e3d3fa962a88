"""Whole runs on a potentiostat through the bench: rows, steps, spectra, gaps of its stream."""

import json

import numpy as np
import pytest

import benchlab
from benchlab.bench.clock import VirtualClock
from benchlab.bench.executor_worker import EarlierHost, ExecutorWorker
from benchlab.bench.twin import TwinSpec
from benchlab.errors import InstrumentRefused, Unsupported
from benchlab.model.expand import expand
from benchlab.model.protocol_text import read_protocol
from benchlab.model.resolve import cell_of
from benchlab.service.channel import parse_channel
from benchlab.service.foreground import RunOptions, run_foreground
from benchlab.store.check import check_run
from benchlab_drivers.palmsens_methodscript import PalmSensMethodScript
from benchlab_drivers.sim import palmsens_methodscript as simulated
from benchlab_drivers.wire.methodscript_line import DirectScriptLine

from .conftest import Kept, program_of

HEAD = """format: benchlab-protocol/1
name: potentiostat
cell: {id: c1, type: lfp_half_coin, nominal_capacity: 3.1 mAh}
capacity: {C: 3.1 mAh, basis: nominal}
record: {every: 1 s}
steps:
"""
TECHNIQUES = {
    "cyclic voltammetry": (
        "{sweep: 3.4 V to 3.5 V to 3.3 V to 3.4 V, rate: 2 mV/s, current_at_most: 5 mA}",
        "SWEEP",
    ),
    "linear sweep": ("{sweep: 3.4 V to 3.5 V, rate: 2 mV/s, current_at_most: 5 mA}", "SWEEP"),
    "chronoamperometry": (
        "{hold: 3.5 V, current_at_most: 3 mA, for: 2 min, until: 0.1 mA}",
        "CV_CHG",
    ),
    "chronopotentiometry": ("{charge: 1 mA, until: 3.6 V, for: 2 min}", "CC_CHG"),
    "open circuit": ("{rest: 2 min}", "REST"),
    "impedance": ("{eis: 10 kHz to 100 mHz, amplitude: 10 mV, points_per_decade: 5}", "EIS"),
}


def recorded(folder, steps, **options):
    """Run steps on a simulated EmStat4 HR into a file; return the run."""
    path = folder / "p.yaml"
    path.write_text(HEAD + "".join(f"  - {step}\n" for step in steps), encoding="utf-8")
    protocol = read_protocol(path)
    cell = cell_of(protocol, None)
    out = folder / "o.h5"
    channel = parse_channel("sim:palmsens_methodscript")
    options = RunOptions(channel=channel, out=out, fast=True, **options)
    result = run_foreground(expand(protocol, cell), cell, options)
    assert result.outcome.end_reason == "done", result.outcome.text
    return benchlab.open(out)


@pytest.mark.parametrize("name", TECHNIQUES)
def test_each_technique_gives_a_file_with_rows_and_steps(tmp_path, name):
    step, kind = TECHNIQUES[name]
    run = recorded(tmp_path, [step])
    assert run.steps["step_type"].tolist() == [kind]
    assert run.steps["own_end"].tolist() == [1]
    assert len(run) >= 20
    assert np.all(np.isfinite(run["voltage_volt"]))
    assert np.all(np.diff(run["test_time_second"]) > 0.0)
    assert run.steps["counter_source"].tolist() == ["host"]
    assert (run.spectra.rows > 0) is (name == "impedance")
    assert check_run(tmp_path / "o.h5").findings == []


def test_a_sweep_counts_what_flowed_each_way(tmp_path):
    run = recorded(tmp_path, [TECHNIQUES["cyclic voltammetry"][0]], ideal=True)
    current, time = run["current_ampere"], run["test_time_second"]
    charged = np.trapezoid(np.maximum(current, 0.0), time) / 3600.0
    discharged = np.trapezoid(np.maximum(-current, 0.0), time) / 3600.0
    assert min(charged, discharged) > 1e-6
    assert run.steps["step_charging_capacity_ah"][0] == pytest.approx(charged, rel=0.02)
    assert run.steps["step_discharging_capacity_ah"][0] == pytest.approx(discharged, rel=0.02)


def test_a_spectrum_in_the_file_is_the_cells_impedance(tmp_path):
    run = recorded(tmp_path, ["{rest: 10 s}", TECHNIQUES["impedance"][0]], ideal=True)
    spectrum = run.spectra
    assert spectrum["step_count"].tolist() == [2] * 26
    hertz = spectrum["frequency_hertz"]
    np.testing.assert_allclose(hertz, 10.0 ** np.linspace(4.0, -1.0, 26), rtol=5e-6)
    clock = VirtualClock()
    cell = simulated.make(clock, TwinSpec("lfp_half_coin", 3.1e-3, ideal=True)).cell
    wanted = np.array([cell.impedance(f) for f in hertz])
    np.testing.assert_allclose(spectrum["real_impedance_ohm"], wanted.real, rtol=1e-3)
    np.testing.assert_allclose(spectrum["imaginary_impedance_ohm"], wanted.imag, rtol=2e-3)
    step = run.steps["start_time_second"][1], run.steps["end_time_second"][1]
    assert np.all(spectrum["test_time_second"] >= step[0])
    assert np.all(spectrum["test_time_second"] <= step[1] + 1e-6)


# --- a stream that is lost for a while -------------------------------------------------------


class Deaf(DirectScriptLine):
    """A line on which nothing is heard between two times."""

    def __init__(self, instrument, clock):
        super().__init__(instrument, clock)
        self._now = clock
        self.silent = (0.0, 0.0)

    def read(self, second):
        heard = super().read(second)
        return b"" if self.silent[0] <= self._now.now < self.silent[1] else heard


STEPS = """  - {rest: 30 s}
  - {charge: 1 mA, until: 3.9 V, for: 30 s}
  - {rest: 20 s}
  - {discharge: 1 mA, until: 2.9 V, for: 30 s}
  - {rest: 30 s}
"""


class Bench:
    def __init__(self, folder):
        self.clock = VirtualClock()
        self.box = simulated.make(self.clock, TwinSpec("lfp_half_coin", 3.1e-3))
        self.program = program_of(folder, STEPS, HEAD)
        self.connect()

    def connect(self):
        self.line = Deaf(self.box, self.clock)
        self.driver = PalmSensMethodScript(self.line, self.clock, resource="sim")

    def worker(self, kept, **more):
        compiled = self.driver.compile(self.program)
        return ExecutorWorker(
            self.program, compiled, self.driver, "1", self.clock, kept, name="x", **more
        )


def counts(kept):
    return [step["step_count"] for step in kept.steps]


def test_rows_that_nobody_heard_are_a_gap_and_the_step_goes_on(tmp_path):
    bench, kept = Bench(tmp_path), Kept()
    bench.driver.open()
    bench.line.silent = (40.0, 50.0)
    outcome = bench.worker(kept).run()
    assert outcome.end_reason == "done", outcome.text
    gaps = [event for event in kept.events if event["kind"] == "gap"]
    assert len(gaps) == 1
    assert "packages were lost" in gaps[0]["text"]
    assert counts(kept) == [1, 2, 3, 4, 5]
    charge = kept.steps[1]
    # the current was constant: what flowed unseen is counted by the rows on both sides
    assert charge["step_charging_capacity_ah"] == pytest.approx(1e-3 * 30.0 / 3600.0, rel=1e-3)


@pytest.mark.parametrize("until", [70.0, 85.0])
def test_ends_and_whole_steps_that_nobody_heard_are_told_of(tmp_path, until):
    bench, kept = Bench(tmp_path), Kept()
    bench.driver.open()
    bench.line.silent = (50.0, until)
    outcome = bench.worker(kept).run()
    assert outcome.end_reason == "done", outcome.text
    heard = [1, 2, 3, 4, 5] if until == 70.0 else [1, 2, 4, 5]
    assert counts(kept) == heard
    gaps = [event["text"] for event in kept.events if event["kind"] == "gap"]
    assert any("packages were lost" in text for text in gaps)
    assert any("whole step" in text for text in gaps) is (until == 85.0)
    # the time goes on as the host's clock tells it, to its polling interval
    last = kept.steps[-1]
    assert last["end_time_second"] == pytest.approx(140.0, abs=4.0)
    after = kept.steps[heard.index(4)]
    assert after["start_time_second"] == pytest.approx(80.0, abs=4.0)


class Died(BaseException):
    """The host is gone."""


class Dying(Kept):
    def __init__(self, rows):
        super().__init__()
        self._most = rows

    def row(self, *values):
        if len(self.rows) == self._most:
            raise Died
        super().row(*values)


def left_by(kept):
    whole = [state for state in kept.states if "since_second" not in state]
    state = json.loads(json.dumps(whole[-1]))
    facts = state["executor"]
    numbers = len(kept.rows), len(kept.steps)
    return EarlierHost(facts["run_id"], facts["unix_time_nanosecond"], *numbers, state)


def test_a_new_host_goes_on_behind_a_gap(tmp_path):
    bench, first = Bench(tmp_path), Dying(45)
    bench.driver.open()
    with pytest.raises(Died):
        bench.worker(first).run()
    bench.clock.sleep_until(bench.clock.now + 10.0)
    bench.box.take()  # said while nobody listened
    bench.connect()
    bench.clock.sleep_until(bench.clock.now + 1.5)
    second = Kept()
    outcome = bench.worker(second, earlier=left_by(first)).run()
    assert outcome.end_reason == "done", outcome.text
    assert [e["kind"] for e in second.events].count("gap") == 1
    assert counts(first) + counts(second) == [1, 2, 3, 4, 5]
    times = [row[0] for row in first.rows + second.rows]
    assert times == sorted(set(times))
    assert second.intents == []


def test_a_test_that_ended_while_nobody_listened_is_said_to_be_gone(tmp_path):
    bench, first = Bench(tmp_path), Dying(45)
    bench.driver.open()
    with pytest.raises(Died):
        bench.worker(first).run()
    bench.clock.sleep_until(bench.clock.now + 500.0)
    bench.box.take()
    bench.connect()
    with pytest.raises(Unsupported, match="nobody listened"):
        bench.worker(Kept(), earlier=left_by(first)).run()


def test_another_script_is_left_alone(tmp_path):
    bench, first = Bench(tmp_path), Dying(45)
    bench.driver.open()
    with pytest.raises(Died):
        bench.worker(first).run()
    bench.driver.stop("1")
    bench.driver.start("1", bench.driver.compile(bench.program), "other")
    bench.connect()
    bench.clock.sleep_until(bench.clock.now + 5.0)
    bench.clock.sleep_until(bench.clock.now + 1.5)
    with pytest.raises(InstrumentRefused, match="another script"):
        bench.worker(Kept(), earlier=left_by(first)).run()
    assert bench.box.running
