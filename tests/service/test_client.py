"""A client of a real bench: hub, worker and simulator in processes of their own."""

import io
import json
import subprocess
import sys
import threading

import pytest

import benchlab
from benchlab.cli.main import main
from benchlab.errors import ChannelBusy, FileMissing, PartSilent, ProtocolError, UsageError
from benchlab.model.batch_table import read_batch
from benchlab.service.control_client import ControlClient
from tests.service.worker_bench import LONG, bench, cell, patient


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    """A bench of two channels, whose worker and hub run."""
    root = tmp_path_factory.mktemp("client")
    with bench(root, channels=2) as found:
        found.up()
        with subprocess.Popen(
            [sys.executable, "-m", "benchlab.service.hub", str(root)], stderr=subprocess.DEVNULL
        ) as hub:
            patient(lambda: (part := found.folder.part("hub")) is not None and part.alive)
            (root / "life.yaml").write_text(LONG)
            for name in ("A1", "A2"):
                (root / f"{name}.yaml").write_text(cell(name))
            yield found
            with ControlClient(found.folder.address("hub")) as control:
                control.ask("down", operator="Ann")
            assert hub.wait(10) == 0


@pytest.fixture
def ann(up):
    """Ann, as a client; every channel is idle again afterwards."""
    with benchlab.connect(up.root, operator="Ann") as client:
        patient(lambda: client.status()["channels"]["1"]["state"] != "unreachable")
        yield client
        for name in ("1", "2"):
            for item in client.channel(name)["queue"]:
                client.unqueue(name, item["item"])
            client.stop(name, closes=True)
            client.wait(name, {"idle", "stopped", "done"}, at_most_second=20)


def test_a_test_is_started_watched_paused_and_stopped(up, ann):
    life, a1 = up.root / "life.yaml", up.root / "A1.yaml"
    assert ann.check("1", life, a1)["ok"]
    live, heard = ann.watch(), []
    listening = threading.Thread(target=lambda: heard.extend(live), daemon=True)
    listening.start()
    patient(lambda: heard and heard[0]["tell"] == "hello")
    told = ann.start("1", life, a1, name="first")
    assert told["file"].endswith("first.h5")
    with pytest.raises(ChannelBusy):
        ann.start("1", life, up.root / "A2.yaml")
    with pytest.raises(ChannelBusy, match="A1"):
        ann.start("2", life, a1)
    ann.wait("1", {"running"}, at_most_second=20)
    patient(lambda: any(m["tell"] == "snapshot" and m["channel"] == "1" for m in heard))
    assert ann.pause("1")["state"] in ("running", "paused")
    ann.wait("1", {"paused"}, at_most_second=20)
    ann.resume("1")
    ann.wait("1", {"running"}, at_most_second=20)
    assert ann.stop("1")["off"]
    assert ann.wait("1", {"held"}, at_most_second=20)["run"]["operator"] == "Ann"
    assert ann.stop("1", closes=True)["closed"]
    up.file_of(told["file"])
    patient(lambda: any(row["path"] == "first.h5" for row in ann.find(cell="A1")))
    (key,) = {row["key"] for row in ann.find(cell="A1") if row["path"] == "first.h5"}
    volts = ann.data(key, ["voltage_volt"])["columns"]["voltage_volt"]["value"]
    assert 2.5 < min(volts) <= max(volts) < 4.3
    live.close()
    listening.join(10)
    assert not listening.is_alive()


def test_a_batch_starts_or_says_line_by_line_why_not(up, ann):
    table = "channel,id,active_mass_mg\n1,B1,12\n2,B2,13\n"
    lines = read_batch(table, "t.csv", cell_text=cell("x"))
    answers = ann.start_batch(up.root / "life.yaml", lines)
    assert all("ok" in answer for answer in answers.values()), answers
    again = ann.start_batch(up.root / "life.yaml", lines)
    assert {answer["error"]["kind"] for answer in again.values()} == {"ChannelBusy"}
    assert {name for name, facts in ann.stop_all().items() if facts["ok"]["off"]} == {"1", "2"}


def test_a_waiting_test_moves_and_leaves(up, ann):
    life = up.root / "life.yaml"
    ann.start("1", life, up.root / "A1.yaml")
    (up.root / "A3.yaml").write_text(cell("A3"))
    item = ann.start("1", life, up.root / "A3.yaml", queue=True)["item"]
    ann.start("2", life, up.root / "A2.yaml")
    moved = ann.move("1", item, "2")["item"]
    assert not ann.channel("1")["queue"]
    assert [waits["cell_id"] for waits in ann.channel("2")["queue"]] == ["A3"]
    ann.unqueue("2", moved)
    assert not ann.channel("2")["queue"]
    with pytest.raises(UsageError):
        ann.unqueue("2", moved)


def test_wrong_words_are_refused_before_anything_starts(up, ann):
    (up.root / "bad.yaml").write_text(LONG.replace("charge:", "chrage:"))
    with pytest.raises(ProtocolError, match="chrage"):
        ann.start("1", up.root / "bad.yaml")
    with pytest.raises(FileMissing):
        ann.start("1", up.root / "none.yaml")
    with pytest.raises(FileMissing, match="'9'"):
        ann.pause("9")
    with pytest.raises(UsageError, match="token"):
        benchlab.connect("http://127.0.0.1:1")
    with pytest.raises(FileMissing):
        benchlab.connect(up.root / "life")
    nobody = benchlab.connect("http://127.0.0.1:1", token="x" * 40)
    with nobody, pytest.raises(PartSilent, match="nothing was done"):
        nobody.pause("1")


def test_the_command_line_does_all_of_it(up, ann, capsys, monkeypatch):
    monkeypatch.setenv("BENCHLAB_BENCH", str(up.root))
    life, a1 = str(up.root / "life.yaml"), str(up.root / "A1.yaml")

    def said(*words):
        code = main(list(words))
        streams = capsys.readouterr()
        return code, streams.out + streams.err

    assert said("start", life, "--channel", "1", "--cell", a1, "--check")[0] == 0
    code, text = said("start", life, "--channel", "1", "--cell", a1)
    assert (code, text.count("started, recorded into")) == (0, 1)
    assert said("start", life, "--channel", "1", "--cell", a1)[0] == 61
    monkeypatch.setattr(sys, "stdin", io.StringIO("channel,id\n1,C1\n"))
    code, text = said("start", life, "--table", "-", "--cell", a1, "--queue")
    assert (code, "waits" in text) == (0, True), text
    code, text = said("queue", "--json")
    ((item,),) = [items for items in json.loads(text).values() if items]
    assert said("queue", "-c", "1", "--remove", item["item"]) == (0, "no test waits\n")
    ann.wait("1", {"running"}, at_most_second=20)
    assert said("watch", "1", "--for", "1.5")[1].count("running") > 1
    for word in (("pause", "1"), ("resume", "1"), ("skip", "1")):
        ann.wait("1", {"running", "paused"}, at_most_second=20)
        assert said(*word)[0] == 0, word
    ann.wait("1", {"done"}, at_most_second=20)
    assert said("start", life, "--channel", "1", "--cell", a1)[0] == 0
    code, text = said("stop", "--all")
    assert (code, "proven off" in text) == (0, True), text
    assert said("stop")[0] == 2
    assert said("alarms")[0] == 0
    code, text = said("user", "add", "Bob")
    assert (code, len(text.split()[-1]) >= 40) == (0, True), text


def test_a_stop_needs_no_hub(tmp_path):
    with bench(tmp_path) as alone:
        alone.up()
        (tmp_path / "life.yaml").write_text(LONG)
        (tmp_path / "A9.yaml").write_text(cell("A9"))
        with benchlab.connect(tmp_path, operator="Ann") as client:
            client.start("1", tmp_path / "life.yaml", tmp_path / "A9.yaml")
            client.wait("1", {"running"}, at_most_second=20)
            assert client.stop("1")["off"]
            assert client.status()["channels"]["1"]["state"] == "held"
            with pytest.raises(PartSilent, match="goes on without it"):
                client.find()
            assert client.stop("1", closes=True)["closed"]
