"""A worker process over its control line: starts, watches, pauses, skips, stops, queues."""

import os
import signal
import threading
import time

import pytest

import benchlab as api
from benchlab.errors import (
    ChannelBusy,
    FileMissing,
    IdentityError,
    LinkRefused,
    PartSilent,
    ProtocolError,
    UsageError,
)
from tests.service.worker_bench import CHARGE, LONG, bench, cell, patient, protocol


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    with bench(tmp_path_factory.mktemp("bench")) as made:
        made.up()
        yield made


@pytest.fixture
def two(tmp_path):
    with bench(tmp_path, channels=2) as made:
        made.up()
        yield made


@pytest.fixture
def free(one):
    """A channel on which nothing is left of the test before."""
    yield one
    if one.status()["state"] in ("running", "paused"):
        one.ask("stop", "1", close=True)
    if one.status()["state"] == "held":
        one.ask("stop", "1", close=True)
    for item in one.status()["queue"]:
        one.ask("unqueue", "1", item=item["item"])


def events_of(path, kind):
    return [event for event in api.open(path).events.records() if event["kind"] == kind]


def test_an_idle_worker_says_how_its_channels_stand(one):
    status = one.status()
    assert status["state"] in ("idle", "stopped")
    assert status["instrument"]["owned"]
    assert one.ask("ping") == {"runs": {}}
    assert one.ask("hello")["kind"] == "worker"
    (guardian,) = patient(lambda: one.folder.part("w1").children)
    assert guardian[1]


def test_checks_have_names_and_start_nothing(free):
    good = free.ask("check", "1", protocol=LONG, cell=cell("A1"))
    assert good["ok"]
    names = [item["name"] for item in good["checks"]]
    assert names == [
        "protocol",
        "instrument",
        "channel_limits",
        "cell",
        "file",
        "beside",
        "channel",
        "owner",
        "interlocks",
        "calibration",
    ]
    wrong = free.ask("check", "1", protocol=LONG.replace("charge: C/4", "charge: 9C"))
    assert not wrong["ok"]
    said = {item["name"]: item for item in wrong["checks"]}
    assert not said["protocol"]["ok"]
    assert "protocol.yaml:7" in said["protocol"]["where"]
    with pytest.raises(ProtocolError, match="found"):
        free.ask("start", "1", protocol="name: x\nsteps: 3\n")
    with pytest.raises(FileMissing, match="no channel"):
        free.ask("start", "9", protocol=LONG)
    assert free.status()["run"] is None or free.status()["state"] == "stopped"


def test_a_run_is_started_watched_paused_resumed_skipped_and_done(free):
    text = protocol("{rest: 30 s}", "{charge: C/4, until: [1 s, 4.2 V], at_most: 61 s}")
    began = time.monotonic()
    told = free.ask("start", "1", protocol=text, cell=cell("A1"), name="cell A1", operator="Ann")
    assert told["file"].endswith("data/cell A1.h5")
    patient(lambda: any(m.get("tell") == "snapshot" for m in free.told))
    assert time.monotonic() - began < 5.0
    with pytest.raises(ChannelBusy, match="a test is running here"):
        free.ask("start", "1", protocol=text)
    assert free.ask("pause", "1", operator="Bob")["state"] == "paused"
    assert free.ask("resume", "1", operator="Cid")["done"]
    assert free.ask("skip", "1", operator="Dan")["done"]
    done = free.comes_to("done")
    assert done["run"]["off"]["proven"]
    assert done["run"]["id"] == told["run"]
    path = free.file_of(told["file"])
    run = api.open(path)
    assert run.meta["operator"] == "Ann"
    assert [s["end_reason"] for s in run.steps.records()] == ["skipped", "time"]
    said = {e["kind"]: e["actor"] for e in run.events.records()}
    assert (said["pause"], said["resume"], said["skip"]) == ("Bob", "Cid", "Dan")
    states = [m["state"] for m in free.told if m["tell"] == "state" and m["run"] == told["run"]]
    assert states[0] == "running"
    assert "paused" in states
    assert "done" in states


def test_a_run_stops_after_its_step_and_is_closed_by_whoever_says_so(free):
    text = protocol("{rest: 0.5 s}", CHARGE)
    told = free.ask("start", "1", protocol=text, cell=cell("A1"))
    assert "stop after this step" in free.ask("stop_after", "1", what="step")["text"]
    held = free.comes_to("held")
    assert held["run"]["held_by"] == "operator"
    with pytest.raises(UsageError, match="no test is under way"):
        free.ask("skip", "1")
    closed = free.ask("stop", "1", close=True, operator="Eve")
    assert closed["state"] == "stopped"
    assert closed["closed"]
    run = api.open(free.file_of(told["file"]))
    assert run.meta["end_reason"] == "stopped"
    assert [e["actor"] for e in run.events.records() if e["kind"] == "close"] == ["Eve"]


def test_a_stopped_run_goes_on_in_its_own_file(free):
    text = protocol("{charge: C/4, until: [3 s, 4.2 V], at_most: 61 s}")
    told = free.ask("start", "1", protocol=text, cell=cell("A1"))
    free.reads_past(0.5)
    stopped = free.ask("stop", "1", operator="Bob")
    assert stopped["off"]["proven"]
    assert stopped["second"] < 1.0
    assert stopped["state"] == "held"
    assert free.ask("stop", "1", operator="Bob")["closed"] is False  # pressed twice is once
    assert free.ask("resume", "1", operator="Cid")["state"] == "running"
    free.comes_to("done")
    run = api.open(free.file_of(told["file"]))
    steps = list(run.steps.records())
    assert [s["end_reason"] for s in steps] == ["stopped", "time"]
    charged = sum(s["end_time_second"] - s["start_time_second"] for s in steps)
    assert charged == pytest.approx(3.0, abs=0.3)
    assert events_of(told["file"], "resume")[0]["actor"] == "Cid"
    times = run["test_time_second"]
    assert (times[1:] > times[:-1]).all()


def test_a_queue_goes_on_after_done_and_waits_after_a_stop(free):
    short = protocol("{charge: C/4, until: [0.5 s, 4.2 V], at_most: 61 s}")
    first = free.ask("start", "1", protocol=short, cell=cell("A1"), name="first")
    added = free.ask("enqueue", "1", protocol=LONG, cell=cell("A1"), name="second")
    last = free.ask("enqueue", "1", protocol=short, cell=cell("A1"), name="third")
    assert [item["name"] for item in last["queue"]] == ["second", "third"]
    patient(lambda: (free.status()["run"] or {}).get("item") == added["item"])
    free.comes_to("running")
    free.file_of(first["file"])
    free.ask("stop", "1", close=True)
    status = free.comes_to("stopped")
    assert [item["name"] for item in status["queue"]] == ["third"]
    free.ask("resume", "1")
    assert free.comes_to("done")["run"]["item"] == last["item"]
    assert free.status()["queue"] == []
    with pytest.raises(UsageError, match="waits here"):
        free.ask("unqueue", "1", item=last["item"])


def test_only_who_says_who_he_is_changes_anything(free):
    for word in ("start", "stop", "enqueue", "down", "acknowledge"):
        with pytest.raises(UsageError, match="must say who asks"):
            free.ask(word, "1", operator="  ")


def test_down_is_refused_while_a_test_runs(free):
    free.ask("start", "1", protocol=LONG, cell=cell("A1"))
    with pytest.raises(ChannelBusy, match="a test runs on channel 1"):
        free.ask("down")


def test_a_stop_is_heard_while_a_reply_is_awaited(free):
    free.ask("start", "1", protocol=LONG, cell=cell("A1"))
    free.reads_past(0.3)
    sim = free.sims[0]
    sim.send_signal(signal.SIGSTOP)
    try:
        patient(lambda: free.status()["reading"]["age_second"] > 0.5)
        began = time.monotonic()
        threading.Timer(0.3, sim.send_signal, [signal.SIGCONT]).start()
        told = free.ask("stop", "1", operator="Bob")
        assert told["off"]["proven"]
        assert time.monotonic() - began < 2.0
    finally:
        sim.send_signal(signal.SIGCONT)


def test_a_cell_is_on_one_channel(two):
    two.ask("start", "1", protocol=LONG, cell=cell("A1"))
    with pytest.raises(ChannelBusy, match="A1 is under test on channel 1"):
        two.ask("start", "2", protocol=LONG, cell=cell("A1"))
    with pytest.raises(ChannelBusy, match="A1 is under test on channel 1"):
        two.ask("enqueue", "2", protocol=LONG, cell=cell("A1"))
    two.ask("start", "2", protocol=LONG, cell=cell("A2"))
    waits = two.ask("enqueue", "1", protocol=LONG, cell=cell("A3"), name="waits")
    moved = two.ask("move", "1", item=waits["item"], to="2", operator="Bob")
    assert moved["item"] == waits["item"]
    assert two.status("1")["queue"] == []
    assert [item["name"] for item in two.status("2")["queue"]] == ["waits"]


def test_nobody_else_owns_the_instrument(one, tmp_path):
    with pytest.raises(AssertionError, match="running already"):
        one_more(one)
    with bench(tmp_path, channels=0) as other:
        other.driver = one.driver
        other.resources = one.resources
        other.write()
        other.up()
        assert not other.status()["instrument"]["owned"]
        with pytest.raises(LinkRefused, match="drives this instrument"):
            other.ask("start", "1", protocol=LONG, cell=cell("A1"))


def one_more(made):
    """Start the same worker a second time."""
    kept = made.workers["w1"], made._clients["w1"]
    try:
        made.up()
    finally:
        made.workers["w1"], made._clients["w1"] = kept


def test_a_worker_that_is_not_there_is_silent(one):
    with pytest.raises(PartSilent):
        one.folder.address("w9")
    assert os.path.exists(one.folder.channels / "1.json")


def test_no_other_instrument_is_driven_in_the_place_of_the_one_that_is_named(tmp_path):
    with bench(tmp_path) as made:
        plain = made.folder.file.read_text()
        made.folder.file.write_text(plain.replace("driver:", "serial_number: XX1, driver:"))
        made.up()
        with pytest.raises(IdentityError, match="expects the serial number XX1, the instrument"):
            made.ask("start", "1", protocol=LONG, cell=cell("A1"))
        told = made.status()
        assert told["state"] == "idle"
        number = told["instrument"]["serial_number"]
        made.kill()
        right = plain.replace("driver:", f"serial_number: '{number}', model: '2450', driver:")
        made.folder.file.write_text(right)
        made.up()
        made.ask("start", "1", protocol=LONG, cell=cell("A1"))
        made.comes_to("running")
