"""A run on an instrument that executes it: rows, steps, cycles, ends, stops, and hosts that die."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchlab.bench.executor_worker import EarlierHost, ExecutorWorker
from benchlab.errors import InstrumentRefused, LinkTimeout
from benchlab.model.columns import ROW_COLUMNS, STEP_COLUMNS
from benchlab.model.flags import RowFlag
from benchlab_drivers import neware_bts8

from .conftest import CYCLES, Bench, HostDied, Kept, program_of

FLAGS, STEP = ROW_COLUMNS.index("flags"), ROW_COLUMNS.index("step_count")
TIME, CHARGE = ROW_COLUMNS.index("test_time_second"), ROW_COLUMNS.index("charging_capacity_ah")


def worker_on(bench, program, sink, **more):
    compiled = bench.driver.compile(program)
    return ExecutorWorker(
        program, compiled, bench.driver, bench.channel, bench.clock, sink, name="x", **more
    )


@pytest.fixture
def bench():
    made = Bench(neware_bts8)
    made.driver.open()
    yield made
    made.driver.close()


@pytest.fixture
def done(bench, program):
    """Return what a run without any trouble leaves."""
    kept = Kept()
    outcome = worker_on(bench, program, kept).run()
    assert outcome.end_reason == "done", outcome.text
    assert outcome.off.proven
    return kept


def test_steps_cycles_and_ends_are_those_of_the_protocol(done):
    shown = [(s["step_type"], s["cycle_count"], s["end_reason"]) for s in done.steps]
    cycle = [("CCCV_CHG", "current"), ("REST", "time"), ("CC_DCH", "voltage"), ("REST", "time")]
    both = [(kind, count, reason) for count in (1, 2) for kind, reason in cycle]
    assert shown == [("REST", 0, "time"), *both]
    assert all(s["own_end"] for s in done.steps)
    assert {s["counter_source"] for s in done.steps} == {"instrument"}
    assert set(STEP_COLUMNS) <= set(done.steps[0])


def test_rows_belong_to_their_steps_and_carry_their_flags(done):
    for step in done.steps:
        rows = done.rows[step["first_row"] : step["last_row"] + 1]
        assert {row[STEP] for row in rows} == {step["step_count"]}
        assert rows[0][FLAGS] & RowFlag.STEP_START
        assert rows[-1][FLAGS] & RowFlag.STEP_END
        assert not any(row[FLAGS] & RowFlag.SUSPECT for row in rows)
    transitions = [row for row in done.rows if row[FLAGS] & RowFlag.TRANSITION]
    assert len(transitions) == 2
    times = [row[TIME] for row in done.rows]
    assert times == sorted(times)


def test_the_instruments_counters_are_the_truth_within_its_accuracy(bench, done):
    truth = bench.twin.truth()
    total = sum(s["step_charging_capacity_ah"] for s in done.steps)
    assert total == pytest.approx(done.rows[-1][CHARGE], abs=1e-12)
    hours = sum(s["end_time_second"] - s["start_time_second"] for s in done.steps) / 3600.0
    offset = neware_bts8.CAPABILITIES.current_ranges[0].offset
    assert abs(total - truth.charged_ah) <= offset * hours
    assert total != pytest.approx(truth.charged_ah, abs=1e-9)  # the twin has errors of its own


def test_our_integral_of_the_rows_stands_beside_each_counter(done):
    told = [event["text"] for event in done.events if event["kind"] == "counter"]
    assert len(told) == 4
    for text in told:
        words = text.replace(",", "").split()
        counted, integral = float(words[5]), float(words[words.index("to") + 1])
        assert integral == pytest.approx(counted, rel=2e-3)


def test_the_intent_is_written_before_the_start_and_before_the_stop(bench, program):
    kept = Kept()
    worker = worker_on(bench, program, kept)
    start, safe = bench.driver.start, bench.driver.safe

    def starting(*words):
        kept.order.append("start")
        return start(*words)

    def stopping(channel):
        kept.order.append("stop")
        return safe(channel)

    bench.driver.start, bench.driver.safe = starting, stopping
    bench.clock.schedule(3000.0, lambda: worker.stop("enough"))
    outcome = worker.run()
    assert outcome.end_reason == "stopped"
    assert outcome.off.proven
    assert kept.order == [("intent", "on"), "start", ("intent", "off"), "stop"]
    assert kept.steps[-1]["end_reason"] == "stopped"
    assert not kept.steps[-1]["own_end"]
    assert kept.rows[-1][FLAGS] & RowFlag.STEP_END


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return a program, and what a run of it leaves that nobody disturbs."""
    program = program_of(tmp_path_factory.mktemp("whole"), CYCLES)
    whole = Bench(neware_bts8)
    whole.driver.open()
    kept = Kept()
    assert worker_on(whole, program, kept).run().end_reason == "done"
    return program, kept


def left_by(kept):
    """Return what a journal tells of a host that died."""
    states = json.loads(json.dumps(kept.states))
    whole = [state for state in states if "since_second" not in state]
    state = {**whole[-1], **states[-1]}
    facts = state["executor"]
    counts = len(kept.rows), len(kept.steps)
    return EarlierHost(facts["run_id"], facts["unix_time_nanosecond"], *counts, state)


def without_wall_clock(rows):
    return np.delete(np.array(rows), ROW_COLUMNS.index("unix_time_nanosecond"), axis=1)


@pytest.mark.parametrize("share", [0.0, 0.003, 0.11, 0.3, 0.5, 0.501, 0.7, 0.87, 0.999])
def test_a_host_that_died_loses_no_row_and_doubles_none(undisturbed, share):
    program, expected = undisturbed
    dies = max(1, round(share * len(expected.rows)))
    bench = Bench(neware_bts8)
    bench.driver.open()
    first = Kept(dies_after=dies)
    with pytest.raises(HostDied):
        worker_on(bench, program, first).run()
    assert bench.driver.status(bench.channel).state in ("running", "finished")
    bench.clock.sleep_until(bench.clock.now + 2000.0)

    earlier = left_by(first)
    second = Kept()
    fetched = []
    fetch = bench.driver.fetch
    bench.driver.fetch = lambda *words: fetched.append(fetch(*words)) or fetched[-1]
    outcome = worker_on(bench, program, second, earlier=earlier).run()
    assert outcome.end_reason == "done", outcome.text
    both = first.rows + second.rows
    # the same numbers to the last bit: who recorded them, and when, makes no difference
    np.testing.assert_array_equal(without_wall_clock(both), without_wall_clock(expected.rows))
    for a, b in zip(first.steps + second.steps, expected.steps, strict=True):
        assert {k: repr(v) for k, v in a.items()} == {k: repr(v) for k, v in b.items()}
    events = [event["kind"] for event in first.events + second.events]
    assert events.count("counter") == 4
    assert any(event["kind"] == "attached" for event in second.events)
    assert second.intents == []  # nothing was done to the output
    # what was fetched is what was missing, and what came since the last whole state
    record = earlier.state["executor"]["record"]
    known = 0 if record is None else record["rows"]
    assert sum(len(part.rows) for part in fetched) == len(expected.rows) - known
    if known:  # on a virtual clock a whole state is kept once an hour
        assert first.rows[-1][TIME] - first.rows[known - 1][TIME] <= 3600.0 + 120.0


def test_a_second_death_and_a_third_change_nothing(undisturbed):
    program, expected = undisturbed
    bench = Bench(neware_bts8)
    bench.driver.open()
    rows, steps, states, earlier = [], [], [], None
    for dies in (200, 90, 1, 300, None):
        part = Kept(dies_after=dies)
        if earlier is None:
            worker = worker_on(bench, program, part)
        else:
            worker = worker_on(bench, program, part, earlier=earlier)
        if dies is None:
            assert worker.run().end_reason == "done"
        else:
            with pytest.raises(HostDied):
                worker.run()
        rows, steps, states = rows + part.rows, steps + part.steps, states + part.states
        so_far = Kept()
        so_far.rows, so_far.steps, so_far.states = rows, steps, states
        earlier = left_by(so_far)
    np.testing.assert_array_equal(without_wall_clock(rows), without_wall_clock(expected.rows))
    assert len(steps) == len(expected.steps)


def test_another_test_than_ours_is_left_alone(bench, program):
    kept = Kept(dies_after=20)
    with pytest.raises(HostDied):
        worker_on(bench, program, kept).run()
    earlier = EarlierHost("77", 0, 20, 0)
    with pytest.raises(InstrumentRefused, match="left alone"):
        worker_on(bench, program, Kept(), earlier=earlier).run()
    assert bench.driver.status(bench.channel).state == "running"


def test_a_limit_of_the_protocol_ends_the_test(bench, tmp_path):
    steps = "  - {charge: C/2, to: 4.2 V, then_hold_until: C/20, at_most: 5 h, hold_at_most: 2 h}\n"
    program = program_of(tmp_path, steps)
    kept = Kept()
    worker = worker_on(bench, program, kept)
    # the cell is not what was announced: it moves more than its limits allow
    worker._record.guard._top = 0.05
    outcome = worker.run()
    assert outcome.end_reason == "tripped"
    assert outcome.off.proven
    assert bench.driver.status(bench.channel).state == "stopped"
    assert kept.steps[-1]["end_reason"] == "tripped"


def test_a_protection_of_the_instrument_is_a_trip(bench, program):
    compiled = bench.driver.compile(program)
    content = compiled.content.replace(b'<Upper Value="43100" />', b'<Upper Value="41000" />')
    kept = Kept()
    narrow = replace(compiled, content=content)
    worker = ExecutorWorker(program, narrow, bench.driver, bench.channel, bench.clock, kept)
    outcome = worker.run()
    assert outcome.end_reason == "tripped"
    assert outcome.off.proven
    assert kept.steps[-1]["end_reason"] == "tripped"
    assert max(row[ROW_COLUMNS.index("voltage_volt")] for row in kept.rows) < 4.102


def test_a_line_that_is_lost_for_a_while_stops_nothing(bench, program):
    kept = Kept()
    line = bench.driver.line
    query = line.query

    def failing(request):
        if 4000.0 < bench.clock.now < 4300.0:
            bench.clock.sleep_until(bench.clock.now + 3.0)
            raise LinkTimeout("no answer.")
        return query(request)

    bench.driver._requests._line.query = failing
    outcome = worker_on(bench, program, kept).run()
    assert outcome.end_reason == "done", outcome.text
    assert [e["text"][:4] for e in kept.events if e["kind"] == "link"] == ["lost", "back"]
    assert len(kept.steps) == 9
