"""Every driver of a source over a real socket, with the faults that real lines have."""

import pytest

from benchlab.bench.roles import Mode, Setpoint
from benchlab.errors import GarbledAnswer, LinkError, LinkLost, LinkTimeout


@pytest.fixture
def charging(served):
    """Return a driver whose output is on."""
    bench = served.bench
    driver = served.driver()
    driver.open()
    driver.arm(bench.limits)
    driver.look(4.3)
    driver.apply(Setpoint(Mode.CURRENT, bench.ampere, 4.2))
    yield driver
    served.fault = lambda reply: [reply]
    assert driver.safe().proven
    driver.close()


def check(driver, served):
    """A reading after a recovery is one of this instrument, and of the current that was set."""
    driver.recover()
    assert driver.read().current == pytest.approx(served.bench.ampere, rel=0.02)


def test_a_reply_in_pieces_is_one_reply(charging, served):
    served.fault = lambda reply: [bytes([byte]) for byte in reply]
    assert charging.read().current == pytest.approx(served.bench.ampere, rel=0.02)


def test_a_late_reply_is_never_taken_for_the_next_one(charging, served):
    def late(reply):
        served.go.wait(5)
        yield reply

    served.once(late)
    with pytest.raises(LinkTimeout):
        charging.read()
    with pytest.raises(LinkLost, match="not to be trusted"):
        charging.read()
    served.go.set()
    check(charging, served)


@pytest.mark.parametrize("surplus", [b"+1.0E-01\n", b"+"])
def test_bytes_that_nobody_asked_for_fail(charging, served, surplus):
    served.once(lambda reply: [reply + surplus])

    def twice():
        """Bytes that come late are found waiting before the next request."""
        return charging.read(), charging.read()

    with pytest.raises(GarbledAnswer):
        twice()
    check(charging, served)


@pytest.mark.parametrize("spoilt", [b"\xff\x00\n", b"\n", b"+3.7\n", b"9,9,9;9;9;9;9;9\n"])
def test_a_garbled_reply_is_refused(charging, served, spoilt):
    served.once(lambda _: [spoilt])
    with pytest.raises(LinkError):
        charging.read()
    check(charging, served)


def test_a_reply_that_is_lost_half_way_is_a_lost_line(charging, served):
    served.once(lambda reply: [reply[: len(reply) // 2], None])
    with pytest.raises(LinkLost):
        charging.read()
    check(charging, served)


def test_safe_gets_through_a_line_that_fails_once(charging, served):
    served.once(lambda reply: [None])
    proof = charging.safe()
    assert proof.proven
    assert proof.problems


def test_a_released_line_opens_again(served):
    for _ in range(2):
        driver = served.bench.module.connect(served.resource, served.clock)
        assert driver.open().serial_number
        driver.close()
        driver.close()
