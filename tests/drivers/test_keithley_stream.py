"""Streaming from the buffer of a 2450: each sample once, at its own time, in order."""

import math
from collections import deque
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchlab.bench.checks import check_channel
from benchlab.bench.clock import RealClock, VirtualClock
from benchlab.bench.counter import Counter
from benchlab.bench.prepare import prepare
from benchlab.bench.roles import Mode, SampleBuffer, Setpoint
from benchlab.bench.streaming import StreamingSource
from benchlab.bench.worker import RunWorker
from benchlab.errors import GarbledAnswer, InstrumentRefused, Unsupported
from benchlab.model.checks import Severity
from benchlab.model.expand import expand
from benchlab.model.flags import RowFlag
from benchlab.model.protocol_text import parse_protocol
from benchlab_drivers._keithley_stream import RING
from benchlab_drivers.keithley2450 import CAPABILITIES, driver_on
from tests.drivers.conftest import Bench, Served

END = b':TRAC:ACT:END? "benchlab"\n'
PERIOD = 1e-3


def data(first, last):
    return f':TRAC:DATA? {first},{last},"benchlab",SOUR,READ,SEC,FRAC\n'.encode()


def row(place, ampere=0.1):
    return f"+3.7,{ampere},1700000000,{place * PERIOD:.6f}"


class ScriptedLine:
    """A line on which exactly these requests must be sent, in this order."""

    def __init__(self, *pairs):
        self.pairs = deque(pairs)

    def query(self, request):
        expected, answer = self.pairs.popleft()
        assert request == expected
        return answer


def streaming(*pairs):
    """Return a driver that streams at 1 kHz, on a line of byte pairs, and the line."""
    line = ScriptedLine(*pairs)
    driver = driver_on(line, VirtualClock(), "test")
    driver._function = "VOLT"
    driver._stream.period, driver._stream.running = PERIOD, True
    return driver, line


def test_only_what_is_new_is_asked_for_and_an_empty_buffer_gives_nothing():
    driver, line = streaming(
        (END, b"0"),
        (END, b"2"),
        (data(1, 2), f"{row(1)},{row(2)}".encode()),
        (END, b"2"),
        (END, b"3"),
        (data(3, 3), row(3, -0.2).encode()),
    )
    taken = [driver.drain() for _ in range(4)]
    assert [len(drained.samples) for drained in taken] == [0, 2, 0, 1]
    assert taken[3].samples[0].current == -0.2
    assert not any(drained.lost or drained.newest for drained in taken)
    assert not line.pairs


def test_the_ring_begins_again_at_its_first_place():
    driver, line = streaming(
        (END, b"1"),
        (data(RING, RING), row(1).encode()),
        (data(1, 1), row(2).encode()),
    )
    driver._stream._taken = RING - 1
    drained = driver.drain()
    assert [round(s.time - drained.samples[0].time, 6) for s in drained.samples] == [0.0, PERIOD]
    assert drained.lost == 0
    assert not line.pairs


def test_where_many_wait_the_newest_comes_first_and_is_not_taken_by_that():
    rows = {place: row(place) for place in range(1, 1202)}
    driver, line = streaming(
        (END, b"1201"),
        (data(1201, 1201), rows[1201].encode()),
        (data(1, 1000), ",".join(rows[k] for k in range(1, 1001)).encode()),
        (END, b"1201"),
        (data(1001, 1201), ",".join(rows[k] for k in range(1001, 1202)).encode()),
    )
    first, second = driver.drain(), driver.drain()
    assert (len(first.samples), len(second.samples)) == (1000, 201)
    assert first.newest.time - first.samples[0].time == pytest.approx(1.2, abs=1e-6)
    assert second.newest is None
    assert not line.pairs


def test_a_hole_between_two_times_is_told_with_its_size():
    driver, _ = streaming((END, b"3"), (data(1, 3), f"{row(1)},{row(2)},{row(7)}".encode()))
    assert driver.drain().lost == 4


@pytest.mark.parametrize("answer", [b"", b"3.7", b"+3.7,0.1,x,0.0", b"+3.7,0.1,1700000000"])
def test_a_block_that_does_not_fit_is_garbled(answer):
    driver, _ = streaming((END, b"1"), (data(1, 1), answer))
    with pytest.raises(GarbledAnswer):
        driver.drain()


def test_times_that_run_backwards_are_refused():
    driver, _ = streaming((END, b"2"), (data(1, 2), f"{row(2)},{row(1)}".encode()))
    with pytest.raises(InstrumentRefused, match="backwards"):
        driver.drain()


# --- on the simulated instrument ---------------------------------------------------------------


def charging(period=PERIOD, **spec):
    """Return a bench whose driver charges its cell and streams."""
    bench = Bench("keithley2450", **spec)
    driver = bench.driver
    assert isinstance(driver, StreamingSource)
    driver.open()
    driver.arm(bench.limits)
    driver.set_sampling(period)
    driver.apply(Setpoint(Mode.CURRENT, bench.ampere, 4.2))
    driver.stream()
    return bench


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(0.0, 0.4), min_size=1, max_size=8),
    st.sampled_from([1e-3, 1.7e-3, 0.01]),
)
def test_a_cut_anywhere_gives_every_sample_once_and_the_same_charge(cuts, period):
    bench = charging(period)
    driver, clock = bench.driver, bench.clock
    samples, lost = [], 0
    for pause in [*cuts, 0.0]:
        clock.sleep_until(clock.now + pause)
        drained = driver.drain()
        samples += drained.samples
        lost += drained.lost
    driver.apply(Setpoint(Mode.OPEN))
    while (drained := driver.drain()).samples:
        samples += drained.samples
    made = list(bench.box.buffers["benchlab"].entries)
    assert lost == 0
    assert [(s.voltage, s.current) for s in samples] == [
        (pytest.approx(entry[1], rel=1e-8), pytest.approx(entry[2], rel=1e-8)) for entry in made
    ]
    whole, parts = Counter(), Counter()
    for counter, moments in (
        (whole, [entry[0] for entry in made]),
        (parts, [sample.time for sample in samples]),
    ):
        values = [(t, entry[1], entry[2]) for t, entry in zip(moments, made, strict=True)]
        counter.begin(values[0][0], *values[0], direction=1, is_open=False)
        for value in values[1:]:
            counter.reading(*value)
    # times are mapped within a period and an exchange at either end
    assert parts.charge == pytest.approx(
        whole.charge, abs=bench.ampere * (3 * period + 0.01) / 3600
    )


def test_each_sample_stands_at_its_own_time_on_the_hosts_clock():
    bench = charging()
    samples = []
    for _ in range(30):
        bench.clock.sleep_until(bench.clock.now + 0.1)
        samples += bench.driver.drain().samples
    made = [entry[0] for entry in bench.box.buffers["benchlab"].entries][: len(samples)]
    wrong = [sample.time - true for sample, true in zip(samples, made, strict=True)]
    assert max(map(abs, wrong)) < 3e-3
    steps = [b.time - a.time for a, b in pairwise(samples)]
    assert min(steps) > 0.98 * PERIOD
    assert max(steps) < 1.02 * PERIOD


def test_a_ring_that_went_round_is_told_and_goes_on_right():
    bench = charging()
    driver, clock = bench.driver, bench.clock
    before = driver.drain().samples
    clock.sleep_until(clock.now + 1.5 * RING * PERIOD)
    after, lost = [], 0
    while (drained := driver.drain()).newest or drained.samples:
        after += drained.samples
        lost += drained.lost
        if drained.newest is None:
            break
    passed = round((after[-1].time - before[-1].time) / PERIOD)
    assert lost >= RING / 2 - 1000
    assert abs(passed - lost - len(after)) <= 2


def test_back_to_single_readings_after_a_stream():
    bench = charging()
    driver = bench.driver
    bench.clock.sleep_until(bench.clock.now + 0.05)
    driver.apply(Setpoint(Mode.CURRENT, bench.ampere / 2.0, 4.2))
    driver.set_sampling(None)
    assert driver.read().current == pytest.approx(bench.ampere / 2.0, rel=0.01)
    assert bench.box.settings.sense["CURR"].nplc == 1.0
    assert bench.box.settings.sense["CURR"].auto_zero


def test_a_period_that_two_measurements_do_not_fit_into_is_refused():
    with pytest.raises(Unsupported, match=r"0\.001 s"):
        charging(0.5e-3)


def test_off_is_proven_while_it_streams():
    bench = charging()
    proof = bench.driver.safe()
    assert proof.proven
    assert not bench.box.trigger.running
    assert bench.flowing() == 0.0


# --- whole runs --------------------------------------------------------------------------------

HEAD = """\
name: fast
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.5 Ah}
control: {period: 0.1 s}
record: {every: 1 s}
"""
STREAMED = "steps:\n  - {charge: C/2, until: [%s s, 4.2 V], record: {every: 1 ms}}\n"


class Kept:
    """A sink that keeps everything."""

    def __init__(self):
        self.rows, self.steps, self.events = [], [], []

    def row(self, *values):
        self.rows.append(values)

    def step(self, content):
        self.steps.append(content)

    def event(self, content):
        self.events.append(content)

    def state(self, content): ...

    end = clock = intent = state


def carry_out(text, source, clock):
    """Run a protocol; return outcome and sink."""
    program, kept = expand(parse_protocol(text, "test")), Kept()
    source.open()
    seen = prepare(source, program.limits)
    return RunWorker(program, source, clock, kept, seen).run(), kept


def test_a_run_over_a_socket_has_a_row_for_each_sample():
    served = Served("keithley2450")
    try:
        driver = served.driver(timeout=3.0)
        outcome, kept = carry_out(HEAD + STREAMED % 1, driver, served.clock)
        made = len(served.box.buffers["benchlab"].entries)
        driver.close()
    finally:
        driver.close()
        served.close()
    assert outcome.end_reason == "done", outcome.text
    assert len(kept.rows) == made >= 950
    times = [values[0] for values in kept.rows]
    assert all(b > a for a, b in pairwise(times))
    assert not [event for event in kept.events if event["kind"] == "gap"]
    (step,) = kept.steps
    assert step["reading_count"] == made
    assert step["step_net_capacity_ah"] == pytest.approx(0.25 / 3600.0, rel=0.02)
    assert isinstance(served.clock, RealClock)


def test_steps_with_and_without_a_stream_follow_each_other():
    bench = Bench("keithley2450")
    text = HEAD + (STREAMED % 0.5) + "  - {rest: 1 s, output: zero current}\n"
    outcome, kept = carry_out(text + STREAMED.partition("\n")[2] % 0.3, bench.driver, bench.clock)
    assert outcome.end_reason == "done", outcome.text
    counts = [step["reading_count"] for step in kept.steps]
    assert 480 <= counts[0] <= 502
    assert counts[1] < 30
    assert 280 <= counts[2] <= 302
    for step in kept.steps:
        rows = kept.rows[step["first_row"] : step["last_row"] + 1]
        assert all(3.0 < values[2] < 4.2 and abs(values[3]) < 0.3 for values in rows)
    true = bench.moved()
    moved = sum(step["step_net_capacity_ah"] for step in kept.steps)
    assert moved == pytest.approx(true, rel=0.02)


def test_a_sample_beyond_a_hard_limit_inside_a_block_trips():
    bench = Bench("keithley2450")
    whole = bench.box.exchange

    def spoil(request):
        answer = whole(request)
        if request.startswith(b":TRAC:DATA?") and len(seen) == 3:
            fields = answer.split(b",")
            fields[4 * 10] = b"+5.5"
            fields[4 * 11] = b"+5.5"
            answer = b",".join(fields)
        seen.append(request) if request.startswith(b":TRAC:DATA?") else None
        return answer

    seen = []
    bench.box.exchange = spoil
    outcome, kept = carry_out(HEAD + STREAMED % 5, bench.driver, bench.clock)
    assert outcome.end_reason == "tripped"
    assert outcome.off.proven
    assert any(values[-1] & RowFlag.SUSPECT for values in kept.rows)
    assert kept.rows[-1][0] < 1.0


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("{charge: C/2, until: 4.2 V, record: {every: 1 ms}}", "takes one every 0.002 s"),
        ("{rest: 1 min, record: {every: 1 ms}}", "sees nothing while its output is open"),
        (
            "{discharge: 0.2 W, until: 3 V, current_at_most: 0.2 A, record: {every: 1 ms}}",
            "regulated by the host",
        ),
    ],
)
def test_a_rate_that_cannot_be_had_is_refused_with_the_step_and_the_reason(step, why):
    program = expand(parse_protocol(f"{HEAD}steps:\n  - {step}\n", "test"))
    slower = why.startswith("takes")
    can = replace(CAPABILITIES, buffer=SampleBuffer(2e-3, 100.0)) if slower else CAPABILITIES
    found = [r for r in check_channel(program, can, "it") if r.severity is Severity.ERROR]
    assert [why in remark.reason for remark in found] == [True]
    assert "steps[1]" in found[0].where
    assert math.isfinite(program.steps[0].every_second)
