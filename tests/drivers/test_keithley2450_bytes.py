"""What the driver sends and what it makes of the answers: byte pairs, none left over."""

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
from benchlab_drivers.keithley2450 import driver_on

IDN = b"KEITHLEY INSTRUMENTS,MODEL 2450,04096331,1.6.7c"
READ = b':READ? "defbuffer1",SOUR,READ\n'
NO_ERROR = (b":SYST:ERR:COUN?\n", b"0")


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
        pass


@pytest.fixture
def driver():
    lines = []

    def make(*pairs, function="", on=False):
        line = ScriptedLine(*pairs)
        lines.append(line)
        made = driver_on(line, VirtualClock(), "test")
        made._function, made._on = function, on
        return made

    yield make
    for line in lines:
        assert not line.pairs, f"never sent: {list(line.pairs)}"


def sets(command, query, answer):
    return [(f"{command};{query}\n".encode(), answer), NO_ERROR]


OPEN = [
    (b"*IDN?\n", IDN),
    (b"*LANG?\n", b"SCPI"),
    (b":ABOR;*CLS;:SYST:CLE;:SYST:ERR:COUN?\n", b"0"),
    *sets(":OUTP:VOLT:SMOD HIMP", ":OUTP:VOLT:SMOD?", b"HIMP"),
    *sets(":OUTP:CURR:SMOD HIMP", ":OUTP:CURR:SMOD?", b"HIMP"),
    *sets(":OUTP OFF", ":OUTP?", b"0"),
    *sets(":FORM:DATA ASC", ":FORM:DATA?", b"ASC"),
    *sets(":FORM:ASC:PREC 10", ":FORM:ASC:PREC?", b"10"),
    *sets(":SENS:COUN 1", ":SENS:COUN?", b"1"),
    *sets(":SENS:VOLT:UNIT VOLT", ":SENS:VOLT:UNIT?", b"VOLT"),
    *sets(":SENS:VOLT:REL:STAT OFF", ":SENS:VOLT:REL:STAT?", b"0"),
    *sets(":SENS:VOLT:AVER OFF", ":SENS:VOLT:AVER?", b"0"),
    *sets(":SENS:VOLT:AZER ON", ":SENS:VOLT:AZER?", b"1"),
    *sets(":SENS:VOLT:NPLC 1", ":SENS:VOLT:NPLC?", b"1.000000E+00"),
    *sets(":SENS:CURR:UNIT AMP", ":SENS:CURR:UNIT?", b"AMP"),
    *sets(":SENS:CURR:REL:STAT OFF", ":SENS:CURR:REL:STAT?", b"0"),
    *sets(":SENS:CURR:AVER OFF", ":SENS:CURR:AVER?", b"0"),
    *sets(":SENS:CURR:AZER ON", ":SENS:CURR:AZER?", b"1"),
    *sets(":SENS:CURR:NPLC 1", ":SENS:CURR:NPLC?", b"1.000000E+00"),
]


def test_open_makes_high_impedance_before_off_and_never_resets(driver):
    identity = driver(*OPEN).open()
    assert (identity.model, identity.serial_number) == ("2450", "04096331")
    sent = [request for request, _ in OPEN]
    assert not any(b"*RST" in request for request in sent)


@pytest.mark.parametrize(
    "answer",
    [
        b"KEITHLEY INSTRUMENTS,MODEL 2400,1,A",
        b"Keysight Technologies,RP7941A,MY1,B",
        b"",
        b"+3.7000E+00",
    ],
)
def test_a_stranger_is_sent_nothing_but_the_question(driver, answer):
    with pytest.raises(IdentityError):
        driver((b"*IDN?\n", answer)).open()


def test_a_setting_that_is_refused_ends_in_an_output_proven_off(driver):
    pairs = [*OPEN[:9], (OPEN[9][0], b"REAL"), *OFF]
    with pytest.raises(InstrumentRefused, match="REAL"):
        driver(*pairs).open()


def test_an_output_that_cannot_be_switched_off_at_the_start_outweighs_why(driver):
    late = LinkTimeout("no answer")
    with pytest.raises(OutputNotProvenOff, match="by hand"):
        driver(
            *OPEN[:3], (OPEN[3][0], late), *[(OFF[0][0], late)], *[(b"*IDN?\n", late)] * 2
        ).open()


def test_recovery_believes_a_line_only_if_instrument_and_output_are_as_they_were(driver):
    idn = [(b"*IDN?\n", IDN), (b"*LANG?\n", b"SCPI")]
    made = driver(*idn, (b":OUTP?\n", b"1"), function="VOLT", on=True)
    made.recover()
    with pytest.raises(InstrumentRefused):
        driver(*idn, (b":OUTP?\n", b"0"), function="VOLT", on=True).recover()
    request, answer = CHARGE[0]
    query = request[request.index(b";:SOUR:VOLT:ILIM?") + 1 :]
    for reads, fits in ((answer, True), (answer.replace(b"4.2", b"4.1"), False)):
        made = driver(*CHARGE, *idn, (b":OUTP?\n", b"1"), (query, reads), function="VOLT", on=True)
        made.apply(Setpoint(Mode.CURRENT, 0.1, 4.2))
        if fits:
            made.recover()
        else:
            with pytest.raises(InstrumentRefused):
                made.recover()


def test_another_command_set_is_refused(driver):
    with pytest.raises(IdentityError, match="TSP"):
        driver((b"*IDN?\n", IDN), (b"*LANG?\n", b"TSP")).open()


def test_arming_reads_back_protection_and_remote_sense(driver):
    made = driver(
        (b":SOUR:VOLT:PROT PROT5;:SOUR:VOLT:PROT?\n", b"PROT5"),
        NO_ERROR,
        (b":SENS:VOLT:RSEN ON;:SENS:VOLT:RSEN?\n", b"1"),
        NO_ERROR,
        (b":SENS:CURR:RSEN ON;:SENS:CURR:RSEN?\n", b"1"),
        NO_ERROR,
    )
    made.arm(ArmLimits(-0.05, 4.3, 0.2, 0.4))


def test_arming_beyond_the_instrument_is_refused_before_anything_is_sent(driver):
    with pytest.raises(Unsupported):
        driver().arm(ArmLimits(0.0, 200.0, 0.2, 0.4))


def test_a_limit_that_reads_back_different_is_refused(driver):
    made = driver((b":SOUR:VOLT:PROT PROT5;:SOUR:VOLT:PROT?\n", b"PROT20"))
    with pytest.raises(InstrumentRefused, match="PROT20"):
        made.arm(ArmLimits(-0.05, 4.3, 0.2, 0.4))


TO_VOLTS = [
    (b':SENS:FUNC "CURR";:SOUR:FUNC VOLT;:SOUR:FUNC?\n', b"VOLT"),
    NO_ERROR,
    (b":SENS:FUNC?\n", b'"CURR:DC"'),
    (b":SOUR:VOLT:READ:BACK ON;:SOUR:VOLT:READ:BACK?\n", b"1"),
    NO_ERROR,
    (b":OUTP:VOLT:SMOD HIMP;:OUTP:VOLT:SMOD?\n", b"HIMP"),
    NO_ERROR,
    (
        b":SENS:CURR:RANG:AUTO ON;:SOUR:VOLT:ILIM 0.105;:SOUR:VOLT 0;:SOUR:VOLT:RANG 20"
        b";:SOUR:VOLT:RANG?\n",
        b"2.000000E+01",
    ),
    NO_ERROR,
]
CHARGE = [
    (
        b":SENS:CURR:RANG 0.1;:SOUR:VOLT:ILIM 0.1;:SOUR:VOLT 4.2"
        b";:SOUR:VOLT:ILIM?;:SENS:CURR:RANG?;:SOUR:VOLT?\n",
        b"1.000000E-01;1.000000E-01;4.200000E+00",
    ),
    NO_ERROR,
]


def test_a_charge_sets_limits_and_level_before_the_output_goes_on(driver):
    made = driver(
        (b":OUTP OFF;:OUTP?\n", b"0"),
        NO_ERROR,
        *TO_VOLTS,
        *CHARGE,
        (b":OUTP ON;:OUTP?\n", b"1"),
        NO_ERROR,
    )
    edge = made.apply(Setpoint(Mode.CURRENT, 0.1, 4.2))
    assert edge.current_range_ampere == 0.1


def test_from_charge_to_discharge_the_output_stays_on_and_one_line_changes_it(driver):
    made = driver(
        (
            b":SENS:CURR:RANG 1;:SOUR:VOLT:ILIM 0.2;:SOUR:VOLT 2.79"
            b";:SOUR:VOLT:ILIM?;:SENS:CURR:RANG?;:SOUR:VOLT?\n",
            b"2.000000E-01;1.000000E+00;2.790000E+00",
        ),
        NO_ERROR,
        function="VOLT",
        on=True,
    )
    made._range = 0.1
    edge = made.apply(Setpoint(Mode.CURRENT, -0.2, 2.79))
    assert edge.ended == edge.began


def test_a_smaller_range_is_chosen_only_after_the_limit_came_down(driver):
    made = driver(
        (
            b":SOUR:VOLT:ILIM 0.01;:SENS:CURR:RANG 0.01;:SOUR:VOLT 4.2"
            b";:SOUR:VOLT:ILIM?;:SENS:CURR:RANG?;:SOUR:VOLT?\n",
            b"1.000000E-02;1.000000E-02;4.200000E+00",
        ),
        NO_ERROR,
        function="VOLT",
        on=True,
    )
    made._range = 1.0
    made.apply(Setpoint(Mode.CURRENT, 0.01, 4.2))


def test_a_level_that_was_not_taken_is_refused(driver):
    request, _ = CHARGE[0]
    made = driver((request, b"1.000000E-01;1.000000E-01;4.100000E+00"), function="VOLT", on=True)
    with pytest.raises(InstrumentRefused, match="reads back"):
        made.apply(Setpoint(Mode.CURRENT, 0.1, 4.2))


def test_an_error_in_the_queue_is_refused_with_its_text(driver):
    made = driver(
        CHARGE[0],
        (b":SYST:ERR:COUN?\n", b"1"),
        (b":SYST:ERR?\n", b'-222,"Data out of range;1;2026/01/01 00:00:00.000"'),
        function="VOLT",
        on=True,
    )
    with pytest.raises(InstrumentRefused, match="Data out of range"):
        made.apply(Setpoint(Mode.CURRENT, 0.1, 4.2))


def test_a_reading_is_volts_and_amperes_in_either_function(driver):
    volts = driver((READ, b"+3.700000E+00,-1.000000E-01"), function="VOLT", on=True).read()
    assert (volts.voltage, volts.current) == (3.7, -0.1)
    amps = driver((READ, b"-1.0E-10,+3.700000E+00"), function="CURR", on=True).read()
    assert (amps.voltage, amps.current) == (3.7, -1e-10)


@pytest.mark.parametrize("answer", [b"+9.900000E+37,+1.0E-01", b"+3.7E+00,+9.910000E+37"])
def test_overflow_is_no_number_and_flagged(driver, answer):
    reading = driver((READ, answer), function="VOLT", on=True).read()
    assert math.isnan(reading.voltage)
    assert math.isnan(reading.current)
    assert reading.flags & RowFlag.OVERRANGE


@pytest.mark.parametrize("answer", [b"", b"+3.7", b"+3.7,+0.1,+1.0", b"+3.7,abc", b"+3.7\x00,1"])
def test_a_garbled_answer_is_refused_with_both_sides(driver, answer):
    with pytest.raises(GarbledAnswer) as caught:
        driver((READ, answer), function="VOLT", on=True).read()
    assert caught.value.sent == READ
    assert caught.value.got == answer


def test_an_open_rest_proves_that_it_is_open(driver):
    reading = driver((b":OUTP?\n", b"0"), function="VOLT").read()
    assert math.isnan(reading.voltage)
    assert reading.current == 0.0
    assert reading.flags & RowFlag.OPEN_CIRCUIT
    with pytest.raises(InstrumentRefused, match="should be off"):
        driver((b":OUTP?\n", b"1"), function="VOLT").read()


OFF = [
    (b":OUTP:VOLT:SMOD HIMP;:OUTP:VOLT:SMOD?\n", b"HIMP"),
    (b":OUTP:CURR:SMOD HIMP;:OUTP:CURR:SMOD?\n", b"HIMP"),
    (b":ABOR;:OUTP OFF;:OUTP?\n", b"0"),
    (b":OUTP:VOLT:SMOD?\n", b"HIMP"),
    (b":OUTP:CURR:SMOD?\n", b"HIMP"),
]


def test_safe_proves_the_output_off_and_may_be_called_again(driver):
    made = driver(*OFF, *OFF, function="VOLT", on=True)
    assert made.safe().proven
    assert made.safe().proven


def test_safe_tries_again_on_a_new_line_after_a_failure(driver):
    late = LinkTimeout("no answer")
    made = driver(
        (OFF[0][0], late), (b"*IDN?\n", IDN), (b"*LANG?\n", b"SCPI"), *OFF, function="VOLT", on=True
    )
    proof = made.safe()
    assert proof.proven
    assert made.line.opened == 1
    assert "no answer" in proof.problems[0]


@pytest.mark.parametrize(
    ("output", "mode"), [(b"1", b"HIMP"), (b"0", b"NORM"), (b"", b"HIMP")], ids=str
)
def test_safe_claims_nothing_that_does_not_read_back(driver, output, mode):
    stuck = [*OFF[:2], (OFF[2][0], output), (OFF[3][0], mode), (OFF[4][0], mode)]
    again = [(b"*IDN?\n", IDN), (b"*LANG?\n", b"SCPI"), *stuck]
    proof = driver(*stuck, *again, *again).safe()
    assert not proof.proven
    assert len(proof.problems) == 3


def test_safe_never_raises_and_never_claims_what_it_does_not_know(driver):
    late = LinkTimeout("no answer")
    made = driver((OFF[0][0], late), (b"*IDN?\n", late), (b"*IDN?\n", late))
    proof = made.safe()
    assert not proof.proven
    assert len(proof.problems) == 3


def test_an_open_lead_is_no_cell(driver):
    made = driver(
        (b':SENS:FUNC "VOLT";:SOUR:FUNC CURR;:SOUR:FUNC?\n', b"CURR"),
        NO_ERROR,
        (b":SENS:FUNC?\n", b'"VOLT:DC"'),
        (b":SOUR:CURR:READ:BACK ON;:SOUR:CURR:READ:BACK?\n", b"1"),
        NO_ERROR,
        (b":OUTP:CURR:SMOD HIMP;:OUTP:CURR:SMOD?\n", b"HIMP"),
        NO_ERROR,
        (
            b":SENS:VOLT:RANG 20;:SOUR:CURR 0;:SOUR:CURR:RANG 1e-06;:SOUR:CURR:VLIM 4.3"
            b";:SOUR:CURR?;:SOUR:CURR:VLIM?;:SOUR:CURR:RANG?"
            b";:SOUR:CURR:RANG:AUTO?;:SENS:VOLT:RANG?\n",
            b"0.000000E+00;4.300000E+00;1.000000E-06;0;2.000000E+01",
        ),
        NO_ERROR,
        (b":OUTP ON;:OUTP?\n", b"1"),
        NO_ERROR,
        (READ, b"1.0E-12,4.300000E+00"),
        (b":SOUR:CURR:VLIM:TRIP?\n", b"1"),
        (b":OUTP OFF;:OUTP?\n", b"0"),
        NO_ERROR,
    )
    with pytest.raises(CellCheckError, match="no cell"):
        made.look(4.3)
