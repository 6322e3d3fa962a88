"""The journal: append-only frames with checksums; the only file of a run that must be right.

A frame is a 28-byte header and a payload. The header holds magic, kind, version, payload length,
a sequence number (the first row's index in a frame of rows), and the CRC-32 of payload and of the
header itself. Any prefix of the file is readable: what follows the last whole frame is ignored.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import zlib
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any

from benchlab.errors import FileExists, StorageError
from benchlab.model.columns import row_dtype
from benchlab.platform import lock_file, sync_folder

__all__ = ["JOURNAL_FORMAT", "ROW", "FrameKind", "JournalWriter", "pack_frame", "run_folder"]

JOURNAL_FORMAT = "benchlab-journal/1"
MAGIC = b"BLJ1"
HEADER = struct.Struct("<4sBBHIQII")
ROW = struct.Struct("<dqddIIIddddfI")
"""Packs one row in the order of `benchlab.model.columns.row_dtype`."""
if ROW.size != row_dtype().itemsize:
    raise AssertionError("the packed row and the column table disagree")


class FrameKind(IntEnum):
    """What a frame holds; all but rows are JSON."""

    OPEN = 1
    ROWS = 2
    STEP = 3
    EVENT = 4
    STATE = 5
    END = 6


def run_folder(path: Path) -> Path:
    """Return the folder that holds the run's journal until ``NAME.h5`` is closed."""
    return path.with_name(path.name.removesuffix(".h5") + ".run")


def pack_frame(kind: FrameKind, sequence: int, payload: bytes) -> bytes:
    """Return a frame as the bytes to append."""
    body = zlib.crc32(payload)
    head = HEADER.pack(MAGIC, kind, 1, 0, len(payload), sequence, body, 0)
    return head[:-4] + struct.pack("<I", zlib.crc32(head[:-4])) + payload


class JournalWriter:
    """Appends frames; rows are gathered until `flush`, everything is on disk within a second.

    Parameters
    ----------
    folder : Path
        Created here; it must not exist.
    durable : bool
        Sync to the disk each second from a thread of its own. Off for a virtual clock, where
        the run can simply be made again.

    Raises
    ------
    benchlab.errors.FileExists, benchlab.errors.StorageError
    """

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self.folder = folder
        self.row_count = 0
        self._rows = bytearray()
        self._pending = bytearray()
        self._sequence = 0
        self._good = 0
        self._sync_error: OSError | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        try:
            folder.mkdir(parents=False)
        except FileExistsError:
            raise FileExists(
                "a run of this name is or was being recorded here; nothing was written.",
                where=str(folder),
                remedy="Choose another name, or look at it with: benchlab info",
            ) from None
        except OSError as error:
            raise self._failure(error, "the run's folder cannot be created") from error
        try:
            self._lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o644)
            lock_file(self._lock)
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
            self._file = os.open(folder / "journal", flags, 0o644)
            sync_folder(folder)
            sync_folder(folder.parent)
        except OSError as error:
            raise self._failure(error, "the journal cannot be created") from error
        if durable:
            self._thread = threading.Thread(target=self._sync_each_second, daemon=True)
            self._thread.start()

    def row(self, *values: float) -> None:
        """Gather one row, its values in the order of the column table."""
        self._rows += ROW.pack(*values)

    def open_record(self, content: Mapping[str, Any]) -> None:
        """Append what the run is made with: cell, protocol, instrument, settings."""
        self._frame(FrameKind.OPEN, {"format": JOURNAL_FORMAT, **content})

    def step(self, content: Mapping[str, Any]) -> None:
        """Append a step that ended."""
        self._frame(FrameKind.STEP, content)

    def event(self, content: Mapping[str, Any]) -> None:
        """Append an event."""
        self._frame(FrameKind.EVENT, content)

    def state(self, content: Mapping[str, Any]) -> None:
        """Append counters, last reading and place in the program, and flush."""
        self._frame(FrameKind.STATE, content)

    def end(self, content: Mapping[str, Any]) -> None:
        """Append the closing record."""
        self._frame(FrameKind.END, content)

    def _frame(self, kind: FrameKind, content: Mapping[str, Any]) -> None:
        self._gather_rows()
        payload = json.dumps(content, separators=(",", ":")).encode()
        self._pending += pack_frame(kind, self._sequence, payload)
        self._sequence += 1
        self.flush()

    def flush(self) -> None:
        """Hand everything gathered to the operating system; a killed process loses none of it.

        Raises
        ------
        benchlab.errors.StorageError
            Where the disk is full or gone: what could not be written is kept and the file is cut
            back to its last whole frame, so that a later flush goes on.
        """
        self._gather_rows()
        if self._sync_error is not None:
            error, self._sync_error = self._sync_error, None
            raise self._failure(error, "the journal could not be synced to the disk") from error
        if not self._pending:
            return
        data = bytes(self._pending)
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError as error:
            os.ftruncate(self._file, self._good)
            os.lseek(self._file, self._good, os.SEEK_SET)
            raise self._failure(error, "the journal could not be written") from error
        self._good += written
        del self._pending[:]

    def close(self) -> None:
        """Flush, sync, and release the files; the folder stays."""
        try:
            self.flush()
            os.fdatasync(self._file)
        except OSError as error:
            raise self._failure(error, "the journal could not be synced to the disk") from error
        finally:
            self.release()

    def release(self) -> None:
        """Let go of the files without another write."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1

    def _gather_rows(self) -> None:
        if self._rows:
            self._pending += pack_frame(FrameKind.ROWS, self.row_count, bytes(self._rows))
            self.row_count += len(self._rows) // ROW.size
            del self._rows[:]

    def _sync_each_second(self) -> None:
        while not self._stop.wait(1.0):
            try:
                os.fdatasync(self._file)
            except OSError as error:
                self._sync_error = error

    def _failure(self, error: OSError, what: str) -> StorageError:
        return StorageError(
            f"{what} ({error.strerror or error}); rows already on the disk are safe.",
            where=str(self.folder),
            remedy="Free space, or make the folder writable, and start again.",
        )
