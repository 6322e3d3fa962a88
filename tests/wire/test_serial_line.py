"""The serial line over a real pty, and over pyserial's URL of a socket."""

import contextlib
import os
import select
import socket
import sys
import threading
import time

import pytest

from benchlab.bench.clock import RealClock
from benchlab.errors import GarbledAnswer, LinkLost, LinkRefused, LinkTimeout, UsageError
from benchlab_drivers.wire.serial_line import port_of
from benchlab_drivers.wire.transport import open_transport

TIMEOUT_SECOND = 0.3

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")


class Device:
    """The other end of a pty; `answer` makes of a request what to send, and when (seconds)."""

    def __init__(self):
        self.master, self.slave = os.openpty()
        import tty

        tty.setraw(self.slave)
        self.resource = f"ASRL{os.ttyname(self.slave)}::INSTR"
        self.answer = lambda request: [(0.0, b"+3.7\n")]
        self.requests = []
        self.over = threading.Event()
        self.gone = False
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        pending = b""
        while not self.over.is_set():
            ready, _, _ = select.select([self.master], [], [], 0.02)
            if not ready:
                continue
            pending += os.read(self.master, 4096)
            while b"\n" in pending:
                request, _, pending = pending.partition(b"\n")
                self.requests.append(request)
                for delay, part in self.answer(request):
                    self.over.wait(delay)
                    if part is None:
                        self.vanish()
                        return
                    os.write(self.master, part)

    def vanish(self):
        if not self.gone:
            self.gone = True
            os.close(self.master)
            os.close(self.slave)

    def close(self):
        self.over.set()
        self.thread.join(5)
        self.vanish()


@pytest.fixture
def device():
    made = Device()
    yield made
    made.close()


@pytest.fixture
def line(device):
    opened = open_transport(device.resource, RealClock(), timeout_second=TIMEOUT_SECOND)
    yield opened
    opened.close()


def test_a_request_and_its_answer(device, line):
    assert line.query(b":READ?\n") == b"+3.7"
    assert device.requests == [b":READ?"]


def test_an_answer_split_anywhere_is_one_answer(device, line):
    device.answer = lambda request: [(0.01, bytes([byte])) for byte in b"+3.7,+0.1\n"]
    assert line.query(b":READ?\n") == b"+3.7,+0.1"


def test_a_late_answer_never_becomes_that_to_the_next_request(device, line):
    """On a serial port it arrives though the port was opened anew."""
    device.answer = lambda request: [(2.0 * TIMEOUT_SECOND, b"+3.7\n")]
    with pytest.raises(LinkTimeout):
        line.query(b"MEAS:VOLT?\n")
    with pytest.raises(LinkLost, match="not to be trusted"):
        line.query(b"MEAS:CURR?\n")
    device.answer = lambda request: [(0.0, b"+0.1\n")]
    line.open()
    assert line.query(b"MEAS:CURR?\n") == b"+0.1"


def test_surplus_and_garbage_are_errors(device, line):
    device.answer = lambda request: [(0.0, b"1\n2\n")]
    with pytest.raises(GarbledAnswer):
        line.query(b"a?\n")


def test_a_port_that_goes_on_talking_is_not_believed(device, line):
    device.answer = lambda request: ((0.02, b"noise\nnoise\n") for _ in range(1000))
    with pytest.raises(GarbledAnswer):
        line.query(b"a?\n")
    with pytest.raises(LinkLost, match="goes on talking"):
        line.open()


def test_a_port_that_vanishes_is_lost_at_once_and_costs_no_processor_time(device):
    line = open_transport(device.resource, RealClock(), timeout_second=30.0)
    device.answer = lambda request: [(0.1, b"+3."), (0.0, None)]
    began, spent = time.monotonic(), time.process_time()
    with pytest.raises(LinkLost):
        line.query(b":READ?\n")
    with pytest.raises(LinkRefused):
        line.open()
    assert time.monotonic() - began < 5.0
    assert time.process_time() - spent < 0.2, "it spins"
    line.close()


def test_a_stop_ends_a_wait(device):
    line = open_transport(device.resource, RealClock(), timeout_second=60.0)
    device.answer = lambda request: []
    line.stop.set()
    began = time.monotonic()
    with pytest.raises(LinkTimeout, match="stop"):
        line.query(b":READ?\n")
    assert time.monotonic() - began < 1.0
    line.close()


def test_a_second_owner_is_refused(device, line):
    with pytest.raises(LinkRefused, match="cannot be opened"):
        open_transport(device.resource, RealClock())


def test_a_url_of_pyserial():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(100)
                connection.sendall(b"+3.7\n")
                connection.recv(100)

        thread = threading.Thread(target=serve)
        thread.start()
        port = server.getsockname()[1]
        line = open_transport(f"socket://127.0.0.1:{port}", RealClock(), timeout_second=2.0)
        assert line.query(b"a?\n") == b"+3.7"
        with pytest.raises(LinkLost):
            line.query(b"b?\n")
        line.close()
        thread.join(5)


@pytest.mark.parametrize(
    ("resource", "port", "settings"),
    [
        ("ASRL/dev/ttyUSB0::INSTR", "/dev/ttyUSB0", {"baudrate": 9600}),
        ("asrl::/dev/ttyUSB0::instr", "/dev/ttyUSB0", {"baudrate": 9600}),
        ("ASRL3::INSTR", "/dev/ttyS2", {"baudrate": 9600}),
        (
            "ASRL/dev/a::INSTR?baud=115200&parity=even&bits=7&stop=2&flow=rtscts",
            "/dev/a",
            {"baudrate": 115200, "parity": "E", "bytesize": 7, "stopbits": 2.0, "rtscts": True},
        ),
        ("socket://10.0.0.1:4001", "socket://10.0.0.1:4001", {"baudrate": 9600}),
    ],
)
def test_names_of_ports(resource, port, settings):
    assert port_of(resource) == (port, settings)


@pytest.mark.parametrize("words", ["baud=fast", "speed=9600", "baud", "parity=maybe"])
def test_settings_that_there_are_not(words):
    with pytest.raises(UsageError, match="baud=9600"):
        open_transport(f"ASRL/dev/a::INSTR?{words}", RealClock())


def test_a_port_that_is_not_there():
    with pytest.raises(LinkRefused) as caught:
        open_transport("ASRL/dev/nothing-there::INSTR", RealClock())
    assert caught.value.remedy
