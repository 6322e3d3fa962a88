"""What the chamber's driver sends and what it makes of the answers: byte pairs, none left over."""

from collections import deque

import pytest

from benchlab.bench.clock import VirtualClock
from benchlab.errors import (
    GarbledAnswer,
    IdentityError,
    InstrumentRefused,
    LinkLost,
    LinkTimeout,
    Unsupported,
)
from benchlab_drivers.espec_p300 import SETTLE_SECOND, EspecP300

IDENTITY = [(b"TYPE?\r\n", b"T,T,S2,160.0\r"), (b"ROM?\r\n", b"P3N1.00\r")]
STANDING = (b"MON?\r\n", b"23.1,55,STANDBY,0\r")
TARGETS = (b"TEMP?\r\n", b"23.1,25.0,160.0,-50.0\r\n")
STANDBY = (b"MODE,STANDBY\r\n", b"OK:MODE,STANDBY")
STOOD = [STANDBY, (b"MODE?\r\n", b"STANDBY"), (b"%?\r\n", b"1,0.0")]


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

    def make(*pairs):
        line = ScriptedLine(*pairs)
        lines.append(line)
        return EspecP300(line, VirtualClock(), resource="test")

    yield make
    for line in lines:
        assert not line.pairs, f"never sent: {list(line.pairs)}"


def test_opening_asks_who_is_there_and_changes_nothing(driver):
    made = driver(*IDENTITY)
    identity = made.open()
    assert (identity.maker, identity.model, identity.firmware) == ("ESPEC", "S2", "P3N1.00")
    assert made.capabilities.temperature_celsius[1] == 160.0


@pytest.mark.parametrize(
    "answer",
    [b"NA:CMD ERR\r", b"KEITHLEY INSTRUMENTS,MODEL 2450,1,A", b"23.1,25.0,160.0,-50.0", b""],
)
def test_a_stranger_is_sent_nothing_but_the_question(driver, answer):
    with pytest.raises(IdentityError):
        driver((b"TYPE?\r\n", answer)).open()


def test_a_silent_chamber_is_told_from_a_broken_cable(driver):
    with pytest.raises(LinkTimeout, match="echo back"):
        driver((b"TYPE?\r\n", LinkTimeout("no answer"))).open()


def test_another_chamber_on_the_same_line_is_refused(driver):
    made = driver(*IDENTITY, IDENTITY[0], (b"ROM?\r\n", b"P3N2.00"))
    made.open()
    with pytest.raises(IdentityError, match=r"P3N2\.00"):
        made.recover()
    assert made.line.opened == 1


def test_arming_sets_both_limits_and_reads_them_back(driver):
    driver(
        TARGETS,
        (b"TEMP, H60.0 L-10.0\r\n", b"OK:TEMP, H60.0 L-10.0\r"),
        (b"TEMP?\r\n", b"23.1,25.0,60.0,-10.0"),
    ).arm(-10.0, 60.0)


def test_arming_moves_a_set_point_left_outside_of_a_chamber_that_stands(driver):
    driver(
        (b"TEMP?\r\n", b"23.1,85.0,160.0,-50.0"),
        (b"MODE?\r\n", b"STANDBY"),
        (b"TEMP, S60.0 H60.0 L0.0\r\n", b"OK : 1, TEMP, S60.0 H60.0 L0.0"),
        (b"TEMP?\r\n", b"23.1,60.0,60.0,0.0"),
    ).arm(0.0, 60.0)
    with pytest.raises(InstrumentRefused, match="nothing was changed"):
        driver((b"TEMP?\r\n", b"85.1,85.0,160.0,-50.0"), (b"MODE?\r\n", b"CONSTANT")).arm(0.0, 60.0)


@pytest.mark.parametrize(("low", "high"), [(-100.0, 60.0), (0.0, 300.0), (60.0, 0.0)])
def test_limits_beyond_the_chamber_are_refused_before_anything_is_sent(driver, low, high):
    with pytest.raises(Unsupported):
        driver().arm(low, high)


def test_a_limit_that_was_not_taken_is_refused(driver):
    with pytest.raises(InstrumentRefused, match="reads back 160, -10, not 60, -10"):
        driver(
            TARGETS,
            (b"TEMP, H60.0 L-10.0\r\n", b"OK:TEMP, H60.0 L-10.0"),
            (b"TEMP?\r\n", b"23.1,25.0,160.0,-10.0"),
        ).arm(-10.0, 60.0)


SET = [
    (b"TEMP, S45.0\r\n", b"OK:TEMP, S45.0"),
    (b"CONSTANT SET?,TEMP\r\n", b"45.0,ON"),
]


@pytest.mark.parametrize(
    ("mode", "start"), [(b"STANDBY", b"MODE,CONSTANT"), (b"OFF", b"POWER,ON"), (b"CONSTANT", None)]
)
def test_the_target_is_verified_before_a_standing_chamber_is_started(driver, mode, start):
    started = [(start + b"\r\n", b"OK:" + start), (b"MODE?\r\n", b"CONSTANT")] if start else []
    made = driver((b"MON?\r\n", b"23.1,," + mode + b",0"), *SET, *started)
    made.set_temperature(45.02)
    settings = 2 if start else 1
    assert made._clock.now == pytest.approx(SETTLE_SECOND * settings)


def test_a_chamber_that_does_not_start_is_refused(driver):
    with pytest.raises(InstrumentRefused, match="reads back STANDBY, not CONSTANT"):
        driver(
            STANDING,
            *SET,
            (b"MODE,CONSTANT\r\n", b"OK:MODE,CONSTANT"),
            *[(b"MODE?\r\n", b"STANDBY")] * 3,
        ).set_temperature(45.0)


def test_a_target_that_was_not_taken_does_not_start_it(driver):
    with pytest.raises(InstrumentRefused, match="reads back 25, not 45"):
        driver(STANDING, SET[0], (SET[1][0], b"25.0,ON")).set_temperature(45.0)


@pytest.mark.parametrize(
    ("reason", "remedy"), [(b"PROTECT ON", "protection"), (b"DATA OUT OF RANGE", "limits")]
)
def test_a_refusal_names_its_reason_and_what_to_do(driver, reason, remedy):
    with pytest.raises(InstrumentRefused, match=remedy) as caught:
        driver(STANDING, (SET[0][0], b"NA:" + reason + b"\r")).set_temperature(45.0)
    assert reason.decode() in caught.value.what


def test_a_program_or_an_alarm_is_left_alone(driver):
    with pytest.raises(InstrumentRefused, match="program"):
        driver((b"MON?\r\n", b"23.1,,RUN,0")).set_temperature(45.0)
    with pytest.raises(InstrumentRefused, match="alarm 3, alarm 9"):
        driver((b"MON?\r\n", b"23.1,,STANDBY,2"), (b"ALARM?\r\n", b"2,3,9")).set_temperature(45.0)


@pytest.mark.parametrize("celsius", [-80.0, 181.0, float("nan")])
def test_a_target_beyond_the_limits_is_refused_before_anything_is_sent(driver, celsius):
    with pytest.raises(Unsupported):
        driver().set_temperature(celsius)


def test_a_state_is_temperature_target_limits_operation_and_alarms(driver):
    state = driver(
        (b"MON?\r\n", b"-9.8,,CONSTANT,0"), (b"TEMP?\r\n", b"-9.8,-10.0,60.0,-20.0")
    ).read()
    assert (state.actual_celsius, state.set_celsius, state.running) == (-9.8, -10.0, True)
    assert state.limits_celsius == (-20.0, 60.0)
    assert state.alarms == ()
    tripped = driver((b"MON?\r\n", b"71,5,STANDBY,1"), TARGETS, (b"ALARM?\r\n", b"1,3")).read()
    assert (tripped.running, tripped.alarms) == (False, ("alarm 3",))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"23.1",
        b"23.1,25.0,160.0,-50.0",  # what TEMP? was answered with, late
        b"nan,,STANDBY,0",
        b"23.1,,STANDING,0",
        b"23.1,,STANDBY,0\r\n23.1,,STANDBY,0",
        b"23.\xff,,STANDBY,0",
    ],
)
def test_a_garbled_answer_is_refused_with_both_sides(driver, answer):
    with pytest.raises(GarbledAnswer) as caught:
        driver((b"MON?\r\n", answer)).read()
    assert caught.value.sent == b"MON?\r\n"


@pytest.mark.parametrize("answer", [b"OK:TEMP, S25.0", b"45.0,ON", b"OK:MODE,CONSTANT"])
def test_a_setting_that_another_command_is_echoed_to_is_refused(driver, answer):
    with pytest.raises(GarbledAnswer):
        driver(STANDING, (SET[0][0], answer)).set_temperature(45.0)


def test_safe_proves_standby_and_cold_heaters_and_may_be_called_again(driver):
    made = driver(*STOOD, *STOOD)
    assert made.safe() == (True, "MODE? reads STANDBY and the heaters are at 0 %")
    assert made.safe()[0]


def test_safe_believes_a_chamber_that_refuses_because_it_stands_by_its_alarm(driver):
    assert driver((STANDBY[0], b"NA:CHB NOT READY"), *STOOD[1:]).safe()[0]


@pytest.mark.parametrize(
    ("mode", "heaters"),
    [(b"CONSTANT", b"1,0.0"), (b"STANDBY", b"1,12.0"), (b"STANDBY", b"2,0.0,4.0")],
)
def test_safe_claims_nothing_that_does_not_read_back(driver, mode, heaters):
    stuck = [STANDBY, (b"MODE?\r\n", mode), (b"%?\r\n", heaters)]
    proven, evidence = driver(*stuck, *IDENTITY, *stuck, *IDENTITY, *stuck).safe()
    assert not proven
    assert mode.decode() in evidence


@pytest.mark.parametrize("failure", [LinkTimeout("no answer"), LinkLost("closed"), b"O"])
def test_safe_tries_again_on_a_new_line_and_never_raises(driver, failure):
    made = driver((STANDBY[0], failure), *IDENTITY, *STOOD)
    assert made.safe()[0]
    assert made.line.opened == 1
    dead = driver((STANDBY[0], failure), *[(b"TYPE?\r\n", LinkTimeout("no answer"))] * 2)
    assert not dead.safe()[0]
