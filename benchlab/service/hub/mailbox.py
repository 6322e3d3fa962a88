"""What waits for one client of the live stream: bounded, so that a slow one costs no memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

__all__ = ["MOST_EVENTS", "Fanout", "Mailbox"]

MOST_EVENTS = 1000


class Mailbox:
    """Events in their order, and the newest snapshot of each channel."""

    def __init__(self) -> None:
        self._events: deque[Mapping[str, Any]] = deque()
        self._newest: dict[str, Mapping[str, Any]] = {}
        self._missed = 0
        self._some = asyncio.Event()

    def put(self, message: Mapping[str, Any], newest_of: str = "") -> None:
        """Add a message; of snapshots of one name only the newest is kept."""
        if newest_of:
            self._newest[newest_of] = message
        else:
            if len(self._events) >= MOST_EVENTS:
                self._events.popleft()
                self._missed += 1
            self._events.append(message)
        self._some.set()

    async def take(self) -> list[Mapping[str, Any]]:
        """Wait for something to send, and return all of it."""
        await self._some.wait()
        self._some.clear()
        batch = list(self._events)
        if self._missed:
            batch.insert(0, {"tell": "missed", "missed": self._missed})
        batch += self._newest.values()
        self._events.clear()
        self._newest.clear()
        self._missed = 0
        return batch


class Fanout:
    """Hands what the workers tell to every mailbox; `publish` is safe from any thread."""

    def __init__(self) -> None:
        self._boxes: set[Mailbox] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def join(self) -> Mailbox:
        """Return a new client's mailbox; called on the event loop."""
        self._loop = asyncio.get_running_loop()
        box = Mailbox()
        self._boxes.add(box)
        return box

    def leave(self, box: Mailbox) -> None:
        """Forget a client."""
        self._boxes.discard(box)

    @property
    def clients(self) -> int:
        """How many listen."""
        return len(self._boxes)

    def publish(self, message: Mapping[str, Any], newest_of: str = "") -> None:
        """Hand a message to everybody who listens."""
        if self._boxes and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hand, message, newest_of)

    def _hand(self, message: Mapping[str, Any], newest_of: str) -> None:
        for box in self._boxes:
            box.put(message, newest_of)
