"""Who hears of a bench: a command for each alarm, a sign of life that stays away when it must."""

import http.server
import json
import os
import signal
import sys
import threading

import pytest

import benchlab
from benchlab.cli.main import main
from benchlab.service.alarms import AlarmBook
from benchlab.service.bench_folder import BenchFolder
from benchlab.service.supervisor import herald as herald_module
from benchlab.service.supervisor.herald import Herald
from benchlab.service.supervisor.plan import Hooks, Plan, read_plan, write_plan
from benchlab.service.supervisor.sign_of_life import SignOfLife
from tests.service.test_supervisor import up  # noqa: F401
from tests.service.worker_bench import patient

HEARD = "import sys; open('heard.jsonl', 'a').write(sys.stdin.read() + chr(10))"
"""A hook that keeps what it is told."""
TWICE = (
    "import pathlib, sys; seen = pathlib.Path('seen'); first = not seen.exists(); seen.touch()\n"
    "if first: sys.exit(3)\n" + HEARD
)
"""A hook that fails the first time."""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "bench.yaml").write_text("")
    made = BenchFolder(tmp_path)
    made.make()
    return made


def heard(folder):
    """Return what the hook was told."""
    path = folder.root / "heard.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def plan(script):
    return Plan((), "lab3", Hooks(alarm=(sys.executable, "-c", script)))


def told(folder, script, count):
    """Have a herald at work until so many alarms were told."""
    notes = []
    found = Herald(folder, notes.append)
    try:
        found.follow(plan(script))
        patient(lambda: len(heard(folder)) >= count, "the hook heard nothing")
        patient(lambda: (folder.own / "alarms.told").exists())
    finally:
        found.close()
    return notes


def test_every_alarm_is_told_once_in_order_and_with_its_bench(folder):
    first = Herald(folder, lambda _: None)
    first.close()  # the bench was up; whatever comes from here on is told
    (folder.own / "alarms.told").write_text("0")
    book = AlarmBook(folder.alarms)
    for text in ("a", "b"):
        book.raise_alarm("1", "r", "tripped", text, owner="protocol", did="off")
    book.acknowledge("1", "1.1", "Ann")
    told(folder, HEARD, 2)
    book.raise_alarm("2", "r", "tripped", "c")
    told(folder, HEARD, 3)
    assert [item["id"] for item in heard(folder)] == ["1.1", "1.2", "2.1"]
    known = {"bench": "lab3", "folder": str(folder.root), "owner": "protocol", "did": "off"}
    assert known.items() <= heard(folder)[0].items()


def test_what_was_raised_before_there_was_a_herald_is_not_told(folder):
    AlarmBook(folder.alarms).raise_alarm("1", "r", "tripped", "old")
    found = Herald(folder, lambda _: None)
    found.follow(plan(HEARD))
    AlarmBook(folder.alarms).raise_alarm("1", "r", "tripped", "new")
    patient(lambda: heard(folder))
    found.close()
    assert [item["text"] for item in heard(folder)] == ["new"]


def test_a_hook_that_fails_is_tried_again(folder, monkeypatch):
    monkeypatch.setattr(herald_module, "AGAIN_SECOND", (0.01,) * 3)
    (folder.own / "alarms.told").write_text("0")
    AlarmBook(folder.alarms).raise_alarm("1", "r", "tripped", "a")
    (note,) = told(folder, TWICE, 1)
    assert "1.1: the hook ended with 3" in note


def test_an_alarm_that_no_hook_takes_does_not_keep_those_behind_it(folder, monkeypatch):
    monkeypatch.setattr(herald_module, "AGAIN_SECOND", (0.01,) * 2)
    (folder.own / "alarms.told").write_text("0")
    book = AlarmBook(folder.alarms)
    book.raise_alarm("1", "r", "tripped", "poison")
    book.raise_alarm("1", "r", "tripped", "good")
    script = "import sys; t = sys.stdin.read()\nif 'poison' in t: sys.exit(1)\n" + HEARD.replace(
        "sys.stdin.read()", "t"
    )
    notes = told(folder, script, 1)
    assert [item["text"] for item in heard(folder)] == ["good"]
    assert notes[-1] == "alarm 1.1: nobody was told of it"


def test_the_plan_brings_the_hooks(folder):
    hooks = Hooks(("mail", "me"), "http://127.0.0.1:1/", ("sign",), 5.0)
    write_plan(folder, Plan(("w1",), "lab3", hooks))
    assert read_plan(folder) == Plan(("w1",), "lab3", hooks)
    (folder.own / "plan.json").write_text('{"v": 1, "workers": ["w1"]}')
    assert read_plan(folder) == Plan(("w1",))


@pytest.fixture
def outside():
    """A server of somebody outside; it counts who asks."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/lab3", asked
        server.shutdown()
        thread.join()


def test_a_sign_of_life_is_given_while_all_is_well_and_not_too_often(tmp_path, outside):
    address, asked = outside
    notes = []
    sign = SignOfLife(tmp_path, notes.append)
    sign.look(well=True)
    sign.hooks = Hooks(ping=address, ping_every=3600.0)
    sign.look(well=False)
    assert asked == []
    sign.look(well=True)
    patient(lambda: asked)
    sign.look(well=True)
    assert (asked, notes) == (["/lab3"], [])


def test_a_sign_that_nobody_hears_is_noted_once(tmp_path):
    notes = []
    sign = SignOfLife(tmp_path, notes.append)
    sign.hooks = Hooks(ping_command=(sys.executable, "-c", "raise SystemExit(1)"), ping_every=0.0)

    def given():
        sign.look(well=True)
        return sign._thread

    for _ in range(3):
        patient(given).join()
    (note,) = notes
    assert "not heard" in note
    sign.hooks = Hooks(ping_command=(sys.executable, "-c", ""), ping_every=0.0)
    given().join()
    assert notes[1:] == ["the sign of life is heard again"]


def test_a_whole_bench_tells_of_a_part_that_was_halted(up, outside, capsys):  # noqa: F811
    address, asked = outside
    text = up.folder.file.read_text()
    hook = json.dumps([sys.executable, "-c", HEARD])
    up.folder.file.write_text(
        f"{text}hooks:\n  alarm: {hook}\n  ping: {address}\n  ping_every: 1 s\n"
    )
    assert main(["up", str(up.root)]) == 0
    patient(lambda: len(asked) > 1)
    before = up.folder.part("w2")
    os.kill(before.pid, signal.SIGSTOP)
    (alarm,) = patient(lambda: heard(up))
    assert alarm["text"] == "w2 was ended: it was halted"
    with benchlab.connect(up.root, operator="Ann") as ann:
        (stands,) = patient(lambda: ann.status()["alarms"])
        assert stands["id"] == alarm["id"] == "bench.1"
        assert ann.acknowledge("", "bench.1") == {"alarms": []}
    capsys.readouterr()
    assert main(["alarms", "--bench", str(up.root)]) == 0
    assert capsys.readouterr().out == "no alarm stands\n"
