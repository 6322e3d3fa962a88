"""The journal: append-only frames with checksums; the only file of a run that must be right."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchlab.errors import FileError, FileExists, StorageError
from benchlab.platform import boottime, hold_lock, sync_folder
from benchlab.store.journal_frame import (
    JOURNAL_FORMAT,
    ROW,
    FrameKind,
    pack_frame,
    run_folder,
)
from benchlab.store.journal_read import JournalContent
from benchlab.store.journal_segments import SEGMENT_BYTES, SegmentFiles
from benchlab.store.watch import Watch

__all__ = ["JOURNAL_FORMAT", "ROW", "WAITING_BYTES", "FrameKind", "JournalWriter", "run_folder"]

WAITING_BYTES = 64 << 20
"""What may wait in memory while the disk takes nothing: half a day of rows at 10 Hz."""
_to_json = json.JSONEncoder(separators=(",", ":")).encode
_ROWS_A_FRAME = 8192 * ROW.size
_APART_SECOND, _APART_BYTES = 10.0, 64 << 10


class JournalWriter:
    """Appends frames; rows are gathered until `flush`, everything is on disk within a second.

    Where the disk takes nothing (full, an error), frames wait in memory up to `waiting_bytes` and
    go on when it does again; an event tells of it.

    Parameters
    ----------
    folder : Path
        ``NAME.run``, created here; it must not exist.
    durable : bool
        Sync to the disk each second from a thread, in segments reserved ahead, and
        watch the disk's space. Off for a virtual clock, where the run can simply be made again.
    reserve : int
        Bytes of disk to keep free; where they are touched, `flush` raises once.
    tell
        Called with a sentence when the disk takes nothing, and when it does again.

    Raises
    ------
    benchlab.errors.FileExists, benchlab.errors.StorageError
    """

    def __init__(
        self,
        folder: Path,
        *,
        durable: bool,
        reserve: int = 0,
        segment_bytes: int = SEGMENT_BYTES,
        waiting_bytes: int = WAITING_BYTES,
        tell: Callable[[str], None] = lambda _: None,
        _after: JournalContent | None = None,
    ) -> None:
        self.folder = folder
        self.row_count = 0
        self.run_id = uuid.uuid4()
        self._durable = durable
        self._watch = Watch(folder, reserve)
        self._limit = waiting_bytes
        self._tell = tell
        self._rows = bytearray()
        self._last_row = b""
        self._last_event = (0.0, 0)
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._number = 0
        self._flushed = 0
        self._trouble: OSError | None = None
        self._trouble_began = 0.0
        self._beyond = False
        self._opened: dict[str, Any] = {}
        self._opened_at = 0
        self._apart = min(_APART_BYTES, segment_bytes // 4)
        self._lock = -1
        self._removed = False
        if _after is None:
            self._make_folder()
        else:
            self.row_count = _after.row_count + _after.missing_rows
            self._number = self._flushed = _after.frames
            self.run_id = uuid.UUID(bytes=_after.run_id)
        self._hold()
        self._tag = self.run_id.bytes[:4]
        self._files = self._segments(
            folder,
            self.run_id.bytes,
            first=_after.segment if _after else 0,
            size=segment_bytes,
            durable=durable,
            look=self._look,
        )
        self._files.start()

    _segments = SegmentFiles

    @classmethod
    def resume(
        cls,
        folder: Path,
        content: JournalContent,
        *,
        durable: bool,
        reserve: int = 0,
        tell: Callable[[str], None] = lambda _: None,
    ) -> JournalWriter:
        """Go on with a journal whose writer died, in a new segment.

        Parameters
        ----------
        content : JournalContent
            All of it, as read.

        Raises
        ------
        benchlab.errors.StorageError
            Its writer is alive, or the disk takes nothing.
        """
        return cls(folder, durable=durable, reserve=reserve, tell=tell, _after=content)

    @property
    def waiting_bytes(self) -> int:
        """What the disk has not taken yet; 0 unless it is full or failing."""
        return self._waiting_bytes

    def row(self, *values: float) -> None:
        """Gather one row, its values in the order of the column table."""
        self._rows += ROW.pack(*values)

    def open_record(self, content: Mapping[str, Any]) -> None:
        """Append what the run is made with: cell, protocol, instrument, settings."""
        meta = {**content["meta"], "run_id": str(self.run_id)}
        record = {"format": JOURNAL_FORMAT, **content, "meta": meta}
        # twice, once more farther on, and in each segment: without it no other has a meaning; so
        # far apart that no sector, page or block of a disk holds a part of two of them
        self._add(FrameKind.OPEN, record)
        self._pack(FrameKind.PADDING, bytes(self._apart))
        self._frame(FrameKind.OPEN, record)
        self._opened, self._opened_at = record, self._files.written_bytes
        payload = _to_json(record).encode()
        self._files.preamble = pack_frame(FrameKind.OPEN, self._tag, 0, 0, payload)

    def step(self, content: Mapping[str, Any]) -> None:
        """Append a step that ended."""
        self._frame(FrameKind.STEP, content)

    def event(self, content: Mapping[str, Any]) -> None:
        """Append an event."""
        self._told_at(content)
        self._frame(FrameKind.EVENT, content)

    def spectrum(self, content: Mapping[str, Any]) -> None:
        """Append one point of a spectrum."""
        self._frame(FrameKind.SPECTRUM, content)

    def gather(self, **content: Any) -> None:
        """Gather an event, or a gap: a stretch of time without rows; the next flush hands it on."""
        self._told_at(content)
        self._add(FrameKind.GAP if content["kind"] == "gap" else FrameKind.EVENT, content)

    def _told_at(self, event: Mapping[str, Any]) -> None:
        self._last_event = event["test_time_second"], event["unix_time_nanosecond"]

    def state(self, content: Mapping[str, Any]) -> None:
        """Append counters, last reading and place in the program, and flush."""
        if self._opened and self._far_apart():
            self._open_again()
        text = _to_json(content)
        if self._watch.told and content:
            text = f"{text[:-1]}, {self._watch.told}}}"
        self._gather_rows()
        self._pack(FrameKind.STATE, text.encode())
        self.flush()

    def clock(self, content: Mapping[str, Any]) -> None:
        """Append what the host's clocks say together."""
        self._frame(FrameKind.CLOCK, content)

    def intent(self, content: Mapping[str, Any]) -> None:
        """Append what is about to be done to the output; going off waits for no disk."""
        self._add(FrameKind.INTENT, content)
        if content["output"] != "off":
            self.flush()

    def end(self, content: Mapping[str, Any]) -> None:
        """Append the closing record."""
        self._open_again()
        self._frame(FrameKind.END, content)

    def _far_apart(self) -> bool:
        written = self._files.written_bytes - self._opened_at
        return written >= self._apart or self._watch.seconds >= _APART_SECOND

    def _open_again(self) -> None:
        if self._opened:
            self._add(FrameKind.OPEN, self._opened)
            self._opened = {}

    def _frame(self, kind: FrameKind, content: Mapping[str, Any]) -> None:
        self._add(kind, content)
        self.flush()

    def _add(self, kind: FrameKind, content: Mapping[str, Any]) -> None:
        self._gather_rows()
        payload = _to_json(content).encode()
        self._pack(kind, payload)

    def _pack(self, kind: FrameKind, payload: bytes) -> None:
        frame = pack_frame(kind, self._tag, self._number, self.row_count, payload)
        self._number += 1
        self._waiting.append(frame)
        self._waiting_bytes += len(frame)

    def flush(self) -> bool:
        """Hand everything gathered to the operating system; a killed process loses none of it.

        Returns
        -------
        bool
            Whether nothing waits: False while the disk takes nothing.

        Raises
        ------
        benchlab.errors.StorageError
            Once each: more waits than may; the disk keeps failing; its reserve is touched; the
            folder was removed (the next flush writes it again). What could be written was.
        """
        self._gather_rows()
        if self._removed:
            self._restore()
        again = self._files.take_back()
        if again:
            self._waiting[:0] = again
            self._waiting_bytes += sum(map(len, again))
            self._flushed -= len(again)
        self._write_out()
        error = self._trouble
        if error is not None and self._waiting_bytes > self._limit and not self._beyond:
            self._beyond = True
            raise StorageError(
                f"the disk has taken nothing for {boottime() - self._trouble_began:.0f} s"
                f" ({error.strerror}), and {self._waiting_bytes / 1e6:.0f} MB wait in memory, more"
                f" than {self._limit / 1e6:.0f} MB; rows already on the disk are safe.",
                where=str(self.folder),
                remedy="Free space, or make the disk writable.",
            ) from error
        fault = self._watch.fault
        if fault is not None:
            self._watch.fault = None
            # whoever hears of it makes the cell safe; copying what was removed comes after that
            self._removed = self._files.removed()
            raise fault
        return not self._waiting

    def close(self) -> None:
        """Flush, sync, and release the files; the folder stays.

        Raises
        ------
        benchlab.errors.StorageError
            Where the disk did not take everything.
        """
        try:
            done = self.flush()
            with suppress(OSError):
                self._files.sync()
            done = self.flush() and done
            self._files.sync()
        except OSError as error:
            raise self._failure(error, "the journal could not be synced to the disk") from error
        finally:
            self.release()
        if not done and self._trouble is not None:
            raise self._failure(self._trouble, "the journal's last frames could not be written")

    def release(self) -> None:
        """Let go of the files without another write."""
        self._files.close()
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    def _gather_rows(self) -> None:
        rows = self._rows
        if rows:
            for first in range(0, len(rows), _ROWS_A_FRAME):
                part = bytes(rows[first : first + _ROWS_A_FRAME])
                self._pack(FrameKind.ROWS, part)
                self.row_count += len(part) // ROW.size
            self._last_row = part[-ROW.size :]
            del rows[:]

    def _write_out(self) -> None:
        waiting = self._waiting
        try:
            while waiting:
                count = self._files.write(waiting, self._flushed)
                self._flushed += count
                self._waiting_bytes -= sum(map(len, waiting[:count]))
                del waiting[:count]
                if self._trouble is not None and not waiting:
                    self._recovered()
        except OSError as error:
            if self._trouble is None:
                self._trouble, self._trouble_began = error, boottime()
                self._tell(
                    f"the disk takes nothing ({error.strerror or error}): rows wait in memory,"
                    f" up to {self._limit / 1e6:.0f} MB"
                )

    def _recovered(self) -> None:
        error, self._trouble, self._beyond = self._trouble, None, False
        seconds = boottime() - self._trouble_began
        reason = error.strerror if error is not None else ""
        text = f"the disk took nothing for {seconds:.1f} s ({reason}); rows waited in memory and"
        self._tell(f"{text} are written now; none was lost")
        self.note(f"{text} none was lost")

    def note(self, text: str, *, kind: str = "storage") -> None:
        """Gather an event of the recording itself, at the time of the newest row or event."""
        last = self._rows[-ROW.size :] or self._last_row
        row = ROW.unpack(last)[:2] if last else (0.0, 0)
        time, unix = max(row, self._last_event)
        self.gather(
            test_time_second=time,
            unix_time_nanosecond=unix,
            kind=kind,
            actor="bench",
            text=text,
        )

    def _look(self) -> None:
        """Watch the disk and the folder; called each second by the thread that syncs."""
        self._watch.look(self._files, self._files.written_bytes + self.row_count * ROW.size)

    def _restore(self) -> None:
        """Write the removed folder again from the files that are still open."""
        self._removed = False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            oldest = self._files.restore()
            old, self._lock = self._lock, -1
            self._hold()
            os.close(old)
        except OSError as error:
            raise self._failure(error, "the removed folder could not be written again") from error
        lost = f" but its first {oldest} segments" if oldest else ""
        self.note(f"the removed folder was written again, everything{lost}, from open files")

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=False)
        except FileExistsError:
            raise FileExists(
                "a run of this name is or was being recorded here; nothing was written.",
                where=str(self.folder),
                remedy="Choose another name, or look at it with: benchlab info",
            ) from None
        except OSError as error:
            raise self._failure(error, "the run's folder cannot be created") from error

    def _hold(self) -> None:
        try:
            self._lock = hold_lock(self.folder / "lock")
            # after the lock: whoever sees the journal finds out whether its writer lives
            (self.folder / "journal").mkdir(exist_ok=True)
            sync_folder(self.folder)
            sync_folder(self.folder.parent)
        except OSError as error:
            raise self._failure(error, "the journal cannot be created") from error
        if self._lock < 0:
            raise FileError(
                "another process is recording or closing this run; nothing was changed.",
                where=str(self.folder),
                remedy="Wait until it has ended, or stop it first.",
            )

    def _failure(self, error: OSError, what: str) -> StorageError:
        return StorageError(
            f"{what} ({error.strerror or error}); rows already on the disk are safe.",
            where=str(self.folder),
            remedy="Free space, or make the folder writable, and start again.",
        )
