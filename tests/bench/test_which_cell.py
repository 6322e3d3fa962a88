"""What a protocol says of its cell is never left out without a word."""

import pytest

from benchlab.errors import CellError, ProtocolError
from benchlab.model.cell import parse_cell
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol
from benchlab.model.yaml_text import load_text


def program(said, bench):
    text = (
        f"name: t\ncell: {{type: lfp_half_coin, {said}}}\ncapacity: {{C: 2 mAh}}\n"
        "steps:\n  - {charge: 0.1 mA/cm2, for: 1 min}\n"
    )
    cell = load_text(f"{{type: lfp_half_coin, {bench}}}\n", "cell.yaml", CellError)
    return expand(parse_protocol(text, "t.yaml"), parse_cell(cell, "cell.yaml"))


@pytest.mark.parametrize(
    ("said", "bench"),
    [
        ("area: 2 cm2", "id: c17"),
        ("active_mass: 12 mg", "id: c17"),
        ("first_half_cycle: charge", "first_half_cycle: discharge"),
        ("role: full_cell", "role: cathode_half_cell"),
    ],
)
def test_what_the_cell_on_the_bench_does_not_say_or_denies_is_refused(said, bench):
    with pytest.raises(ProtocolError) as caught:
        program(said, bench)
    name = said.partition(":")[0]
    assert f"says {name} of its cell" in caught.value.what
    assert caught.value.where == f"t.yaml:2, cell.{name}"


def test_a_number_of_the_very_cell_holds_over_that_of_the_protocol():
    step = program("area: 2 cm2, id: other", "area: 1.2 cm2, id: c17").steps[0]
    assert step.current_ampere == pytest.approx(0.12e-3)
