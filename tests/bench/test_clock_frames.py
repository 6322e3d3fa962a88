"""The host's clocks in the record: a clock that is set back must not move a single row."""

import itertools

import pytest

from benchlab.bench.clock import VirtualClock
from benchlab.bench.prepare import prepare
from benchlab.bench.twin import TwinSpec
from benchlab.bench.worker import RunWorker
from benchlab.store.journal import JournalWriter
from benchlab.store.journal_read import read_journal
from benchlab_drivers.keithley2450 import simulate

STEPS = "  - Charge at C/2 for 400 s\n"
HOUR_NS = 3_600_000_000_000


class SetBackClock(VirtualClock):
    """Jumps like the virtual clock, counts as a real one, and is set back by an hour at 150 s."""

    virtual = False
    set_at = 150.0

    def unix_ns(self):
        return super().unix_ns() - (HOUR_NS if self.now > self.set_at else 0)


def record(folder, program, clock):
    source, _ = simulate(clock, TwinSpec("nmc811_graphite_pouch", 0.2, ideal=True))
    source.open()
    plan = program(STEPS)
    writer = JournalWriter(folder, durable=False)
    worker = RunWorker(plan, source, clock, writer, prepare(source, plan.limits))
    assert worker.run().end_reason == "done"
    writer.close()
    return read_journal(folder)


def test_a_clock_set_back_an_hour_moves_no_row_and_is_told(tmp_path, program):
    clock = SetBackClock()
    content = record(tmp_path / "a.run", program, clock)
    times, stamps = content.rows["test_time_second"], content.rows["unix_time_nanosecond"]
    assert times[-1] > 390.0
    assert (stamps[1:] > stamps[:-1]).all()
    assert (stamps - stamps[0]) / 1e9 == pytest.approx(times - times[0], abs=1e-6)
    told = [event for event in content.events if event["kind"] == "clock"]
    assert len(told) == 1
    assert "set by -3600.0 s" in told[0]["text"]


def test_clocks_are_recorded_together_each_minute(tmp_path, program):
    clock = SetBackClock()
    clock.set_at = float("inf")
    content = record(tmp_path / "a.run", program, clock)
    moments = [frame["monotonic_second"] for frame in content.clocks]
    assert len(moments) >= 6
    assert all(60.0 <= b - a < 62.0 for a, b in itertools.pairwise(moments))
    assert {frame["boot_id"] for frame in content.clocks} != {None}
    assert not [event for event in content.events if event["kind"] == "clock"]


def test_the_output_is_announced_before_it_goes_on_and_off(tmp_path, program):
    content = record(tmp_path / "a.run", program, VirtualClock())
    assert [intent["output"] for intent in content.intents] == ["on", "off"]
    assert content.clocks == []
