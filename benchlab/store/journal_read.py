"""Reads the frames of a journal, whole or cut off anywhere."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.model.columns import row_dtype
from benchlab.store.journal import HEADER, MAGIC, FrameKind

__all__ = ["JournalContent", "has_journal", "read_journal"]


@dataclass
class JournalContent:
    """Everything that whole frames of a journal hold; ``torn_bytes`` follow the last of them."""

    head: dict[str, Any] = field(default_factory=dict)
    rows: npt.NDArray[np.void] = field(default_factory=lambda: np.empty(0, row_dtype()))
    steps: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    end: dict[str, Any] | None = None
    torn_bytes: int = 0


def has_journal(folder: Path) -> bool:
    """Say whether there is a journal in the folder of a run."""
    return (folder / "journal").is_file()


def read_journal(folder: Path) -> JournalContent:
    """Read the whole frames of a run's journal; any prefix of its bytes is readable."""
    data = (folder / "journal").read_bytes()
    content = JournalContent()
    rows: list[npt.NDArray[np.void]] = []
    count = 0
    place = 0
    while place + HEADER.size <= len(data):
        magic, kind, _, _, length, sequence, body, head = HEADER.unpack_from(data, place)
        first = place + HEADER.size
        payload = data[first : first + length]
        if (
            magic != MAGIC
            or zlib.crc32(data[place : first - 4]) != head
            or len(payload) < length
            or zlib.crc32(payload) != body
        ):
            break
        place = first + length
        if kind == FrameKind.ROWS:
            if sequence != count:
                break
            block = np.frombuffer(payload, row_dtype())
            rows.append(block)
            count += len(block)
        elif kind == FrameKind.OPEN:
            content.head = json.loads(payload)
        elif kind == FrameKind.STEP:
            content.steps.append(json.loads(payload))
        elif kind == FrameKind.EVENT:
            content.events.append(json.loads(payload))
        elif kind == FrameKind.STATE:
            content.state = json.loads(payload)
        elif kind == FrameKind.END:
            content.end = json.loads(payload)
    content.torn_bytes = len(data) - place
    if rows:
        content.rows = np.concatenate(rows)
    return content
