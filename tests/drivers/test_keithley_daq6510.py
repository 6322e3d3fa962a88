"""What the logger's driver sends and what it makes of the answers: byte pairs, none left over."""

import math
from collections import deque

import pytest

from benchlab.bench.clock import VirtualClock
from benchlab.errors import (
    GarbledAnswer,
    IdentityError,
    InstrumentRefused,
    LinkTimeout,
    UsageError,
)
from benchlab.model.columns import COLUMNS
from benchlab_drivers.keithley_daq6510 import CAPABILITIES, KeithleyDaq6510

IDN = (b"*IDN?\n", b"KEITHLEY INSTRUMENTS,MODEL DAQ6510,04591126,1.7.12b")
LANGUAGE = (b"*LANG?\n", b"SCPI")
NO_ERROR = (b":SYST:ERR:COUN?\n", b"0")
READ = (
    b':TRAC:CLE "defbuffer1";:INIT;*WAI;:TRAC:ACT? "defbuffer1"'
    b';:TRAC:DATA? 1,2,"defbuffer1",CHAN,READ'
    b";:SENS:TEMP:UNIT? (@101);:SENS:TEMP:UNIT? (@104)\n"
)


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

    def make(*pairs, **words):
        line = ScriptedLine(*pairs)
        lines.append(line)
        words = {"thermocouples": (101, 104)} | words
        return KeithleyDaq6510(line, VirtualClock(), resource="test", **words)

    yield make
    for line in lines:
        assert not line.pairs, f"never sent: {list(line.pairs)}"


def done(*settings):
    return [pair for s in settings for pair in ((s + b";*OPC?\n", b"1"), NO_ERROR)]


def sets(command, query, answer):
    return [(command + b";" + query + b"\n", answer), NO_ERROR]


SETTINGS = done(
    b':SENS:FUNC "TEMP",(@101,104)',
    b":SENS:TEMP:TRAN TC,(@101,104)",
    b":SENS:TEMP:TC:TYPE K,(@101,104)",
    b":SENS:TEMP:TC:RJUN:RSEL INT,(@101,104)",
    b":SENS:TEMP:UNIT CELS,(@101,104)",
    b":SENS:TEMP:ODET ON,(@101,104)",
    b":SENS:TEMP:NPLC 1,(@101,104)",
)


def verified(channel, answer=b'"TEMP";TC;K;INT;CELS;1;1.000000E+00'):
    queries = (
        ":SENS:FUNC? {0};:SENS:TEMP:TRAN? {0};:SENS:TEMP:TC:TYPE? {0};:SENS:TEMP:TC:RJUN:RSEL? {0}"
        ";:SENS:TEMP:UNIT? {0};:SENS:TEMP:ODET? {0};:SENS:TEMP:NPLC? {0}\n"
    )
    return queries.format(f"(@{channel})").encode(), answer


OPEN = [
    IDN,
    LANGUAGE,
    (b"*CLS;:SYST:CLE;*RST;*OPC?\n", b"1"),
    *SETTINGS,
    verified(101),
    verified(104),
    *done(b":ROUT:SCAN:CRE (@101,104)"),
    *sets(
        b":ROUT:SCAN:COUN:SCAN 1;:ROUT:SCAN:INT 0",
        b":ROUT:SCAN:COUN:SCAN?;:ROUT:SCAN:COUN:STEP?",
        b"1;2",
    ),
    *done(b':ROUT:SCAN:BUFF "defbuffer1"'),
    *sets(b":FORM:DATA ASC", b":FORM:DATA?", b"ASC"),
    *sets(b":FORM:ASC:PREC 8", b":FORM:ASC:PREC?", b"8"),
]


def test_opening_sets_and_verifies_what_a_temperature_depends_on(driver):
    made = driver(*OPEN)
    identity = made.open()
    assert (identity.model, identity.serial_number) == ("DAQ6510", "04591126")
    assert made.channels == ("surface_temperature_celsius", "temperature_t1_celsius")


def test_every_channel_is_a_column():
    assert set(CAPABILITIES.channels) <= set(COLUMNS)
    assert CAPABILITIES.channels[0] == "surface_temperature_celsius"


@pytest.mark.parametrize(
    "answer", [b"KEITHLEY INSTRUMENTS,MODEL 2450,04096331,1.6.7c", b"", b"T,S2,160.0"]
)
def test_a_stranger_is_sent_nothing_but_the_question(driver, answer):
    with pytest.raises(IdentityError):
        driver((IDN[0], answer)).open()


def test_another_command_set_is_refused(driver):
    with pytest.raises(IdentityError, match="TSP"):
        driver(IDN, (LANGUAGE[0], b"TSP")).open()


def test_a_card_without_reference_junction_says_so(driver):
    refused = b'-221,"Channel does not support internal reference;1;2026/01/01 00:00:00.000"'
    with pytest.raises(InstrumentRefused, match="internal reference"):
        driver(
            *OPEN[:9],
            SETTINGS[6],
            (b":SYST:ERR:COUN?\n", b"1"),
            (b":SYST:ERR?\n", refused),
        ).open()


@pytest.mark.parametrize(
    "answer",
    [
        b'"VOLT:DC";TC;K;INT;CELS;1;1.0',
        b'"TEMP";TC;J;INT;CELS;1;1.0',
        b'"TEMP";TC;K;SIM;CELS;1;1.0',
        b'"TEMP";TC;K;INT;FAHR;1;1.0',
        b'"TEMP";TC;K;INT;CELS;0;1.0',
        b'"TEMP";TC;K;INT;CELS;1;0.1',
    ],
)
def test_a_setting_that_reads_back_different_is_refused(driver, answer):
    with pytest.raises(InstrumentRefused, match="reads back"):
        driver(*OPEN[:17], verified(101), verified(104, answer)).open()


def test_cards_without_a_reference_are_given_its_temperature(driver):
    simulated = [
        (request.replace(b"RSEL INT", b"RSEL SIM"), answer.replace(b"INT", b"SIM"))
        for request, answer in OPEN
    ]
    extra = done(b":SENS:TEMP:TC:RJUN:SIM 23.5,(@101,104)")
    asked = [
        (q[:-1] + b";:SENS:TEMP:TC:RJUN:SIM? " + c + b"\n", a + b";2.350000E+01")
        for (q, a), c in zip(simulated[17:19], (b"(@101)", b"(@104)"), strict=True)
    ]
    driver(*simulated[:17], *extra, *asked, *simulated[19:], junction_celsius=23.5).open()


def test_a_reading_is_a_scan_of_its_own_and_an_open_thermocouple_is_no_number(driver):
    sensed = driver((READ, b"2;101,+2.5012500E+01,104,+9.9000000E+37;CELS;CELS\n")).read()
    assert sensed.values["surface_temperature_celsius"] == 25.0125
    assert math.isnan(sensed.values["temperature_t1_celsius"])


@pytest.mark.parametrize(
    "answer",
    [
        b"2;104,+2.5E+01,101,+2.5E+01;CELS;CELS",
        b"2;101,+7.7E+01,104,+7.7E+01;FAHR;FAHR",
        b"2;101,+2.5E+01,102,+2.5E+01;CELS;CELS",
    ],
)
def test_channels_or_units_changed_at_the_panel_are_refused(driver, answer):
    with pytest.raises(InstrumentRefused, match="panel"):
        driver((READ, answer)).read()


@pytest.mark.parametrize(
    "answer", [b"2;101,+2.5E+01,104;CELS;CELS", b"2;101,+2.5E+01,104,x;CELS;CELS"]
)
def test_a_garbled_answer_is_refused_with_both_sides(driver, answer):
    with pytest.raises(GarbledAnswer) as caught:
        driver((READ, answer)).read()
    assert (caught.value.sent, caught.value.got) == (READ, answer)


@pytest.mark.parametrize("answer", [b"", b"1;CELS;CELS", b"1;101,+2.5E+01;CELS;CELS"])
def test_an_incomplete_scan_is_explained_by_the_error_queue(driver, answer):
    with pytest.raises(GarbledAnswer):
        driver((READ, answer), NO_ERROR).read()
    with pytest.raises(InstrumentRefused, match="Init ignored"):
        driver(
            (READ, answer),
            (b":SYST:ERR:COUN?\n", b"1"),
            (b":SYST:ERR?\n", b'-213,"Init ignored;1;2026/01/01 00:00:00.000"'),
        ).read()


def test_recovery_sets_the_same_instrument_again_and_refuses_another(driver):
    made = driver(*OPEN, *OPEN, (IDN[0], IDN[1].replace(b"04591126", b"04590000")))
    made.open()
    made.recover()
    assert made.line.opened == 1
    with pytest.raises(IdentityError, match="04590000"):
        made.recover()


def test_a_late_answer_is_not_waited_for_twice(driver):
    with pytest.raises(LinkTimeout):
        driver((READ, LinkTimeout("no answer"))).read()


@pytest.mark.parametrize("thermocouples", [(), (101, 101), (101, 102, 103, 104)])
def test_more_thermocouples_than_columns_are_refused(driver, thermocouples):
    with pytest.raises(UsageError):
        driver(thermocouples=thermocouples)
