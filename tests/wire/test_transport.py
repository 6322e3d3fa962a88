"""The line over a real socket, with a peer that does what real peers do to kill a run."""

import socket
import threading
import time

import pytest

from benchlab.bench.clock import RealClock
from benchlab.errors import GarbledAnswer, LinkLost, LinkRefused, LinkTimeout
from benchlab_drivers.wire.stream import BACK_SECOND, HURRIED_SECOND, SLICE_SECOND
from benchlab_drivers.wire.transport import SocketTransport, open_transport


class Peer:
    """Answers each connection by a script of steps, each given the connection."""

    def __init__(self, *conversations):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.go = threading.Event()
        self.conversations = conversations
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        for conversation in self.conversations:
            connection, _ = self.server.accept()
            with connection:
                conversation(connection, self.go)

    def close(self):
        self.go.set()
        self.thread.join(5)
        self.server.close()


@pytest.fixture
def line():
    """Make a line to a peer that answers by the given conversations."""
    made = []

    def make(*conversations, timeout=0.3):
        peer = Peer(*conversations)
        transport = SocketTransport("127.0.0.1", peer.port, RealClock(), timeout_second=timeout)
        transport.open()
        made.append((transport, peer))
        return transport, peer

    yield make
    for transport, peer in made:
        transport.close()
        peer.close()


def answers(*parts):
    def talk(connection, go):
        connection.recv(4096)
        for part in parts:
            connection.sendall(part)
        go.wait(5)

    return talk


def test_an_answer_split_anywhere_is_one_answer(line):
    transport, _ = line(answers(b"+3.7", b"0E+00,", b"+1.0E-01", b"\n"))
    assert transport.query(b":READ?\n") == b"+3.70E+00,+1.0E-01"
    kept = transport.transcript[-1]
    assert (kept.request, kept.answer) == (b":READ?\n", b"+3.70E+00,+1.0E-01\n")
    assert 0.0 < kept.second < 1.0
    assert not kept.problem


def test_silence_is_a_timeout_and_then_nothing_is_believed(line):
    transport, _ = line(answers())
    with pytest.raises(LinkTimeout):
        transport.query(b"*IDN?\n")
    with pytest.raises(LinkLost, match="not to be trusted"):
        transport.query(b"*IDN?\n")


def test_a_late_answer_is_never_taken_for_the_next_one(line):
    """The answer to the first request comes after its time-out: V must not become I."""

    def late(connection, go):
        connection.recv(4096)
        go.wait(5)
        connection.sendall(b"+3.7\n")

    def fresh(connection, go):
        connection.recv(4096)
        connection.sendall(b"+0.1\n")

    transport, peer = line(late, fresh)
    with pytest.raises(LinkTimeout):
        transport.query(b"MEAS:VOLT?\n")
    peer.go.set()
    transport.open()
    assert transport.query(b"MEAS:CURR?\n") == b"+0.1"


def test_an_answer_that_nobody_asked_for_is_an_error(line):
    def chatty(connection, go):
        connection.recv(4096)
        connection.sendall(b"1\n")
        connection.recv(4096)
        connection.sendall(b"2\n3\n")
        go.wait(5)

    transport, _ = line(chatty)
    assert transport.query(b"a?\n") == b"1"
    with pytest.raises(GarbledAnswer):
        transport.query(b"b?\n")


def test_bytes_waiting_before_a_request_are_an_error(line):
    def early(connection, go):
        connection.sendall(b"surprise\n")
        go.set()
        connection.recv(4096)

    transport, peer = line(early)
    assert peer.go.wait(5)
    with pytest.raises(GarbledAnswer) as caught:
        transport.query(b"a?\n")
    assert caught.value.got == b"surprise\n"


def test_what_came_of_a_lost_answer_is_kept(line):
    transport, _ = line(answers(b"+3.7"))
    with pytest.raises(LinkTimeout):
        transport.query(b":READ?\n")
    assert transport.transcript[-1].answer == b"+3.7"
    assert "no answer" in transport.transcript[-1].problem


def test_a_stop_ends_a_wait_long_before_its_time_out(line):
    transport, _ = line(answers(), timeout=60.0)
    transport.stop.set()
    began = time.monotonic()
    with pytest.raises(LinkTimeout, match="a stop was asked for"):
        transport.query(b":READ?\n")
    assert time.monotonic() - began < HURRIED_SECOND + 5 * SLICE_SECOND


def test_a_stop_leaves_an_instrument_that_answers_alone(line):
    transport, _ = line(answers(b"0\n"))
    transport.stop.set()
    assert transport.query(b":OUTP OFF;:OUTP?\n") == b"0"


def test_a_closed_peer_and_a_silent_one_cost_no_processor_time(line):
    transport, peer = line(answers(), lambda connection, go: None, timeout=1.0)
    began = time.process_time()
    with pytest.raises(LinkTimeout):
        transport.query(b":READ?\n")
    peer.go.set()
    transport.open()
    with pytest.raises(LinkLost):
        transport.query(b":READ?\n")
    assert time.process_time() - began < 0.2, "it spins"


def test_two_threads_never_get_each_others_answers(line):
    def echo(connection, go):
        while request := connection.recv(4096):
            connection.sendall(request)

    transport, _ = line(echo, timeout=10.0)
    wrong = []

    def ask(name):
        for k in range(200):
            text = b"%s%d" % (name, k)
            if transport.query(text + b"\n") != text:
                wrong.append(text)

    threads = [threading.Thread(target=ask, args=(name,)) for name in (b"volt", b"ampere")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []
    transport.close()


def test_a_peer_that_closes_mid_answer_is_lost_at_once(line):
    def hangs_up(connection, go):
        connection.recv(4096)
        connection.sendall(b"+3.7")

    transport, _ = line(hangs_up, timeout=30.0)
    with pytest.raises(LinkLost, match="closed"):
        transport.query(b":READ?\n")


def test_a_port_that_comes_back_soon_is_waited_for_after_a_failure(line):
    transport, peer = line(lambda connection, go: None, timeout=5.0)
    with pytest.raises(LinkLost):
        transport.query(b"a?\n")
    peer.close()
    back = threading.Event()

    def come_back():
        back.wait(0.3)
        with socket.create_server(("127.0.0.1", peer.port)) as server:
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"back\n")

    thread = threading.Thread(target=come_back)
    thread.start()
    transport.open()
    assert transport.query(b"a?\n") == b"back"
    thread.join(5)


def test_a_port_that_stays_away_is_refused_within_its_time(line):
    transport, peer = line(lambda connection, go: None, timeout=5.0)
    with pytest.raises(LinkLost):
        transport.query(b"a?\n")
    peer.close()
    began = time.monotonic()
    with pytest.raises(LinkRefused):
        transport.open()
    assert BACK_SECOND <= time.monotonic() - began < BACK_SECOND + 1.0
    transport.stop.set()
    began = time.monotonic()
    with pytest.raises(LinkRefused):
        transport.open()
    assert time.monotonic() - began < 0.3, "a stop waits for nobody"


def test_a_reset_is_lost_at_once(line):
    def resets(connection, go):
        connection.recv(4096)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    transport, _ = line(resets, timeout=30.0)
    with pytest.raises(LinkLost):
        transport.query(b":READ?\n")


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(LinkRefused) as caught:
        open_transport(f"TCPIP::127.0.0.1::{port}::SOCKET", RealClock())
    assert caught.value.exit_code == 20
    assert caught.value.remedy


def test_a_resource_that_is_no_resource():
    with pytest.raises(LinkRefused):
        open_transport("nonsense", RealClock())
