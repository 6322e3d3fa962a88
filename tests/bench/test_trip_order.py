"""What happens first when a run trips: the output, then the chamber, then the record."""

from types import SimpleNamespace

import pytest

from benchlab.bench.sensing import Surroundings


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
