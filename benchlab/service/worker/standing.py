"""What a channel is doing and what waits for it, kept in its file of ``.benchlab/channels``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchlab.errors import StorageError
from benchlab.platform import replace_file

__all__ = ["ACTIVE", "CLOSED", "Standing", "read_standing", "write_standing"]

ACTIVE = frozenset({"starting", "running", "paused", "held"})
"""States in which a channel has a run."""
CLOSED = frozenset({"stopped", "done", "failed"})


@dataclass(slots=True)
class Standing:
    """How a channel stands.

    Attributes
    ----------
    state : str
        One of the states of docs/decisions/0009-service.md.
    why : str
        In words, where it is not what was asked for.
    run : dict
        The run under way, or the last one: ``id``, ``file``, ``order``, ``started_utc``,
        ``held_by`` ({"", "operator", "fault"}), ``off`` (what is known of the output) and when,
        ``off_unix_ns``.
    queue : list of dict
        Orders, the next one first.
    closing : list of str
        Files whose runs have ended and which are being written.
    """

    state: str = "idle"
    why: str = ""
    run: dict[str, Any] = field(default_factory=dict)
    queue: list[dict[str, Any]] = field(default_factory=list)
    closing: list[str] = field(default_factory=list)

    @property
    def active(self) -> bool:
        """Whether there is a run that has not ended."""
        return self.state in ACTIVE

    def cells(self) -> set[str]:
        """Return the cells that are on this channel, or will be."""
        orders: list[Mapping[str, Any]] = list(self.queue)
        if self.active:
            orders.append(self.run.get("order", {}))
        return {str(order["cell_id"]) for order in orders if order.get("cell_id")}

    def items(self) -> set[str]:
        """Return the numbers of all that waits or runs here."""
        found = {str(order.get("item", "")) for order in self.queue}
        return {*found, str(self.run.get("order", {}).get("item", ""))} - {""}


def read_standing(path: Path) -> Standing:
    """Return what a channel's file says; where there is none, or a damaged one, it is idle."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        facts = json.loads(path.read_bytes())
        known = {name: facts[name] for name in Standing.__slots__ if name in facts}
        return Standing(**known)
    return Standing()


def write_standing(path: Path, standing: Standing) -> None:
    """Put it in the place of what the file said, on the disk when this returns.

    Raises
    ------
    benchlab.errors.StorageError
        The disk takes nothing; the file says what it said before.
    """
    text = json.dumps({"v": 1, **asdict(standing)}, separators=(",", ":"))
    try:
        replace_file(path, text.encode() + b"\n")
    except OSError as error:
        raise StorageError(
            f"what the channel does cannot be written ({error.strerror or error}).",
            where=str(path),
            remedy="Free space, or make the folder writable.",
        ) from error
