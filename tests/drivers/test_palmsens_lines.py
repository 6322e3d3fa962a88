"""A streaming potentiostat whose lines are split, damaged, late or gone; stop, attach, recover."""

import math
import select

import pytest

from benchlab.bench.clock import RealClock, VirtualClock
from benchlab.bench.executor import ChannelState
from benchlab.bench.twin import TwinSpec
from benchlab.errors import (
    IdentityError,
    InstrumentRefused,
    LinkError,
    LinkLost,
    LinkRefused,
    LinkTimeout,
    UsageError,
)
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol
from benchlab_drivers.palmsens_methodscript import (
    CAPABILITIES,
    PalmSensMethodScript,
    connect,
)
from benchlab_drivers.sim import palmsens_methodscript, palmsens_nexus
from benchlab_drivers.sim._palmsens_serve import StreamServer
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
        self.clock.sleep_until(self.clock.now + 60.0)
        self.fetch()
        return self


# --- lines that are split, damaged, late or gone ----------------------------------------------


def pieces(size):
    """Hand out what comes in small pieces, as a slow port would."""
    waiting = bytearray()

    def change(data):
        waiting.extend(data)
        part = bytes(waiting[:size])
        del waiting[:size]
        return part

    return change


@pytest.mark.parametrize("size", [1, 7])
def test_a_stream_split_anywhere_is_the_same_stream(size):
    whole = Bench(seed=3).run(SHORT)
    split = Bench(seed=3)
    split.start(SHORT)
    split.line.change = pieces(size)
    for _ in range(5):
        split.clock.sleep_until(split.clock.now + 10.0)
        split.fetch()
    assert [row[1:-1] for row in split.rows] == [row[1:-1] for row in whole.rows]
    assert split.events == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: b"",
        lambda line: line[:20] + b"\xff" + line[21:],
        lambda line: line[:-1],  # two lines become one
        lambda line: line[:15] + b"\n",
        lambda line: b"x" * 30 + b"\n",
    ],
)
def test_a_damaged_line_is_thrown_away_and_the_gap_is_known(damage):
    bench = Bench()
    bench.start(SHORT)
    hurt = []

    def change(data):
        lines = data.splitlines(keepends=True)
        for k, line in enumerate(lines):
            if b"ee8000005i" in line and not hurt:
                hurt.append(line)
                lines[k] = damage(line)
        return b"".join(lines)

    bench.line.change = change
    bench.clock.sleep_until(60.0)
    bench.fetch()
    assert hurt
    numbers = [row.sequence for row in bench.rows]
    assert 5 not in numbers
    assert numbers[-1] == 20
    gap = next(event for event in bench.events if event.kind == "gap")
    assert gap.sequence == 4
    assert bench.driver.status("1").state is ChannelState.FINISHED


def test_a_late_answer_is_never_taken_for_the_next_one():
    """The first look is answered after its time-out, when the potential is asked for again."""
    bench = Bench(ideal=True)
    late = []

    def hold_back(data):
        late.append(data)
        return b""

    bench.line.change = hold_back
    with pytest.raises(LinkTimeout):
        bench.driver.look("1")
    first = b"".join(late)
    assert b"Pab" in first
    bench.line.change = lambda data: data
    with pytest.raises(LinkLost):
        bench.driver.look("1")
    waiting = [first.replace(b"Pab", b"Pab8000000 ;ab")]
    bench.line.change = lambda data: (waiting.pop() if waiting else b"") + data
    bench.driver.recover()
    bench.line.change = lambda data: data
    seen = bench.driver.look("1")
    assert seen.voltage == pytest.approx(bench.box.cell.sample(bench.clock.now)[0], abs=1e-3)


def test_stopping_after_a_late_answer_is_proven_by_its_own_answers():
    bench = Bench()
    bench.line.change = lambda data: b""
    with pytest.raises(LinkTimeout):
        bench.driver.look("1")
    waiting = [b"e\nPab8000000 \n\n"]
    bench.line.change = lambda data: (waiting.pop() if waiting else b"") + data
    assert bench.driver.safe("1").proven


def test_a_runtime_error_trips_and_the_cell_is_switched_off_by_a_script_of_its_own():
    bench = Bench()
    bench.start(SHORT)
    bench.driver.stop("1")
    script = "set_pgstat_chan 0\nset_pgstat_mode 2\nset_e 3\ncell_on\nset_e 7"
    compiled = bench.driver.compile(program(SHORT))
    broken = type(compiled)(content=script.encode(), step_ids={})
    bench.driver.start("1", broken, "run")
    bench.clock.sleep_until(bench.clock.now + 1.0)
    assert bench.box.terminals.on, "its own end is not carried out"
    status = bench.driver.status("1")
    assert status.state is ChannelState.TRIPPED
    assert "0x000F" in status.text
    assert not bench.box.terminals.on


def test_a_refused_script_names_the_line_and_nothing_runs():
    bench = Bench()
    compiled = bench.driver.compile(program(SHORT))
    wrong = type(compiled)(content=compiled.content + b"\nfoo", step_ids={})
    with pytest.raises(InstrumentRefused, match="'foo'"):
        bench.driver.start("1", wrong, "run")
    assert bench.driver.status("1").state is ChannelState.IDLE


# --- stop, attach, recover --------------------------------------------------------------------


def test_stop_ends_a_running_test_with_the_cell_off_within_its_bound():
    bench = Bench()
    bench.start(LIFE)
    bench.clock.sleep_until(bench.clock.now + 100.0)
    assert bench.driver.status("1").state is ChannelState.RUNNING
    assert bench.box.terminals.on
    with pytest.raises(InstrumentRefused):
        bench.driver.look("1")
    began = bench.clock.now
    assert bench.driver.stop("1").proven
    assert bench.clock.now - began < CAPABILITIES.stop_bound_second
    assert not bench.box.terminals.on
    assert bench.driver.status("1").state is ChannelState.STOPPED
    assert bench.driver.safe("1").proven
    bench.fetch()
    assert len(bench.rows) > 90


def test_a_new_host_attaches_without_disturbing_and_knows_what_it_missed():
    bench = Bench()
    bench.start(LIFE)
    bench.clock.sleep_until(bench.clock.now + 50.0)
    bench.fetch()
    bench.clock.sleep_until(bench.clock.now + 30.0)
    bench.box.take()  # said while nobody listened
    sent = []
    line = Damage(bench.box, bench.clock)
    bench.driver = PalmSensMethodScript(line, bench.clock, resource="sim")
    send = line.send
    line.send = lambda data: (sent.append(data), send(data))
    bench.clock.sleep_until(bench.clock.now + 5.0)
    attached = bench.driver.attach("1")
    assert attached.status.state is ChannelState.RUNNING
    assert sent == []
    before = bench.cursor
    bench.fetch()
    gap = next(event for event in bench.events if event.kind == "gap")
    assert gap.sequence == before
    assert "30 packages" in gap.text or "29 packages" in gap.text
    assert bench.driver.stop("1").proven


def test_another_instrument_on_the_port_is_refused():
    bench = Bench()
    bench.box.serial_number = "ES4OTHER"
    with pytest.raises(IdentityError, match="ES4OTHER"):
        bench.driver.recover()


def test_a_stranger_is_refused_and_left_alone():
    clock = VirtualClock()
    box = palmsens_nexus.make(clock, TwinSpec("lfp_half_coin"))
    line = Damage(box, clock)
    line.change = lambda data: data.replace(b"nexus1", b"espbl0")
    with pytest.raises(IdentityError):
        PalmSensMethodScript(line, clock, resource="sim").open()


def test_a_silent_line_is_a_timeout():
    clock = VirtualClock()
    line = Damage(palmsens_nexus.make(clock, TwinSpec("lfp_half_coin")), clock)
    line.change = lambda data: b""
    driver = PalmSensMethodScript(line, clock, resource="sim")
    with pytest.raises(LinkTimeout):
        driver.open()
    proof = driver.safe("1")
    assert not proof.proven
    assert len(proof.problems) == 3


def test_channels_other_than_its_own_are_refused():
    with pytest.raises(UsageError):
        Bench().driver.status("2")


# --- real ports -------------------------------------------------------------------------------


@pytest.fixture(params=[None, 0], ids=["pty", "tcp"])
def served(request):
    """Serve an instrument on a real port and connect the driver to it."""
    clock = RealClock()
    server = StreamServer(
        palmsens_methodscript.make(clock, TwinSpec("lfp_half_coin")), request.param
    )
    driver = connect(server.resource, clock)
    yield driver, server, clock
    driver.close()
    server.close()


def test_a_short_test_over_a_real_port(served):
    driver, _, clock = served
    assert driver.open().serial_number == "ES4SIM000000"
    assert 2.5 < driver.look("1").voltage < 4.0
    steps = "  - Rest for 0.5 s\n  - {charge: 1 mA, until: 3.9 V, for: 0.5 s}\n"
    text = HEAD.format(cell="lfp_half_coin", mah=3.1).replace("every: 1 s", "every: 0.1 s")
    compiled = driver.compile(expand(parse_protocol(text + steps, "p.yaml")))
    driver.start("1", compiled, "run")
    rows, cursor, deadline = [], 0, clock.now + 10.0
    while driver.status("1").state is ChannelState.RUNNING and clock.now < deadline:
        select.select([], [], [], 0.05)
        found = driver.fetch("1", "run", cursor)
        cursor = found.cursor
        rows += found.rows
        assert found.events == ()
    rows += driver.fetch("1", "run", cursor).rows
    assert [row.step for row in rows] == sorted(row.step for row in rows)
    assert {row.step for row in rows} == {1, 2}
    assert len(rows) >= 8
    assert math.isfinite(rows[-1].voltage)


def test_a_port_that_vanishes_is_lost_and_safe_claims_nothing(served):
    driver, server, clock = served
    driver.open()
    driver.start("1", driver.compile(program(SHORT)), "run")
    server.close()
    began = clock.now

    def listen():
        for _ in range(100):
            driver.fetch("1", "run", 0)
            select.select([], [], [], 0.02)

    with pytest.raises(LinkError):
        listen()
    assert clock.now - began < 3.0
    proof = driver.safe("1")
    assert not proof.proven
    assert proof.problems


def test_a_closed_port_is_refused():
    clock = RealClock()
    server = StreamServer(palmsens_methodscript.make(clock, TwinSpec("lfp_half_coin")), 0)
    server.close()
    with pytest.raises(LinkRefused):
        connect(server.resource, clock)
