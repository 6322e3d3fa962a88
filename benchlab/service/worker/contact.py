"""The relay that joins a channel to its cell: closed while its output may be on, open otherwise."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from benchlab.bench.clock import Clock
from benchlab.bench.surroundings import Relay
from benchlab.bench.twin import Twin
from benchlab.errors import BenchError
from benchlab.service.worker.start import Start

__all__ = ["Contact"]


class Contact:
    """A relay of one channel; where the channel has none, nothing happens.

    Parameters
    ----------
    forever : bool
        Whether it stays closed when nobody is heard any more: the test goes on in the instrument.
    """

    def __init__(self, *, forever: bool) -> None:
        self._forever = forever
        self._start: Start | None = None
        self._board: Relay | None = None
        self._closed = False

    def close(self, start: Start, clock: Clock, twin: Twin | None) -> None:
        """Join the cell to the channel, whose output is off.

        Raises
        ------
        benchlab.errors.BenchError
        """
        entry = start.entry.relay
        if entry is None:
            return
        self._start = start
        device = start.shop.bench.device(entry.instrument)
        if device.simulated:
            if self._board is None:
                self._board = device.beside(clock, twin)
                self._board.open()
            self._board.set(entry.number, True)
        else:
            line = start.shop.devices.line(entry.instrument)
            line.fresh()
            self._ask("close_relay", number=entry.number, forever=self._forever)
            line.keeps.add(start.channel)
        self._closed = True

    def open(self) -> tuple[bool, str]:
        """Cut the cell off; say whether that is proven, and how. Never raises."""
        start = self._start
        if start is None or start.entry.relay is None or not self._closed:
            return False, ""
        number = start.entry.relay.number
        try:
            if self._board is not None:
                self._board.set(number, False)
            else:
                self._ask("open_relay", number=number)
        except BenchError as error:
            return False, f"relay {number}: {error}"
        finally:
            with suppress(KeyError):
                start.shop.devices.line(start.entry.relay.instrument).keeps.discard(start.channel)
        self._closed = False
        return True, f"relay {number} of {start.entry.relay.instrument} reads back open"

    def _ask(self, do: str, **content: Any) -> None:
        if self._start is not None and self._start.entry.relay is not None:
            line = self._start.shop.devices.line(self._start.entry.relay.instrument)
            line.ask(do, channel=self._start.channel, **content)
