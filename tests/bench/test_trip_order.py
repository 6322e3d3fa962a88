"""What happens first when a run trips: the output, then the chamber, then the record."""

from types import SimpleNamespace

import pytest

from benchlab.bench.sensing import Surroundings
from benchlab.bench.surroundings import ChamberState


class Chamber:
    """A chamber that notes what it is told."""

    def __init__(self, order):
        self.order = order
        self.capabilities = SimpleNamespace(temperature_celsius=(-40.0, 80.0))

    def safe(self):
        self.order.append("chamber safe")
        return True, "the fan alone"


@pytest.mark.parametrize("fault", ["trip", "bug", "disk"])
def test_the_output_goes_off_before_the_chamber_and_both_before_any_record(program, rig, fault):
    made = []

    def around(clock, twin):
        made.append(Chamber([]))
        return Surroundings([], made[0], clock)

    bench = rig(program, around=around)
    order = bench.sink.order = made[0].order
    ask = bench.source.line.query

    def query(request):
        if b":OUTP OFF" in request:
            order.append("off")
        return ask(request)

    bench.source.line.query = query

    def spoiled(answer):
        order.append("fault")
        if fault == "bug":
            raise ZeroDivisionError
        return b"+9.910000E+37,+9.910000E+37"

    if fault == "disk":
        bench.sink.full_after = 20
    else:
        bench.spoil(spoiled, after=60.0, times=2)
    outcome = bench.run()
    assert outcome.end_reason == ("tripped" if fault == "trip" else "failed")
    if fault == "disk":
        assert order.index("off") < order.index("chamber safe")
        return
    after = order[len(order) - 1 - order[::-1].index("fault") + 1 :]
    off, chamber = after.index("off"), after.index("chamber safe")
    assert off < chamber
    assert not {"row", "record"} & set(after[:chamber])
    assert "chamber" in bench.kinds()


class Climate(Chamber):
    """A chamber that is at once as it is set."""

    def set_temperature(self, celsius):
        self.order.append(f"set {celsius:g}")
        self.celsius = celsius

    def read(self):
        return ChamberState(0.0, self.celsius, self.celsius, running=True)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("  - {chamber: 45 degC}\n  - Rest for 1 min\n", ["set 45", "chamber safe"]),
        (
            "  - {chamber: 45 degC}\n  - Rest for 1 min\n  - {chamber: 25 degC}\n",
            ["set 45", "set 25"],
        ),
        ("  - Rest for 1 min\n", []),
    ],
    ids=["set", "set at the end", "never set"],
)
def test_a_chamber_that_a_protocol_set_is_made_safe_when_it_is_done(program, rig, steps, expected):
    order = []
    bench = rig(
        program,
        steps=steps,
        around=lambda clock, twin: Surroundings([], Climate(order), clock),
    )
    assert bench.run().end_reason == "done"
    assert order == expected
    said = bench.told("chamber")
    if expected:
        assert said[-1] == ("left at 25 degC" if expected[-1] == "set 25" else "the fan alone")
    assert bench.kinds()[-1] == "off"
