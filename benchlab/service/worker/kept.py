"""How a channel stands, kept in its file and told to whoever watches."""

from __future__ import annotations

import threading
from typing import Any

from benchlab.errors import StorageError
from benchlab.service.worker.shop import Shop
from benchlab.service.worker.standing import Standing, write_standing

__all__ = ["Kept"]


class Kept:
    """A channel's standing, changed under its lock, written and told at each change.

    Attributes
    ----------
    standing : Standing
        As the channel's file says.
    lock
        Of the standing.
    """

    def __init__(self, name: str, shop: Shop, standing: Standing) -> None:
        self.name, self.shop = name, shop
        self.standing = standing
        self.lock = threading.RLock()

    def save(self) -> None:
        """Write how the channel stands, and tell it."""
        with self.lock:
            standing = self.standing
            write_standing(self.shop.folder.channels / f"{self.name}.json", standing)
            self.tell_state()

    def tell_state(self) -> None:
        """Tell how the channel stands."""
        standing = self.standing
        self.shop.tell(
            "state",
            {
                "channel": self.name,
                "state": standing.state,
                "why": standing.why,
                "run": standing.run.get("id", ""),
                "queued": len(standing.queue),
            },
            "",
        )

    def put(self, state: str, why: str = "", **run: Any) -> None:
        """Let the channel stand otherwise."""
        with self.lock:
            self.standing.state, self.standing.why = state, why
            self.standing.run |= run
            try:
                self.save()
            except StorageError as error:  # what was decided is done all the same
                self.shop.note(str(error))
                self.alarm("storage", str(error))
                self.tell_state()

    def alarm(self, kind: str, text: str, *, did: str = "", owner: str = "") -> None:
        """Raise an alarm of this channel: what happened, what was done, whose limit it was."""
        run = str(self.standing.run.get("id", ""))
        made = self.shop.alarms.raise_alarm(self.name, run, kind, text, owner=owner, did=did)
        self.shop.tell("alarm", made, "")
