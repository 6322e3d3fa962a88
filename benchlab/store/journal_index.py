"""Where the rows and the records of a journal's full segments are, without reading them.

Each segment begins with what the one before it holds. Opening a run reads that and the newest
segments; rows are read, their checksums with them, when somebody asks for them.
"""

from __future__ import annotations

import io
import struct
import zlib
from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchlab.errors import FileNotReadable
from benchlab.model.columns import row_dtype
from benchlab.store.journal_frame import (
    HEADER,
    MAGIC,
    ROW,
    SEGMENT,
    Frame,
    FrameKind,
    pack_frame,
    segment_numbers,
    segment_path,
    unpack_segment,
)

__all__ = [
    "START",
    "Filled",
    "JournalIndex",
    "Noted",
    "Place",
    "filled_records",
    "filled_rows",
    "read_index",
]

READ_WHOLE = 2
"""How many of the newest segments are always read: a power cut may have taken parts of them."""
_NOTED = tuple(map(int, (FrameKind.STEP, FrameKind.EVENT, FrameKind.GAP, FrameKind.SPECTRUM)))
_INDEX = struct.Struct("<IQQ")
_ROWS = int(FrameKind.ROWS)
_TAKEN = int(FrameKind.INDEX)

Rows = npt.NDArray[np.void]


class Place(NamedTuple):
    """Where reading goes on: the next frame's segment, offset, number and row; whose run it is."""

    segment: int = 0
    offset: int = 0
    number: int = 0
    row: int = 0
    run_id: bytes = b""


START = Place()


@dataclass(frozen=True, slots=True)
class Filled:
    """A segment that was written full: rows ``first`` to ``stop - 1``, and where its records are.

    Attributes
    ----------
    next_number : int
        The number of the first frame behind it; frames from that on are written once more there.
    """

    segment: int
    first: int
    stop: int
    offsets: npt.NDArray[np.uint32]
    next_number: int


@dataclass(frozen=True, slots=True)
class JournalIndex:
    """The full segments from the first one on, and where the frames behind them begin."""

    filled: tuple[Filled, ...] = ()
    place: Place = START


@dataclass
class Noted:
    """What a writer notes of the segment it fills."""

    segment: int
    first_row: int
    offsets: array[int] = field(default_factory=lambda: array("I"))

    def note(self, frames: list[bytes], offset: int) -> None:
        """Note where the records among frames are that were written from `offset` on."""
        for frame in frames:
            if frame[4] in _NOTED:
                self.offsets.append(offset)
            offset += len(frame)

    def pack(self, tag: bytes, next_frame: bytes) -> bytes:
        """Return the frame that says it, to stand at the start of the next segment."""
        row = HEADER.unpack_from(next_frame)[7]
        head = _INDEX.pack(self.segment, self.first_row, row)
        places = np.array(self.offsets, "<u4").tobytes()
        return pack_frame(FrameKind.INDEX, tag, 0, 0, head + places)


def read_index(folder: Path) -> JournalIndex:
    """Return the segments at the start of a journal that need not be read to open it.

    None where the first segment has no successor that tells of it, as in a short journal, a
    damaged one, or one of an early version.
    """
    told: dict[int, Filled] = {}
    there: set[int] = set()
    run_id = b""
    for index in segment_numbers(folder):
        with suppress(OSError), open(segment_path(folder, index), "rb", buffering=0) as file:
            head = unpack_segment(file.read(SEGMENT.size) or b"")
            if head is None:
                continue
            if run_id not in (b"", head.run_id):
                return JournalIndex()
            run_id = head.run_id
            there.add(index)
            filled = _read_filled(file, head.run_id, head.number)
            if filled is not None:
                told[filled.segment] = filled
    filled_so_far: list[Filled] = []
    row = 0
    for index in range(len(told)):
        one = told.get(index)
        if one is None or index not in there or not one.first == row <= one.stop:
            break
        filled_so_far.append(one)
        row = one.stop
    del filled_so_far[max(len(filled_so_far) - READ_WHOLE + 1, 0) :]
    if not filled_so_far:
        return JournalIndex()
    last = filled_so_far[-1]
    place = Place(last.segment + 1, 0, last.next_number, last.stop, run_id)
    return JournalIndex(tuple(filled_so_far), place)


def _read_filled(file: io.FileIO, run_id: bytes, number: int) -> Filled | None:
    frame = _frame(file.read(HEADER.size) or b"", run_id)
    if frame is None or frame[0] != _TAKEN:
        return None
    _, length, _, _, crc = frame
    payload = file.read(length) or b""
    if len(payload) != length or zlib.crc32(payload) != crc:
        return None
    segment, first, stop = _INDEX.unpack_from(payload)
    offsets = np.frombuffer(payload, "<u4", offset=_INDEX.size)
    return Filled(segment, first, stop, offsets, number)


def _frame(
    data: bytes | memoryview, run_id: bytes, place: int = 0
) -> tuple[int, int, int, int, int] | None:
    """Return kind, length, number, row and checksum of a frame, or nothing where it is damaged."""
    first = place + HEADER.size
    if first > len(data):
        return None
    magic, kind, _, _, length, tag, number, row, body, head = HEADER.unpack_from(data, place)
    if magic != MAGIC or tag != run_id[:4] or zlib.crc32(data[place : first - 4]) != head:
        return None
    return kind, length, number, row, body


def filled_rows(folder: Path, run_id: bytes, filled: Filled) -> Rows:
    """Read the rows of a full segment.

    Raises
    ------
    benchlab.errors.FileNotReadable
        A frame among them is damaged.
    FileNotFoundError
        The run was closed.
    """
    data = memoryview(segment_path(folder, filled.segment).read_bytes())
    place, row = SEGMENT.size, filled.first
    parts = bytearray()
    while row < filled.stop:
        frame = _frame(data, run_id, place)
        if frame is None:
            break
        kind, length, _, first, crc = frame
        place += HEADER.size
        payload = data[place : place + length]
        place += length
        if kind == _ROWS:
            if first != row or len(payload) < length or zlib.crc32(payload) != crc:
                break
            parts += payload
            row += length // ROW.size
    if row != filled.stop:
        raise FileNotReadable(
            f"the journal is damaged: rows {row} to {filled.stop - 1}, or some of them, cannot be"
            f" read (segment {filled.segment}); the rows before and behind them can.",
            where=str(folder),
            remedy="When the run has ended, close it with every row that is left: benchlab recover",
        )
    return np.frombuffer(parts, row_dtype())


def filled_records(folder: Path, run_id: bytes, filled: Filled) -> Iterator[Frame | None]:
    """Yield steps, events, gaps and spectra of a full segment; None for a damaged one."""
    if not filled.offsets.size:
        return
    with open(segment_path(folder, filled.segment), "rb") as file:
        for offset in filled.offsets.tolist():
            file.seek(offset)
            frame = _frame(file.read(HEADER.size), run_id)
            payload = file.read(frame[1]) if frame else b""
            if frame is None or len(payload) < frame[1] or zlib.crc32(payload) != frame[4]:
                yield None
            elif frame[2] < filled.next_number:
                yield Frame(frame[0], frame[2], frame[3], payload)
