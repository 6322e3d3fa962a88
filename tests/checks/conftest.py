import pytest

from benchlab import plugins
from benchlab.bench.checks import check_channel
from benchlab.model.checks import check_program
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol
from benchlab.model.resolve import cell_of

HEAD = """\
name: test
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.2 Ah}
limits: {voltage: {low: 2.5 V, high: 4.25 V}}
"""


@pytest.fixture
def remarks():
    """Return what is said of the text of some steps, by the names of the checks."""
    return _remarks


def _remarks(steps, head=HEAD, instrument="", **around):
    protocol = parse_protocol(head + "steps:\n" + steps, "test.yaml")
    cell = cell_of(protocol, None)
    program = expand(protocol, cell)
    if instrument:
        can = around.pop("can", None) or plugins.plugin("drivers", instrument).CAPABILITIES
        found = check_channel(program, can, instrument, **around)
    else:
        found = check_program(program, cell)
    named = {}
    for remark in found:
        named.setdefault(remark.name, []).append(remark)
    return named
