"""A whole bench under its supervisor: parts killed, halted, taken down."""

import json
import os
import signal
import subprocess
import sys
import zipfile

import pytest

import benchlab
from benchlab.cli.main import main
from benchlab.errors import ChannelBusy
from benchlab.platform import kill_process, process_started
from benchlab.service.supervisor.patience import GOOD_SECOND, PAUSES_SECOND, Patience
from tests.service.worker_bench import LONG, bench, cell, patient


@pytest.fixture
def up(tmp_path, monkeypatch):
    """A bench of two channels that `benchlab up` started, two workers."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("BENCHLAB_GUARDIAN_SECONDS", "5")
    with bench(tmp_path, channels=2) as found:
        text = found.folder.file.read_text()
        second = text.replace("worker: w1", "worker: w2").splitlines()[2]
        lines = text.splitlines()
        lines[2] = second
        thermo = found.serve("keithley_daq6510")
        lines.insert(3, f"  thermo: {{driver: keithley_daq6510, resource: '{thermo}'}}")
        found.folder.file.write_text("\n".join(lines) + "\n")
        (tmp_path / "life.yaml").write_text(LONG)
        for name in ("A1", "A2"):
            (tmp_path / f"{name}.yaml").write_text(cell(name))
        assert main(["up", str(tmp_path)]) == 0
        try:
            yield found
        finally:
            (found.folder.own / "plan.json").unlink(missing_ok=True)
            for name in ("supervisor", "hub", "w1", "w2", "thermo"):
                part = found.folder.part(name)
                if part is not None:
                    kill_process(part.pid, part.started)


def back(made, name, before):
    """Return the part once it is another process that lives."""
    return patient(
        lambda: (
            (part := made.folder.part(name)) is not None
            and part.started != before.started
            and part.alive
            and part
        )
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("name", ["w1", "hub", "supervisor", "thermo"])
def test_a_part_that_is_killed_or_halted_comes_back_and_the_others_stay(up, name, how):
    before = {part: up.folder.part(part) for part in ("w1", "w2", "hub", "supervisor", "thermo")}
    os.kill(before[name].pid, how)
    back(up, name, before[name])
    assert process_started(before[name].pid) != before[name].started
    for other in set(before) - {name}:
        assert before[other].alive, other


def test_status_says_what_stands_around_the_cells(up, capsys):
    with benchlab.connect(up.root) as ann:
        told = patient(
            lambda: (found := ann.status()["devices"]["thermo"])["newest"].get("values") and found
        )
    assert told["role"] == "sensor"
    assert 15.0 < told["newest"]["values"]["surface_temperature_celsius"] < 40.0
    assert main(["status", "--bench", str(up.root)]) == 0
    assert "surface_temperature_celsius 2" in capsys.readouterr().out


def test_a_run_goes_on_when_everything_was_killed(up):
    with benchlab.connect(up.root, operator="Ann") as ann:
        told = ann.start("1", up.root / "life.yaml", up.root / "A1.yaml", name="one")
        ann.start("2", up.root / "life.yaml", up.root / "A2.yaml")
        patient(lambda: ann.channel("1").get("reading", {}).get("test_time_second", 0.0) > 0.5)
        with pytest.raises(ChannelBusy, match="1, 2"):
            main_down(up)
        killed = [up.folder.part(name) for name in ("supervisor", "hub", "w1", "w2")]
        for part in killed:
            kill_process(part.pid, part.started)
        assert main(["up", str(up.root)]) == 0
        assert ann.wait("1", {"running"}, at_most_second=20)["run"]["id"] == told["run"]
        ann.wait("2", {"running"}, at_most_second=20)
        assert {facts["ok"]["off"]["proven"] for facts in ann.stop_all().values()} == {True}
        for name in "12":
            ann.wait(name, {"held"}, at_most_second=20)
            assert ann.stop(name, closes=True)["closed"]
    assert main_down(up) == 0
    assert not any(up.folder.part(name).alive for name in ("hub", "w1", "w2"))
    patient(lambda: not up.folder.part("supervisor").alive)
    assert main_down(up) == 0


def test_a_halted_child_is_ended_with_its_worker_or_without(up):
    with benchlab.connect(up.root, operator="Ann") as ann:
        ann.start("1", up.root / "life.yaml", up.root / "A1.yaml")
        children = patient(lambda: len(found := up.folder.part("w1").children) == 2 and found)
        for pid, _ in children:
            os.kill(pid, signal.SIGSTOP)
        os.kill(up.folder.part("w1").pid, signal.SIGSTOP)
        for pid, started in children:
            patient(lambda pid=pid, started=started: process_started(pid) != started)
        patient(
            lambda: (
                len(found := up.folder.part("w1").children) == 2 and not set(found) & set(children)
            )
        )
        assert ann.wait("1", {"running"}, at_most_second=20)
        assert ann.stop("1", closes=True)["off"]["proven"]


def main_down(made):
    """Take the bench down as the command does, errors as they are."""
    import argparse

    from benchlab.cli.commands import down

    return down.run(argparse.Namespace(bench=str(made.root), operator="Ann"))


def test_the_hub_is_started_anew_and_the_status_and_the_bundle_tell(up, capsys, tmp_path):
    before = {name: up.folder.part(name) for name in ("hub", "w1")}
    assert main(["up", str(up.root), "--restart", "hub"]) == 0
    back(up, "hub", before["hub"])
    assert before["w1"].alive
    capsys.readouterr()
    patient(lambda: status(up, capsys)["channels"]["1"]["state"] == "idle")
    parts = {part["name"]: part["alive"] for part in status(up, capsys)["parts"]}
    assert parts == {"thermo": True, "w1": True, "w2": True, "supervisor": True, "hub": True}
    assert main(["status", "--bench", str(up.root)]) == 0
    assert "idle" in capsys.readouterr().out
    bundle = tmp_path / "b.zip"
    assert main(["support", str(up.root), "-o", str(bundle)]) == 0
    with zipfile.ZipFile(bundle) as found:
        names = found.namelist()
        text = b"".join(found.read(name) for name in names)
    assert {"versions.json", "bench.yaml", ".benchlab/logs/supervisor.log"} <= set(names)
    assert up.folder.token.read_bytes().strip() not in text


def status(made, capsys):
    main(["status", "--bench", str(made.root), "--json"])
    return json.loads(capsys.readouterr().out)


def test_pauses_grow_and_a_good_life_forgives():
    patience, found = Patience(), []
    for now in (1.0, 2.0, 3.0):
        patience.began(now)
        patience.ended(now)
        found.append(round(patience.due - now, 6))
    assert tuple(found) == PAUSES_SECOND[:3]
    patience.began(4.0)
    patience.ended(5.0 + GOOD_SECOND)
    assert patience.due == 5.0 + GOOD_SECOND


def test_the_supervisor_is_small():
    look = "import sys, benchlab.service.supervisor.process as p; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"numpy", "h5py", "yaml", "pydantic", "fastapi", "httpx", "scipy"}
