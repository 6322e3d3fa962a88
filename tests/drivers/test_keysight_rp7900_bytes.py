"""What the RP7900's driver sends and what it makes of the answers: byte pairs, none left over."""

import math
from collections import deque

import pytest

from benchlab.bench.clock import VirtualClock
from benchlab.bench.roles import ArmLimits, Mode, Setpoint
from benchlab.errors import (
    CellCheckError,
    GarbledAnswer,
    IdentityError,
    InstrumentRefused,
    LinkTimeout,
    OutputNotProvenOff,
    Unsupported,
)
from benchlab.model.flags import RowFlag
from benchlab_drivers.keysight_rp7900 import driver_on

IDN = (b"*IDN?\n", b"Keysight Technologies,RP7931A,MY12345678,B.03.02.1232")
READ = b"MEAS:VOLT?;:FETC:CURR?;:OUTP?;:STAT:QUES:COND?;:STAT:QUES2:COND?\n"
TRIPS = b"STAT:QUES:COND?;:STAT:QUES2:COND?\n"
OK = b'+0,"No error"'
LATE = LinkTimeout("no answer")


class ScriptedLine:
    """A line on which exactly these requests must be sent, in this order."""

    def __init__(self, *pairs):
        self.pairs = deque(pairs)
        self.transcript = deque()
        self.opened = 0

    def open(self):
        self.opened += 1

    def query(self, request):
        expected, answer = self.pairs.popleft()
        assert request == expected
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self):
        """Do nothing."""


@pytest.fixture
def driver():
    lines = []

    def make(*pairs, on=False, limits=(2.5, 4.3)):
        line = ScriptedLine(*pairs)
        lines.append(line)
        made = driver_on(line, VirtualClock(), "test")
        made._on = on
        made._limits = ArmLimits(*limits, 60.0, 120.0)
        return made

    yield make
    for line in lines:
        assert not line.pairs, f"never sent: {list(line.pairs)}"


def put(command, answer):
    """Return a change with its error query, and its read-back in a line of its own."""
    headers = [part.split()[0].lstrip(":") for part in command.split(";")]
    query = ";:".join(f"{header}?" for header in headers)
    return [(f"{command};:SYST:ERR?\n".encode(), OK), (f"{query}\n".encode(), answer)]


def current(value):
    return (b"MEAS:CURR?\n", value)


OFF = [*put("OUTP 0", b"0"), current(b"+1.200000E-02")]
SAFE = [(b"CURR 0;:OUTP 0;:SYST:ERR?\n", OK), (b"OUTP?\n", b"0"), current(b"+1.200000E-02")]
OPEN = [
    IDN,
    (b"*CLS;SYST:ERR?\n", OK),
    *OFF,
    (b"OUTP:PROT:CLE;:SYST:ERR?\n", OK),
    (TRIPS, b"+0;+0"),
    *put("FUNC CURR", b"CURR"),
    *put("CURR 0", b"+0.000000E+00"),
    *put("CURR:MODE FIX", b"FIX"),
    *put("FORM ASC", b"ASC"),
    *put("CURR:SLEW:MAX 1", b"1"),
    *put("SENS:FUNC:VOLT 1", b"1"),
    *put("SENS:FUNC:CURR 1", b"1"),
    *put("SENS:SWE:NPLC 1", b"+1.000000E+00"),
    *put("OUTP:DEL:RISE 0", b"+0.000000E+00"),
    *put("OUTP:DEL:FALL 0", b"+0.000000E+00"),
]


def seen(volt, *, output=b"0", ampere=b"+1.2E-02", first=b"+0", second=b"+0"):
    return (READ, b";".join((volt, ampere, output, first, second)))


def test_open_is_off_before_trips_are_cleared_and_never_resets(driver):
    identity = driver(*OPEN).open()
    assert (identity.model, identity.serial_number) == ("RP7931A", "MY12345678")
    assert not any(b"*RST" in request or b"INH" in request for request, _ in OPEN)


@pytest.mark.parametrize(
    "answer",
    [
        b"Keysight Technologies,RP7953A,MY1,B",
        b"KEITHLEY INSTRUMENTS,MODEL 2450,1,A",
        b"Keysight Technologies,RP7931A",
        b"",
    ],
)
def test_a_stranger_is_sent_nothing_but_the_question(driver, answer):
    with pytest.raises(IdentityError):
        driver((IDN[0], answer)).open()


def test_another_model_is_a_row_of_the_table(driver):
    pairs = [(IDN[0], IDN[1].replace(b"7931", b"7945")), *OPEN[1:]]
    made = driver(*pairs)
    assert made.open().model == "RP7945A"
    assert made.capabilities.current_ampere == (-250.0, 250.0)
    assert made.capabilities.voltage_volt[1] == 160.0


def test_a_protection_that_does_not_clear_is_named(driver):
    with pytest.raises(InstrumentRefused, match="inhibit input"):
        driver(*OPEN[:6], (TRIPS, b"+512;+0"), *SAFE).open()


def test_an_output_that_cannot_be_switched_off_at_the_start_outweighs_why(driver):
    with pytest.raises(OutputNotProvenOff, match="by hand"):
        driver(*OPEN[:2], (OFF[0][0], LATE), (SAFE[0][0], LATE), *[(IDN[0], LATE)] * 2).open()


def test_off_with_a_current_is_not_off(driver):
    flows = [*put("OUTP 0", b"0"), current(b"-2.500000E+01")]
    with pytest.raises(InstrumentRefused, match="25 A"):
        driver(*flows).apply(Setpoint(Mode.OPEN))
    stuck = [*SAFE[:2], current(b"-2.500000E+01")]
    proof = driver(*stuck, IDN, *stuck, IDN, *stuck).safe()
    assert not proof.proven
    assert "-25 A flow" in proof.problems[0]


def test_arming_reads_back_watchdog_and_protections(driver):
    driver(
        *put("OUTP:PROT:WDOG:DEL 15", b"+15"),
        *put("OUTP:PROT:WDOG 1", b"1"),
        *put("VOLT:PROT 4.4", b"+4.400000E+00"),
        *put("VOLT:PROT:LOW:DEL 2", b"+2.000000E+00"),
        *put("VOLT:PROT:LOW 0", b"+0.000000E+00"),
        *put("VOLT:PROT:LOW:STAT 1", b"1"),
        *put("CURR:PROT:DEL 0.1", b"+1.000000E-01"),
        *put("CURR:PROT:STAT 1", b"1"),
        *put("VOLT:LIM 4.3", b"+4.300000E+00"),
    ).arm(ArmLimits(-0.05, 4.3, 60.0, 120.0))


@pytest.mark.parametrize("k", range(0, 12, 2))
def test_a_limit_that_reads_back_different_is_refused(driver, k):
    pairs = [
        *put("OUTP:PROT:WDOG:DEL 15", b"+15"),
        *put("OUTP:PROT:WDOG 1", b"1"),
        *put("VOLT:PROT 4.4", b"+4.400000E+00"),
        *put("VOLT:PROT:LOW:DEL 2", b"+2.000000E+00"),
        *put("VOLT:PROT:LOW 2.5", b"+2.500000E+00"),
        *put("VOLT:PROT:LOW:STAT 1", b"1"),
    ][: k + 2]
    pairs[-1] = (pairs[-1][0], b"+9")
    with pytest.raises(InstrumentRefused, match="reads back"):
        driver(*pairs).arm(ArmLimits(2.5, 4.3, 60.0, 120.0))


def test_arming_beyond_the_instrument_is_refused_before_anything_is_sent(driver):
    with pytest.raises(Unsupported, match="20 V"):
        driver().arm(ArmLimits(0.0, 21.0, 1.0, 1.0))


def test_looking_needs_no_output(driver):
    reading = driver(seen(b"+3.700000E+00")).look(4.3)
    assert reading.voltage == 3.7
    assert reading.flags & RowFlag.OPEN_CIRCUIT


CHARGE = put(
    "VOLT:PROT:LOW 2.5;:VOLT:LIM 4.2;:CURR 25", b"+2.500000E+00;+4.200000E+00;+2.500000E+01"
)
DISCHARGE = put(
    "CURR -90;:VOLT:LIM 4.3;:VOLT:PROT:LOW 2.78", b"-9.000000E+01;+4.300000E+00;+2.780000E+00"
)


def test_a_charge_looks_first_and_sets_limits_before_the_output_goes_on(driver):
    made = driver(
        seen(b"+3.700000E+00"),
        (TRIPS, b"+0;+0"),
        *CHARGE,
        *put("OUTP 1", b"1"),
        current(b"+0.000000E+00"),
        current(b"+2.499000E+01"),
    )
    edge = made.apply(Setpoint(Mode.CURRENT, 25.0, 4.2))
    assert edge.began == edge.ended
    assert edge.began_half_width >= 0.007
    assert edge.current_range_ampere == 400.0


def test_from_charge_to_discharge_the_current_changes_first_and_in_one_line(driver):
    made = driver(
        seen(b"+4.200000E+00", output=b"1", ampere=b"+2.5E+01", first=b"+128"),
        *DISCHARGE,
        current(b"-8.999000E+01"),
        on=True,
    )
    made.apply(Setpoint(Mode.CURRENT, -90.0, 2.78))


def test_a_voltage_limit_below_the_cell_is_refused_before_anything_changes(driver):
    for on, output in ((False, b"0"), (True, b"1")):
        made = driver(seen(b"+4.150000E+00", output=output), on=on)
        with pytest.raises(CellCheckError, match="above the voltage limit"):
            made.apply(Setpoint(Mode.CURRENT, 25.0, 4.1))


def test_a_current_the_wrong_way_round_is_switched_off_at_once(driver):
    made = driver(
        seen(b"+3.700000E+00", output=b"1"), *CHARGE, current(b"-4.000000E+01"), *SAFE, on=True
    )
    with pytest.raises(InstrumentRefused, match=r"-40 A flow where 25 A were set.*switched off"):
        made.apply(Setpoint(Mode.CURRENT, 25.0, 4.2))


def test_an_error_in_the_queue_is_refused_with_its_text_and_the_rest_is_dropped(driver):
    made = driver(
        seen(b"+3.700000E+00", output=b"1"),
        (CHARGE[0][0], b'-222,"Data out of range"'),
        (b"*CLS;SYST:ERR?\n", OK),
        on=True,
    )
    with pytest.raises(InstrumentRefused, match="Data out of range"):
        made.apply(Setpoint(Mode.CURRENT, 25.0, 4.2))


@pytest.mark.parametrize(
    ("sent", "read"),
    [(b"", b""), (b"xyz", b""), (OK, b""), (OK, b"2.5;4.2;abc"), (OK, b"+1;+2;\xff")],
)
def test_a_change_whose_answers_are_garbled_is_not_believed(driver, sent, read):
    pairs = [(CHARGE[0][0], sent), (CHARGE[1][0], read)][: 2 if sent == OK else 1]
    with pytest.raises(GarbledAnswer):
        driver(seen(b"+3.7", output=b"1"), *pairs, on=True).apply(Setpoint(Mode.CURRENT, 25.0, 4.2))


def test_a_current_beyond_the_instrument_is_refused_before_anything_is_sent(driver):
    with pytest.raises(Unsupported, match="400 A"):
        driver().apply(Setpoint(Mode.CURRENT, 401.0, 4.2))


def test_a_watchdog_that_expired_in_a_pause_is_cleared_and_nothing_else_is(driver):
    made = driver(
        seen(b"+3.700000E+00", first=b"+2048"),
        (TRIPS, b"+2048;+0"),
        (b"OUTP:PROT:CLE;:SYST:ERR?\n", OK),
        (TRIPS, b"+0;+0"),
        *CHARGE,
        *put("OUTP 1", b"1"),
        current(b"+0.000000E+00"),
        current(b"+2.499000E+01"),
    )
    made.apply(Setpoint(Mode.CURRENT, 25.0, 4.2))
    made = driver(seen(b"+3.700000E+00", first=b"+1"), (TRIPS, b"+2049;+0"))
    with pytest.raises(InstrumentRefused, match="overvoltage, watchdog"):
        made.apply(Setpoint(Mode.CURRENT, 25.0, 4.2))


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [
        (b"+1", b"+0", "overvoltage"),
        (b"+2", b"+0", "overcurrent"),
        (b"+2048", b"+0", "watchdog"),
        (b"+512", b"+0", "inhibit"),
        (b"+0", b"+64", "undervoltage"),
    ],
)
def test_a_trip_is_read_with_the_next_reading(driver, first, second, word):
    made = driver(seen(b"+3.7", output=b"1", first=first, second=second), on=True)
    with pytest.raises(InstrumentRefused, match=word):
        made.read()


def test_a_limit_that_holds_is_no_trip(driver):
    pair = seen(b"+4.2", output=b"1", ampere=b"+3.0E+00", first=b"+128")
    assert driver(pair, on=True).read().current == 3.0


@pytest.mark.parametrize(
    "answer", [b"", b"+3.7", b"+3.7;+1;1;+0;+0;+0", b"+3.7;abc;1;+0;+0", b"+3.7;+1;1;+0;x"]
)
def test_a_garbled_answer_is_refused_with_both_sides(driver, answer):
    with pytest.raises(GarbledAnswer) as caught:
        driver((READ, answer), on=True).read()
    assert caught.value.got == answer


def test_overflow_is_no_number_and_flagged(driver):
    reading = driver(seen(b"+9.910000E+37", output=b"1"), on=True).read()
    assert math.isnan(reading.voltage)
    assert math.isnan(reading.current)
    assert reading.flags & RowFlag.OVERRANGE


@pytest.mark.parametrize(("on", "output"), [(True, b"0"), (False, b"1")])
def test_an_output_that_somebody_else_switched_is_refused(driver, on, output):
    with pytest.raises(InstrumentRefused, match="front panel"):
        driver(seen(b"+3.7", output=output), on=on).read()


def test_recovery_believes_a_line_only_if_instrument_and_output_are_as_they_were(driver):
    reading = seen(b"+3.700000E+00", output=b"1")
    drive = [reading, *CHARGE, current(b"+2.499000E+01")]
    again = [IDN, (b"OUTP?\n", b"1"), (TRIPS, b"+128;+0")]
    for answer, fits in ((CHARGE[1][1], True), (CHARGE[1][1].replace(b"4.2", b"4.1"), False)):
        made = driver(*drive, *again, (CHARGE[1][0], answer), on=True)
        made.apply(Setpoint(Mode.CURRENT, 25.0, 4.2))
        if fits:
            made.recover()
        else:
            with pytest.raises(InstrumentRefused, match="reads back"):
                made.recover()
    with pytest.raises(InstrumentRefused):
        driver(IDN, (b"OUTP?\n", b"0"), on=True).recover()
    with pytest.raises(InstrumentRefused, match="watchdog"):
        driver(IDN, (b"OUTP?\n", b"1"), (TRIPS, b"+2048;+0"), on=True).recover()


def test_safe_proves_the_output_off_and_may_be_called_again(driver):
    made = driver(*SAFE, *SAFE, on=True)
    assert made.safe().proven
    assert made.safe().proven


def test_safe_tries_again_on_a_new_line_after_a_failure(driver):
    made = driver((SAFE[0][0], LATE), IDN, *SAFE, on=True)
    proof = made.safe()
    assert proof.proven
    assert made.line.opened == 1
    assert "no answer" in proof.problems[0]
