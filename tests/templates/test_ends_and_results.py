"""How a step ended decides where the program goes on; results can be computed and judged."""

import pytest

from benchlab.bench.walker import Finished, Walker
from benchlab.errors import ProtocolError
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol

HEAD = "name: t\ncell: {type: nmc811_graphite_pouch}\ncapacity: {C: 0.2 Ah}\nsteps:\n"


def walked(steps, reasons):
    """Return the labels of the steps that are carried out, and the program's own end."""
    walker = Walker(expand(parse_protocol(HEAD + steps, "t.yaml")))
    labels, waiting = [], list(reasons)
    while (plan := walker.advance({}, 0.0)) is not None:
        labels.append(plan.label)
        reason = waiting.pop(0) if waiting else "time"
        moved = Finished(reason, True, 0.1, 0.4, 360.0, 3.9, 3.6, plan.label, walker.step_count)
        walker.finished(moved)
    return labels, walker.ended_as


REPEAT = """\
  - repeat: {at_most: 9 times, until: pulse ended by 2.80 V}
    steps: [{label: pulse, discharge: C/20, for: 30 min, until: 2.80 V}]
"""


@pytest.mark.parametrize("reason", ["voltage", "already_met"])
def test_a_repeat_ends_by_how_its_step_ended(reason):
    assert walked(REPEAT, ["time", "time", reason])[0] == ["pulse"] * 3
    assert len(walked(REPEAT, [])[0]) == 9


def test_a_step_that_ended_so_goes_on_elsewhere():
    steps = """\
  - {label: a, charge: 1C, until: [4.20 V, 0.1 Ah], if_ended_by: {0.1 Ah: go to lid}}
  - end: by_voltage
  - {label: lid, rest: 1 min}
"""
    assert walked(steps, ["voltage"]) == (["a"], "by_voltage")
    assert walked(steps, ["capacity"]) == (["a", "lid"], "")


RESULT = """\
  - {{label: a, discharge: 1C, for: 6 min}}
  - result: {{R: (start voltage of a - end voltage of a) * duration of a / (3600 * a), S: a / C}}
  - {{if: {asked}, then: go to yes_}}
  - end: no_
  - {{label: yes_, end: yes_}}
"""


@pytest.mark.parametrize(
    ("asked", "ended"),
    [
        # 0.3 V over 0.1 Ah in 0.1 h, which is 1 A; and a half of C
        ("R above 0.299", "yes_"),
        ("R above 0.301", "no_"),
        ("S below 51 %", "yes_"),
        ("S below 49 %", "no_"),
    ],
)
def test_a_result_is_computed_and_judged(asked, ended):
    assert walked(RESULT.format(asked=asked), ["time"])[1] == ended


def test_a_result_that_nothing_computes_is_refused():
    with pytest.raises(ProtocolError, match="no 'result' computes 'Q'"):
        walked(RESULT.format(asked="Q above 1"), [])
