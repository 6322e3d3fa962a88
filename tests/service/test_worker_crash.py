"""A worker that is killed, and the one started after it: the run goes on in its own file."""

import os
import shutil
import signal

import numpy as np
import pytest

import benchlab as api
from benchlab.errors import ChannelBusy
from benchlab.store.journal import run_folder
from benchlab.store.journal_read import read_journal
from tests.service.worker_bench import CHARGE, LONG, bench, cell, patient, protocol


@pytest.fixture
def one(tmp_path):
    with bench(tmp_path) as made:
        made.up()
        yield made


def rows_on_disk(path, aside):
    """Return the rows of a run under way, as they are in its journal now."""
    shutil.copytree(run_folder(path) / "journal", aside / "journal")
    parts = []
    read_journal(aside, take=lambda rows: parts.append(rows.copy()))
    return np.concatenate(parts)


def start(made, text=LONG, **words):
    told = made.ask("start", "1", protocol=text, cell=cell("A1"), **words)
    return made.root / "data" / os.path.basename(told["file"]), told


def test_a_run_goes_on_after_its_worker_was_killed(one, tmp_path):
    text = protocol("{charge: C/4, until: [4 s, 4.2 V], at_most: 61 s}")
    path, told = start(one, text)
    one.reads_past(1.2)
    one.kill()
    before = rows_on_disk(path, tmp_path / "aside")
    assert len(before) >= 10
    one.up()
    status = one.comes_to("running", second=5.0)
    assert status["run"]["id"] == told["run"]
    assert status["alarms"] == []
    one.comes_to("done")
    run = api.open(one.file_of(str(path)))
    after = run["test_time_second"]
    assert (after[: len(before)] == before["test_time_second"]).all()
    assert (np.diff(after) > 0.0).all()
    assert [s["end_reason"] for s in run.steps.records()] == ["interrupted", "time"]
    driven = sum(s["end_time_second"] - s["start_time_second"] for s in run.steps.records())
    assert driven == pytest.approx(4.0, abs=0.4)
    kinds = [e["kind"] for e in run.events.records()]
    assert "gap" in kinds
    assert "resumed" in kinds


def test_it_is_killed_again_and_again(one, tmp_path):
    text = protocol("{charge: C/4, until: [3 s, 4.2 V], at_most: 61 s}")
    path, _ = start(one, text)
    rows = []
    for k in range(3):
        one.comes_to("running")
        seen = (one.status()["reading"] or {}).get("test_time_second", 0.0)
        patient(lambda seen=seen: one.status()["reading"].get("test_time_second", 0.0) > seen + 0.2)
        one.kill()
        rows = rows_on_disk(path, tmp_path / f"aside{k}")
        one.up()
    one.comes_to("done")
    after = api.open(one.file_of(str(path)))["test_time_second"]
    assert (after[: len(rows)] == rows["test_time_second"]).all()
    assert (np.diff(after) > 0.0).all()


def test_a_channel_that_holds_is_held_and_its_output_off(one):
    one.write(on_interruption="hold")
    one.kill()
    one.up()
    path, _ = start(one)
    one.reads_past(0.5)
    one.kill()
    one.up()
    held = one.comes_to("held")
    assert held["run"]["held_by"] == "fault"
    assert held["run"]["off"]["proven"]
    (alarm,) = held["alarms"]
    assert "its worker died" in alarm["text"]
    assert "held" in alarm["did"]
    one.kill()
    one.up()
    assert [item["id"] for item in one.comes_to("held")["alarms"]] == [alarm["id"]]
    assert one.ask("acknowledge", "1", alarm=alarm["id"], operator="Bob")["alarms"] == []
    one.kill()
    one.up()
    assert one.comes_to("held")["alarms"] == []
    with pytest.raises(ChannelBusy, match="held"):
        one.ask("start", "1", protocol=LONG, cell=cell("A1"))
    one.ask("resume", "1", operator="Bob")
    one.comes_to("running")
    assert one.ask("stop", "1", close=True)["closed"]
    one.file_of(str(path))


def test_what_was_held_or_paused_does_not_go_on_by_itself(one):
    path, _ = start(one)
    one.reads_past(0.3)
    one.ask("pause", "1")
    one.kill()
    one.up()
    held = one.comes_to("held")
    assert "paused" in held["why"]
    one.kill()
    one.up()
    assert one.comes_to("held")["run"]["off"]["proven"]
    closed = one.ask("stop", "1", operator="Bob")
    assert closed["closed"]
    assert closed["state"] == "stopped"
    run = api.open(one.file_of(str(path)))
    assert run.meta["end_reason"] == "stopped"
    assert [e["actor"] for e in run.events.records() if e["kind"] == "close"] == ["Bob"]


def test_the_queue_survives_and_goes_on_after_done(one):
    text = protocol("{charge: C/4, until: [2 s, 4.2 V], at_most: 61 s}")
    start(one, text, name="first")
    one.reads_past(0.3)
    waits = one.ask("enqueue", "1", protocol=LONG, cell=cell("A1"), name="second")
    one.kill()
    one.up()
    assert [item["item"] for item in one.status()["queue"]] == [waits["item"]]
    one.comes_to("running")
    patient(lambda: one.status()["run"]["item"] == waits["item"])
    patient(lambda: one.status()["queue"] == [])


def test_a_file_that_was_being_closed_is_closed_by_the_next_worker(one):
    text = protocol("{charge: C/4, until: [0.3 s, 4.2 V], at_most: 61 s}")
    path, _ = start(one, text)
    patient(lambda: any(m.get("state") == "done" for m in one.told if m["tell"] == "state"))
    one.kill()
    one.up()
    assert one.comes_to("done")["alarms"] == []
    assert api.open(one.file_of(str(path))).meta["end_reason"] == "done"
    patient(lambda: one.status()["closing"] == [])


def test_a_polite_end_leaves_the_run_to_the_next_worker(one):
    path, told = start(one)
    one.reads_past(0.5)
    child = one.workers["w1"]
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 0
    one.up()
    assert one.comes_to("running")["run"]["id"] == told["run"]
    one.ask("stop", "1", close=True)
    steps = list(api.open(one.file_of(str(path))).steps.records())
    assert [s["end_reason"] for s in steps] == ["stopped", "stopped"]


def test_a_simulator_that_dies_holds_its_channel_and_no_other(tmp_path):
    with bench(tmp_path, channels=2) as made:
        made.up()
        for channel in "12":
            made.ask("start", channel, protocol=LONG, cell=cell(f"A{channel}"))
        made.reads_past(0.3, "1")
        made.reads_past(0.3, "2")
        made.sims[0].kill()
        held = made.comes_to("held", "1")
        assert not held["run"]["off"]["proven"]
        assert any(alarm["kind"] == "output" for alarm in held["alarms"])
        assert made.status("2")["state"] == "running"
        seen = made.status("2")["reading"]["test_time_second"]
        made.reads_past(seen + 0.5, "2")
        alarm = held["alarms"][0]["id"]
        left = made.ask("acknowledge", "1", alarm=alarm, operator="Bob")["alarms"]
        assert alarm not in [item["id"] for item in left]


def test_a_full_disk_holds_the_run_and_loses_no_row(tmp_path):
    with bench(tmp_path) as made:
        text = (tmp_path / "bench.yaml").read_text()
        free = shutil.disk_usage(tmp_path).free
        made.up()
        path, _ = start(made, protocol(CHARGE))
        made.reads_past(0.5)
        made.ask("stop", "1")
        made.kill()
        (tmp_path / "bench.yaml").write_text(text.replace("1 MB", f"{free / 1e6 * 2:.0f} MB"))
        made.up()
        made.comes_to("held")
        made.ask("resume", "1")
        held = made.comes_to("held")
        assert held["run"]["off"]["proven"]
        assert any("disk" in alarm["text"] for alarm in held["alarms"]), held
        (tmp_path / "bench.yaml").write_text(text)
        made.kill()
        made.up()
        made.comes_to("held")
        assert made.ask("stop", "1")["closed"]
        times = api.open(made.file_of(str(path)))["test_time_second"]
        assert (np.diff(times) > 0.0).all()
