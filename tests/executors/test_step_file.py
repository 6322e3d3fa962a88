"""A program as a step file: what stands in it, zeros included, and what it refuses by name."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from benchlab.bench.clock import VirtualClock
from benchlab.errors import Unsupported
from benchlab_drivers.neware_bts8 import driver_on
from benchlab_drivers.sim._neware_steps import read_step_file

from .conftest import program_of

CHARGE = "{charge: C/2, to: 4.20 V, then_hold_until: C/20, hold_at_most: 2 h, at_most: 5 h}"


def compiled(program):
    return driver_on(None, VirtualClock(), "test").compile(program)


def steps_of(program):
    return read_step_file(compiled(program).content).steps


def test_a_charge_with_a_hold_is_two_steps_of_one_and_keeps_all_three_bounds(tmp_path):
    program = program_of(tmp_path, f"  - {CHARGE}\n")
    made = compiled(program)
    current, hold, end = read_step_file(made.content).steps
    assert (current.type, hold.type, end.type) == (1, 3, 6)
    assert current.ampere == hold.ampere == pytest.approx(0.1)
    assert current.stop_volt == hold.volt == pytest.approx(4.2)
    assert hold.stop_ampere == pytest.approx(0.01)
    assert hold.second == 2 * 3600.0
    assert current.second + hold.second == 5 * 3600.0
    assert dict(made.step_ids) == {1: 0, 2: 0}
    assert made.continues == {2}


def test_loops_variables_and_records(tmp_path):
    text = f"""  - repeat: 3
    counts_as: cycle
    steps:
      - {CHARGE}
      - {{discharge: C/5, until: 3.0 V, at_most: 6 h}}
"""
    steps = steps_of(program_of(tmp_path, text))
    assert [step.type for step in steps] == [1, 3, 2, 5, 6]
    assert (steps[3].start_step, steps[3].cycle_count) == (1, 3)
    assert steps[2].ampere == pytest.approx(0.04)
    assert (steps[0].every_second, steps[0].change_volt) == (60.0, pytest.approx(0.005))


def test_zeros_do_not_vanish(tmp_path):
    program = program_of(tmp_path, "  - {discharge: C/10, until: 0 V, at_most: 20 h}\n")
    limits = replace(program.limits, low_volt=0.010, discharge_ampere=0.0)
    root = ElementTree.fromstring(compiled(replace(program, limits=limits)).content)
    assert root.find(".//Whole_Prt/Protect/Main/Volt/Lower").get("Value") == "0"
    assert root.find(".//Whole_Prt/Protect/Main/Curr/Lower").get("Value") == "0"
    assert root.find(".//Step1/Limit/Main/Stop_Volt").get("Value") == "0"


def test_the_same_program_gives_the_same_file(program):
    assert compiled(program).content == compiled(program).content


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{discharge: 0.3 W, until: 3.0 V, at_most: 1 h}", "cannot regulate 'power'"),
        ("{rest: 1 h, record: {log_time: 10 per decade}}", "records by time"),
        (
            "{hold: 4.2 V, until: C/20, current_at_most: C/2, at_most: 2 h}",
            "whether a hold charges or discharges",
        ),
        (
            "{discharge: C/2, until: [3.0 V, surface temperature above 45 degC], at_most: 3 h}",
            "surface temperature above 45 degC",
        ),
    ],
)
def test_what_it_cannot_express_is_refused_with_step_and_line(tmp_path, text, words):
    program = program_of(tmp_path, f"  - {{rest: 1 min}}\n  - {text}\n")
    with pytest.raises(Unsupported) as refused:
        compiled(program)
    assert words in refused.value.what
    assert ":9" in refused.value.where
    assert refused.value.remedy


def test_a_branch_is_refused_by_its_text(tmp_path):
    text = """  - {label: a, rest: 1 min}
  - {if: voltage below 3 V, then: go to a, at_most: 3 times}
"""
    with pytest.raises(Unsupported, match="branch"):
        compiled(program_of(tmp_path, text))
