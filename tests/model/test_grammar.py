"""What a laboratory writes is taken, and means the same as its plainer form."""

import pytest

from benchlab.errors import ProtocolError
from benchlab.model import quantity
from benchlab.model.protocol_text import parse_protocol, read_protocol
from benchlab.model.quantity import amount

HEAD = "name: t\ncell: {type: nmc811_graphite_pouch}\n"


def first(text):
    return parse_protocol(f"{HEAD}steps:\n  - {text}\n", "p.yaml").steps[0].step


@pytest.mark.parametrize(
    ("written", "plainer"),
    [
        ("0.5 mA cm-2", "0.5 mA/cm2"),
        ("0.5 mA cm⁻²", "0.5 mA/cm2"),
        ("0.5 mA·cm^-2", "0.5 mA/cm2"),
        ("0.5 mA/cm²", "0.5 mA/cm2"),
        ("150 mAh g-1", "150 mAh/g"),
        ("100 mA g\u207b\u00b9", "100 mA/g"),
        ("200 mA.h", "200 mAh"),
        ("1 h 30 min", "90 min"),
        ("2 d 12 h", "60 h"),
        ("1 hr", "1 h"),
        ("1 week", "7 d"),
        ("\u221250 mV", "-50 mV"),
    ],
)
def test_written_as_papers_have_it(written, plainer):
    assert amount(written) == amount(plainer)
    assert amount(written) is not None


@pytest.mark.parametrize(
    "text", ["0.5 mA cm2", "5 MA", "1 MW", "30 min 1 h", "1 h -5 min", "4,2 V"]
)
def test_what_only_a_slip_can_mean_is_no_value(text):
    for read in (quantity.drive, quantity.duration, quantity.voltage):
        with pytest.raises(ValueError, match="found"):
            read(text)


def test_a_variable_takes_the_values_of_a_list():
    iso = first("{repeat: {soc: [90 %, 70 %, 50 %, 35 %, 20 %]}, steps: [Rest for 1 s]}")
    assert iso.repeat.values == (0.9, 0.7, 0.5, 0.35, 0.2)
    assert iso.repeat.rounds == 5


def test_an_end_is_named_by_its_value_in_if_ended_by():
    step = first("{charge: C/2, until: [4.20 V, 2 h], if_ended_by: {4200 mV: flag full}}")
    assert step.if_ended_by == {"4.20 V": "flag full"}


def test_a_sweep_in_words_has_as_many_corners_as_it_says():
    step = first("{sweep: 3 V to 4 V to 2.5 V, rate: 1 mV/s, current_at_most: 10 mA}")
    assert step.sweep == (3.0, 4.0, 2.5)


def test_a_procedure_of_a_file_that_is_run_keeps_its_own_meaning(tmp_path):
    """Both files have a procedure of the same name; each runs its own."""
    (tmp_path / "p.yaml").write_text(
        f"{HEAD}procedures: {{full: [Rest for 1 s]}}\nsteps: [{{run: check.yaml}}, {{run: full}}]\n"
    )
    (tmp_path / "check.yaml").write_text(
        "name: c\nprocedures: {full: [Rest for 2 s]}\nsteps: [{run: full}]\n"
    )
    protocol = read_protocol(tmp_path / "p.yaml")
    inner = protocol.procedures["check.yaml"].steps[0].step
    assert protocol.procedures[inner.run].steps[0].step.rest == 2.0
    assert protocol.procedures[protocol.steps[1].step.run].steps[0].step.rest == 1.0


def test_a_file_that_is_run_may_state_what_the_protocol_states(tmp_path):
    header = "name: c\ncapacity: {C: 0.2 Ah}\n"
    (tmp_path / "p.yaml").write_text(f"{header}steps: [{{run: check.yaml}}]\n")
    (tmp_path / "check.yaml").write_text(f"{header}steps: [Rest for 2 s]\n")
    assert read_protocol(tmp_path / "p.yaml").procedures
    (tmp_path / "check.yaml").write_text("name: c\ncapacity: {C: 2 Ah}\nsteps: [Rest for 2 s]\n")
    with pytest.raises(ProtocolError, match="another one here") as caught:
        read_protocol(tmp_path / "p.yaml")
    assert caught.value.where == "check.yaml:2, capacity"
