"""Whether 32 channels at 10 Hz, and 1 kHz from an instrument's buffer, fit two cores in real time.

    python -m benchmarks.real_time [--minutes 10] [--peer-python PATH] [--folder ON_THE_DISK]

Simulated 2450s are served over TCP by processes of their own, eight to a process; each channel is a
worker process with its journal, synced to the disk each second. Limits: each control period has its
reading, p99 of the lateness below 10 ms on the worst channel, each sample of the buffer in a row.
With PATH, the Python of an environment with ``tomato==2.2`` and ``tomato-example-counter``, its
example counter is asked for 10, 100 and 1000 Hz beside it: what its own task runner records, in a
process of its own that polls it each second as its job does. CPU is of processes after their start.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import benchlab
from benchlab.bench.clock import RealClock
from benchlab.bench.prepare import prepare
from benchlab.bench.worker import RunWorker
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol
from benchlab.model.resolve import cell_of
from benchlab.service.channel import parse_channel
from benchlab.store.compact import close_run
from benchlab.store.journal import JournalWriter
from benchmarks.kill_harness import HEAD

PERIOD = 0.1
MOST_LATE_SECOND = 0.010
A_PROCESS = 8
PEER_HERTZ = (10, 100, 1000)
PROTOCOL = """\
name: real time
cell: {{type: nmc811_graphite_pouch}}
capacity: {{C: 0.2 Ah}}
control: {{period: {period} s}}
record: {{every: {every}}}
steps:
  - {{charge: C/20, until: [{second} s, 4.2 V], at_most: {second} s}}
"""
TICK = os.sysconf("SC_CLK_TCK")

# runs under the peer's interpreter, so it imports nothing of ours
PEER = """
import json, logging, sys, time
from tomato.driverinterface_2_1 import Task
from tomato_example_counter import DriverInterface
logging.disable()
second = float(sys.argv[1])
for hertz in map(float, sys.argv[2:]):
    device = DriverInterface().DeviceFactory(("bench", "1"))
    task = Task(component_role="counter", technique_name="count", max_duration=second,
                sampling_interval=1.0 / hertz)
    began, spent, rows = time.perf_counter(), time.process_time(), 0
    device.task_list.put(task)
    while time.perf_counter() - began < second + 2.0:
        time.sleep(1.0)
        with device.datalock:
            data = device.get_data()
        rows += 0 if data is None else data.sizes["uts"]
    print(json.dumps([hertz, rows / second, (time.process_time() - spent) / second]), flush=True)
    device.thread.do_run = False
"""


def work(resource: str, out: Path, second: float, every: str) -> None:
    """Be the worker of one channel: get ready, wait for a line on stdin, run, tell."""
    text = PROTOCOL.format(period=PERIOD, every=every, second=f"{second:g}")
    protocol = parse_protocol(text, "real_time")
    program = expand(protocol, cell_of(protocol, None))
    clock = RealClock()
    source = parse_channel(f"keithley2450@{resource}").connect(clock)
    source.open()
    seen = prepare(source, program.limits)
    journal = JournalWriter(out.with_suffix(".run"), durable=True)
    journal.open_record(HEAD)
    print("ready", flush=True)
    sys.stdin.readline()
    worker = RunWorker(program, source, clock, journal, seen)
    outcome = worker.run()
    journal.end({"end_reason": outcome.end_reason, "end_text": outcome.text})
    journal.close()
    told = {"end": outcome.end_reason, "text": outcome.text, "lost": worker._run.buffered.lost}
    print(json.dumps({**told, **outcome.lateness.record()}), flush=True)
    sys.stdin.readline()


def cpu_second(pid: int) -> float:
    """Return the CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Simulators:
    """Simulated 2450s on ports of this machine, each with a cell of its own."""

    def __init__(self, folder: Path, count: int) -> None:
        self.resources: list[str] = []
        self.processes: list[subprocess.Popen[str]] = []
        for first in range(0, count, A_PROCESS):
            lines = ["cells:"]
            names = [f"c{k}" for k in range(first, min(first + A_PROCESS, count))]
            lines += [f"  {n}: {{type: nmc811_graphite_pouch, capacity: 0.2 Ah}}" for n in names]
            lines += ["instruments:"]
            lines += [f"  - {{driver: keithley2450, name: i{n}, cell: {n}}}" for n in names]
            world = folder / f"world{first}.yaml"
            world.write_text("\n".join(lines) + "\n")
            words = [sys.executable, "-m", "benchlab", "sim", "serve", "--world", str(world)]
            self.processes.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        for process in self.processes:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            self.resources += [item["resource"] for item in told["instruments"]]

    def cpu(self) -> float:
        """Return the CPU time of all of them so far."""
        return sum(cpu_second(process.pid) for process in self.processes)

    def close(self) -> None:
        """End them."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(10)


class Worker:
    """A worker process."""

    def __init__(self, resource: str, out: Path, second: float, every: str) -> None:
        self.out = out
        words = [sys.executable, "-m", "benchmarks.real_time", "--work", resource, str(out)]
        words += [f"{second:g}", every]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._spent = 0.0

    def line(self) -> str:
        """Return what it says next."""
        assert self._process.stdout is not None
        text = self._process.stdout.readline()
        if not text:
            sys.exit("a worker ended before its time")
        return text.strip()

    def say(self) -> None:
        """Let it go on."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def go(self) -> None:
        """Start its run."""
        self._spent = cpu_second(self._process.pid)
        self.say()

    def told(self) -> dict[str, Any]:
        """Return what it tells of its run, and its CPU seconds."""
        told: dict[str, Any] = json.loads(self.line())
        told["cpu"] = cpu_second(self._process.pid) - self._spent
        self.say()
        self._process.wait(20)
        return told


def run(folder: Path, count: int, second: float, every: str) -> tuple[list[dict[str, Any]], float]:
    """Return what each channel told, with its row times and currents, and CPU of the simulators."""
    simulators = Simulators(folder, count)
    try:
        workers = [
            Worker(resource, folder / f"{every.replace(' ', '')}_{k}.h5", second, every)
            for k, resource in enumerate(simulators.resources)
        ]
        for worker in workers:
            worker.line()
        chance, spent = random.Random(1), simulators.cpu()
        for worker in workers:
            worker.go()
            time.sleep(chance.uniform(0.0, PERIOD))  # as channels do, each begins when it does
        told = [worker.told() for worker in workers]
        spent = simulators.cpu() - spent
    finally:
        simulators.close()
    for worker, item in zip(workers, told, strict=True):
        if item["end"] != "done":
            sys.exit(f"a channel ended otherwise: {item['end']}: {item['text']}")
        close_run(worker.out.with_suffix(".run"), worker.out)
        item["time"] = np.asarray(benchlab.open(worker.out)["test_time_second"])
    return told, spent


def without_row(times: np.ndarray, period: float) -> int:
    """Return how many periods have no row of their own, counted from the first row on."""
    places = np.round((times - times[0]) / period).astype(int)
    return int(places[-1] + 1 - len(np.unique(places)))


def channels(folder: Path, count: int, second: float) -> bool:
    """Measure and print the channels at 10 Hz; return whether they keep to the limits."""
    told, simulated = run(folder, count, second, f"{PERIOD} s")
    periods = count * second / PERIOD
    missed = int(sum(item["missed"] for item in told))
    readings = sum(item["count"] for item in told)
    empty = sum(without_row(item["time"], PERIOD) for item in told)
    worst = {name: max(item[name] for item in told) for name in ("p99_second", "worst_second")}
    median = float(np.median([item["p50_second"] for item in told]))
    spent = sum(item["cpu"] for item in told)
    print(f"{count} channels at {1 / PERIOD:g} Hz for {second:g} s over TCP")
    print(
        f"  control periods without a reading {missed}, without a row {empty}, of {periods:,.0f};"
        f" readings {readings / periods:.4%} of the periods"
    )
    p99, most = worst["p99_second"], worst["worst_second"]
    print(
        f"  lateness p50 {median * 1e3:.2f} ms (median channel), p99 {p99 * 1e3:.2f} ms (worst"
        f" channel), worst of all {most * 1e3:.1f} ms; p99 / limit {p99 / MOST_LATE_SECOND:.2f}"
    )
    print(
        f"  CPU: workers {spent / second:.1%} of a core ({spent / readings * 1e6:.0f} us a"
        f" reading), simulators {simulated / second:.1%} of a core"
    )
    return not missed and not empty and p99 < MOST_LATE_SECOND


def stream(folder: Path, second: float) -> tuple[bool, float]:
    """Measure and print 1 kHz from the buffer; return whether all came, and how many a second."""
    (told,), simulated = run(folder, 1, second, "1 ms")
    times = told["time"]
    steps = np.diff(times)
    missing = int(np.sum(np.round(steps / 1e-3).astype(int) - 1))
    doubled = int(np.sum(steps <= 0.0))
    asked = round((times[-1] - times[0]) / 1e-3) + 1
    print(f"1 kHz from the buffer of one 2450 for {second:g} s")
    print(
        f"  samples {len(times):,} of {asked:,.0f} ({len(times) / asked:.4%}): missing {missing},"
        f" doubled {doubled}, told lost {told['lost']}; first row {times[0] * 1e3:.1f} ms after the"
        f" edge, last {(second - times[-1]) * 1e3:.1f} ms before the end"
    )
    print(
        f"  CPU: worker {told['cpu'] / second:.1%} of a core, simulator {simulated / second:.1%};"
        f" control periods without a reading {told['missed']:.0f}"
    )
    return not (missing or doubled or told["lost"]), len(times) / (times[-1] - times[0])


def peer(python: str, second: float, ours: dict[int, float]) -> None:
    """Measure and print what tomato records when it is asked for the same rates."""
    words = [python, "-I", "-c", PEER, f"{second:g}", *map(str, PEER_HERTZ)]
    answer = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if answer.returncode:
        sys.exit(f"{python} could not run tomato 2.2 and its example counter")
    print(f"tomato 2.2, its example counter, {second:g} s each")
    for line in answer.stdout.splitlines():
        hertz, got, spent = json.loads(line)
        beside = f"; ours {ours[int(hertz)] / got:.1f} x" if int(hertz) in ours else ""
        print(f"  asked {hertz:g} Hz: records {got:.1f} a second, {spent:.1%} of a core{beside}")


def main() -> int:
    """Measure and print; exit 1 beyond a limit."""
    if sys.argv[1:2] == ["--work"]:
        resource, out, second, every = sys.argv[2:]
        work(resource, Path(out), float(second), every)
        return 0
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--stream-second", type=float, default=60.0)
    parser.add_argument("--peer-python", help="the Python that has tomato")
    parser.add_argument("--peer-second", type=float, default=20.0)
    parser.add_argument("--folder", type=Path, help="a folder on the disk to be tried")
    words = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start", flush=True)
    with tempfile.TemporaryDirectory(dir=words.folder) as name:
        fits = channels(Path(name), words.channels, words.minutes * 60.0)
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(dir=words.folder) as name:
        whole, rate = stream(Path(name), words.stream_second)
    sys.stdout.flush()
    if words.peer_python:
        peer(words.peer_python, words.peer_second, {10: 1.0 / PERIOD, 1000: rate})
    else:
        print("tomato was not measured: --peer-python is missing")
    return 0 if fits and whole else 1


if __name__ == "__main__":
    sys.exit(main())
