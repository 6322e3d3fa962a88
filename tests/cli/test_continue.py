"""A run that was killed inside a step goes on in a new file; a worker hears over a real line."""

import json
import os
import signal
import socket
import threading

import pytest

import benchlab as api
from benchlab.bench.clock import RealClock
from benchlab.bench.commands import Pause, Resume, Skip
from benchlab.bench.prepare import prepare
from benchlab.bench.worker import RunWorker
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol
from benchlab.store.journal import JournalWriter, run_folder
from benchlab.store.journal_read import read_journal
from benchlab_drivers.keithley2450 import connect

PATIENCE = threading.Event()
PROTOCOL = """\
name: short
cell: {type: nmc811_graphite_pouch, id: A17}
capacity: {C: 0.2 Ah}
control: {period: 100 ms}
record: {every: 200 ms}
steps:
  - {charge: 1C, until: [0.4 mAh, 4.2 V], label: up}
  - {discharge: 1C, until: [50 % of up, 2.8 V]}
"""


def wait_until(true, seconds=30.0):
    for _ in range(int(seconds / 0.05)):
        if true():
            return
        PATIENCE.wait(0.05)
    raise AssertionError("it never came true")


def output_is_off(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as line:
            line.settimeout(2.0)
            line.sendall(b":OUTP?\n")
            return line.recv(16).strip() == b"0"
    except OSError:
        return False


@pytest.mark.parametrize("recovered", [False, True], ids=["from the journal", "recovered"])
def test_a_run_killed_inside_a_step_goes_on_in_a_new_file(
    tmp_path, serve, start, benchlab, recovered
):
    text = tmp_path / "p.yaml"
    text.write_text(PROTOCOL)
    resource = serve("--ideal")["resource"]
    channel = f"keithley2450@{resource}"
    first, second = tmp_path / "one.h5", tmp_path / "two.h5"
    run = start("run", text, "--channel", channel, "--out", first)

    def far_enough():
        folder = run_folder(first)
        if not (folder / "journal").exists():
            return False
        state = read_journal(folder).state
        return bool(state) and state["step_charge_ah"] > 1e-4

    wait_until(far_enough)
    os.kill(run.pid, signal.SIGKILL)
    run.wait(20)
    wait_until(lambda: output_is_off(int(resource.split("::")[2])))
    if recovered:
        assert benchlab("recover", run_folder(first)).returncode == 0
    done = benchlab("run", text, "--channel", channel, "--out", second, "--continue", first)
    assert done.returncode == 0, done.stderr
    before, after = api.open(first), api.open(second)
    assert after.meta["continues"]["file"] == "one.h5"
    assert after.meta["continues"]["step_count"] == 1
    assert after["step_count"].tolist()[0] == 1
    assert after["charging_capacity_ah"][0] < 1e-5
    moved = float(before["charging_capacity_ah"][-1])
    moved += float(after.steps["step_charging_capacity_ah"].sum())
    unseen = 0.2 * 1.2 / 3600.0
    assert moved == pytest.approx(4e-4, abs=unseen)
    assert list(after.steps["end_reason"]) == ["capacity", "capacity"]
    down = float(after.steps["step_discharging_capacity_ah"][1])
    assert down == pytest.approx(2e-4, abs=0.2 * 0.2 / 3600.0), "half of the whole step"
    again = benchlab("run", text, "--channel", channel, "--out", "x.h5", "--continue", second)
    assert again.returncode == 2, "it came to its end"
    text.write_text(PROTOCOL.replace("0.4 mAh", "0.5 mAh"))
    other = benchlab("run", text, "--channel", channel, "--out", "x.h5", "--continue", first)
    assert other.returncode == 2
    assert "another protocol" in other.stderr
    text.write_text(PROTOCOL)
    cell = tmp_path / "cell.yaml"
    cell.write_text("type: nmc811_graphite_pouch\nid: B2\n")
    other = benchlab(
        "run", text, "--channel", channel, "--out", "x.h5", "--continue", first, "--cell", cell
    )
    assert other.returncode == 2
    assert "another cell" in other.stderr


def test_commands_are_heard_over_a_real_line(tmp_path, serve):
    resource = serve("--ideal")["resource"]
    clock = RealClock()
    source = connect(resource, clock)
    identity = source.open()
    assert identity.model == "2450"
    steps = "steps:\n  - {charge: 1C, for: 60 s}\n  - {charge: 1C, for: 1 s}\n"
    program = expand(parse_protocol(PROTOCOL.partition("steps:")[0] + steps, "t.yaml"))
    writer = JournalWriter(tmp_path / "a.run", durable=False)
    worker = RunWorker(program, source, clock, writer, prepare(source, program.limits))
    timers = [
        threading.Timer(second, worker.put, [asked])
        for second, asked in ((0.5, Pause()), (1.2, Resume()), (1.9, Skip()))
    ]
    for timer in timers:
        timer.start()
    outcome = worker.run()
    source.close()
    writer.close()
    assert outcome.end_reason == "done"
    assert outcome.off.proven
    content = read_journal(tmp_path / "a.run")
    kinds = [event["kind"] for event in content.events]
    assert [kind for kind in kinds if kind in ("pause", "resume", "skip")] == [
        "pause",
        "resume",
        "skip",
    ]
    assert [step["end_reason"] for step in content.steps] == ["skipped", "time"]
    ran = content.steps[0]["end_time_second"]
    charged = content.steps[0]["step_charging_capacity_ah"] * 3600.0 / 0.2
    paused = 0.7
    assert charged < ran - 0.9 * paused
    assert json.dumps(content.state)
