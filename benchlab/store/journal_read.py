"""Reads the frames of a journal: whole, growing, cut off anywhere, or damaged."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.errors import FileNotReadable
from benchlab.model.columns import row_dtype
from benchlab.store.journal_damage import loss_event, shift_steps, substitute_head
from benchlab.store.journal_frame import (
    HEADER,
    MAGIC,
    ROW,
    SEGMENT,
    Frame,
    FrameKind,
    segment_path,
    unpack_segment,
)

__all__ = [
    "Damage",
    "JournalContent",
    "JournalTail",
    "has_journal",
    "read_journal",
    "without_record",
]

_OPEN = int(FrameKind.OPEN)
_CHUNK = 1 << 18
_WHOLE = 1 << 30
_BLOCK_ROWS = 1 << 20


def has_journal(folder: Path) -> bool:
    """Say whether there is a journal in the folder of a run."""
    return (folder / "journal").is_dir()


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of a segment that no whole frame covers though whole ones follow."""

    segment: int
    first_byte: int
    last_byte: int


def _segments(folder: Path) -> list[int]:
    try:
        names = [path.stem for path in (folder / "journal").glob("*.blj")]
    except FileNotFoundError:  # it was closed in this moment
        return []
    return sorted(int(name) for name in names if name.isdecimal())


class JournalTail:
    """Yields the frames of a journal as they come, each once, in order.

    Parameters
    ----------
    folder : Path
        ``NAME.run``; the journal in it may be growing.
    whole : bool
        Search beyond damage in the newest segment too. A follower leaves it off: there, what is
        not whole yet is being written.

    Attributes
    ----------
    damage : list of Damage
        What could not be read. Frames on either side are right; their row indices show the hole.
    torn_bytes : int
        Bytes behind the last whole frame of the newest segment; known with `whole` only.
    run_id : bytes
        Empty until a segment's header was read.
    number : int
        The number the next frame will have.
    segment : int
        The index of the newest segment seen; -1 before the first.
    """

    def __init__(self, folder: Path, *, whole: bool = False) -> None:
        self.folder = folder
        self.damage: list[Damage] = []
        self.torn_bytes = 0
        self.run_id = b""
        self.number = 0
        self.segment = -1
        self._opened = False
        self._whole = whole
        self._file: io.FileIO | None = None
        self._offset = 0

    def frames(self) -> Iterator[Frame]:
        """Yield every whole frame that was not yielded before; to be used up."""
        while True:
            # asked before reading: a segment is complete once the next one has begun
            following = self._following()
            if self._file is not None:
                yield from self._rest(search=self._whole or following is not None)
            if following is None:
                return
            self._begin(following)

    def close(self) -> None:
        """Let go of the segment's file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _following(self) -> int | None:
        for index in _segments(self.folder):
            if index <= self.segment:
                continue
            # a segment is made ahead of its use, all zeros; its header comes when it begins, but
            # a power cut may have taken that and left frames
            with suppress(OSError), open(segment_path(self.folder, index), "rb") as file:
                if any(file.read(SEGMENT.size)) or (self._whole and file.read().strip(b"\0")):
                    return index
        return None

    def _begin(self, index: int) -> None:
        self.close()
        self.segment = index
        with suppress(OSError):
            self._file = open(segment_path(self.folder, index), "rb", buffering=0)  # noqa: SIM115
            self._offset = SEGMENT.size
            self.torn_bytes = 0
            head = unpack_segment(self._file.read(SEGMENT.size) or b"")
            if head is not None and self.run_id[:4] in (b"", head.run_id[:4]):
                self.run_id = head.run_id
            elif head is not None:
                self.damage.append(Damage(index, 0, self._read(0, _WHOLE, count=True)))
                self.close()

    def _read(self, offset: int, size: int, *, count: bool = False) -> Any:
        if self._file is None:
            return 0 if count else b""
        self._file.seek(offset)
        parts = []
        while size > 0:
            part = self._file.read(size)
            if not part:
                break
            parts.append(part)
            size -= len(part)
        data = b"".join(parts)
        return len(data) if count else data

    def _rest(self, *, search: bool) -> Iterator[Frame]:
        size = _CHUNK
        while True:
            data = self._read(self._offset, size)
            found, place, wanted = self._parse(data)
            self._offset += place
            yield from found
            if wanted and len(data) == size:
                # cut by the size of our own reading, not by the file's end
                size = max(_CHUNK, wanted)
            elif not search or not self._search():
                return
            else:
                size = _CHUNK

    def _parse(self, data: bytes) -> tuple[list[Frame], int, int]:
        """Return frames, where they end, and the bytes wanted there (0: what is there is none)."""
        found: list[Frame] = []
        place, end, head_size = 0, len(data), HEADER.size
        view = memoryview(data)
        crc32, unpack = zlib.crc32, HEADER.unpack_from
        while True:
            first = place + head_size
            if first > end:
                return found, place, head_size
            magic, kind, _, _, length, tag, number, row, body, head = unpack(data, place)
            if (
                magic != MAGIC
                or crc32(view[place : first - 4]) != head
                or tag != (self.run_id or tag)[:4]
            ):
                return found, place, 0
            stop = first + length
            if stop > end:
                return found, place, head_size + length
            payload = data[first:stop]
            if crc32(payload) != body:
                return found, place, 0
            place = stop
            if not self.run_id:
                # every segment header so far is damaged: the frames' own tag is all there is
                self.run_id = tag + bytes(12)
            # frames whose sync failed are written once more in a new segment
            again = number < self.number
            if kind == _OPEN:
                # each segment repeats it, under its first number
                again, self._opened = self._opened and again, True
            if not again:
                self.number = max(self.number, number + 1)
                found.append(Frame(kind, number, row, payload))

    def _search(self) -> bool:
        """Move to the next whole frame behind damage; say whether there is one."""
        data = self._read(self._offset, _WHOLE)
        place = data.find(MAGIC, 1)
        while place >= 0:
            if self._is_frame(data, place):
                # it may have been written since `data` was read: what precedes it is complete now
                again = self._read(self._offset, place)
                if not self._is_frame(again, 0):
                    first = self._offset
                    self._offset += place
                    self.damage.append(Damage(self.segment, first, self._offset))
                return True
            place = data.find(MAGIC, place + 1)
        self.torn_bytes = len(data.rstrip(b"\0"))
        return False

    def _is_frame(self, data: bytes, place: int) -> bool:
        first = place + HEADER.size
        if first > len(data):
            return False
        magic, _, _, _, length, tag, _, _, body, head = HEADER.unpack_from(data, place)
        return bool(
            magic == MAGIC
            and zlib.crc32(data[place : first - 4]) == head
            and tag == (self.run_id or tag)[:4]
            and first + length <= len(data)
            and zlib.crc32(data[first : first + length]) == body
        )


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
    """

    head: dict[str, Any] = field(default_factory=dict)
    rows: Rows = field(default_factory=lambda: np.empty(0, row_dtype()))
    open_rows: Rows = field(default_factory=lambda: np.empty(0, row_dtype()))
    row_count: int = 0
    last_row: tuple[float, int] | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
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


def read_journal(folder: Path, *, take: Callable[[Rows], None] | None = None) -> JournalContent:
    """Read the whole frames of a run's journal; any prefix of what was written is readable.

    Parameters
    ----------
    take
        Called with the rows in blocks of about a million; they are then not kept.
    """
    tail = JournalTail(folder, whole=True)
    content = JournalContent()
    rows, open_rows = bytearray(), bytearray()
    state = last = b""
    expected = next_number = 0
    holes: list[tuple[int, int]] = []
    block, row_size = _BLOCK_ROWS * ROW.size, ROW.size
    # plain numbers: two frames come for each second of a run, and an enum's look-up shows
    rows_kind, state_kind = int(FrameKind.ROWS), int(FrameKind.STATE)
    listed: dict[int, list[dict[str, Any]]] = {
        FrameKind.EVENT: content.events,
        FrameKind.GAP: content.events,
        FrameKind.CLOCK: content.clocks,
        FrameKind.INTENT: content.intents,
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
        elif kind == FrameKind.STEP:
            content.steps.append(json.loads(payload))
            open_rows = bytearray()
        elif kind == FrameKind.OPEN:
            content.head = content.head or json.loads(payload)
        elif kind == FrameKind.END:
            content.end = json.loads(payload)
        elif kind in listed:
            listed[kind].append(json.loads(payload))
    tail.close()
    if take is not None:
        take(_records(rows))
    else:
        content.rows = _records(rows)
    content.open_rows = _records(open_rows)
    if last:
        content.last_row = ROW.unpack_from(last, len(last) - ROW.size)[:2]
    content.state = json.loads(state) if state else {}
    content.missing_rows = sum(stop - first for first, stop in holes)
    content.row_count = expected - content.missing_rows
    content.damage, content.torn_bytes = tail.damage, tail.torn_bytes
    content.run_id, content.frames = tail.run_id, tail.number
    if not content.head and tail.number:
        content.head = substitute_head(tail.run_id)
        content.head_lost = True
    content.segment = max(_segments(folder), default=-1) + 1
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
