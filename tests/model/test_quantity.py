from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchlab.model import quantity


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (quantity.voltage, "4.2 V", 4.2),
        (quantity.voltage, "-50mV", -0.05),
        (quantity.duration, "90 s", 90.0),
        (quantity.duration, "1.5 h", 5400.0),
        (quantity.duration, "2 days", 172800.0),
        (quantity.mass, "12.3 mg", 0.0123),
        (quantity.area, "1.54 cm2", 1.54),
        (quantity.temperature, "-10 degC", -10.0),
    ],
)
def test_units(read, text, value):
    assert read(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "ampere"),
    [("C/20", 0.01), ("1C", 0.2), ("0.5 C", 0.1), ("C / 3", 0.2 / 3), ("10 mA", 0.01)],
)
def test_currents_for_a_cell_of_0_2_ah(text, ampere):
    assert quantity.current(text).number({"C": 0.2}) == pytest.approx(ampere)


@pytest.mark.parametrize("text", ["C", "1 C/3", "4.2 v", "1e400 V", "nan V", "5 mah", "10 MV", ""])
def test_what_is_no_quantity(text):
    for read in (quantity.voltage, quantity.current, quantity.duration, quantity.charge):
        with pytest.raises(ValueError, match="found"):
            read(text)


def test_a_c_rate_needs_a_capacity():
    with pytest.raises(ValueError, match="no capacity"):
        quantity.current("C/3").number({})


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text):
    for read in (quantity.voltage, quantity.current, quantity.duration, quantity.charge):
        with suppress(ValueError):
            assert read(text) is not None
