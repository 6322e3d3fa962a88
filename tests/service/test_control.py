"""The control line: what callers do is heard, refused or forgotten, and never felt by the part."""

import json
import os
import socket
import stat
import threading
import time
from contextlib import suppress

import pytest

from benchlab.errors import ChannelBusy, PartSilent, UsageError
from benchlab.service.control import AT_ONCE, MOST_CALLERS, MOST_UNDER_WAY, ControlServer, Word
from benchlab.service.control_client import ControlClient, ask_once
from benchlab.service.lines import LONGEST, VERSION, decode, encode
from benchlab.service.outbox import MOST_EVENTS, Outbox, Told
from benchlab.service.private import call_private


@pytest.fixture
def part(tmp_path):
    gate = threading.Event()
    asked = []

    def wait(request):
        gate.wait(10.0)
        return {"waited": True}

    def busy(request):
        raise ChannelBusy("a test runs there.", where="channel 3", remedy="Stop it first.")

    words = {
        "echo": Word(lambda request: {"said": request.get("say")}),
        "wait": Word(wait, slow=True),
        "set": Word(lambda request: {"by": request["operator"]}, changes=True),
        "busy": Word(busy),
        "bug": Word(lambda request: {"x": 1 // 0}),
        "note": Word(lambda request: asked.append(request) or {}),
    }
    server = ControlServer(tmp_path / "sockets", "w1", "worker", words, since=1)
    server.gate, server.asked = gate, asked
    yield server
    gate.set()
    server.close()


def lines_from(line):
    file = line.makefile("rb")
    return (json.loads(text) for text in file)


def test_a_part_says_who_it_is_and_answers(part):
    with ControlClient(part.address) as client:
        assert client.ask("hello") == {
            "name": "w1",
            "kind": "worker",
            "pid": os.getpid(),
            "version": VERSION,
            "since": 1,
        }
        assert client.ask("echo", say="µ")["said"] == "µ"


def test_an_error_arrives_as_what_it_was(part):
    with pytest.raises(ChannelBusy) as caught:
        ask_once(part.address, "busy")
    assert caught.value.where == "channel 3"
    assert caught.value.remedy == "Stop it first."


def test_a_change_needs_a_name(part):
    for operator in (None, "", " ", 7, "x" * 101):
        with pytest.raises(UsageError, match="who asks"):
            ask_once(part.address, "set", operator=operator)
    assert ask_once(part.address, "set", operator="Ann") == {"by": "Ann"}


def test_a_mistake_in_a_request_ends_nothing(part, capfd):
    with pytest.raises(PartSilent, match="mistake in benchlab"):
        ask_once(part.address, "bug")
    assert ask_once(part.address, "echo", say=1)["said"] == 1
    assert "ZeroDivisionError" in capfd.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        b"hello",
        b"[1]",
        b'"x"',
        b"\xff\xfe",
        b"{" * 100_000,
        b"[" * 100_000,
        b'{"v":1,"id":NaN,"do":"echo"}',
        b'{"v":1,"id":1,"do":["echo"]}',
        b'{"v":1,"id":1,"do":"nothing"}',
        b'{"v":99,"id":1,"do":"hello"}',
        b'{"id":1,"do":"hello"}',
        b'{"v":1,"id":' + b"9" * 5000 + b',"do":"hello"}',
    ],
)
def test_nonsense_is_answered_by_a_sentence_and_the_line_stays(part, line):
    caller = call_private(part.address, 5.0)
    answers = lines_from(caller)
    caller.sendall(line + b"\n")
    assert next(answers)["error"]["kind"] == "UsageError"
    caller.sendall(encode({"id": 5, "do": "echo", "say": "still here"}))
    assert next(answers) == {"v": VERSION, "id": 5, "ok": {"said": "still here"}}
    caller.close()


def test_an_endless_line_is_cut_off(part):
    caller = call_private(part.address, 5.0)
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        caller.sendall(b"x" * (20 * LONGEST))
    caller.close()
    assert ask_once(part.address, "echo", say=2)["said"] == 2


def test_a_slow_request_holds_up_no_other_of_the_same_caller(part):
    with ControlClient(part.address) as client:
        done = []
        slow = threading.Thread(target=lambda: done.append(client.ask("wait")))
        slow.start()
        assert client.ask("echo", say=3)["said"] == 3
        assert not done
        part.gate.set()
        slow.join(5.0)
        assert done == [{"waited": True}]


def test_too_many_slow_requests_are_refused(part):
    caller = call_private(part.address, 5.0)
    answers = lines_from(caller)
    for number in range(MOST_UNDER_WAY + 1):
        caller.sendall(encode({"id": number, "do": "wait"}))
    first = next(answers)
    assert first["id"] == MOST_UNDER_WAY
    assert first["error"]["kind"] == "UsageError"
    part.gate.set()
    assert {next(answers)["id"] for _ in range(MOST_UNDER_WAY)} == set(range(MOST_UNDER_WAY))
    caller.close()


def test_a_flood_is_slowed_down_and_others_are_heard(part):
    caller = call_private(part.address, 5.0)
    caller.setblocking(False)
    flood = encode({"id": 1, "do": "note"}) * 500
    with suppress(BlockingIOError):
        while True:
            caller.send(flood)
    began = time.monotonic()
    assert ask_once(part.address, "echo", say=4)["said"] == 4
    assert time.monotonic() - began < 2.0
    assert len(part.asked) < 5 * AT_ONCE + 2000  # a block that was read at once is still answered
    caller.close()


def test_events_come_in_order_and_snapshots_as_the_newest(part):
    told = []
    enough = threading.Event()

    def hear(message):
        told.append(message)
        if message.get("number") == 99 or message.get("tell") == "snapshot":
            enough.set() if len(told) >= 101 else None

    with ControlClient(part.address, told=hear) as client:
        client.watch()
        for number in range(100):
            part.tell("event", {"number": number})
            part.tell("snapshot", {"of": number}, newest_of="channel 1")
        assert enough.wait(5.0)
        events = [item["number"] for item in told if item["tell"] == "event"]
        assert events == list(range(100))
        snapshots = [item["of"] for item in told if item["tell"] == "snapshot"]
        assert snapshots[-1] == 99
        assert len(snapshots) < 20


def test_a_reader_that_freezes_costs_a_bound_and_hears_what_it_missed():
    outbox = Outbox()
    for number in range(MOST_EVENTS + 250):
        outbox.tell(Told({"tell": "event", "number": number}))
        outbox.tell(Told({"tell": "snapshot", "of": number}), "a")
    first = outbox.take().splitlines()
    assert decode(first[0])["missed"] == 250
    assert decode(first[1])["number"] == 250


def test_telling_a_frozen_watcher_never_waits(part):
    caller = call_private(part.address, 5.0)
    caller.sendall(encode({"id": 1, "do": "watch"}))
    caller.recv(100)
    longest = 0.0
    text = "x" * 1000
    for number in range(5000):
        began = time.perf_counter()
        part.tell("event", {"number": number, "text": text})
        longest = max(longest, time.perf_counter() - began)
    assert longest < 0.5
    assert ask_once(part.address, "echo", say=5)["said"] == 5
    caller.close()


def test_whoever_comes_last_is_heard_though_all_places_are_taken(part):
    idle = [call_private(part.address, 5.0) for _ in range(MOST_CALLERS + 5)]
    assert ask_once(part.address, "echo", say=6)["said"] == 6
    for line in idle:
        line.close()


def test_callers_that_leave_are_forgotten(part):
    for _ in range(20):
        caller = call_private(part.address, 5.0)
        caller.sendall(encode({"id": 1, "do": "watch"}))
        caller.recv(100)
        caller.close()
    deadline = time.monotonic() + 5.0
    while part.watchers and time.monotonic() < deadline:
        part.tell("event", {})
    assert part.watchers == 0


def test_a_removed_socket_is_made_again(part):
    path = part.address.removeprefix("unix:")
    os.unlink(path)
    deadline = time.monotonic() + 10.0
    while not os.path.exists(path):
        assert time.monotonic() < deadline
    assert ask_once(part.address, "echo", say=7)["said"] == 7


def test_a_part_that_is_gone_says_so_in_a_sentence(part):
    client = ControlClient(part.address)
    part.close()
    with pytest.raises(PartSilent):
        client.ask("hello")
    with pytest.raises(PartSilent, match="cannot be called"):
        ControlClient(part.address)


def test_only_this_user_may_look_into_the_folder(part, tmp_path):
    assert stat.S_IMODE(os.stat(tmp_path / "sockets").st_mode) == 0o700
    os.chmod(tmp_path / "sockets", 0o755)
    with pytest.raises(PermissionError):
        ControlServer(tmp_path / "sockets", "w2", "worker", {})


def test_a_long_folder_is_no_hindrance(tmp_path):
    folder = tmp_path / ("a long name " * 8) / ("and another " * 8)
    server = ControlServer(folder, "w", "worker", {})
    assert ask_once(server.address, "hello")["name"] == "w"
    server.close()


def test_over_tcp_nothing_is_heard_without_the_key(tmp_path, monkeypatch):
    from benchlab.service import control, private

    def over_tcp(folder, name):
        return private.listen_private(folder, name, over_tcp=True)

    monkeypatch.setattr(control, "listen_private", over_tcp)
    server = ControlServer(tmp_path / "s", "w", "worker", {})
    assert ask_once(server.address, "hello")["name"] == "w"
    port = int(server.address.split(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall(b"0" * 65 + encode({"id": 1, "do": "hello"}))
        assert caller.recv(100) == b""
    server.close()
