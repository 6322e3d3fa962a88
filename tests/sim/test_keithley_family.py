"""What the simulated 2460 and 2461 refuse and do otherwise than a 2450."""

import pytest

from benchlab.bench.clock import VirtualClock
from benchlab.bench.twin import TwinSpec
from benchlab_drivers.sim import simulator

BIG = ("keithley2460", "keithley2461")
CELL = TwinSpec("lfp_graphite_26650", 20.0, ideal=True)


@pytest.fixture(params=BIG)
def box(request):
    return simulator(request.param).make(VirtualClock(), CELL)


def say(box, *lines):
    reply = b""
    for line in lines:
        reply = box.exchange(line.encode() + b"\n")
    return reply


def error(box):
    return int(say(box, "SYST:ERR?").split(b",")[0])


@pytest.mark.parametrize("name", BIG)
def test_each_says_its_own_name(name):
    box = simulator(name).make(VirtualClock(), CELL)
    assert say(box, "*IDN?").split(b",")[1] == b"MODEL " + name.removeprefix("keithley").encode()


def test_after_a_reset_the_limits_are_those_of_the_manual(box):
    say(box, "*RST")
    assert say(box, "SOUR:VOLT:ILIM?;:SOUR:CURR:VLIM?") == b"1.050000E-04;7.350000E+00\n"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (("SOUR:CURR 7.3",), 0),
        (("SOUR:CURR 7.4",), -222),  # the range of 10 A is for pulses
        (("SOUR:VOLT:RANG 7", "SOUR:VOLT:ILIM 7.35"), 0),
        (("SOUR:VOLT:RANG 10", "SOUR:VOLT:ILIM 5.3"), -222),
        (("SOUR:VOLT:RANG 20", "SOUR:VOLT:ILIM 4.2"), 0),
        (("SOUR:VOLT:RANG 20", "SOUR:VOLT:ILIM 4.3"), -222),
        (("SOUR:VOLT:RANG 7", "SOUR:VOLT:ILIM 7", "SOUR:VOLT:RANG 20"), -222),
        (("SOUR:VOLT:ILIM 5e-7",), -222),
        (("SOUR:CURR:VLIM 0.1",), -222),
        (("SOUR:VOLT:PROT PROT80",), 0),
        (("SOUR:VOLT:PROT PROT100",), -224),
        (("SENS:VOLT:RANG 5", "SENS:CURR:RANG 6"), 0),
    ],
)
def test_what_is_refused(box, lines, code):
    say(box, *lines)
    assert error(box) == code


def test_ranges_are_those_of_the_manual(box):
    assert say(box, "SENS:VOLT:RANG 5;RANG?") == b"7.000000E+00\n"
    assert say(box, "SENS:CURR:RANG 4.5;RANG?") == b"5.000000E+00\n"
    assert say(box, "SOUR:VOLT:RANG 0.02;RANG?") == b"2.000000E-01\n"


def test_seven_amperes_flow_into_a_cell_and_out_of_it(box):
    say(box, "OUTP:SMOD HIMP;:SENS:CURR:RSEN ON;:SOUR:VOLT:RANG 7;:SOUR:VOLT 3.6")
    say(box, "SENS:CURR:RANG 7;:SOUR:VOLT:ILIM 7;:OUTP ON")
    assert float(say(box, "READ?")) == pytest.approx(7.0)
    say(box, "SOUR:VOLT 2.6")
    assert float(say(box, "READ?")) == pytest.approx(-7.0)
    assert error(box) == 0
