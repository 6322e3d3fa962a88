"""What is said of the parts of a journal that could not be read, and what stands in for them."""

from __future__ import annotations

import uuid
from typing import Any

from benchlab.store.journal_frame import JOURNAL_FORMAT

__all__ = ["LOST_HEAD", "loss_event", "shift_steps", "substitute_head"]

LOST_HEAD = (
    "the description of this run (cell, protocol, instrument) is damaged and could not be read;"
    " its rows are as they were recorded"
)


def loss_event(rows: tuple[int, int], records: int, moment: tuple[float, int]) -> dict[str, Any]:
    """Return the event of a stretch of a journal that could not be read.

    Parameters
    ----------
    rows : tuple of int
        The first row lost and the one behind the last; equal where none was.
    records : int
        The frames lost.
    moment : tuple
        Test time in s and UTC in ns of the last row before it.
    """
    first, stop = rows
    if stop > first:
        kind, text = "gap", f"rows {first} to {stop - 1} could not be read"
        if records > 1:
            text += f" ({records} records; steps or events may have been among them)"
    else:
        kind = "damage"
        text = (
            f"{records} record{'s' * (records > 1)} without rows (a step, an event, the state or"
            " what was done to the output) could not be read"
        )
    return {
        "test_time_second": moment[0],
        "unix_time_nanosecond": moment[1],
        "kind": kind,
        "actor": "journal",
        "text": f"{text}: the journal is damaged there",
    }


def substitute_head(run_id: bytes) -> dict[str, Any]:
    """Return a first record without content for a journal whose own could not be read."""
    return {
        "format": JOURNAL_FORMAT,
        "cell": {},
        "protocol": {"name": "", "text": "", "sha256": "", "steps": []},
        "instrument": {},
        "meta": {
            "origin": "benchlab",
            "run_id": str(uuid.UUID(bytes=run_id)),
            "damaged": LOST_HEAD,
        },
    }


def shift_steps(steps: list[dict[str, Any]], holes: list[tuple[int, int]]) -> None:
    """Have the steps' row indices count the rows that are there."""
    if not holes:
        return
    for step in steps:
        first, last = step["first_row"], step["last_row"]
        step["first_row"] = first - sum(min(b, first) - a for a, b in holes if a < first)
        step["last_row"] = last - sum(min(b, last + 1) - a for a, b in holes if a <= last)
