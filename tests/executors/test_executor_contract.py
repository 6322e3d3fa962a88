"""What every instrument that runs a protocol by itself must do, on its simulator."""

from dataclasses import replace

import pytest

from benchlab.errors import InstrumentRefused, Unsupported

from .conftest import Bench, executors, program_of

REPLAYABLE = sorted(name for name, module in executors().items() if module.CAPABILITIES.replayable)


@pytest.fixture(params=REPLAYABLE)
def bench(request):
    made = Bench(executors()[request.param])
    yield made
    made.driver.close()


def test_it_says_who_it_is_and_sees_the_cell_without_current(bench):
    identity = bench.driver.open()
    assert identity.maker
    assert identity.serial_number
    seen = bench.driver.look(bench.channel)
    assert 3.0 < seen.voltage < 4.2
    truth = bench.twin.truth()
    assert truth.charged_ah == truth.discharged_ah == 0.0


def test_attaching_changes_nothing(bench, program):
    bench.driver.open()
    run = bench.driver.start(bench.channel, bench.driver.compile(program), "x")
    bench.clock.sleep_until(bench.clock.now + 1000.0)
    found = bench.driver.attach(bench.channel)
    assert found.status.state == "running"
    assert found.status.run_id == run
    bench.clock.sleep_until(bench.clock.now + 1000.0)
    assert bench.driver.status(bench.channel).state == "running"
    assert bench.twin.truth().charged_ah > 0.04


def test_compiling_sends_nothing(bench, program):
    bench.driver.open()
    before = bench.clock.now
    bench.driver.compile(program)
    assert bench.clock.now == before  # an exchange takes time


def test_a_current_beyond_it_is_refused_by_step_and_line(bench, tmp_path):
    bench.driver.open()
    # five times what the cell may carry would be refused by the protocol's own checks
    program = program_of(tmp_path, "  - {charge: C/2, until: 4.1 V, at_most: 1 h}\n")
    beyond = 2.0 * bench.can.current_ampere[1]
    steps = tuple(replace(step, current_ampere=beyond) for step in program.steps)
    with pytest.raises(Unsupported, match=f"{beyond:g} A") as refused:
        bench.driver.compile(replace(program, steps=steps))
    assert ":8" in refused.value.where


def test_an_hour_of_fetching_gives_the_same_again(bench, program):
    bench.driver.open()
    run = bench.driver.start(bench.channel, bench.driver.compile(program), "x")
    rows, ends = bench.follow(run)
    assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
    again, ends_again = bench.follow(run)
    assert again == rows
    assert ends_again == ends
    for cursor in (1, len(rows) // 2, len(rows) - 1):
        later, _ = bench.follow(run, cursor)
        assert later == rows[cursor:]


def test_counters_and_times_begin_anew_with_each_step_and_never_run_back(bench, program):
    bench.driver.open()
    run = bench.driver.start(bench.channel, bench.driver.compile(program), "x")
    rows, ends = bench.follow(run)
    last = {end.last_sequence: end for end in ends}
    before = None
    for row in rows:
        if before is None or before.sequence in last:
            assert row.step_second == 0.0
            assert abs(row.charge_ah) < 1e-9
        else:
            assert row.step_second >= before.step_second
            assert abs(row.charge_ah) >= abs(before.charge_ah)
        before = row
    assert rows[-1].sequence in last


def test_a_busy_channel_starts_nothing(bench, program):
    bench.driver.open()
    compiled = bench.driver.compile(program)
    bench.driver.start(bench.channel, compiled, "x")
    with pytest.raises(InstrumentRefused):
        bench.driver.look(bench.channel)
    with pytest.raises(InstrumentRefused):
        bench.driver.start(bench.channel, compiled, "y")
    assert bench.driver.status(bench.channel).state == "running"


def test_stop_returns_within_its_bound_with_the_circuit_open(bench, program):
    bench.driver.open()
    bench.driver.start(bench.channel, bench.driver.compile(program), "x")
    bench.clock.sleep_until(bench.clock.now + 1000.0)
    before = bench.clock.now
    proof = bench.driver.stop(bench.channel)
    assert proof.proven
    assert bench.clock.now - before <= bench.can.stop_bound_second
    moved = bench.twin.truth().charged_ah
    assert moved > 0.0
    bench.clock.sleep_until(bench.clock.now + 1000.0)
    assert bench.twin.truth().charged_ah == pytest.approx(moved, abs=1e-9)


def test_safe_is_idempotent_in_every_state(bench, program):
    assert bench.driver.safe(bench.channel).proven  # never opened
    assert bench.driver.safe(bench.channel).proven
    bench.driver.start(bench.channel, bench.driver.compile(program), "x")
    assert bench.driver.safe(bench.channel).proven
    assert bench.driver.safe(bench.channel).proven


def test_a_step_it_cannot_express_is_refused_by_name(bench, tmp_path):
    bench.driver.open()
    text = "  - {discharge: 0.3 W, until: 3.0 V, at_most: 1 h}\n"
    with pytest.raises(Unsupported) as refused:
        bench.driver.compile(program_of(tmp_path, text))
    assert "0.3 W" in refused.value.what
    assert ":8" in refused.value.where
