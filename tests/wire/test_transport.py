"""The line over a real socket, with a peer that does what real peers do to kill a run."""

import socket
import threading

import pytest

from benchlab.bench.clock import RealClock
from benchlab.errors import GarbledAnswer, LinkLost, LinkRefused, LinkTimeout
from benchlab_drivers.wire.transport import SocketTransport, VisaTransport, open_transport


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
    assert transport.transcript[-1][1:] == (b":READ?\n", b"+3.70E+00,+1.0E-01")


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


def test_a_peer_that_closes_mid_answer_is_lost_at_once(line):
    def hangs_up(connection, go):
        connection.recv(4096)
        connection.sendall(b"+3.7")

    transport, _ = line(hangs_up, timeout=30.0)
    with pytest.raises(LinkLost, match="closed"):
        transport.query(b":READ?\n")


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


def test_visa_carries_the_same_bytes():
    peer = Peer(answers(b"KEITHLEY,2450\n"))
    transport = VisaTransport(
        f"TCPIP::127.0.0.1::{peer.port}::SOCKET", RealClock(), timeout_second=2.0
    )
    transport.open()
    assert transport.query(b"*IDN?\n") == b"KEITHLEY,2450"
    transport.close()
    peer.close()
