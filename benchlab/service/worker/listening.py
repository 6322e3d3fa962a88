"""Hears what a run records: tells it on, and lets those wait who asked the run for something."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from benchlab.bench.outcome import Progress
from benchlab.model.program import Program, StepPlan

__all__ = ["Asking", "Listening"]

PAUSED = {"pause": "paused", "resume": "running"}


class Asking:
    """What somebody asked of a run, and what the run said to it."""

    def __init__(self, kinds: frozenset[str], operator: str) -> None:
        self.kinds, self.operator = kinds | {"refused"}, operator
        self.kind, self.text = "", ""
        self.done = threading.Event()

    def hear(self, content: Mapping[str, Any]) -> None:
        """Take the answer where an event is one."""
        if content["kind"] in self.kinds and content["actor"] == self.operator:
            self.kind, self.text = str(content["kind"]), str(content["text"])
            self.done.set()


class _Question:
    """What an operator's step asks, for whoever looks; the answer comes as a command."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def ask(self, plan: StepPlan) -> None:
        """Hear what is to be done and what is asked for."""
        before = self.asked.get("refused", "")
        self.asked = {"text": plan.question, "ask": list(plan.ask), "refused": before}

    def poll(self, now: float) -> Mapping[str, str] | None:
        """Return nothing."""
        return None

    def refused(self, why: str) -> None:
        """Hear what was wrong with the answer."""
        self.asked = {**self.asked, "refused": why}


class Listening:
    """What is known of a run from what it tells.

    Attributes
    ----------
    progress : Progress or None
        Where it stands.
    """

    def __init__(
        self,
        channel: str,
        tell: Callable[[str, Mapping[str, Any], str], None],
        stands: Callable[[str], None],
    ) -> None:
        self.asked = _Question()
        self.progress: Progress | None = None
        self.program: Program | None = None
        self.about_second: float | None = None
        self._channel = channel
        self._tell = tell
        self._stands = stands
        self._asking: list[Asking] = []

    def begin(self, program: Program) -> None:
        """Forget what an earlier run told."""
        self.program = program
        self.progress = self.about_second = None
        self.asked.asked = {}

    def heard(self, what: str, content: Mapping[str, Any]) -> None:
        """Take what the run records, from its own thread."""
        if what == "step":
            self.asked.asked = {}
            known = ("step_count", "step_id", "label", "cycle_count", "end_reason")
            brief = {name: content[name] for name in known}
            self._tell("event", {"channel": self._channel, "kind": "step", **brief}, "")
            return
        self._tell("event", {"channel": self._channel, **content}, "")
        kind = str(content["kind"])
        if kind in PAUSED:
            self._stands(PAUSED[kind])
        for asking in list(self._asking):
            asking.hear(content)

    def wait_for(
        self, kinds: frozenset[str], operator: str, ask: Callable[[], None], patience_second: float
    ) -> Asking:
        """Ask the run for something, and wait a moment for what it says to it."""
        asking = Asking(kinds, operator)
        self._asking.append(asking)
        try:
            ask()
            asking.done.wait(patience_second)
        finally:
            self._asking.remove(asking)
        return asking
