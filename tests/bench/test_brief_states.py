"""Each second a short state, each minute and in each new place a whole one: together one."""

import json

import pytest

from benchlab.bench.clock import RealClock
from benchlab.bench.counter import Counter
from benchlab.bench.guard import Guard
from benchlab.bench.resuming import caught_up
from benchlab.bench.roles import Reading
from benchlab.bench.run_log import RunLog
from benchlab.bench.sequencer import Sequencer
from benchlab.model.estimate import JOURNAL_STATE_BYTES


class States:
    """A sink that keeps the states alone, as the journal would write them."""

    def __init__(self):
        self.texts = []

    def state(self, content):
        self.texts.append(json.dumps(content, separators=(",", ":")))

    def clock(self, content):
        """Forget it."""

    def event(self, content):
        """Forget it."""


STEPS = "  - {charge: C/2, until: [4.2 V, net charge since m reaches 0.1 Ah], at_most: 3 h}\n"


def test_a_brief_state_brings_the_whole_one_up_to_date_and_is_short(program):
    made = program("  - {zero: m}\n" + STEPS)
    sequencer, counter, sink = Sequencer(made), Counter(), States()
    sequencer.advance()
    guard = Guard(made.limits, made.period_second)
    log = RunLog(sink, RealClock(), counter, sequencer)
    log.began = 100.0
    sequencer.begin(100.0, 1, 0.01, 4.21)
    guard.begin(sequencer.plan, 1, 4.21, 100.0)
    counter.begin(100.0, 100.1, 3.6, 0.1, direction=1, is_open=False)
    for second in range(1, 200):
        reading = Reading(100.0 + second, 3.6 + second / 1e4, 0.1)
        assert sequencer.reading(reading.time, reading.voltage, 0.1, counter.charge) is None
        counter.reading(*reading[:3])
        log.save(reading, guard.state)
    whole = [k for k, text in enumerate(sink.texts) if "since_second" not in text]
    assert whole == [0, 60, 120, 180]
    sizes = [len(text) for k, text in enumerate(sink.texts) if k not in whole]
    assert max(sizes) < 400
    mean = sum(map(len, sink.texts)) / len(sink.texts)
    assert 0.6 < mean / JOURNAL_STATE_BYTES < 1.0, "what a start estimates of the disk"
    merged = {**json.loads(sink.texts[180]), **json.loads(sink.texts[198])}
    caught = caught_up(merged)
    assert caught["step"]["_began"] == pytest.approx(-199.0)
    assert caught["step"]["wake"] == pytest.approx(3 * 3600.0 - 199.0)
    assert caught["counter"]["charge"] == counter.charge
    assert caught["counter"]["_energy"] == counter.energy
    again = Sequencer(made)
    again.restore(caught, 299.0)
    assert again.wake == pytest.approx(sequencer.wake)
    assert again.step_began == pytest.approx(sequencer.step_began)


def test_a_new_place_has_a_whole_state_of_its_own(program):
    made = program(STEPS.replace("net charge since m reaches 0.1 Ah", "2 h") + "  - Rest for 1 h\n")
    sequencer, counter, sink = Sequencer(made), Counter(), States()
    sequencer.advance()
    guard = Guard(made.limits, made.period_second)
    log = RunLog(sink, RealClock(), counter, sequencer)
    for second, step in enumerate((0, 0, 1, 1)):
        if second == 2:
            sequencer.advance()
        log.save(Reading(second, 3.6, 0.1), guard.state)
        assert ("since_second" in sink.texts[-1]) is bool(second % 2), (second, step)
