"""The bytes of a journal: segments that each begin with a header, and frames with two checksums.

A run's journal is the folder ``NAME.run/journal`` with files ``000000.blj``, ``000001.blj``, …
Each begins with a 40-byte segment header (magic, run id, index, number of its first frame, CRC-32).
Frames follow: a 40-byte header (magic, kind, version, payload length, first 4 bytes of the run id,
frame number, row index, CRC-32 of the payload, CRC-32 of the header so far) and a payload. Frame
numbers count on across segments. What follows the last frame of a segment is zeros.
"""

from __future__ import annotations

import struct
import zlib
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from benchlab.model.columns import row_dtype

__all__ = [
    "HEADER",
    "JOURNAL_FORMAT",
    "MAGIC",
    "ROW",
    "SEGMENT",
    "Frame",
    "FrameKind",
    "SegmentHead",
    "pack_frame",
    "pack_segment",
    "run_folder",
    "segment_numbers",
    "segment_path",
    "unpack_segment",
]

JOURNAL_FORMAT = "benchlab-journal/1"
MAGIC = b"BLJ1"
SEGMENT_MAGIC = b"BLJSEG1\n"
HEADER = struct.Struct("<4sBBHI4sQQII")
SEGMENT = struct.Struct("<8s16sIQI")
ROW = struct.Struct("<dqddIIIddddfI")
"""Packs one row in the order of `benchlab.model.columns.row_dtype`."""
if ROW.size != row_dtype().itemsize:
    raise AssertionError("the packed row and the column table disagree")

_CRC = struct.Struct("<I")


class FrameKind(IntEnum):
    """What a frame holds; all but rows, index and padding are JSON."""

    OPEN = 1
    ROWS = 2
    STEP = 3
    EVENT = 4
    STATE = 5
    END = 6
    CLOCK = 7
    GAP = 8
    INTENT = 9
    SPECTRUM = 10
    INDEX = 11
    PADDING = 12


class Frame(NamedTuple):
    """One whole frame; ``row`` is the index of its first row, or the rows before it."""

    kind: int
    number: int
    row: int
    payload: bytes


class SegmentHead(NamedTuple):
    """What the header of a segment says."""

    run_id: bytes
    segment: int
    number: int


def run_folder(path: Path) -> Path:
    """Return the folder that holds the run's journal until ``NAME.h5`` is closed."""
    return path.with_name(path.name.removesuffix(".h5") + ".run")


def segment_path(folder: Path, index: int) -> Path:
    """Return where a segment of the run in `folder` is."""
    return folder / "journal" / f"{index:06d}.blj"


def segment_numbers(folder: Path) -> list[int]:
    """Return the indices of the segments that are there, in order."""
    try:
        names = [path.stem for path in (folder / "journal").glob("*.blj")]
    except FileNotFoundError:  # it was closed in this moment
        return []
    return sorted(int(name) for name in names if name.isdecimal())


def pack_frame(kind: FrameKind, tag: bytes, number: int, row: int, payload: bytes) -> bytes:
    """Return a frame as the bytes to append."""
    head = HEADER.pack(MAGIC, kind, 1, 0, len(payload), tag, number, row, zlib.crc32(payload), 0)[
        :-4
    ]
    return head + _CRC.pack(zlib.crc32(head)) + payload


def pack_segment(run_id: bytes, index: int, number: int) -> bytes:
    """Return the header of a segment."""
    head = SEGMENT.pack(SEGMENT_MAGIC, run_id, index, number, 0)[:-4]
    return head + _CRC.pack(zlib.crc32(head))


def unpack_segment(data: bytes) -> SegmentHead | None:
    """Return what a segment's header says, or nothing where it is not whole."""
    if len(data) < SEGMENT.size:
        return None
    magic, run_id, index, number, crc = SEGMENT.unpack_from(data)
    if magic != SEGMENT_MAGIC or zlib.crc32(data[: SEGMENT.size - 4]) != crc:
        return None
    return SegmentHead(run_id, index, number)
