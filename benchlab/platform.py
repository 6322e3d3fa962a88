"""Every difference between operating systems, in one place."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache

__all__ = [
    "boot_id",
    "boottime",
    "hold_lock",
    "is_locked",
    "lock_file",
    "preallocate",
    "start_writing",
    "sync_data",
    "sync_folder",
    "unix_ns",
    "write_at",
]

if sys.platform == "linux":

    def boottime() -> float:
        """Return monotonic seconds that go on counting while the machine sleeps."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)
else:

    def boottime() -> float:
        """Return monotonic seconds; on Windows and macOS they count suspend as the system does."""
        return time.monotonic()


unix_ns = time.time_ns


def boot_id() -> str:
    """Return what tells this start of the computer from others; empty where it does not say."""
    with suppress(OSError), open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()
    return ""


def hold_lock(path: str | os.PathLike[str], *, patience_second: float = 0.5) -> int:
    """Open a file, made where there is none, and take its lock; return the descriptor, or -1.

    Others that look whether a lock is held do so for microseconds: that is waited for.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o644)
    end = time.monotonic() + patience_second
    while not lock_file(descriptor):
        if time.monotonic() > end:
            os.close(descriptor)
            return -1
        time.sleep(0.005)
    return descriptor


def write_at(descriptor: int, data: bytes, offset: int) -> int:
    """Write at a place in a file and return how many bytes were taken."""
    if sys.platform == "win32":
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.write(descriptor, data)
    return os.pwrite(descriptor, data, offset)


def sync_data(descriptor: int) -> None:
    """Have the data of a file put on the disk."""
    if sys.platform == "linux":
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def start_writing(descriptor: int) -> None:
    """Have the system begin to write a file's data, without waiting; a hint that promises nothing.

    Only `sync_data` says that they are there, and why where they are not.
    """
    begin = _sync_file_range()
    if begin is not None:
        begin(descriptor, 0, 0, _WRITE)


_WRITE = 2
"""SYNC_FILE_RANGE_WRITE of Linux."""


@cache
def _sync_file_range() -> Callable[[int, int, int, int], int] | None:
    if sys.platform != "linux":
        return None
    # Python has no name for it; ctypes costs milliseconds, and few programs come here
    import ctypes

    with suppress(OSError, AttributeError):
        call = ctypes.CDLL(None).sync_file_range
        call.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
        call.restype = ctypes.c_int
        return call
    return None


def preallocate(descriptor: int, size: int) -> bool:
    """Reserve space for a file, all zeros; False where the system or file system cannot."""
    if sys.platform != "linux":
        return False
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            return False
        raise
    return True


def lock_file(descriptor: int) -> bool:
    """Take an exclusive lock that the system drops when this process ends; say whether it held."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync_folder(path: str | os.PathLike[str]) -> None:
    """Make a rename in the folder durable; Windows has no such call and needs none."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_locked(path: str | os.PathLike[str]) -> bool:
    """Say whether a living process holds `lock_file` on the file; it is not disturbed."""
    if sys.platform == "win32":
        import msvcrt

        with open(path, "r+b") as file:
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            except OSError:
                return True
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
        return False
    import fcntl

    with open(path, "rb") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
