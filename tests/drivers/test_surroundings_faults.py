"""Chamber and thermocouples over a real socket that does what real lines do to kill a run."""

import math
import socket
import threading

import pytest

from benchlab.bench.clock import RealClock, VirtualClock
from benchlab.bench.twin import TwinSpec
from benchlab.errors import GarbledAnswer, LinkError, LinkLost, LinkTimeout
from benchlab_drivers.espec_p300 import EspecP300
from benchlab_drivers.keithley_daq6510 import KeithleyDaq6510
from benchlab_drivers.sim import simulator
from benchlab_drivers.wire.transport import SocketTransport

DRIVERS = {"espec_p300": EspecP300, "keithley_daq6510": KeithleyDaq6510}
TIMEOUT_SECOND = 0.3


class Served:
    """A simulated instrument on a port; `spoil` makes of a reply what goes over the line."""

    def __init__(self, name):
        spec = TwinSpec("nmc811_graphite_pouch")
        self.instrument = simulator(name).make(VirtualClock(), spec)
        self.spoil = None
        self.late = threading.Event()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            connection, _ = self.server.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while request := connection.recv(65536):
                    if request == b"end\n":
                        return
                    reply = self.instrument.exchange(request)
                    spoil, self.spoil = self.spoil, None
                    if spoil is None:
                        connection.sendall(reply)
                    elif not spoil(connection, reply):
                        break

    def close(self):
        self.late.set()
        with socket.create_connection(self.server.getsockname()) as line:
            line.sendall(b"end\n")
            self.thread.join(5)
        self.server.close()


@pytest.fixture(params=sorted(DRIVERS))
def bench(request):
    """Make a driver that is open on its simulated instrument, and the line between them."""
    served = Served(request.param)
    port = served.server.getsockname()[1]
    line = SocketTransport("127.0.0.1", port, RealClock(), timeout_second=TIMEOUT_SECOND)
    line.open()
    driver = DRIVERS[request.param](line, RealClock(), resource="test")
    driver.open()
    yield driver, served
    driver.close()
    served.close()


def celsius(reading):
    if hasattr(reading, "values"):
        return reading.values["surface_temperature_celsius"]
    return reading.actual_celsius


def goes_on(driver):
    driver.recover()
    assert celsius(driver.read()) == pytest.approx(25.0, abs=1.5)


def test_an_answer_split_anywhere_is_one_answer(bench):
    driver, served = bench

    def split(connection, reply):
        for k in range(len(reply)):
            connection.sendall(reply[k : k + 1])
        return True

    served.spoil = split
    assert math.isfinite(celsius(driver.read()))


def test_a_late_answer_is_never_taken_for_the_next_one(bench):
    driver, served = bench

    def delay(connection, reply):
        served.late.wait(5)
        connection.sendall(reply)
        return False

    served.spoil = delay
    with pytest.raises(LinkTimeout):
        driver.read()
    with pytest.raises(LinkLost, match="not to be trusted"):
        driver.read()
    served.late.set()
    goes_on(driver)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda reply: reply + reply,
        lambda reply: reply.replace(b".", b"\xb1", 1),
        lambda reply: reply[: len(reply) // 2] + b"\n",
        lambda reply: b"\x00" + reply[1:],
    ],
    ids=["twice", "flipped", "cut", "zero"],
)
def test_a_garbled_answer_is_no_reading(bench, wrong):
    driver, served = bench
    served.spoil = lambda connection, reply: connection.sendall(wrong(reply)) is None
    with pytest.raises(GarbledAnswer):
        driver.read()
    goes_on(driver)


def test_a_peer_that_closes_is_lost_at_once(bench):
    driver, served = bench
    served.spoil = lambda connection, reply: connection.sendall(reply[:3]) is not None
    with pytest.raises(LinkLost, match="closed"):
        driver.read()
    goes_on(driver)


def test_the_chamber_is_made_safe_over_a_line_that_breaks():
    served = Served("espec_p300")
    port = served.server.getsockname()[1]
    line = SocketTransport("127.0.0.1", port, RealClock(), timeout_second=TIMEOUT_SECOND)
    line.open()
    chamber = EspecP300(line, RealClock(), resource="test")
    chamber.open()
    chamber.set_temperature(45.0)
    served.spoil = lambda connection, reply: False
    proven, _ = chamber.safe()
    assert proven
    assert served.instrument.mode == "STANDBY"
    chamber.close()
    served.close()
    with pytest.raises(LinkError):
        chamber.read()
