"""Eight runs on the eight channels of one cycler: one owner, one line, one fault for all."""

import threading

import numpy as np
import pytest

from benchlab.bench.clock import RealClock, VirtualClock
from benchlab.bench.executor_shared import SharedLine
from benchlab.bench.executor_worker import ExecutorWorker
from benchlab.bench.twin import TwinSpec
from benchlab.errors import LinkLost
from benchlab.model.columns import ROW_COLUMNS
from benchlab_drivers.neware_bts8 import driver_on
from benchlab_drivers.sim import neware_bts8 as simulated
from benchlab_drivers.wire.transport import DirectTransport

from .conftest import Kept, program_of

HEAD = """format: benchlab-protocol/1
name: short
cell: {id: demo-01, type: nmc811_graphite_pouch, nominal_capacity: 0.200 Ah}
capacity: {C: 0.200 Ah, basis: nominal}
control: {period: 1 s}
record: {every: 0.1 s}
steps:
"""
STEPS = """  - repeat: 2
    counts_as: cycle
    steps:
      - Charge at C/2 for 0.9 s
      - Rest for 0.2 s
      - Discharge at C/2 for 0.9 s
      - Rest for 0.2 s
"""
SPEC = TwinSpec("nmc811_graphite_pouch", 0.2)
COUNTED = ROW_COLUMNS.index("charging_capacity_ah")


class Line(DirectTransport):
    """A line that counts what goes over it, and can be cut."""

    def __init__(self, instrument):
        super().__init__(instrument)
        self._exchange, self.query = instrument.exchange, self.ask
        self.sent, self.opened, self.cut, self.users = [], 0, False, 0

    def open(self):
        self.opened += 1
        self.cut = False

    def ask(self, request):
        assert not self.users, "two at once on one line"
        self.users += 1
        try:
            if self.cut:
                raise LinkLost("the line was cut.")
            self.sent.append(request)
            return self._exchange(request)
        finally:
            self.users -= 1


class Unit:
    """A cycler with eight runs in as many threads, on the host's clock."""

    def __init__(self, folder):
        clock = RealClock()
        self.box = simulated.make(clock, SPEC)
        self.line = Line(self.box)
        self.shared = SharedLine(driver_on(self.line, clock, "sim"))
        self.program = program_of(folder, STEPS, HEAD)
        self.kept = {}
        self.outcomes = {}

    def run(self, channels, disturb=lambda: None):
        threads = [threading.Thread(target=self._run, args=(str(n),)) for n in channels]
        for thread in threads:
            thread.start()
        disturb()
        for thread in threads:
            thread.join(60.0)
        return self

    def _run(self, channel):
        share = self.shared.share()
        kept = self.kept[channel] = Kept()
        share.open()
        worker = ExecutorWorker(
            self.program, share.compile(self.program), share, channel, RealClock(), kept, name="x"
        )
        self.outcomes[channel] = worker.run()
        share.close()


def holds_what_the_unit_holds(unit, channel):
    """Compare a run with what its channel recorded by itself."""
    kept, held = unit.kept[channel], unit.box.channel(int(channel)).rows
    assert unit.outcomes[channel].end_reason == "done", unit.outcomes[channel].text
    assert len(kept.rows) == len(held)
    volts = [row[ROW_COLUMNS.index("voltage_volt")] for row in kept.rows]
    np.testing.assert_allclose(volts, [row.volt for row in held], atol=1e-12)
    assert [step["step_count"] for step in kept.steps] == list(range(1, 9))
    charged = unit.box.channel(int(channel)).cell.truth().charged_ah
    assert kept.rows[-1][COUNTED] == pytest.approx(charged, rel=0.1)


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    """Return a unit whose line was cut while eight runs went on."""
    unit = Unit(tmp_path_factory.mktemp("eight"))
    clock = RealClock()

    def disturb():
        for _ in range(600):
            clock.sleep_until(clock.now + 0.05)
            if len(unit.kept) == 8 and all(kept.rows for kept in unit.kept.values()):
                break
        with unit.shared.lock:
            unit.line.cut = True

    return unit.run(range(1, 9), disturb)


@pytest.mark.parametrize("channel", [str(n) for n in range(1, 9)])
def test_eight_runs_do_not_disturb_each_other(eight, channel):
    holds_what_the_unit_holds(eight, channel)


def test_a_dead_line_is_opened_once_for_all_eight_and_each_file_tells_of_it(eight):
    assert eight.line.opened == eight.shared.recoveries == 1
    told = [
        [event["text"][:4] for event in kept.events if event["kind"] == "link"]
        for kept in eight.kept.values()
    ]
    assert all(set(texts) <= {"lost", "back"} for texts in told)
    assert sum("lost" in texts for texts in told) >= 1


def test_the_cells_are_eight_and_each_row_is_of_its_own(eight):
    volts = {
        channel: tuple(row[ROW_COLUMNS.index("voltage_volt")] for row in kept.rows[:5])
        for channel, kept in eight.kept.items()
    }
    assert len(set(volts.values())) == 8


def test_one_request_asks_for_all_channels_that_are_watched():
    clock = VirtualClock()
    box = simulated.make(clock, SPEC)
    line = Line(box)
    driver = driver_on(line, clock, "sim")
    driver.open()
    channels = [str(n) for n in range(1, 9)]
    for channel in channels:
        driver.status(channel)
    clock.sleep_until(clock.now + 1.0)
    line.sent.clear()
    first = [driver.status(channel) for channel in channels]
    assert len(line.sent) == 2, "one for states, one for rows"
    driver.status("1")
    assert len(line.sent) == 4, "an answer is used once"
    held = [box.channel(int(number)).seen().volt for number in channels]
    assert [status.voltage for status in first] == pytest.approx(held, abs=1e-4)
