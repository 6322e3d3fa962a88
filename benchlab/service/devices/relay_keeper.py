"""A board of relays: each stays closed only while the test that needs it is heard."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from benchlab.bench.surroundings import Relay, RelayCapabilities
from benchlab.errors import BenchError, ChannelBusy, UsageError
from benchlab.service.control import Word
from benchlab.service.devices.chamber_keeper import _channel
from benchlab.service.devices.keeper import Held, Kept

__all__ = ["RelayKeeper"]

PERIOD_SECOND = 0.2
SILENT_SECOND = 5.0
"""A worker that is killed is back sooner, and keeps its relay; its output is off meanwhile."""
BOARD_SECOND = 10.0
"""The board opens by itself so long after the last order of this process."""
REFRESH_SECOND = 3.0


class RelayKeeper:
    """The only one who switches a board."""

    role = "relay"

    def __init__(
        self,
        held: Held[Relay],
        can: RelayCapabilities,
        period_second: float,
        kept: Kept,
        note: Callable[[str], None],
    ) -> None:
        self._held, self._relays = held, can.relays
        self._kept, self._note = kept, note
        self._users: dict[int, tuple[str, bool]] = {}
        with suppress(KeyError, TypeError, ValueError):
            for number, (channel, forever) in kept.read()["users"].items():
                self._users[int(number)] = (str(channel), bool(forever))
        self._heard = {channel: time.monotonic() for channel, _ in self._users.values()}
        self._ordered: dict[int, float] = {}
        self.period_second = max(period_second, can.fastest_period_second)
        self._board_second = min(BOARD_SECOND, can.longest_second)
        self.open, self.recover, self.close = held.open, held.recover, held.close

    def look(self) -> dict[str, Any]:
        """Read relays and inputs, after what is due was switched."""
        now = time.monotonic()
        for number, (channel, forever) in list(self._users.items()):
            if not forever and now - self._heard.get(channel, now) > SILENT_SECOND:
                self._note(f"channel {channel} is silent: relay {number} is opened")
                self._open_one(number)
            elif not forever and now - self._ordered.get(number, 0.0) > REFRESH_SECOND:
                self._close_one(number, forever=False)
        state = self._held.it.read()
        return {"time": state.time, "closed": list(state.closed), "inputs": list(state.inputs)}

    def words(self) -> Mapping[str, Word]:
        """Return what a test can ask of it."""
        asks = {"slow": True, "changes": True}
        return {
            "close_relay": Word(self._close, **asks),
            "open_relay": Word(self._open, **asks),
            "keep": Word(self._keep),
        }

    def busy(self) -> list[str]:
        """Return whose relays are closed."""
        return sorted({channel for channel, _ in self._users.values()})

    def _close(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        channel, number = _channel(request), self._number(request)
        user = self._users.get(number)
        if user is not None and user[0] != channel:
            raise ChannelBusy(
                f"relay {number} is channel {user[0]}'s; nothing was switched.",
                where=f"channel {channel}",
                remedy="Mend bench.yaml: a relay each.",
            )
        forever = request.get("forever") is True
        self._users[number] = (channel, forever)
        self._heard[channel] = time.monotonic()
        try:
            self._close_one(number, forever=forever)
        except BenchError:
            if user is None:
                self._users.pop(number, None)
            raise
        self._save()
        return {"closed": number}

    def _open(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self._open_one(self._number(request))
        return {"proven": True, "text": f"relay {self._number(request)} reads back open"}

    def _keep(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self._heard[_channel(request)] = time.monotonic()
        return {}

    def _close_one(self, number: int, *, forever: bool) -> None:
        self._held.it.set(number, True, at_most_second=None if forever else self._board_second)
        self._ordered[number] = time.monotonic()

    def _open_one(self, number: int) -> None:
        self._held.it.set(number, False)
        self._users.pop(number, None)
        self._ordered.pop(number, None)
        self._save()

    def _number(self, request: Mapping[str, Any]) -> int:
        number = request.get("number")
        if not isinstance(number, int) or not 1 <= number <= self._relays:
            raise UsageError(
                f"there is no relay {str(number)[:20]}; nothing was switched.",
                remedy=f"Relays are counted from 1 to {self._relays}.",
            )
        return number

    def _save(self) -> None:
        users = {str(number): list(user) for number, user in self._users.items()}
        self._kept.write({"users": users}, self._note)
