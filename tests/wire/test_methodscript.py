"""Lines of MethodSCRIPT instruments: what others printed, and our own in both directions."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchlab.errors import GarbledAnswer
from benchlab_drivers.wire.methodscript import (
    PREFIXES,
    Fault,
    Mark,
    Marked,
    Package,
    Said,
    Status,
    Variable,
    encode_package,
    literal,
    parse_line,
    parse_literal,
)
from benchlab_drivers.wire.methodscript_errors import ERRORS, explained

GOLDEN = [
    (
        b"Pda84E63DAn;ba82AB973f,14,284\n",
        [("da", 5.13737e-3, 0, -1), ("ba", 2.799987e-9, Status.UNDERLOAD, 0x84)],
    ),
    (
        b"Pda7F85F3Fu;ba48D503Dp,10,288\n",
        [("da", -0.499905, 0, -1), ("ba", -57.847747e-6, 0, 0x88)],
    ),
    (
        b"Pda807B031u;baB360495p,10,288\n",
        [("da", 0.503857, 0, -1), ("ba", 53.871765e-6, 0, 0x88)],
    ),
    (
        b"PdcDF5DFF4u;cc896D904m,10,287;cd82DB1A8u,10,287\n",
        [("dc", 99.999732, 0, -1), ("cc", 9885.956, 0, 0x87), ("cd", 2.9946, 0, 0x87)],
    ),
    (b"Pda8000000 ;ba8FCCDFDf,10,200,40\n", [("da", 0.0, 0, -1), ("ba", 16.567805e-9, 0, 0)]),
]
"""Printed by real instruments in the maker's public examples, with the values stated there."""


@pytest.mark.parametrize(("line", "expected"), GOLDEN)
def test_packages_of_real_instruments_decode_to_the_stated_values(line, expected):
    package = parse_line(line)
    assert isinstance(package, Package)
    for found, (kind, value, status, number) in zip(package.variables, expected, strict=True):
        assert found.value == pytest.approx(value, rel=2e-6, abs=1e-30)
        assert (found.type, found.status, found.range) == (kind, status, number)


@pytest.mark.parametrize("line", [line for line, _ in GOLDEN[:4]])
def test_packages_of_real_instruments_are_written_back_byte_for_byte(line):
    assert encode_package(*parse_line(line).variables) == line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"e\n", Marked(Mark.ACKNOWLEDGED)),
        (b"M0005\n", Marked(Mark.MEASUREMENT, 5)),
        (b"eM0000\n", Marked(Mark.MEASUREMENT, 0)),
        (b"C0001\n", Marked(Mark.SCAN, 1)),
        (b"-\n", Marked(Mark.SCAN_END)),
        (b"*\n", Marked(Mark.MEASUREMENT_END)),
        (b"L\n", Marked(Mark.LOOP)),
        (b"+\n", Marked(Mark.LOOP_END)),
        (b"\n", Marked(Mark.END)),
        (b"\r\n", Marked(Mark.END)),
        (b"Thello; world\n", Said("hello; world")),
        (b"e!4001: Line 31, Col 11\n", Fault(0x4001, "e", 31, 11)),
        (b"!000F: Line 7\n", Fault(0x000F, "", 7, 0)),
        (b"Z!0006\n", Fault(0x0006, "Z")),
    ],
)
def test_other_lines_are_what_they_are(line, expected):
    assert parse_line(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        b"P\n",
        b"Pda\n",
        b"Pda84E63DA\n",  # cut before its prefix
        b"Pda84E63DAn;ba82AB9\n",  # cut inside the second value
        b"Pda84E63DAn;ba82AB973f,14,284Pda84E63DAn;ba82AB973f\n",  # a line feed lost
        b"Pda84G63DAn\n",
        b"Pda84E63DAx\n",
        b"Pda84E63D\xe4n\n",
        b"PDA84E63DAn\n",
        b"Pda84E63DAn,1g\n",
        b"M005\n",
        b"4E63DAn;ba82AB973f,14,284\n",  # its beginning was lost
        b"!4\n",
    ],
)
def test_damaged_lines_are_refused_whole(line):
    with pytest.raises(GarbledAnswer):
        parse_line(line)


def test_no_value_is_not_a_number_and_unknown_metadata_is_left_aside():
    found = parse_line(b"Pab     nan;eb8000001i,41F,7AB\n").variables
    assert math.isnan(found[0].value)
    assert found[1] == Variable("eb", 1.0, integer=True)


finite = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e24, max_value=1e24)
metadata = {"status": st.integers(0, 15), "range": st.integers(0, 255)}
variables = st.one_of(
    st.builds(
        Variable, st.sampled_from(["ab", "ba", "eb"]), finite, **metadata, integer=st.just(False)
    ),
    st.builds(
        Variable,
        st.just("ee"),
        st.integers(-(2**27), 2**27 - 1).map(float),
        **metadata,
        integer=st.just(True),
    ),
)


@given(st.lists(variables, min_size=1, max_size=6))
def test_any_package_comes_back(package):
    found = parse_line(encode_package(*package)).variables
    for got, sent in zip(found, package, strict=True):
        assert got._replace(value=0.0) == sent._replace(value=0.0)
        assert got.value == pytest.approx(sent.value, rel=4e-6, abs=5.1e-19), "half a count"


@given(st.integers(-(2**27), 2**27 - 1), st.sampled_from(list(PREFIXES)))
def test_what_was_read_is_written_with_the_same_value(count, prefix):
    line = f"Pab{count + 2**27:07X}{prefix}\n".encode()
    (found,) = parse_line(line).variables
    assert parse_line(encode_package(found)).variables[0].value == found.value


@given(st.binary(max_size=40))
def test_any_bytes_are_a_line_or_refused(data):
    try:
        parse_line(data)
    except GarbledAnswer as refused:
        assert refused.got == data  # noqa: PT017


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (4.2, "4200m"),
        (0.0625, "62500u"),
        (-0.5, "-500m"),
        (100e3, "100k"),
        (3600.0, "3600"),
        (58.505, "58505m"),
        (1e-9, "1n"),
    ],
)
def test_literals_have_no_decimal_point(value, text):
    assert literal(value) == text
    assert parse_literal(text) == (pytest.approx(value), False)


@given(st.floats(1e-12, 1e12), st.sampled_from([1.0, -1.0]))
def test_any_number_is_a_literal(size, sign):
    text = literal(sign * size)
    assert "." not in text
    assert "e" not in text
    assert parse_literal(text)[0] == pytest.approx(sign * size, rel=6e-7)


@pytest.mark.parametrize("text", ["", "4.2", "1e3", "m", "--1", "5 m", "0x", "12q"])
def test_what_is_no_literal_is_refused(text):
    with pytest.raises(ValueError, match="literal"):
        parse_literal(text)


def test_integers_and_hexadecimal_literals():
    assert parse_literal("41i") == (41.0, True)
    assert parse_literal("0x1E") == (30.0, False)


@pytest.mark.parametrize("value", [math.inf, math.nan, 1e25, 1e-20])
def test_a_number_that_no_literal_holds_is_refused(value):
    with pytest.raises(ValueError, match="cannot be written"):
        literal(value)


def test_errors_are_told_in_words_with_code_and_place():
    assert explained(Fault(0x4001, "e", 31, 11)).endswith("(0x4001, line 31, column 11)")
    assert "0x1234" in explained(Fault(0x1234))
    assert len(set(ERRORS.values())) == len(ERRORS)
