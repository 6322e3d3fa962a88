"""Reads the frames of a journal: whole, growing, cut off anywhere, or damaged."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchlab.store.journal_frame import (
    HEADER,
    MAGIC,
    SEGMENT,
    Frame,
    FrameKind,
    segment_numbers,
    segment_path,
    unpack_segment,
)
from benchlab.store.journal_index import START, Place

__all__ = ["Damage", "JournalTail"]

_OPEN = int(FrameKind.OPEN)
_INDEX = int(FrameKind.INDEX)
_CHUNK = 1 << 18
_WHOLE = 1 << 30


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of a segment that no whole frame covers though whole ones follow."""

    segment: int
    first_byte: int
    last_byte: int


class JournalTail:
    """Yields the frames of a journal as they come, each once, in order.

    Parameters
    ----------
    folder : Path
        ``NAME.run``; the journal in it may be growing.
    whole : bool
        Search beyond damage in the newest segment too. A follower leaves it off: there, what is
        not whole yet is being written.
    start : Place
        Where to begin; an offset of 0 is the start of the segment.

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

    def __init__(self, folder: Path, *, whole: bool = False, start: Place = START) -> None:
        self.folder = folder
        self.damage: list[Damage] = []
        self.torn_bytes = 0
        self.run_id = start.run_id
        self.number = start.number
        self.segment = start.segment - 1
        self._opened = False
        self._whole = whole
        self._file: io.FileIO | None = None
        self._offset = 0
        if start.offset:
            self._begin(start.segment)
            self._offset = start.offset
            self._opened = True

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

    def place(self, row: int) -> Place:
        """Return where the next frame will be, for another reader to begin at.

        Parameters
        ----------
        row : int
            The rows before it.
        """
        return Place(max(self.segment, 0), self._offset, self.number, row, self.run_id)

    def close(self) -> None:
        """Let go of the segment's file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _following(self) -> int | None:
        for index in segment_numbers(self.folder):
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
            if kind == _INDEX:
                # of the segment before, for those who do not read it
                continue
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
