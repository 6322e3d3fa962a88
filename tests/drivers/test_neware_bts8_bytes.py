"""The Neware driver byte by byte: what it sends, what it believes, and what it refuses."""

import contextlib
import socket
import threading

import pytest

from benchlab.bench.clock import RealClock, VirtualClock
from benchlab.errors import (
    GarbledAnswer,
    IdentityError,
    InstrumentRefused,
    LinkError,
    LinkLost,
    LinkTimeout,
)
from benchlab_drivers.neware.line import FrameSocket, frame_length
from benchlab_drivers.neware_bts8 import driver_on

HEAD = '<?xml version="1.0" encoding="UTF-8" ?><bts version="1.0">'
END = "\n\n#\r\n"
CHANNEL = 'devtype="27" devid="21" subdevid="1" chlid="1"'
IP = 'ip="127.0.0.1" '


def sent(body):
    return f"{HEAD}{body}</bts>{END}".encode()


def said(body):
    """Return a reply in the layout of the captures."""
    head = '<?xml version="1.0" encoding="UTF-8"?>\r\n<bts version="1.0">\r\n'
    return f"{head}  {body}\r\n</bts>{END}".encode()


CONNECT = (
    sent(
        "<cmd>connect</cmd><username>admin</username><password>neware</password><type>bfgs</type>"
    ),
    said("<cmd>connect_resp</cmd>\r\n  <result>ok</result>"),
)
DEVICES = (
    sent("<cmd>getdevinfo</cmd>"),
    said(
        '<cmd>getdevinfo_resp</cmd><serverip count="1"><server ip="127.0.0.1" port="3306" />'
        f'</serverip><middle count="1"><channel {IP}devtype="27" devid="21" subdevid="1"'
        ' Channelid="1">true</channel></middle>'
    ),
)
INQUIRE = (
    sent(
        f'<cmd>inquire</cmd><list count = "1"><inquire {IP}{CHANNEL} aux="0" barcode="1">true'
        "</inquire></list>"
    ),
    said(
        '<cmd>inquire_resp</cmd><list count="1"><inquire dev="27-21-1-1-0" cycle_id="44"'
        ' step_id="4" step_type="dc" workstatus="working" barcode="c" current="-0.0003"'
        ' voltage="4.6947" capacity="0.001" energy="0.0047" totaltime="3189199.3"'
        ' relativetime="12319" open_or_close="0" log_code="102000" /></list>'
    ),
)
COUNT = (
    sent(f'<cmd>inquiredf</cmd><list count = "1"><chl {CHANNEL} testid="143" /></list>'),
    said(
        f'<cmd>inquiredf_resp</cmd><list count="1"><chl {CHANNEL} testid="143" count="219577">'
        "false</chl></list>"
    ),
)
ROWS = (
    sent(
        f'<cmd>download</cmd><download {CHANNEL} auxid="0" testid="143" startpos="219575"'
        ' count="3"/>'
    ),
    said(
        f'<cmd>donwload_resp</cmd><download {CHANNEL} testid="143" startpos="219575" count="3"'
        ' auxid="0" /><list count="3">'
        '<data seqid="219575" stepid="23" cycleid="29" steptype="rest" testtime="600000"'
        ' atime="2025-12-28 12:28:00" volt="4.1" curr="0" cap="0" eng="0" />'
        '<data seqid="219576" stepid="24" cycleid="29" steptype="dc" testtime="0"'
        ' atime="2025-12-28 12:28:00" volt="3.67" curr="-0.000295" cap="0" eng="0" />'
        '<data seqid="219577" stepid="24" cycleid="29" steptype="dc" testtime="36080300"'
        ' atime="2025-12-28 22:29:15" volt="3.657" curr="-0.000295" cap="0.002957"'
        ' eng="0.01356" /></list>'
    ),
)


class Pairs:
    """A line that knows exactly these questions, in this order."""

    def __init__(self, *pairs):
        self.pairs = list(pairs)

    def query(self, request):
        asked, answer = self.pairs.pop(0)
        assert request == asked
        return answer

    def open(self):
        pass

    close = open


def driver_with(*pairs):
    line = Pairs(CONNECT, DEVICES, *pairs)
    driver = driver_on(line, VirtualClock(), "test")
    driver.open()
    return driver, line


def test_login_and_channel_map():
    line = Pairs(CONNECT, DEVICES)
    identity = driver_on(line, VirtualClock(), "test").open()
    assert (identity.maker, identity.serial_number) == ("Neware", "27-21")
    assert line.pairs == []


def test_a_refused_login_is_told():
    refused = said("<cmd>connect_resp</cmd><result>false</result>")
    with pytest.raises(InstrumentRefused, match="login"):
        driver_on(Pairs((CONNECT[0], refused)), VirtualClock(), "test").open()


def test_another_cycler_behind_the_same_address_is_refused():
    other = (DEVICES[0], DEVICES[1].replace(b'devid="21"', b'devid="22"'))
    driver, _ = driver_with(CONNECT, other)
    with pytest.raises(IdentityError):
        driver.recover()


def test_rows_come_with_signs_and_the_end_of_the_step_before():
    driver, line = driver_with(COUNT, ROWS)
    got = driver.fetch("1", "143", 219575)
    assert line.pairs == []
    assert got.cursor == 219577
    assert not got.more
    assert [row.sequence for row in got.rows] == [219576, 219577]
    last = got.rows[-1]
    assert (last.step, last.cycle, last.step_second) == (24, 29, 36080.3)
    assert (last.current, last.charge_ah, last.energy_wh) == (-0.000295, -0.002957, -0.01356)
    (end,) = got.ends
    assert (end.step, end.last_sequence, end.second) == (23, 219575, 600.0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'startpos="219575"', b'startpos="219475"'),  # the answer to an earlier request
        (b'testid="143"', b'testid="142"'),
        (b'chlid="1"', b'chlid="2"'),
        (b'seqid="219576"', b'seqid="219578"'),  # a row is missing
        (b'volt="3.67"', b'volt="3.6.7"'),
        (b'curr="-0.000295"', b'curr="nan"'),
        (b"donwload_resp", b"inquire_resp"),
        (b"</list>", b""),
    ],
)
def test_rows_that_are_not_those_asked_for_are_not_believed(old, new):
    driver, _ = driver_with(COUNT, (ROWS[0], ROWS[1].replace(old, new)))
    with pytest.raises(GarbledAnswer):
        driver.fetch("1", "143", 219575)


def test_a_test_that_is_gone_is_told():
    gone = COUNT[1].replace(b'count="219577"', b'count="0"')
    driver, _ = driver_with((COUNT[0], gone))
    with pytest.raises(InstrumentRefused, match="143"):
        driver.fetch("1", "143", 219575)


def test_a_status_of_another_channel_is_not_believed():
    driver, _ = driver_with((INQUIRE[0], INQUIRE[1].replace(b"27-21-1-1-0", b"27-21-1-2-0")))
    with pytest.raises(GarbledAnswer):
        driver.look("1")


def test_a_frame_is_whole_only_at_its_end():
    whole = INQUIRE[1]
    assert all(frame_length(whole[:k]) == 0 for k in range(len(whole)))
    assert frame_length(whole) == len(whole) == frame_length(whole + b"<?xml")


# --- over a real socket ---------------------------------------------------------------------------


@pytest.fixture
def peer():
    """Return a driver on a socket, and a function that says how the peer answers next."""
    server = socket.create_server(("127.0.0.1", 0))
    answers = []
    held = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                held.append(connection)
                pending = b""
                while received := connection.recv(4096):
                    pending += received
                    if length := frame_length(pending):
                        pending = pending[length:]
                        pieces = answers.pop(0) if answers else []
                        for piece in pieces:
                            if piece is None:
                                connection.close()
                                break
                            connection.sendall(piece)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    line = FrameSocket("127.0.0.1", server.getsockname()[1], RealClock(), timeout_second=0.3)
    line.open()
    answers.extend([[CONNECT[1]], [DEVICES[1]]])
    driver = driver_on(line, RealClock(), "test")
    driver.open()
    yield driver, answers
    driver.close()
    for connection in held:
        connection.close()
    with contextlib.suppress(OSError):
        server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(2)


def test_a_reply_split_inside_its_end_is_one_reply(peer):
    driver, answers = peer
    reply = INQUIRE[1].replace(b'workstatus="working"', b'workstatus="finish"')
    reply = reply.replace(b'barcode="c"', 'barcode="Zelle µ"'.encode())
    inside = reply.index("µ".encode()) + 1
    answers.append([reply[:inside], reply[inside:-3], reply[-3:-1], reply[-1:]])
    assert driver.look("1").voltage == 4.6947


def test_silence_is_a_time_out_and_the_late_reply_is_never_believed(peer):
    driver, answers = peer
    answers.append([])
    with pytest.raises(LinkTimeout):
        driver.look("1")
    answers.append([INQUIRE[1]])
    with pytest.raises(LinkError):
        driver.look("1")  # not before the line was opened anew
    answers[:] = [[CONNECT[1]], [DEVICES[1]]]
    driver.recover()


def test_two_replies_to_one_request_are_refused(peer):
    driver, answers = peer
    answers.append([INQUIRE[1] + INQUIRE[1]])
    with pytest.raises(LinkError):
        driver.look("1")


def test_a_closed_peer_is_lost_at_once(peer):
    driver, answers = peer
    answers.append([INQUIRE[1][:40], None])
    with pytest.raises(LinkLost):
        driver.look("1")


@pytest.mark.parametrize("reply", [b"HTTP/1.1 400\r\n\r\n</bts>#\r\n", b"<bts></bts>\n\n#\r\n"])
def test_what_is_no_reply_is_refused(peer, reply):
    driver, answers = peer
    answers.append([reply])
    with pytest.raises(GarbledAnswer):
        driver.look("1")
