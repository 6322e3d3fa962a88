"""What the channels of a worker share: the bench, its folders, whoever watches, the alarms."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchlab.bench.guard import Trip
from benchlab.service.alarms import AlarmBook
from benchlab.service.bench_file import BenchFile
from benchlab.service.bench_folder import BenchFolder
from benchlab.service.worker.device_line import Devices
from benchlab.service.worker.interlocks import Interlocks

__all__ = ["Shop"]


@dataclass(slots=True)
class Shop:
    """The bench as one worker sees it.

    Attributes
    ----------
    data : Path
        Where the recordings go.
    reserve : int
        Bytes of disk to be kept free.
    tell
        Tells whoever watches: a kind, its content, and the name of what only the newest is kept of.
    spread
        Has the channels beside an overheating cell ended.
    """

    name: str
    folder: BenchFolder
    bench: BenchFile
    data: Path
    reserve: int
    tell: Callable[[str, Mapping[str, Any], str], None]
    alarms: AlarmBook
    devices: Devices
    interlocks: Interlocks
    spread: Callable[[str, Trip], None]

    def note(self, text: str) -> None:
        """Write a line into the worker's log."""
        sys.stderr.write(f"{self.name}: {text}\n")
        sys.stderr.flush()
