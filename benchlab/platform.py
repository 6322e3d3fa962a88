"""Every difference between operating systems, in one place."""

from __future__ import annotations

import os
import sys
import time

__all__ = ["boottime", "is_locked", "lock_file", "sync_folder", "unix_ns"]

if sys.platform == "linux":

    def boottime() -> float:
        """Return monotonic seconds that go on counting while the machine sleeps."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)
else:

    def boottime() -> float:
        """Return monotonic seconds; on Windows and macOS they count suspend as the system does."""
        return time.monotonic()


unix_ns = time.time_ns


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
