"""The alarms of a worker's channels: raised, told to whoever watches, acknowledged by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchlab.errors import UsageError
from benchlab.service.bench_folder import BenchFolder

__all__ = ["Alarming"]


class Alarming:
    """Raises alarms and knows which stand; safe from any thread."""

    def __init__(
        self, folder: BenchFolder, tell: Callable[[str, Mapping[str, Any], str], None]
    ) -> None:
        self._tell = tell
        self._standing: dict[str, dict[str, dict[str, Any]]] = {}
        self._count = 0

    def raise_alarm(self, channel: str, run: str, kind: str, text: str, **facts: Any) -> str:
        """Latch an alarm and return its id."""
        self._count += 1
        alarm = {"id": str(self._count), "channel": channel, "run": run, "kind": kind}
        alarm |= {"text": text, **facts}
        self._standing.setdefault(channel, {})[alarm["id"]] = alarm
        self._tell("alarm", alarm, "")
        return str(alarm["id"])

    def standing(self, channel: str) -> list[dict[str, Any]]:
        """Return the alarms of a channel that nobody has acknowledged."""
        return list(self._standing.get(channel, {}).values())

    def acknowledge(self, channel: str, alarm: str, operator: str) -> list[dict[str, Any]]:
        """Say that an alarm is known; return those left.

        Raises
        ------
        benchlab.errors.UsageError
        """
        if self._standing.get(channel, {}).pop(alarm, None) is None:
            raise UsageError(f"channel {channel} has no alarm {alarm[:40]!r}.")
        return self.standing(channel)
