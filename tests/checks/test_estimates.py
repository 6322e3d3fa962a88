"""Estimates beside what a simulated run really took."""

import os

import pytest

from benchlab.cli.preview import preview
from benchlab.model.estimate import JOURNAL_STATE_BYTES, estimate
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol
from benchlab.model.resolve import cell_of
from benchlab.service.channel import Channel
from benchlab.service.foreground import RunOptions, run_foreground

from .conftest import HEAD

CYCLES = """\
  - {charge: 1C, to: 4.2 V, then_hold_until: C/20, hold_at_most: 2 h}
  - repeat: 3
    label: life
    steps:
      - {rest: 10 min, output: zero current}
      - {label: dis, discharge: 1C, until: 2.8 V}
      - {rest: 10 min, output: zero current}
      - {charge: 1C, to: 4.2 V, then_hold_until: C/20, hold_at_most: 2 h}
      - {every: 2 iterations, steps: [Rest for 5 min]}
"""


def programmed(steps, head=HEAD):
    protocol = parse_protocol(head + "steps:\n" + steps, "test.yaml")
    cell = cell_of(protocol, None)
    return expand(protocol, cell), cell


@pytest.mark.parametrize("record", ["{every: 10 s}", "{every: 60 s, or_change: 5 mV}"])
def test_a_run_stays_below_at_most_and_near_about(record, tmp_path):
    program, cell = programmed(CYCLES, HEAD + f"record: {record}\n")
    whole = estimate(program).whole
    path = tmp_path / "run.h5"
    options = RunOptions(Channel("keithley2450", ""), path, fast=True)
    rows = run_foreground(program, cell, options).rows
    took = preview(program, cell, options.channel).second[-1]
    assert took <= whole.at_most_second
    assert rows <= whole.at_most_rows
    assert 0.7 < whole.about_second / took < 1.4
    assert 0.6 < whole.about_rows / rows < 1.7
    assert 0.5 < whole.about_closed_bytes / os.path.getsize(path) < 2.0
    assert whole.about_running_bytes > JOURNAL_STATE_BYTES * whole.about_second, "one each second"


def test_steps_add_up_to_blocks_and_the_whole():
    program, _ = programmed(CYCLES)
    planned = estimate(program)
    assert [item.times for item in planned.steps] == [1, 3, 3, 3, 3, 1]
    total = sum(item.each.about_second * item.times for item in planned.steps)
    assert planned.whole.about_second == pytest.approx(total)
    life = planned.blocks[0]
    first = planned.steps[0].each.about_second
    assert (life.label, life.rounds) == ("life", 3)
    assert life.whole.about_second == pytest.approx(total - first)
    assert planned.blocks[1].whole.about_second == pytest.approx(300.0)


@pytest.mark.parametrize(
    ("step", "about", "most"),
    [
        ("{rest: 10 min}", 600.0, 600.0),
        ("{charge: C/2, until: 4.2 V, at_most: 3 h}", 7200.0, 10800.0),
        ("{charge: C/2, until: 4.2 V}", 7200.0, 10800.0),
        ("{charge: C/2, until: 0.05 Ah}", 1800.0, 10800.0),
        ("{charge: 1C, for: 10 s}", 10.0, 10.0),
        ("{sweep: 3 V to 4 V, rate: 1 mV/s, current_at_most: 10 mA}", 1000.0, 1000.0),
        ("{hold: 4.2 V, for: 1 h, current_at_most: 1C}", 0.0, 3600.0),
    ],
)
def test_the_time_of_one_step(step, about, most):
    program, _ = programmed(f"  - {step}\n")
    each = estimate(program).steps[0].each
    assert each.at_most_second == pytest.approx(most)
    if about:
        assert each.about_second == pytest.approx(about)


def test_jumps_back_are_counted_at_their_most():
    program, _ = programmed(
        "  - {label: cool, rest: 10 s}\n"
        "  - {if: surface temperature above 40 degC, then: go to cool, at_most: 6 times}\n"
    )
    assert estimate(program).whole.at_most_second == pytest.approx(70.0)


def test_rows_follow_the_record_rule():
    def rows(rule):
        program, _ = programmed(f"  - {{rest: 1000 s, record: {rule}}}\n")
        return estimate(program).whole

    assert rows("{every: 10 s}").about_rows == pytest.approx(103.0)
    assert rows("{every: 1 s}").about_rows == pytest.approx(1003.0)
    assert 60.0 < rows("{log_time: 10 per decade}").about_rows < 66.0
    assert rows("{at: 1 s 10 s 100 s}").about_rows == pytest.approx(6.0)
    assert rows("{every: 100 s}").at_most_rows < 100.0
    changing = rows("{every: 100 s, or_change: 5 mV}")
    assert changing.at_most_rows >= 1000.0, "noise may make each reading a row"
