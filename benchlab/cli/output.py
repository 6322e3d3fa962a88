"""Standard output and error that never raise: a failed write is kept and answered at the end.

A reader that goes away, a full disk behind a redirection or a closed stream must neither end a run
nor hide how it ended.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from benchlab.errors import StorageError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["Output", "guarded_output"]


class _Raw(io.RawIOBase):
    """Passes bytes on until a write fails; from then on they are dropped."""

    def __init__(self, raw: io.RawIOBase | None) -> None:
        super().__init__()
        self._raw = raw
        self.failure: OSError | None = None

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw is not None and self._raw.isatty()

    def fileno(self) -> int:
        return super().fileno() if self._raw is None else self._raw.fileno()

    def write(self, data: ReadableBuffer, /) -> int:
        size = memoryview(data).nbytes
        if self.failure is None:
            try:
                if self._raw is None:
                    raise OSError(errno.EBADF, os.strerror(errno.EBADF))
                # a pipe that somebody made non-blocking answers None while it is full
                while (written := self._raw.write(data)) is None:
                    select.select([], [self._raw], [])
                return written
            except OSError as failure:
                self.failure = failure
        return size


@dataclass(frozen=True, slots=True)
class Output:
    """The guarded standard output of one command."""

    raw: _Raw | None

    def settle(self, code: int) -> int:
        """Return the command's exit code, or that of StorageError where only the output failed.

        A reader that closed its end, as ``head`` does, is no failure; the code stays as it is.
        """
        sys.stdout.flush()
        failure = self.raw.failure if self.raw is not None else None
        if failure is None or isinstance(failure, BrokenPipeError):
            return code
        error = StorageError(
            f"what the command printed could not be written ({failure.strerror});"
            " the files that it made are not touched by that.",
            where="standard output",
            remedy="Send the output elsewhere: to a disk with space, or to /dev/null.",
        )
        print(f"benchlab: {error}", file=sys.stderr)
        return code or error.exit_code


@contextmanager
def guarded_output() -> Iterator[Output]:
    """Put guarded streams in the place of the process's own; streams put there by others stay."""
    _fill_closed()
    before = sys.stdout, sys.stderr
    raw = None
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        raw, sys.stdout = _guarded(sys.stdout, "stdout")
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        _, sys.stderr = _guarded(sys.stderr, "stderr")
    try:
        yield Output(raw)
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


def _guarded(stream: TextIO | None, name: str) -> tuple[_Raw, TextIO]:
    if stream is None:
        raw, encoding = _Raw(None), "utf-8"
    else:
        stream.flush()
        buffer: Any = stream.buffer
        # python -u has no buffer between
        raw, encoding = _Raw(getattr(buffer, "raw", buffer)), stream.encoding
    text = io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=encoding,
        # a file name of any bytes, or a narrow terminal encoding, is no reason to fail
        errors="backslashreplace",
        line_buffering=name == "stderr" or raw.isatty(),
    )
    return raw, text


def _fill_closed() -> None:
    """Open nothing under the numbers 0 to 2 that are free: a recording must not get one of them.

    What C libraries and child processes print would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
