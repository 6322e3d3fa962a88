"""The hub's side of the workers: finds them, hears what they tell, asks them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from benchlab.errors import BenchError, FileMissing, PartSilent
from benchlab.service.alarms import AlarmBook
from benchlab.service.bench_file import BenchFile
from benchlab.service.bench_folder import BenchFolder, PartFile
from benchlab.service.control_client import ControlClient

__all__ = ["Parts"]

LOOK_SECOND = 0.5
KINDS = ("worker", "device", "supervisor")
"""Parts that tell something."""
SLOW = {"start": 60.0, "check": 60.0, "stop": 60.0, "resume": 60.0, "channel_check": 600.0}
"""How long the hub waits for what takes long: an instrument may have to be believed again."""


class Parts:
    """A connection to each part that runs; made again when it is lost.

    Parameters
    ----------
    publish
        Called from any thread with what a part told, and the name of the snapshot that it replaces
        (empty: an event).
    """

    def __init__(
        self,
        folder: BenchFolder,
        bench: BenchFile,
        publish: Callable[[Mapping[str, Any], str], None],
    ) -> None:
        self._folder = folder
        self._bench = bench
        self.alarms = AlarmBook(folder.alarms)
        self.publish = publish
        self._lines: dict[str, tuple[str, ControlClient]] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._look_now = threading.Event()
        self._thread = threading.Thread(target=self._look, name="parts", daemon=True)

    def start(self) -> None:
        """Begin to look for parts."""
        self._thread.start()

    def close(self) -> None:
        """Let every connection go."""
        self._over.set()
        self._look_now.set()
        self._thread.join(5.0)
        with self._lock:
            lines, self._lines = list(self._lines.values()), {}
        for _, line in lines:
            line.close()

    def ask(self, part: str, do: str, **content: Any) -> dict[str, Any]:
        """Ask a part and return its answer.

        Raises
        ------
        benchlab.errors.PartSilent
            It does not run, or does not answer.
        benchlab.errors.BenchError
            What it refused it with.
        """
        with self._lock:
            found = self._lines.get(part)
        if found is None:
            self._look_now.set()
            raise PartSilent(
                "this part of the bench cannot be reached now; what runs in it goes on.",
                where=part,
                remedy="Look again in a second; benchlab status says what runs.",
            )
        return found[1].ask(do, patience_second=SLOW.get(do), **content)

    def of_channel(self, channel: str) -> str:
        """Return the worker of a channel.

        Raises
        ------
        benchlab.errors.FileMissing
            The bench has no such channel.
        """
        if channel not in self._bench.channels:
            raise FileMissing(
                f"there is no channel {channel[:40]!r}.",
                where=str(self._folder.file),
                remedy=f"This bench has {', '.join(self._bench.channels)}.",
            )
        return self._bench.worker_of(channel)

    def status(self) -> dict[str, dict[str, Any]]:
        """Return how every channel stands; one whose worker is silent says so."""
        found: dict[str, dict[str, Any]] = {}
        for worker in self._bench.workers():
            with suppress(BenchError):
                told = self.ask(worker, "status").get("channels", {})
                found |= {str(name): dict(facts) for name, facts in told.items()}
        silent = {"state": "unreachable"}
        return {name: found.get(name, silent) for name in self._bench.channels}

    def devices(self) -> dict[str, dict[str, Any]]:
        """Return what every sensor, chamber and relay board told last; one that is silent: how."""
        found: dict[str, dict[str, Any]] = {}
        for name in self._bench.device_workers():
            try:
                found[name] = self.ask(name, "read")
            except BenchError as error:
                found[name] = {"newest": {"lost": error.what}}
        return found

    def parts(self) -> list[dict[str, Any]]:
        """Return every part that the bench has, whether it runs, and whether the hub hears it."""
        files = self._folder.all_parts()
        with self._lock:
            heard = set(self._lines)
        names = [*self._bench.workers(), *self._bench.device_workers(), "supervisor", "hub"]
        return [_facts(name, files.get(name), name in heard) for name in names]

    def _look(self) -> None:
        while not self._over.is_set():
            self._look_now.clear()
            for name, part in self._folder.all_parts().items():
                if part.kind in KINDS and not self._over.is_set():
                    self._connect(name, part)
            self._look_now.wait(LOOK_SECOND)

    def _connect(self, name: str, part: PartFile) -> None:
        with self._lock:
            known = self._lines.get(name)
        if (known is not None and known[0] == part.started) or not part.alive:
            return
        if known is not None:
            self._gone(name, known[0])
        try:
            line = ControlClient(
                part.address,
                told=lambda message: self._told(name, message),
                gone=lambda: self._gone(name, part.started),
            )
            with self._lock:
                self._lines[name] = (part.started, line)
            line.ask("watch")
        except PartSilent:
            self._gone(name, part.started)
            return
        self.publish({"tell": "part", "part": name, "heard": True}, "")

    def _gone(self, name: str, started: str) -> None:
        with self._lock:
            known = self._lines.get(name)
            if known is None or known[0] != started:
                return
            del self._lines[name]
        known[1].close()
        self._look_now.set()
        self.publish({"tell": "part", "part": name, "heard": False}, "")

    def _told(self, name: str, message: dict[str, Any]) -> None:
        message.setdefault("part", name)
        snapshot = message.get("tell") == "snapshot"
        self.publish(message, f"{name}/{message.get('channel', '')}" if snapshot else "")


def _facts(name: str, part: PartFile | None, heard: bool) -> dict[str, Any]:
    if part is None:
        return {"name": name, "alive": False, "heard": False}
    alive = part.alive
    facts = {"kind": part.kind, "pid": part.pid, "version": part.version}
    return {"name": name, "alive": alive, "heard": heard and alive, **facts}
