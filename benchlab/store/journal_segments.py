"""The files of a journal while it is written: made ahead, filled, synced, and kept at hand."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchlab.platform import preallocate, start_writing, sync_data, sync_folder, write_at
from benchlab.store.journal_frame import HEADER, SEGMENT, pack_segment, segment_path
from benchlab.store.journal_index import Noted
from benchlab.store.sync_thread import keep, let_go

__all__ = ["SEGMENT_BYTES", "SegmentFiles"]

SEGMENT_BYTES = 8 << 20
KEPT_SEGMENTS = 256
SYNC_FAILURES = 3
_COPY = 1 << 20


@dataclass
class _Segment:
    index: int
    file: int
    size: int
    reserved: bool
    path: str
    inode: int
    good: int = 0


class SegmentFiles:
    """Writes whole frames into segments and syncs them each second from a thread.

    Parameters
    ----------
    folder : Path
        ``NAME.run``, with its folder ``journal``.
    run_id : bytes
        16 bytes, in each segment's header.
    first : int
        Index of the first segment that is written.
    size : int
        Bytes of a segment; a frame that does not fit makes its own segment longer.
    durable : bool
        Sync each second and reserve the space of the next segment ahead.
    look
        Called each second from the thread, after the sync.

    Attributes
    ----------
    written_bytes : int
        Bytes of frames handed to the system.
    preamble : bytes
        A frame that each segment begins with, beside those given and an index of the segment
        before; nothing at first. One that is larger than half a segment is left out.
    """

    def __init__(
        self,
        folder: Path,
        run_id: bytes,
        *,
        first: int,
        size: int,
        durable: bool,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self.written_bytes = 0
        self.preamble = b""
        self._folder = folder
        self._run_id = run_id
        self._size = size
        self._durable = durable
        self._look = look
        self._guard = threading.Lock()
        self._making = threading.Lock()
        self._segment: _Segment | None = None
        self._spare: _Segment | None = None
        self._next = first
        self._noted: Noted | None = None
        self._kept: list[_Segment] = []
        self._to_sync: list[_Segment] = []
        self._unsynced: list[bytes] = []
        self._failures = 0
        self._again = False
        self._attended = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Have the thread sync, where the journal is durable."""
        if self._durable:
            keep(self, self._folder)

    def write(self, frames: list[bytes], number: int) -> int:
        """Hand frames to the system, as many as the segment takes; return how many.

        Parameters
        ----------
        number : int
            The number of the first of them.

        Raises
        ------
        OSError
            Nothing of these frames counts as written; they can be given again.
        """
        segment = self._segment
        need = len(frames[0])
        if segment is None or segment.size - segment.good < need:
            segment = self._rotate(frames[0], number)
        room = segment.size - segment.good
        count = 0
        for frame in frames:
            if len(frame) > room:
                break
            room -= len(frame)
            count += 1
        data = b"".join(frames[:count])
        place = segment.good
        self._write(segment, data)
        self.written_bytes += len(data)
        if self._noted is not None:
            self._noted.note(frames[:count], place)
        if self._durable:
            with self._guard:
                self._unsynced += frames[:count]
        return count

    def take_back(self) -> list[bytes]:
        """Return frames whose sync failed, to be written once more, in a new segment."""
        if not self._again:
            return []
        with self._guard:
            self._again = False
            frames, self._unsynced = self._unsynced, []
            self._to_sync.clear()
            if self._segment is not None:
                self._keep(self._segment)
                self._segment = None
        return frames

    def sync(self) -> None:
        """Have everything written so far on the disk.

        Raises
        ------
        OSError
        """
        with self._guard:
            if self._again:
                return
            segments = [*self._to_sync, *([self._segment] if self._segment else [])]
            mark, done = len(self._unsynced), len(self._to_sync)
        for segment in segments:
            self._sync(segment.file)
        with self._guard:
            del self._unsynced[:mark]
            del self._to_sync[:done]
        self._failures = 0

    def removed(self) -> bool:
        """Say whether another program removed the file that is being written."""
        with self._guard:
            return self._segment is not None and os.fstat(self._segment.file).st_nlink == 0

    def in_place(self) -> bool:
        """Say whether the file that is being written is still where it was made."""
        with self._guard:
            segment = self._segment
        try:
            return segment is None or os.stat(segment.path).st_ino == segment.inode
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True

    def restore(self) -> int:
        """Write every removed segment again from its open file; return how many are beyond it.

        Raises
        ------
        OSError
        """
        with self._making, self._guard:
            self._drop_spare()
            (self._folder / "journal").mkdir(parents=True, exist_ok=True)
            segments = [*self._kept, *([self._segment] if self._segment else [])]
            for segment in segments:
                if os.fstat(segment.file).st_nlink == 0:
                    self._restore(segment)
            oldest = segments[0].index if segments else 0
        sync_folder(self._folder / "journal")
        sync_folder(self._folder)
        return oldest

    def close(self) -> None:
        """Leave the thread and let go of the files, without another write."""
        let_go(self)
        with self._attended:
            self._closed = True
        self._drop_spare()
        for segment in (*self._kept, self._segment):
            if segment is not None:
                os.close(segment.file)
        self._kept.clear()
        self._to_sync.clear()
        self._segment = None

    def _create(self, index: int, size: int) -> _Segment:
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
        path = segment_path(self._folder, index)
        file = os.open(path, flags, 0o644)
        try:
            reserved = self._durable and preallocate(file, size)
        except OSError:
            os.close(file)
            path.unlink()
            raise
        if self._durable:
            sync_folder(path.parent)
        return _Segment(index, file, size, reserved, str(path), os.fstat(file).st_ino)

    def _rotate(self, frame: bytes, number: int) -> _Segment:
        preamble = self._noted.pack(self._run_id[:4], frame) if self._noted else b""
        if 2 * (len(preamble) + len(self.preamble)) <= self._size:
            preamble += self.preamble
        need = SEGMENT.size + len(preamble) + len(frame)
        with self._making:
            segment = self._spare
            if segment is not None and segment.size < need:
                self._drop_spare()
                segment = None
            if segment is None:
                segment = self._create(self._next, max(self._size, need))
                self._next += 1
            self._spare = segment
            self._write(segment, pack_segment(self._run_id, segment.index, number) + preamble)
            self._spare = None
        self._noted = Noted(segment.index, HEADER.unpack_from(frame)[7])
        with self._guard:
            if self._segment is not None:
                self._keep(self._segment)
                if self._durable:
                    self._to_sync.append(self._segment)
            self._segment = segment
        return segment

    def _keep(self, segment: _Segment) -> None:
        self._kept.append(segment)
        most = KEPT_SEGMENTS if self._durable else 0
        while len(self._kept) > most and self._kept[0] not in self._to_sync:
            os.close(self._kept.pop(0).file)

    def _prepare(self) -> None:
        """Make the next segment ahead of its use, so that the run never waits for it."""
        with self._making:
            if self._spare is None:
                self._spare = self._create(self._next, self._size)
                self._next += 1

    def _drop_spare(self) -> None:
        if self._spare is not None:
            os.close(self._spare.file)
            # all zeros: a reader passes it over, but nobody needs it
            with suppress(OSError):
                segment_path(self._folder, self._spare.index).unlink()
            self._next = self._spare.index
            self._spare = None

    def _write(self, segment: _Segment, data: bytes) -> None:
        written = 0
        try:
            while written < len(data):
                taken = self._put(segment, data[written:] if written else data, written)
                if not taken:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                written += taken
        except OSError:
            if not segment.reserved:
                os.ftruncate(segment.file, segment.good)
            raise
        segment.good += written

    def _put(self, segment: _Segment, data: bytes, written: int) -> int:
        return write_at(segment.file, data, segment.good + written)

    def _sync(self, file: int) -> None:
        sync_data(file)

    def _restore(self, segment: _Segment) -> None:
        copy = self._create(segment.index, segment.size)
        for first in range(0, segment.good, _COPY):
            part = os.pread(segment.file, min(_COPY, segment.good - first), first)
            copy.good += os.pwrite(copy.file, part, copy.good)
        sync_data(copy.file)
        os.close(segment.file)
        segment.file, segment.reserved, segment.inode = copy.file, copy.reserved, copy.inode

    def begin_second(self) -> None:
        """Have the system begin to write what `each_second` will wait for."""
        with self._attended:
            segment = self._segment
            if not self._closed and segment is not None and self._unsynced:
                start_writing(segment.file)

    def each_second(self) -> None:
        """Sync, make the next segment, look; called from the thread."""
        with self._attended:
            if self._closed:
                return
            try:
                self.sync()
            except OSError:
                self._failures += 1
                self._again = True
            if self._spare is None and self._segment is not None:
                with suppress(OSError):
                    self._prepare()
            self._look()

    @property
    def failing(self) -> bool:
        """Whether one sync after another failed: the disk is going."""
        return self._failures >= SYNC_FAILURES
