"""Resources of VISA over HiSLIP (IVI-6.1) on a real socket, by pyvisa-py, and what is missing."""

import builtins
import contextlib
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

from benchlab.bench.clock import RealClock
from benchlab.errors import GarbledAnswer, LinkError, LinkLost, LinkRefused, LinkTimeout, SetupError
from benchlab_drivers.wire.transport import open_transport

HEADER = struct.Struct("!2sBBIQ")
INITIALIZE, DATA_END, CLEAR_COMPLETE, CLEARED = 0, 7, 8, 9
MAX_SIZE, ASYNC_INITIALIZE, ASYNC_CLEAR, ASYNC_CLEARED = 15, 17, 19, 23


class HislipPeer:
    """An instrument on HiSLIP; `answer` makes of a request what to say, None to hang up."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        port = self.server.getsockname()[1]
        self.resource = f"TCPIP::127.0.0.1::hislip0,{port}::INSTR"
        self.answer = lambda request: b"+3.7\n"
        self.clears = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                line, _ = self.server.accept()
                threading.Thread(target=self.serve, args=(line,), daemon=True).start()

    def serve(self, line):
        with line, contextlib.suppress(OSError):
            while True:
                head = line.recv(HEADER.size, socket.MSG_WAITALL)
                if len(head) < HEADER.size:
                    return
                _, kind, _, number, size = HEADER.unpack(head)
                payload = line.recv(size, socket.MSG_WAITALL) if size else b""
                if not self.react(line, kind, number, payload):
                    return

    def react(self, line, kind, number, payload):
        def send(kind, number=0, payload=b""):
            line.sendall(HEADER.pack(b"HS", kind, 0, number, len(payload)) + payload)

        if kind == INITIALIZE:
            send(1, (1 << 24) | 7)
        elif kind == ASYNC_INITIALIZE:
            send(18, 0)
        elif kind == MAX_SIZE:
            send(16, 0, payload)
        elif kind == ASYNC_CLEAR:
            self.clears += 1
            send(ASYNC_CLEARED)
        elif kind == CLEAR_COMPLETE:
            send(CLEARED)
        elif kind == DATA_END:
            reply = self.answer(payload)
            if reply is None:
                return False
            if reply:
                send(DATA_END, number, reply)
        return True

    def close(self):
        self.over.set()
        with contextlib.suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join(5)


@pytest.fixture
def peer():
    made = HislipPeer()
    yield made
    made.close()


@pytest.fixture
def line(peer):
    opened = open_transport(peer.resource, RealClock(), timeout_second=0.3)
    yield opened
    opened.close()


def test_the_device_is_cleared_before_anything_is_believed(peer, line):
    assert peer.clears == 1
    assert line.query(b":READ?\n") == b"+3.7"
    line.open()
    assert peer.clears == 2


def test_a_late_answer_never_becomes_that_to_the_next_request(peer, line):
    def late(request):
        peer.over.wait(0.6)
        return b"+3.7\n"

    peer.answer = late
    with pytest.raises(LinkTimeout):
        line.query(b"MEAS:VOLT?\n")
    with pytest.raises(LinkLost, match="not to be trusted"):
        line.query(b"MEAS:CURR?\n")
    peer.answer = lambda request: b"+0.1\n"
    line.open()
    assert line.query(b"MEAS:CURR?\n") == b"+0.1"


@pytest.mark.parametrize("reply", [b"\n", b"1\n2\n"])
def test_an_answer_that_is_none_or_two(peer, line, reply):
    peer.answer = lambda request: reply
    with pytest.raises(GarbledAnswer):
        line.query(b"a?\n")
    peer.answer = lambda request: b"1\n"
    line.open()
    assert line.query(b"a?\n") == b"1"


def test_a_peer_that_closes_is_an_error_within_the_time_out_and_does_not_spin(peer, line):
    peer.answer = lambda request: None
    began, spent = time.monotonic(), time.process_time()
    with pytest.raises(LinkError):
        line.query(b":READ?\n")
    assert time.monotonic() - began < 2.0
    assert time.process_time() - spent < 1.0
    assert line.transcript[-1].problem


def test_a_stop_ends_a_wait(peer):
    line = open_transport(peer.resource, RealClock(), timeout_second=5.0)
    peer.answer = lambda request: b""
    line.stop.set()
    began = time.monotonic()
    with pytest.raises(LinkTimeout, match="stop"):
        line.query(b":READ?\n")
    assert time.monotonic() - began < 1.0
    line.close()


def test_nobody_is_there():
    """No GPIB board, or no library that knows one."""
    with pytest.raises(LinkRefused) as caught:
        open_transport("GPIB0::18::INSTR", RealClock(), timeout_second=0.5)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("package", "resource", "words"),
    [
        ("pyvisa", "GPIB0::18::INSTR", "pip install pyvisa"),
        ("serial", "ASRL/dev/ttyUSB0::INSTR", "pip install pyserial"),
    ],
)
def test_a_package_that_is_missing_is_said_in_a_sentence(monkeypatch, package, resource, words):
    found = builtins.__import__

    def refuse(name, *rest):
        if name.partition(".")[0] == package:
            raise ImportError(name)
        return found(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(SetupError) as caught:
        open_transport(resource, RealClock())
    assert words in str(caught.value)


def test_a_socket_needs_neither():
    script = (
        "import sys; from benchlab_drivers.wire import transport;"
        "sys.exit(any(name in sys.modules for name in ('serial', 'pyvisa')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
