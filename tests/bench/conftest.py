import math
from types import SimpleNamespace

import pytest

from benchlab.bench.clock import VirtualClock
from benchlab.bench.prepare import prepare
from benchlab.bench.truth import TruthLog
from benchlab.bench.twin import TwinSpec
from benchlab.bench.worker import RunWorker
from benchlab.errors import StorageError
from benchlab.model.columns import ROW_COLUMNS
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol
from benchlab_drivers.keithley2450 import READ, simulate

HEAD = """\
name: test
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.2 Ah}
"""
STEPS = """\
  - {charge: C/2, to: 4.2 V, then_hold_until: C/20, hold_at_most: 1 h}
  - Rest for 5 min
  - Discharge at C/2 until 2.8 V
"""


@pytest.fixture
def program():
    """Make a program from the text of its steps."""

    def make(steps, head=HEAD):
        return expand(parse_protocol(head + "steps:\n" + steps, "test.yaml"))

    return make


class MemorySink:
    """Keeps what a run records; `order` gets a word for each."""

    def __init__(self):
        self.rows, self.steps, self.events, self.states = [], [], [], []
        self.full_after = math.inf
        self.order = []

    def _take(self, where, content):
        self.order.append("record")
        if len(self.rows) >= self.full_after:
            raise StorageError("the disk is full.")
        where.append(content)

    def row(self, *values):
        self.order.append("row")
        self.rows.append(values)

    def step(self, content):
        self._take(self.steps, content)

    def event(self, content):
        self._take(self.events, content)

    def state(self, content):
        # as the reader of a journal does: a brief state stands on the last whole one
        before = self.states[-1] if "since_second" in content else {}
        self._take(self.states, {**before, **content})

    def clock(self, content):
        """Take a clock frame, and forget it."""

    def intent(self, content):
        """Take an intent, and forget it."""

    def end(self, content):
        """Take the closing record, and forget it."""


class Rig:
    """A driver on a simulated instrument whose answers can be changed on their way.

    Parameters
    ----------
    program
        The fixture, or whatever makes a program from the text of its steps.
    spec, simulated
        The cell, and which instrument; a rig to go on with: its cell and its clock.
    """

    def __init__(
        self,
        program,
        *,
        steps=STEPS,
        spec=None,
        simulated=simulate,
        on=None,
        resume=None,
        around=None,
        **more,
    ):
        if on is None:
            self.clock = VirtualClock()
            self.spec = spec or TwinSpec("nmc811_graphite_pouch", 0.2, ideal=True)
            self.source, self.instrument = simulated(self.clock, self.spec)
        else:
            self.clock, self.spec = on.clock, on.spec
            self.source, self.instrument = on.source, on.instrument
        self.source.open()
        self.program = program(steps) if callable(program) else program
        self.seen = prepare(self.source, self.program.limits)
        self.sink = MemorySink()
        self.truth = TruthLog(self.instrument)
        surroundings = around(self.clock, self.instrument) if around else None
        self.worker = RunWorker(
            self.program,
            self.source,
            self.clock,
            self.sink,
            self.seen,
            edges=self.truth,
            surroundings=surroundings,
            resume=resume,
            **more,
        )

    def spoil(self, answer_of, *, after, times=1):
        """Change the answers to readings once `after` seconds have passed, so many times."""
        plain, left = self.source._query, [times]

        def query(request):
            answer = plain(request)
            if request == READ and self.clock.now > after and left[0]:
                left[0] -= 1
                return answer_of(answer)
            return answer

        self.source._query = query

    def at(self, second, *asked):
        """Ask for something when the clock stands there."""
        self.clock.schedule(second, lambda: [self.worker.put(item) for item in asked])

    def run(self):
        outcome = self.worker.run()
        assert outcome.off.proven
        if self.source.capabilities.off_leaves.startswith("an open relay"):
            assert self.instrument.exchange(b":OUTP?\n") == b"0\n"
        return outcome

    def kinds(self):
        return [event["kind"] for event in self.sink.events]

    def told(self, kind):
        return [event["text"] for event in self.sink.events if event["kind"] == kind]

    def row(self, place):
        """Return a row by the names of its columns."""
        return SimpleNamespace(**dict(zip(ROW_COLUMNS, self.sink.rows[place], strict=True)))

    def charge(self):
        """Return what the steps moved, Ah net, and what the twin knows of it."""
        truth = self.truth.record(self.sink.steps, discharge_first=False)["total"]
        true = truth["cycle_charging_capacity_ah"] - truth["cycle_discharging_capacity_ah"]
        return sum(step["step_net_capacity_ah"] for step in self.sink.steps), true


@pytest.fixture
def rig():
    """Make a run on a simulated instrument."""
    return Rig
