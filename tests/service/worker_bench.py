"""A bench for tests: simulators in processes of their own, real worker processes, a client."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

from benchlab.errors import PartSilent
from benchlab.service.bench_folder import BenchFolder
from benchlab.service.control_client import ControlClient

CELL = "nmc811_graphite_pouch"
PATIENCE = 20.0


def protocol(*steps, period="0.1 s", every="0.1 s", name="short"):
    """Return a protocol's text."""
    head = (
        f"name: {name}\ncell: {{type: {CELL}}}\ncapacity: {{C: 0.2 Ah}}\n"
        f"control: {{period: {period}}}\nrecord: {{every: {every}}}\nsteps:\n"
    )
    return head + "".join(f"  - {step}\n" for step in steps)


def cell(name):
    """Return a cell's text."""
    return f"{{id: {name}, type: {CELL}}}"


CHARGE = "{charge: C/4, until: [60 s, 4.2 V], at_most: 61 s}"
LONG = protocol(CHARGE)


def patient(look, what="it did not come about", second=PATIENCE):
    """Return what a look finds, once it finds something."""
    end = time.monotonic() + second
    waiting = threading.Event()
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        waiting.wait(0.02)
    raise AssertionError(what)


class Bench:
    """A folder with a bench.yaml, its simulators, its workers."""

    def __init__(self, root, channels=1, driver="keithley2450"):
        self.root = root
        self.folder = BenchFolder(root)
        self.sims = []
        self.workers = {}
        self.told = []
        self._clients = {}
        self._log = (root / "workers.log").open("ab")
        self.resources = [self.serve(driver) for _ in range(channels)]
        self.write()

    def serve(self, driver, *words):
        """Serve a simulated instrument; return its resource."""
        line = [sys.executable, "-m", "benchlab", "sim", "serve", driver, "--capacity-ah", "0.2"]
        child = subprocess.Popen([*line, *words], stdout=subprocess.PIPE, text=True)
        self.sims.append(child)
        self.driver = driver
        return json.loads(child.stdout.readline())["resource"]

    def write(self, **of_channel):
        """Write bench.yaml: a worker w1 with a channel for each instrument."""
        lines = ["instruments:"]
        for k, resource in enumerate(self.resources, 1):
            lines.append(f"  i{k}: {{driver: {self.driver}, resource: '{resource}', worker: w1}}")
        lines.append("channels:")
        more = "".join(f", {name}: {value}" for name, value in of_channel.items())
        for k in range(1, len(self.resources) + 1):
            lines.append(f"  '{k}': {{instrument: i{k}{more}}}")
        (self.root / "bench.yaml").write_text("\n".join(lines) + "\nreserve: 1 MB\n")

    def up(self, name="w1"):
        """Start a worker; return once it answers."""
        words = [sys.executable, "-m", "benchlab.service.worker", str(self.root), name]
        began = time.monotonic()
        environment = {**os.environ, "BENCHLAB_GUARDIAN_SECONDS": "5"}
        child = subprocess.Popen(words, stderr=self._log, env=environment)
        self.workers[name] = child

        def answers():
            assert child.poll() is None, (self.root / "workers.log").read_text()
            part = self.folder.part(name)
            if part is None or part.pid != child.pid:
                return None
            with suppress(PartSilent):
                return ControlClient(part.address, told=self.told.append, patience_second=PATIENCE)
            return None

        self._clients[name] = patient(answers, "the worker does not answer")
        self._clients[name].watch()
        return time.monotonic() - began

    def kill(self, name="w1"):
        """End a worker as nothing can answer."""
        child = self.workers[name]
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        self._clients[name].close()

    def ask(self, do, channel=None, worker="w1", **content):
        """Ask a worker, as Ann where nobody else is named."""
        if channel is not None:
            content["channel"] = channel
        content.setdefault("operator", "Ann")
        return self._clients[worker].ask(do, **content)

    def status(self, channel="1", worker="w1"):
        """Return how a channel stands."""
        return self.ask("status", worker=worker)["channels"][channel]

    def comes_to(self, state, channel="1", worker="w1", second=PATIENCE):
        """Return the status once the channel is in a state."""
        seen = []

        def look():
            seen[:] = [self.status(channel, worker)]
            return seen[0]["state"] == state and seen[0]

        try:
            return patient(look, second=second)
        except AssertionError:
            log = (self.root / "workers.log").read_text()
            raise AssertionError(f"{channel} is not {state}: {seen}\n{log}") from None

    def reads_past(self, second, channel="1"):
        """Return once a reading of the run is later than this."""
        patient(lambda: self.status(channel)["reading"].get("test_time_second", 0.0) > second)

    def file_of(self, path):
        """Return the closed file, once it is there."""
        patient(lambda: os.path.exists(path) and not os.path.exists(path[:-3] + ".run"), path)
        return path

    def close(self):
        """End everything."""
        for client in self._clients.values():
            client.close()
        for child in [*self.workers.values(), *self.sims]:
            if child.poll() is None:
                child.send_signal(signal.SIGKILL if child in self.sims else signal.SIGTERM)
        for child in [*self.workers.values(), *self.sims]:
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(5)
            if child.stdout is not None:
                child.stdout.close()
        self._log.close()


@contextmanager
def bench(root, **words):
    """Have a bench for as long as it is entered."""
    made = Bench(root, **words)
    try:
        yield made
    finally:
        made.close()
