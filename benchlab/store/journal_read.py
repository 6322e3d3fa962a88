"""Reads all that the whole frames of a journal hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.errors import FileNotReadable
from benchlab.model.columns import row_dtype
from benchlab.store.journal_damage import loss_event, shift_steps, substitute_head
from benchlab.store.journal_frame import (
    ROW,
    FrameKind,
    segment_numbers,
)
from benchlab.store.journal_index import START, Place
from benchlab.store.journal_tail import Damage, JournalTail

__all__ = [
    "JournalContent",
    "has_journal",
    "read_journal",
    "without_record",
]

_BRIEF = b'{"since_second":'
"""A state that holds only what changed since the last whole one."""
_BLOCK_ROWS = 1 << 20


def has_journal(folder: Path) -> bool:
    """Say whether there is a journal in the folder of a run."""
    return (folder / "journal").is_dir()


Rows = npt.NDArray[np.void]


@dataclass
class JournalContent:
    """Everything that the whole frames of a journal hold.

    Attributes
    ----------
    rows : ndarray
        Every row, or nothing where they were handed on while reading.
    open_rows : ndarray
        The rows since the last step ended.
    row_count : int
        The rows that could be read.
    last_row : tuple or None
        Test time and UTC of the last one.
    missing_rows : int
        Rows lost to damage; 0 in a journal as it was written. Row indices in `steps` count the
        rows that are there.
    torn_bytes : int
        Bytes that follow the last whole frame.
    lost_frames : int
        Frames lost to damage, with rows or without.
    head_lost : bool
        Whether `head` only stands in for a first record that could not be read.
    frames, segment : int
        The number the next frame, and the index the next segment, would have.
    place : Place
        Where a reader goes on that has had all this.
    """

    head: dict[str, Any] = field(default_factory=dict)
    rows: Rows = field(default_factory=lambda: np.empty(0, row_dtype()))
    open_rows: Rows = field(default_factory=lambda: np.empty(0, row_dtype()))
    row_count: int = 0
    last_row: tuple[float, int] | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    spectra: list[dict[str, Any]] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    clocks: list[dict[str, Any]] = field(default_factory=list)
    intents: list[dict[str, Any]] = field(default_factory=list)
    end: dict[str, Any] | None = None
    damage: list[Damage] = field(default_factory=list)
    missing_rows: int = 0
    lost_frames: int = 0
    head_lost: bool = False
    torn_bytes: int = 0
    run_id: bytes = b""
    frames: int = 0
    segment: int = 0
    place: Place = START


def read_journal(
    folder: Path, *, take: Callable[[Rows], None] | None = None, start: Place = START
) -> JournalContent:
    """Read the whole frames of a run's journal; any prefix of what was written is readable.

    Parameters
    ----------
    take
        Called with the rows in blocks of about a million; they are then not kept.
    start : Place
        Where to begin; what precedes it counts as read, rows included.
    """
    tail = JournalTail(folder, whole=True, start=start)
    content = JournalContent()
    rows, open_rows = bytearray(), bytearray()
    state = whole = last = b""
    expected, next_number = start.row, start.number
    holes: list[tuple[int, int]] = []
    block, row_size = _BLOCK_ROWS * ROW.size, ROW.size
    # plain numbers: two frames come for each second of a run, and an enum's look-up shows
    rows_kind, state_kind = int(FrameKind.ROWS), int(FrameKind.STATE)
    listed: dict[int, list[dict[str, Any]]] = {
        FrameKind.EVENT: content.events,
        FrameKind.GAP: content.events,
        FrameKind.CLOCK: content.clocks,
        FrameKind.INTENT: content.intents,
        FrameKind.SPECTRUM: content.spectra,
    }
    for kind, number, row, payload in tail.frames():
        if row > expected or number > next_number:
            records = max(number - next_number, 0)
            moment = ROW.unpack_from(last, len(last) - row_size)[:2] if last else (0.0, 0)
            lost = (expected, max(row, expected))
            content.events.append(loss_event(lost, records, moment))
            content.lost_frames += records
            if row > expected:
                holes.append(lost)
                expected = row
        next_number = max(next_number, number + 1)
        if kind == rows_kind:
            if row != expected or len(payload) % row_size:
                continue
            rows += payload
            open_rows += payload
            expected += len(payload) // row_size
            last = payload
            if take is not None and len(rows) >= block:
                take(_records(rows))
                rows = bytearray()
        elif kind == state_kind:
            state = payload
            if not payload.startswith(_BRIEF):
                whole = payload
        elif kind == FrameKind.STEP:
            content.steps.append(json.loads(payload))
            open_rows = bytearray()
        elif kind == FrameKind.OPEN:
            content.head = content.head or json.loads(payload)
        elif kind == FrameKind.END:
            content.end = json.loads(payload)
        elif kind in listed:
            listed[kind].append(json.loads(payload))
    content.place = tail.place(expected)
    tail.close()
    if take is not None:
        take(_records(rows))
    else:
        content.rows = _records(rows)
    content.open_rows = _records(open_rows)
    if last:
        content.last_row = ROW.unpack_from(last, len(last) - ROW.size)[:2]
    content.state = {**json.loads(whole or b"{}"), **json.loads(state or b"{}")}
    content.missing_rows = sum(stop - first for first, stop in holes)
    content.row_count = expected - content.missing_rows
    content.damage, content.torn_bytes = tail.damage, tail.torn_bytes
    content.run_id, content.frames = tail.run_id, tail.number
    if not content.head and tail.number:
        content.head = substitute_head(tail.run_id)
        content.head_lost = True
    content.segment = max(segment_numbers(folder), default=-1) + 1
    shift_steps(content.steps, holes)
    return content


def _records(data: bytearray) -> Rows:
    return np.frombuffer(data, row_dtype())


def without_record(folder: Path, content: JournalContent) -> FileNotReadable:
    """Return the error of a journal in which no whole frame was found."""
    if content.torn_bytes or content.damage:
        return FileNotReadable(
            f"none of the journal's {content.torn_bytes} bytes can be read: the run was cut off"
            " within its first record, or the journal is damaged; whether current had flowed is"
            " not known.",
            where=str(folder),
            remedy="Keep the folder; look at the cell before a new start.",
        )
    return FileNotReadable(
        "the run was cut off before its first record; no current had flowed.",
        where=str(folder),
        remedy="Remove the folder and start the run again.",
    )
