import pytest

from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol

HEAD = """\
name: test
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.2 Ah}
"""


@pytest.fixture
def program():
    """Make a program from the text of its steps."""

    def make(steps, head=HEAD):
        return expand(parse_protocol(head + "steps:\n" + steps, "test.yaml"))

    return make
