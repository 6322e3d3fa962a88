"""A cell is on one channel: looked up in the files of all channels of the bench, one at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from benchlab.errors import ChannelBusy, StorageError
from benchlab.platform import hold_lock
from benchlab.service.bench_folder import BenchFolder
from benchlab.service.worker.order import Order
from benchlab.service.worker.standing import Standing, read_standing

__all__ = ["refuse_taken", "taking_a_cell"]

PATIENCE_SECOND = 5.0


@contextmanager
def taking_a_cell(folder: BenchFolder) -> Iterator[None]:
    """Keep every other worker of the bench from putting a cell on a channel meanwhile.

    Raises
    ------
    benchlab.errors.StorageError
    """
    held = hold_lock(folder.own / "cells.lock", patience_second=PATIENCE_SECOND)
    if held < 0:
        raise StorageError(
            "another worker has kept the list of cells for itself; nothing was started.",
            where=str(folder.own / "cells.lock"),
            remedy="Look for a worker that hangs: benchlab status",
        )
    try:
        yield
    finally:
        os.close(held)


def refuse_taken(folder: BenchFolder, channel: str, order: Order) -> None:
    """Refuse a cell that is on another channel, or waits there.

    An order that is being moved here from there stands in both.

    Raises
    ------
    benchlab.errors.ChannelBusy
    """
    if not order.cell_id:
        return
    for path in sorted(folder.channels.glob("*.json")):
        standing = read_standing(path)
        if path.stem != channel and order.cell_id in _cells(standing, order.item):
            where = "is under test" if standing.active else "waits in the queue"
            raise ChannelBusy(
                f"the cell {order.cell_id} {where} on channel {path.stem}; nothing was started.",
                where=f"channel {channel}",
                remedy="Give the id of the cell that is on this channel, or end the other test.",
            )


def _cells(standing: Standing, but: str) -> set[str]:
    standing.queue = [
        item for item in standing.queue if not (item.get("leaving") and item.get("item") == but)
    ]
    return standing.cells()
