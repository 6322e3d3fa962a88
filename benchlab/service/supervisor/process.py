"""The supervisor's process: looks after the parts until the bench is taken down."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from benchlab.errors import BenchError, ChannelBusy, UsageError
from benchlab.platform import on_end
from benchlab.service.alarms import AlarmBook
from benchlab.service.bench_folder import BenchFolder
from benchlab.service.control import ControlServer, Word
from benchlab.service.control_client import ask_once
from benchlab.service.supervisor.awake import Awake
from benchlab.service.supervisor.herald import Herald
from benchlab.service.supervisor.nurse import Nurse
from benchlab.service.supervisor.plan import drop_plan, read_plan
from benchlab.service.supervisor.sign_of_life import SignOfLife

__all__ = ["Supervisor"]

LOOK_SECOND = 0.1
TESTS_SECOND = 2.0
END_SECOND = 15.0


class Supervisor:
    """Starts what the plan names, and starts it again whenever it ends or hangs.

    Raises
    ------
    benchlab.errors.PartSilent
        This bench has a supervisor already.
    """

    def __init__(self, folder: BenchFolder) -> None:
        self._claim = folder.claim("supervisor")  # held open for as long as this process is
        self._folder = folder
        self._nurses: dict[str, Nurse] = {}
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._awake = Awake()
        self._book = AlarmBook(folder.alarms)
        self._herald = Herald(folder, _note)
        self._sign = SignOfLife(folder.root, _note)
        words = {
            "status": Word(self._status),
            "down": Word(self._down, slow=True, changes=True),
            "restart": Word(self._restart, slow=True, changes=True),
        }
        self._server = ControlServer(folder.sockets, "supervisor", "supervisor", words)
        folder.tell_self("supervisor", "supervisor", self._server.address)

    def run(self) -> None:
        """Look after the parts until the bench goes down, or this process is told to end."""
        on_end(self._over.set)
        looked = 0.0
        while not self._over.wait(LOOK_SECOND):
            with self._lock:
                self._follow_plan()
                for nurse in self._nurses.values():
                    nurse.look()
            self._sign.look(well=all(nurse.well for nurse in self._nurses.values()))
            if time.monotonic() - looked > TESTS_SECOND:
                looked = time.monotonic()
                self._awake.keep(bool(self._busy()))

    def close(self) -> None:
        """Let go; the parts go on."""
        self._awake.keep(False)
        self._herald.close()
        self._server.close()

    def _follow_plan(self) -> None:
        plan = read_plan(self._folder)
        if plan is None:
            return
        for name, words in plan.words(self._folder).items():
            if name not in self._nurses:
                self._nurses[name] = Nurse(self._folder, name, words, _note, self._alarm)
        self._herald.follow(plan)
        self._sign.hooks = plan.hooks

    def _alarm(self, text: str, did: str) -> None:
        self._server.tell("alarm", self._book.raise_alarm("", "", "part", text, did=did))

    def _busy(self) -> list[str]:
        """Return the channels on which a test goes on, as their workers say."""
        found: list[str] = []
        for name in self._nurses:
            if name != "hub":
                with suppress(BenchError):
                    address = self._folder.address(name)
                    found += ask_once(address, "ping", patience_second=2.0).get("runs", {})
        return sorted(found)

    def _status(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        with self._lock:
            parts = [nurse.facts() for nurse in self._nurses.values()]
        return {"parts": parts, "can_keep_awake": self._awake.can}

    def _down(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        with self._lock:
            busy = self._busy()
            if busy:
                raise ChannelBusy(
                    f"a test goes on on channel {', '.join(busy)}; nothing was ended.",
                    where=str(self._folder.root),
                    remedy="Stop it and close its file first: benchlab stop CHANNEL --close",
                )
            _note(f"taken down by {request.get('operator', '')}")
            drop_plan(self._folder)
            for name in ("hub", *(name for name in self._nurses if name != "hub")):
                if name in self._nurses:
                    self._nurses.pop(name).end(END_SECOND)
            self._over.set()
        return {}

    def _restart(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        name = str(request.get("part", ""))
        with self._lock:
            nurse = self._nurses.get(name)
            if nurse is None or name != "hub":
                raise UsageError(
                    f"{name[:40]!r} is not started anew while tests run; nothing was done.",
                    remedy="hub can be: the workers go on meanwhile.",
                )
            nurse.end(END_SECOND)
        return {}


def _note(text: str) -> None:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sys.stderr.write(f"{stamp} {text}\n")
    sys.stderr.flush()
