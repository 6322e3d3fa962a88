"""A bench on this computer without its hub: its workers are asked themselves."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from benchlab import __version__
from benchlab.errors import BenchError, FileMissing
from benchlab.service.alarms import AlarmBook
from benchlab.service.bench_file import BenchFile, read_bench
from benchlab.service.bench_folder import BenchFolder
from benchlab.service.control_client import ask_once
from benchlab.service.hub.parts import SLOW
from benchlab.service.lines import facts_of

__all__ = ["Direct"]

PATIENCE_SECOND = 5.0
AT_ONCE = 32


class Direct:
    """The workers of a bench, each asked over its own control line.

    Parameters
    ----------
    folder : BenchFolder
    """

    def __init__(self, folder: BenchFolder) -> None:
        self._folder = folder

    def ask(self, channel: str, do: str, words: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the worker of a channel, and return its answer.

        Raises
        ------
        benchlab.errors.PartSilent
            It does not run, or does not answer.
        benchlab.errors.BenchError
            What it refused.
        """
        if do == "acknowledge" and not channel:
            book = AlarmBook(self._folder.alarms)
            book.acknowledge("", str(words["alarm"]), str(words["operator"]))
            return {"alarms": book.standing("")}
        bench = self._bench()
        if channel not in bench.channels:
            raise FileMissing(
                f"there is no channel {channel[:40]!r}.",
                where=str(self._folder.file),
                remedy=f"This bench has {', '.join(bench.channels)}.",
            )
        address = self._folder.address(bench.worker_of(channel))
        patience = SLOW.get(do, PATIENCE_SECOND)
        return ask_once(address, do, patience_second=patience, channel=channel, **words)

    def channel(self, channel: str) -> dict[str, Any]:
        """Return how one channel stands.

        Raises
        ------
        benchlab.errors.BenchError
        """
        found = self.ask(channel, "status", {})["channels"]
        return dict(found.get(channel, {}))

    def status(self) -> dict[str, Any]:
        """Return how the bench stands, as its hub would; a worker that is silent says so."""
        bench = self._bench()
        known: dict[str, Any] = {}
        for worker in bench.workers():
            with suppress(BenchError):
                known |= ask_once(self._folder.address(worker), "status").get("channels", {})
        devices: dict[str, Any] = {}
        for name in bench.device_workers():
            try:
                devices[name] = ask_once(self._folder.address(name), "read")
            except BenchError as error:
                devices[name] = {"newest": {"lost": error.what}}
        parts = self._folder.all_parts()
        names = [*bench.workers(), *bench.device_workers(), "supervisor", "hub"]
        return {
            "bench": bench.name or self._folder.root.name,
            "version": __version__,
            "channels": {
                name: known.get(name, {"state": "unreachable"}) for name in bench.channels
            },
            "devices": devices,
            "parts": [
                {"name": name, "alive": name in parts and parts[name].alive, "heard": False}
                for name in names
            ],
            "alarms": AlarmBook(self._folder.alarms).standing(""),
        }

    def stop_all(self, operator: str) -> dict[str, dict[str, Any]]:
        """Open the circuit of every channel, all at once; return what became of each."""
        names = list(self._bench().channels)

        def one(name: str) -> dict[str, Any]:
            try:
                return {"ok": self.ask(name, "stop", {"operator": operator})}
            except BenchError as error:
                return {"error": facts_of(error)}

        with ThreadPoolExecutor(min(len(names), AT_ONCE)) as pool:
            return dict(zip(names, pool.map(one, names), strict=True))

    def _bench(self) -> BenchFile:
        return read_bench(self._folder.file)
