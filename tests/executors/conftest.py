"""A program, a sink that keeps everything, and every instrument that runs a protocol by itself."""

import pytest

from benchlab import plugins
from benchlab.bench.clock import VirtualClock
from benchlab.bench.executor import ExecutorCapabilities
from benchlab.bench.twin import TwinSpec
from benchlab.model.expand import expand
from benchlab.model.protocol_text import read_protocol
from benchlab.model.resolve import cell_of

HEAD = """format: benchlab-protocol/1
name: short
cell: {id: demo-01, type: nmc811_graphite_pouch, nominal_capacity: 0.200 Ah}
capacity: {C: 0.200 Ah, basis: nominal}
control: {period: 1 s}
record: {every: 60 s, or_change: 5 mV}
steps:
"""
CYCLES = """  - {rest: 5 min}
  - repeat: 2
    counts_as: cycle
    steps:
      - {charge: C/2, to: 4.20 V, then_hold_until: C/20, hold_at_most: 2 h, at_most: 5 h}
      - {rest: 10 min}
      - {discharge: C/2, until: 2.80 V, at_most: 3 h}
      - {rest: 10 min}
"""
SPEC = TwinSpec("nmc811_graphite_pouch", 0.2)


class Kept:
    """A sink that keeps what it takes, and dies with its host after so many rows."""

    def __init__(self, dies_after=None):
        self.rows, self.steps, self.events = [], [], []
        self.states, self.intents, self.order, self.spectra = [], [], [], []
        self._dies_after = dies_after

    def row(self, *values):
        if len(self.rows) == self._dies_after:
            raise HostDied
        self.rows.append(values)

    def step(self, content):
        self.steps.append(dict(content))

    def event(self, content):
        self.events.append(dict(content))

    def spectrum(self, content):
        self.spectra.append(dict(content))

    def state(self, content):
        self.states.append(dict(content))

    def clock(self, content):
        pass

    def end(self, content):
        pass

    def intent(self, content):
        self.intents.append(content["output"])
        self.order.append(("intent", content["output"]))


class HostDied(BaseException):
    """Nothing is tidied up: as if the process had been killed."""


def program_of(folder, steps, head=HEAD):
    """Return the program of a protocol with these steps."""
    path = folder / "protocol.yaml"
    path.write_text(head + steps, encoding="utf-8")
    protocol = read_protocol(path)
    return expand(protocol, cell_of(protocol, None))


@pytest.fixture
def program(tmp_path):
    """Return two cycles of a small pouch cell."""
    return program_of(tmp_path, CYCLES)


def executors():
    """Return the driver modules of every instrument that runs a protocol by itself."""
    found = {name: plugins.plugin("drivers", name) for name in plugins.names("drivers")}
    return {n: m for n, m in found.items() if isinstance(m.CAPABILITIES, ExecutorCapabilities)}


class Bench:
    """A driver on its simulated instrument, on a virtual clock."""

    def __init__(self, module, **spec):
        self.clock = VirtualClock()
        self.spec = TwinSpec(SPEC.cell_type, SPEC.capacity_ah, **spec)
        self.driver, self.twin = module.simulate(self.clock, self.spec)
        self.can = module.CAPABILITIES
        self.channel = self.can.channels[0]

    def follow(self, run_id, since=0):
        """Fetch until the test is over; return rows and step ends."""
        rows, ends = [], []
        while True:
            over = self.driver.status(self.channel).state not in ("running", "paused")
            got = self.driver.fetch(self.channel, run_id, since)
            since = got.cursor
            rows += got.rows
            ends += got.ends
            if not got.more:
                if over:
                    return rows, ends
                self.clock.sleep_until(self.clock.now + 300.0)
