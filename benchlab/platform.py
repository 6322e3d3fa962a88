"""Every difference between operating systems, in one place."""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from types import FrameType
from typing import Any

__all__ = [
    "boot_id",
    "boottime",
    "detached",
    "hold_lock",
    "is_locked",
    "is_stopped",
    "kill_process",
    "lock_file",
    "on_end",
    "preallocate",
    "private_folder",
    "process_started",
    "replace_file",
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


# processes


def process_started(pid: int) -> str:
    """Return what tells a process from a later one of the same number; empty: there is none."""
    if sys.platform == "linux":
        with suppress(OSError, IndexError):
            with open(f"/proc/{pid}/stat", "rb") as file:
                words = file.read().rpartition(b")")[2].split()
            # a zombie has ended: whoever started it has only not looked yet
            return "" if words[0] in (b"Z", b"X") else f"{boot_id()}:{words[19].decode()}"
        return ""
    if sys.platform == "win32":
        return _created_windows(pid)
    with suppress(OSError):
        os.kill(pid, 0)
        return "living"
    return ""


def is_stopped(pid: int) -> bool:
    """Say whether a process was halted by a signal and moves no more; only Linux tells."""
    if sys.platform == "linux":
        with suppress(OSError, IndexError), open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"T"
    return False


def kill_process(pid: int, started: str) -> bool:
    """End a process at once, if it is still the one that began then; say whether it was."""
    if not started or process_started(pid) != started:
        return False
    with suppress(OSError):
        os.kill(pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        return True
    return False


def detached() -> dict[str, Any]:
    """Return the arguments of `subprocess.Popen` that let a child outlive terminal and parent."""
    if sys.platform == "win32":
        import subprocess

        apart = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS
        return {"creationflags": apart | subprocess.CREATE_BREAKAWAY_FROM_JOB}
    return {"start_new_session": True}


def on_end(ask: Callable[[], None]) -> None:
    """Have `ask` called when this process is asked to end: Ctrl-C, a kill, a closed terminal."""

    def asked(number: int, frame: FrameType | None) -> None:
        ask()

    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, asked)


def _created_windows(pid: int) -> str:
    if sys.platform != "win32":
        return ""
    import ctypes

    kernel = ctypes.windll.kernel32
    handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not handle:
        return ""
    try:
        times = [ctypes.c_ulonglong() for _ in range(4)]
        if not kernel.GetProcessTimes(handle, *(ctypes.byref(item) for item in times)):
            return ""
        return "" if times[1].value else str(times[0].value)
    finally:
        kernel.CloseHandle(handle)


# files that one user alone may read


def private_folder(path: str | os.PathLike[str]) -> None:
    """Make a folder that nobody else may look into.

    Raises
    ------
    PermissionError
        There is one that is somebody else's, or open to others.
    """
    os.makedirs(path, mode=0o700, exist_ok=True)
    if os.name != "posix":
        return
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "it is open to others, or not this user's", str(path))


def replace_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Put new content in the place of a file at one stroke, on the disk when this returns.

    Whoever reads meanwhile finds the old content or the new.
    """
    beside = f"{os.fspath(path)}.{os.getpid()}.{threading.get_ident()}.new"
    descriptor = os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, data)
        sync_data(descriptor)
    finally:
        os.close(descriptor)
    for left in range(20, -1, -1):
        try:
            os.replace(beside, path)
            break
        except PermissionError:  # Windows: somebody reads it just now
            if sys.platform != "win32" or not left:
                raise
            time.sleep(0.005)
    sync_folder(os.path.dirname(os.fspath(path)) or ".")
