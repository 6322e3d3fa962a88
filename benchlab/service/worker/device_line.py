"""A worker's line to the process of a sensor, chamber or board: what it told last, and asks."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from benchlab.errors import BenchError, LinkTimeout, PartSilent
from benchlab.platform import boottime
from benchlab.service.bench_folder import BenchFolder
from benchlab.service.control_client import ControlClient

__all__ = ["DeviceLine", "Devices"]

AGAIN_SECOND = 0.2
KEEP_SECOND = 1.0
FIRST_SECOND = 10.0
"""How long a device that was just started may take for its first reading."""
LATE_PERIODS = 3.0
LATE_LEAST_SECOND = 5.0


class DeviceLine:
    """The newest that one device told; made again whenever its process is.

    Attributes
    ----------
    newest : Mapping
        What it told last; empty: nothing yet. ``time`` is in clock seconds of the reading.
    facts : Mapping
        ``role``, ``period_second`` and ``identity``.
    keeps : set of str
        Channels that the device hears of, so that it does not take them for gone.
    """

    def __init__(self, folder: BenchFolder, name: str) -> None:
        self.name = name
        self.newest: Mapping[str, Any] = {}
        self.facts: Mapping[str, Any] = {}
        self.keeps: set[str] = set()
        self._folder = folder
        self._client: ControlClient | None = None
        self._since = boottime()
        self._over = threading.Event()
        self._look = threading.Event()
        self._first = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name=f"line {name}", daemon=True)
        self._thread.start()

    def ask(self, do: str, **content: Any) -> dict[str, Any]:
        """Ask the device.

        Raises
        ------
        benchlab.errors.BenchError
            It is not there, or refused.
        """
        client = self._client
        if client is None:
            raise PartSilent(
                "the process of this device cannot be reached; nothing was done.",
                where=self.name,
                remedy="benchlab status says what runs.",
            )
        return client.ask(do, operator="worker", **content)

    @property
    def age_second(self) -> float:
        """How old the newest reading is; where there is none, how long it has been waited for."""
        return float(boottime() - self.newest.get("time", self._since))

    def fresh(self) -> Mapping[str, Any]:
        """Return the newest reading, which is not old.

        Raises
        ------
        benchlab.errors.LinkTimeout
        """
        self._first.wait(FIRST_SECOND)
        bound = max(LATE_LEAST_SECOND, LATE_PERIODS * self.facts.get("period_second", 0.0))
        if not self.newest.get("time") or self.age_second > bound:
            lost = self.newest.get("lost") or f"nothing was heard of it for {self.age_second:.1f} s"
            raise LinkTimeout(
                str(lost), where=self.name, remedy="See that it is switched on and connected."
            )
        return self.newest

    def close(self) -> None:
        """Let it go."""
        self._over.set()
        self._look.set()
        self._thread.join(5.0)

    def _go_on(self) -> None:
        while not self._over.is_set():
            self._look.clear()
            try:
                with ControlClient(
                    self._folder.address(self.name), told=self._told, gone=self._look.set
                ) as client:
                    client.watch()
                    self._take(client.ask("read"))
                    self._client = client
                    while not self._look.wait(KEEP_SECOND):
                        for channel in list(self.keeps):
                            client.ask("keep", channel=channel)
            except BenchError:  # its process is not there, and is started again
                pass
            finally:
                self._client = None
            self._over.wait(AGAIN_SECOND)

    def _take(self, told: Mapping[str, Any]) -> None:
        self.facts = {name: told.get(name) for name in ("role", "period_second", "identity")}
        self._told({"tell": "device", **told["newest"]})

    def _told(self, message: Mapping[str, Any]) -> None:
        if message.get("tell") == "device" and len(message) > 1:
            self.newest = message
            if "time" in message:
                self._first.set()


class Devices:
    """A line to each device that the channels of this worker need, made when it is needed."""

    def __init__(self, folder: BenchFolder) -> None:
        self._folder = folder
        self._lines: dict[str, DeviceLine] = {}
        self._lock = threading.Lock()

    def line(self, name: str) -> DeviceLine:
        """Return the line to a device."""
        with self._lock:
            found = self._lines.get(name)
            if found is None:
                found = self._lines[name] = DeviceLine(self._folder, name)
            return found

    def close(self) -> None:
        """Let every line go."""
        with self._lock:
            lines, self._lines = list(self._lines.values()), {}
        for line in lines:
            line.close()
