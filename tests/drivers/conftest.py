"""Every driver of a source on its simulated instrument: in this process, or over a real socket."""

import contextlib
import socket
import threading
from collections import deque

import pytest

from benchlab import plugins
from benchlab.bench.clock import RealClock, VirtualClock
from benchlab.bench.roles import ArmLimits, Capabilities
from benchlab.bench.twin import TwinSpec
from benchlab_drivers.sim import simulator
from benchlab_drivers.wire.transport import SocketTransport


def _sources():
    found = {name: plugins.plugin("drivers", name) for name in plugins.names("drivers")}
    return {
        name: module
        for name, module in found.items()
        if isinstance(getattr(module, "CAPABILITIES", None), Capabilities)
    }


SOURCES = _sources()


class Tap:
    """A line to a simulated instrument that keeps what was sent, and may change it on its way.

    Attributes
    ----------
    change, answer : callable
        Given a request, or an answer; return what passes on. ``change`` may return None: lost.
    watch : callable
        Called after each exchange.
    """

    def __init__(self, box):
        self.box = box
        self.sent = []
        self.transcript = deque()
        self.change = self.answer = lambda data: data
        self.watch = lambda: None

    def open(self):
        """Do nothing: there is no line."""

    close = open

    def query(self, request):
        self.sent.append(request)
        passed = self.change(request)
        reply = self.answer(self.box.exchange(passed).rstrip(b"\n"))
        self.watch()
        return reply


class Bench:
    """A driver on a simulated instrument of a size that fits its cell."""

    def __init__(self, name, **spec):
        self.name, self.module = name, SOURCES[name]
        self.can = self.module.CAPABILITIES
        self.ampere = self.can.current_ampere[1] / 10.0
        self.capacity = 2.0 * self.ampere
        self.limits = ArmLimits(2.5, 4.3, 5.0 * self.ampere, 5.0 * self.ampere)
        self.spec = TwinSpec("nmc811_graphite_pouch", self.capacity, **spec)
        self.clock = VirtualClock()
        self.box = simulator(name).make(self.clock, self.spec)
        self.tap = Tap(self.box)
        self.driver = self.module.driver_on(self.tap, self.clock, "test")

    def flowing(self):
        """Return the true current at this instant."""
        self.box.truth()
        return self.box.load.sample(self.clock.now)[1]

    def moved(self):
        """Return the true net charge since the start, Ah."""
        truth = self.box.truth()
        return truth.charged_ah - truth.discharged_ah


@pytest.fixture(params=sorted(SOURCES))
def name(request):
    return request.param


@pytest.fixture
def bench(name):
    return Bench(name)


class Served:
    """A simulated instrument on a socket of this machine, with faults on its line.

    Attributes
    ----------
    fault : callable
        Given a reply, yields the pieces to send; None in between hangs up.
    """

    def __init__(self, name):
        self.bench = Bench(name)
        self.clock = RealClock()
        self.box = simulator(name).make(self.clock, self.bench.spec)
        self.fault = lambda reply: [reply]
        self.go = threading.Event()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.resource = f"TCPIP::127.0.0.1::{self.port}::SOCKET"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def driver(self, timeout=0.3):
        line = SocketTransport("127.0.0.1", self.port, self.clock, timeout_second=timeout)
        line.open()
        return self.bench.module.driver_on(line, self.clock, self.resource)

    def once(self, fault):
        """Have one reply spoiled, and those after it left alone."""

        def spoil(reply):
            self.fault = lambda reply: [reply]
            return fault(reply)

        self.fault = spoil

    def _serve(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self._converse(connection)

    def _converse(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pending = b""
        while received := connection.recv(4096):
            pending += received
            while b"\n" in pending:
                line, _, pending = pending.partition(b"\n")
                reply = self.box.exchange(line + b"\n")
                for piece in self.fault(reply) if reply else ():
                    if piece is None:
                        return
                    connection.sendall(piece)

    def close(self):
        self.go.set()
        with contextlib.suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join(5)


@pytest.fixture
def served(name):
    made = Served(name)
    yield made
    made.close()
