"""What an operator asks of a run that an instrument executes: pause, resume, skip, stop after."""

import itertools

import pytest

from benchlab.bench import commands
from benchlab.bench.executor_worker import ExecutorWorker
from benchlab.model.columns import ROW_COLUMNS
from benchlab_drivers import neware_bts8, palmsens_methodscript

from .conftest import Bench, Kept, program_of

TIME = ROW_COLUMNS.index("test_time_second")


@pytest.fixture
def cycler():
    made = Bench(neware_bts8)
    made.driver.open()
    yield made
    made.driver.close()


def worker_on(bench, program, kept):
    compiled = bench.driver.compile(program)
    return ExecutorWorker(
        program, compiled, bench.driver, bench.channel, bench.clock, kept, name="x"
    )


def run(bench, program, asked):
    """Run a program; `asked` says what is put to it after which clock seconds."""
    kept = Kept()
    worker = worker_on(bench, program, kept)
    for second, command in asked:
        bench.clock.schedule(bench.clock.now + second, lambda c=command: worker.put(c))
    return worker.run(), kept


def told(kept, kind):
    return [event for event in kept.events if event["kind"] == kind]


def test_a_pause_opens_the_circuit_and_test_time_runs_through_it(cycler, program):
    plain = Bench(neware_bts8)
    plain.driver.open()
    _, expected = run(plain, program, [])
    outcome, kept = run(cycler, program, [(1000.0, commands.Pause()), (40000.0, commands.Resume())])
    assert outcome.end_reason == "done", outcome.text
    assert "when its step under way has ended" in told(kept, "pause_asked")[0]["text"]
    paused, resumed = (told(kept, kind)[0]["test_time_second"] for kind in ("pause", "resume"))
    assert 35000.0 > paused > 1000.0
    assert resumed > 40000.0
    assert len(kept.steps) == len(expected.steps)
    for a, b in zip(kept.steps, expected.steps, strict=True):
        assert a["end_reason"] == b["end_reason"]
        assert a["step_net_capacity_ah"] == pytest.approx(b["step_net_capacity_ah"], abs=1e-3)
    times = [row[TIME] for row in kept.rows]
    assert times == sorted(times)
    wide = [(a, b) for a, b in itertools.pairwise(times) if b - a > 1000.0]
    assert len(wide) == 1, "between constant current and constant voltage"
    assert wide[0][1] == pytest.approx(40000.0, abs=62.0)
    longer = times[-1] - expected.rows[-1][TIME]
    assert longer == pytest.approx(wide[0][1] - wide[0][0], abs=120.0)
    charge = kept.steps[1]
    assert charge["start_time_second"] < wide[0][0] < wide[0][1] < charge["end_time_second"]


def test_a_pause_that_was_not_reached_is_taken_back(cycler, program):
    asked = [(1000.0, commands.Pause()), (1300.0, commands.Resume())]
    outcome, kept = run(cycler, program, asked)
    assert outcome.end_reason == "done", outcome.text
    assert not told(kept, "pause")
    assert told(kept, "resume_asked")


def test_a_skipped_step_is_named_as_such_with_its_hold(cycler, program):
    outcome, kept = run(cycler, program, [(2000.0, commands.Skip())])
    assert outcome.end_reason == "done", outcome.text
    reasons = [step["end_reason"] for step in kept.steps]
    assert reasons[1] == "skipped"
    assert kept.steps[1]["own_end"] == 0
    assert reasons.count("skipped") == 1
    assert len(reasons) == 9
    assert kept.steps[1]["end_time_second"] == pytest.approx(2000.0, abs=61.0)


@pytest.mark.parametrize("what", ["step", "cycle"])
def test_stop_after_this_step_or_cycle(cycler, program, what):
    outcome, kept = run(cycler, program, [(2000.0, commands.StopAfter(what))])
    assert outcome.end_reason == "stopped"
    assert outcome.text == f"after {what} {2 if what == 'step' else 1}, as it was asked for"
    assert outcome.off.proven
    if what == "step":
        assert [step["end_reason"] for step in kept.steps] == ["time", "current"]
        assert cycler.twin.truth().discharged_ah == 0.0
        return
    reasons = [step["end_reason"] for step in kept.steps]
    assert reasons == ["time", "current", "time", "voltage", "time", "stopped"]
    assert kept.steps[-1]["cycle_count"] == 2
    # the instrument had begun the next cycle before anybody could see it
    assert kept.steps[-1]["end_time_second"] - kept.steps[-1]["start_time_second"] < 62.0


def test_what_the_instrument_cannot_is_refused_with_a_sentence(cycler, program):
    outcome, kept = run(cycler, program, [(2000.0, commands.AddCycles(3))])
    assert outcome.end_reason == "done"
    assert "handed over to the instrument" in told(kept, "refused")[0]["text"]


def test_a_potentiostat_says_why_it_neither_pauses_nor_skips(tmp_path):
    bench = Bench(palmsens_methodscript)
    bench.driver.open()
    program = program_of(tmp_path, "  - {rest: 2 min}\n  - {rest: 2 min}\n")
    asked = [
        (10.0, commands.Pause()),
        (11.0, commands.Skip()),
        (12.0, commands.Resume()),
        (13.0, commands.StopAfter("step")),
    ]
    outcome, kept = run(bench, program, asked)
    assert outcome.end_reason == "stopped"
    texts = " ".join(event["text"] for event in told(kept, "refused"))
    for words in ("the cell stays on", "may be a repeat", "never paused"):
        assert words in texts
    assert [step["end_reason"] for step in kept.steps] == ["time", "stopped"]
    assert outcome.off.proven
