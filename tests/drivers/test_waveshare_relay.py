"""What the relay board's driver sends and what it makes of the answers: frames, none left over."""

import socket
import threading
from collections import deque

import pytest

from benchlab.bench.clock import RealClock, VirtualClock
from benchlab.bench.roles import ArmLimits, Mode, Setpoint
from benchlab.bench.twin import TwinSpec
from benchlab.errors import (
    CellCheckError,
    GarbledAnswer,
    IdentityError,
    InstrumentRefused,
    LinkLost,
    LinkTimeout,
    Unsupported,
    UsageError,
)
from benchlab_drivers import keithley2450, waveshare_relay
from benchlab_drivers.sim.waveshare_relay import SimulatedWaveshareRelay
from benchlab_drivers.waveshare_relay import WaveshareRelay
from benchlab_drivers.wire.modbus import ModbusSocket
from benchlab_drivers.wire.transport import DirectTransport

VERSION = ("01 03 8000 0001", "01 03 02 00c8")
MODES = ("01 03 1000 0008", "01 03 10" + " 0000" * 8)
ALL_OPEN = ("01 01 0000 0008", "01 01 01 00")
SAFE = [("01 0f 0000 0008 01 00", "01 0f 0000 0008"), ALL_OPEN]


def frame(number, words):
    data = bytes.fromhex(words)
    return number.to_bytes(2, "big") + b"\0\0" + len(data).to_bytes(2, "big") + data


class ScriptedLine:
    """A line on which exactly these frames must be sent, in this order, numbered from 1."""

    def __init__(self, *pairs):
        self.pairs = deque(pairs)
        self.transcript = deque()
        self.opened = self.number = 0

    def open(self):
        self.opened += 1

    def query(self, request):
        expected, answer = self.pairs.popleft()
        self.number += 1
        assert request == frame(self.number, expected)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, bytes) else frame(self.number, answer)

    def close(self):
        pass


@pytest.fixture
def driver():
    lines = []

    def make(*pairs):
        line = ScriptedLine(*pairs)
        lines.append(line)
        return WaveshareRelay(line, VirtualClock(), resource="test")

    yield make
    for line in lines:
        assert not line.pairs, f"never sent: {list(line.pairs)}"


def test_opening_asks_who_is_there_and_switches_nothing(driver):
    assert driver(VERSION, MODES).open().firmware == "2.00"


@pytest.mark.parametrize("answer", ["01 83 02", "01 03 02 0001", "01 03 02 ffff"])
def test_a_stranger_is_sent_nothing_but_the_question(driver, answer):
    with pytest.raises(IdentityError):
        driver((VERSION[0], answer)).open()


def test_inputs_that_switch_relays_without_the_host_are_refused(driver):
    linked = "01 03 10" + " 0000" * 7 + " 0001"
    with pytest.raises(InstrumentRefused, match="control modes"):
        driver(VERSION, (MODES[0], linked)).open()


def test_another_board_is_not_recovered_to(driver):
    made = driver(VERSION, MODES, (VERSION[0], "01 03 02 00c9"))
    made.open()
    with pytest.raises(IdentityError):
        made.recover()
    assert made.line.opened == 1


def test_a_relay_is_switched_and_read_back(driver):
    driver(("01 05 0002 ff00", "01 05 0002 ff00"), (ALL_OPEN[0], "01 01 01 04")).set(3, True)
    driver(("01 05 0002 0000", "01 05 0002 0000"), ALL_OPEN).set(3, False)
    driver(("01 05 0207 0032", "01 05 0207 0032"), (ALL_OPEN[0], "01 01 01 80")).set(
        8, True, at_most_second=5.0
    )
    with pytest.raises(InstrumentRefused, match="reads back open"):
        driver(("01 05 0002 ff00", "01 05 0002 ff00"), (ALL_OPEN[0], "01 01 01 08")).set(3, True)


@pytest.mark.parametrize(
    ("channel", "second"), [(0, None), (9, None), (1, 0.0), (1, 3277.0), (1, -1.0)]
)
def test_what_the_board_cannot_do_is_refused_before_anything_is_sent(driver, channel, second):
    with pytest.raises(Unsupported):
        driver().set(channel, True, at_most_second=second)


def test_a_state_is_every_relay_and_every_input(driver):
    state = driver(("01 02 0000 0008", "01 02 01 81"), (ALL_OPEN[0], "01 01 01 02")).read()
    assert [k + 1 for k, flows in enumerate(state.inputs) if flows] == [1, 8]
    assert [k + 1 for k, closed in enumerate(state.closed) if closed] == [2]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0\1\0\0\0\4\1\2\1",  # cut
        frame(7, "01 02 01 81"),  # the answer to another request
        frame(1, "02 02 01 81"),  # from another unit
        frame(1, "01 01 01 81"),  # to another function
        frame(1, "01 02 02 81 00"),
        b"\0\1\0\1\0\4\1\2\1\x81",
    ],
)
def test_a_garbled_answer_is_refused(driver, answer):
    with pytest.raises(GarbledAnswer):
        driver(("01 02 0000 0008", answer)).read()


def test_safe_opens_every_relay_at_once_and_proves_it(driver):
    made = driver(*SAFE, *SAFE)
    assert made.safe() == (True, "all relays read back open")
    assert made.safe()[0]


def test_safe_claims_nothing_that_does_not_read_back_and_never_raises(driver):
    stuck = [SAFE[0], (ALL_OPEN[0], "01 01 01 01")]
    proven, evidence = driver(*stuck, VERSION, *stuck, VERSION, *stuck).safe()
    assert (proven, "relays [1] read back closed" in evidence) == (False, True)
    late = LinkTimeout("no answer")
    assert not driver((SAFE[0][0], late), *[(VERSION[0], late)] * 2).safe()[0]
    assert driver((SAFE[0][0], late), VERSION, *SAFE).safe()[0]


# --- on the simulated board -------------------------------------------------------------------


def test_a_relay_in_the_lead_cuts_the_cell_off_and_gives_it_back():
    clock = VirtualClock()
    source, twin = keithley2450.simulate(clock, TwinSpec("nmc811_graphite_pouch", ideal=True))
    relay = waveshare_relay.simulate_beside(clock, twin)
    relay.open()
    source.open()
    source.arm(ArmLimits(-0.05, 4.3, 0.2, 0.2))
    with pytest.raises(CellCheckError):
        source.look(4.3)
    relay.set(1, True)
    assert 3.0 < source.look(4.3).voltage < 4.2
    source.apply(Setpoint(Mode.CURRENT, 0.1, 4.2))
    assert source.read().current == pytest.approx(0.1, rel=1e-3)
    assert relay.safe()[0]
    assert source.read().current == pytest.approx(0.0, abs=1e-6)
    before = twin.truth().charged_ah
    clock.sleep_until(clock.now + 600.0)
    assert twin.truth().charged_ah == pytest.approx(before, abs=1e-9)


def test_a_relay_closed_for_a_time_opens_although_the_host_died():
    clock = VirtualClock()
    board = SimulatedWaveshareRelay(clock)
    relay = WaveshareRelay(DirectTransport(board), clock, resource="sim")
    for _ in range(4):  # as long as somebody renews it
        relay.set(2, True, at_most_second=5.0)
        clock.sleep_until(clock.now + 4.0)
        assert relay.read().closed[1]
    clock.sleep_until(clock.now + 1.5)
    assert not relay.read().closed[1]


def test_an_emergency_stop_that_is_pressed_or_torn_off_reads_false():
    board = SimulatedWaveshareRelay(VirtualClock())
    relay = WaveshareRelay(DirectTransport(board), VirtualClock(), resource="sim")
    board.press(0, True)
    assert relay.read().inputs[0]
    board.press(0, False)
    assert not relay.read().inputs[0]


def test_a_relay_that_does_not_follow_is_no_success():
    board = SimulatedWaveshareRelay(VirtualClock())
    relay = WaveshareRelay(DirectTransport(board), VirtualClock(), resource="sim")
    relay.set(4, True)
    board.stuck.add(3)
    with pytest.raises(InstrumentRefused):
        relay.set(4, False)
    proven, evidence = relay.safe()
    assert not proven
    assert "[4]" in evidence


@pytest.mark.parametrize(
    "words", ["01 07 0000 0001", "01 01 0004 0008", "01 05 0000 1234", "01 03"]
)
def test_the_board_answers_what_it_cannot_do_with_an_exception(words):
    board = SimulatedWaveshareRelay(VirtualClock())
    answer = board.exchange(frame(9, words))
    assert answer[:2] == b"\0\x09"
    assert answer[7] == bytes.fromhex(words)[1] | 0x80
    assert board.closed == [False] * 8


# --- over a real socket -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda reply: [reply[:5], reply[5:9], reply[9:]], None),
        (lambda reply: [], LinkTimeout),
        (lambda reply: [reply + reply], GarbledAnswer),
        (lambda reply: [b"\xff" * 300], GarbledAnswer),
        (lambda reply: [reply[:6], None], LinkLost),
    ],
    ids=["split", "silence", "twice", "garbled", "closed"],
)
def test_lines_that_break(spoil, error):
    board = SimulatedWaveshareRelay(VirtualClock())
    server = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve():
        connection, _ = server.accept()
        with connection:
            for part in spoil(board.exchange(connection.recv(300))):
                if part is None:
                    return
                connection.sendall(part)
            done.wait(5)

    thread = threading.Thread(target=serve)
    thread.start()
    line = ModbusSocket("127.0.0.1", server.getsockname()[1], RealClock(), timeout_second=0.2)
    line.open()
    relay = WaveshareRelay(line, RealClock(), resource="test")
    try:
        if error is None:
            assert relay._relays() == (False,) * 8
        else:
            with pytest.raises(error):
                relay._relays()
            with pytest.raises(LinkLost, match="not to be trusted"):
                relay._relays()
    finally:
        done.set()
        thread.join(5)
        line.close()
        server.close()


def test_other_resources_are_refused():
    with pytest.raises(UsageError, match="502"):
        waveshare_relay.connect("ASRL/dev/ttyUSB0::INSTR", RealClock())
