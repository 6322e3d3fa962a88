"""What a run is started with, checked: an order in numbers, its file, what to tell meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchlab.bench.operator_wait import Operator
from benchlab.bench.outcome import Progress
from benchlab.service.bench_entries import ChannelEntry
from benchlab.service.channel import Channel
from benchlab.service.foreground import RunOptions
from benchlab.service.recording import Recording
from benchlab.service.worker.order import Made, Order
from benchlab.service.worker.shop import Shop
from benchlab.service.worker.telling import Newest
from benchlab.store.journal import JournalWriter

__all__ = ["Start"]


@dataclass(frozen=True, slots=True)
class Start:
    """A run to be begun, or gone on with.

    Attributes
    ----------
    how : str
        What cut the run off that is gone on with.
    off_unix_ns : int
        UTC at which its output is known to have been off; 0: nobody knows.
    leaves
        Says whether this worker is told to end, and the run goes on in the next one.
    warm : bool
        The channel's run before has ended just now, with nothing wrong.
    """

    channel: str
    shop: Shop
    entry: ChannelEntry
    order: Order
    made: Made
    path: Path
    newest: Newest
    heard: Callable[[str, Mapping[str, Any]], None]
    watch: Callable[[Progress], None]
    asked: Operator
    stopped: Callable[[], str]
    leaves: Callable[[], bool] = lambda: False
    warm: bool = False
    how: str = ""
    off_unix_ns: int = 0

    def options(self, channel: Channel) -> RunOptions:
        """Return what a run on this channel is started with."""
        return RunOptions(
            channel,
            self.path,
            operator=self.order.operator,
            reserve_bytes=self.shop.reserve,
        )

    def recording(self, head: Mapping[str, Any], onto: JournalWriter | None = None) -> Recording:
        """Return what records the run: into a journal of its own, or on in the one it has.

        Raises
        ------
        benchlab.errors.StorageError
        """
        shop = self.shop
        return Recording(self.path, head, shop.note, fast=False, reserve=shop.reserve, onto=onto)
