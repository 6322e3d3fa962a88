"""Disk space: what a run writes, how long the disk lasts at that rate, and the reserve."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from benchlab.errors import StorageError, UsageError

__all__ = ["DEFAULT_RESERVE_BYTES", "Space", "folder_gone", "free_bytes", "reserve_bytes"]

DEFAULT_RESERVE_BYTES = 2_000_000_000
DAY_SECOND = 86_400.0
SAME_SECOND = 0.5
VARIABLE = "BENCHLAB_DISK_RESERVE_MB"

_asked: dict[str, tuple[float, int]] = {}


@dataclass(frozen=True, slots=True)
class Space:
    """How a run stands with its disk.

    Attributes
    ----------
    free_bytes : int
        What the file system offers to this user now.
    reserve_bytes : int
        What is kept free; a run ends before it is touched.
    written_bytes : int
        What the run wrote in `elapsed_second`, its live view included.
    """

    free_bytes: int
    reserve_bytes: int
    written_bytes: int
    elapsed_second: float

    @property
    def bytes_per_second(self) -> float:
        """The mean rate of the run so far; 0 before its first second."""
        return self.written_bytes / self.elapsed_second if self.elapsed_second >= 1.0 else 0.0

    @property
    def days_left(self) -> float:
        """Days until the reserve is reached if this run goes on so and nobody else writes."""
        left = self.free_bytes - self.reserve_bytes
        if left <= 0:
            return 0.0
        rate = self.bytes_per_second
        return left / rate / DAY_SECOND if rate else float("inf")

    @property
    def short(self) -> bool:
        """Whether the reserve is touched."""
        return self.free_bytes < self.reserve_bytes

    def record(self) -> dict[str, float | int | None]:
        """Return what the journal's state keeps; days are null while no rate is known."""
        days = self.days_left
        return {
            "disk_free_bytes": self.free_bytes,
            "disk_reserve_bytes": self.reserve_bytes,
            "bytes_per_second": round(self.bytes_per_second, 1),
            "disk_days_left": round(days, 3) if days != float("inf") else None,
        }

    def error(self, where: Path, done: str) -> StorageError:
        """Return the error of a disk whose reserve is touched.

        Parameters
        ----------
        done : str
            What the system did about it.
        """
        return StorageError(
            f"{self.free_bytes / 1e6:,.0f} MB are free on the disk, less than the reserve of"
            f" {self.reserve_bytes / 1e6:,.0f} MB; {done}",
            where=str(where),
            remedy="Free space, or record to another disk; the reserve is set with"
            f" --reserve-mb or {VARIABLE}.",
        )


def free_bytes(folder: str) -> int:
    """Return the bytes this user may still write to a folder's disk, as of the last half second.

    Raises
    ------
    OSError
    """
    now = time.monotonic()
    moment, free = _asked.get(folder, (-1.0, 0))
    # a hundred runs in a folder ask together, and the system adds up all its cores for each
    if now - moment > SAME_SECOND or moment < 0.0:
        free = shutil.disk_usage(folder).free
        _asked[folder] = (now, free)
    return free


def reserve_bytes(argument_mb: float | None = None) -> int:
    """Return the reserve: the argument, else the environment's, else 2 GB.

    Raises
    ------
    benchlab.errors.UsageError
        The environment holds something that is not a number of megabytes.
    """
    if argument_mb is not None:
        return round(argument_mb * 1e6)
    text = os.environ.get(VARIABLE, "")
    if not text:
        return DEFAULT_RESERVE_BYTES
    try:
        return round(float(text) * 1e6)
    except (ValueError, OverflowError):
        raise UsageError(
            f"the environment says {VARIABLE}={text!r}.", remedy="Give megabytes, such as 2000."
        ) from None


def folder_gone(folder: Path, done: str) -> StorageError:
    """Return the error of a run whose folder is no longer where it was.

    Parameters
    ----------
    done : str
        What the system did about it.
    """
    return StorageError(
        f"the run's folder was moved or removed by another program; {done}",
        where=str(folder),
        remedy=f"Find where {folder.name} is now, then: benchlab recover FOUND/{folder.name}",
    )
