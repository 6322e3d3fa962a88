"""Has the channels beside an overheating cell ended, whichever worker they are of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from benchlab.bench.guard import Trip
from benchlab.errors import BenchError
from benchlab.service.bench_file import BenchFile
from benchlab.service.bench_folder import BenchFolder
from benchlab.service.control_client import ask_once

if TYPE_CHECKING:
    from benchlab.service.worker.seat import Seat

__all__ = ["spread"]


def spread(
    folder: BenchFolder,
    bench: BenchFile,
    seats: Mapping[str, Seat],
    channel: str,
    trip: Trip,
    alarm: Callable[[str], None],
) -> None:
    """Trip the channels beside one; returns at once.

    Parameters
    ----------
    alarm
        Told which channels could not be reached.
    """
    cause = f"channel {channel} overheats: {trip.cause}"
    others: dict[str, list[str]] = {}
    for name in bench.beside(channel):
        if name in seats:
            seats[name].trip(Trip(cause, "bench"))
        else:
            others.setdefault(bench.worker_of(name), []).append(name)
    for worker, channels in others.items():
        words = (folder, worker, channels, cause, f"channel {channel}", alarm)
        threading.Thread(target=_tell, args=words, name=f"trip {worker}", daemon=True).start()


def _tell(
    folder: BenchFolder,
    worker: str,
    channels: list[str],
    cause: str,
    operator: str,
    alarm: Callable[[str], None],
) -> None:
    try:
        ask_once(folder.address(worker), "trip", channels=channels, cause=cause, operator=operator)
    except BenchError as error:
        alarm(f"channel {', '.join(channels)} could not be ended with it: {error}")
