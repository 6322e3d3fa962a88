"""A chamber that several tests share: its set point changes when all of them have asked for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from benchlab.bench.surroundings import Chamber, ChamberCapabilities
from benchlab.errors import BenchError, UsageError
from benchlab.service.control import Word
from benchlab.service.devices.keeper import Held, Kept
from benchlab.service.devices.sharing import Sharing

__all__ = ["ChamberKeeper"]

PERIOD_SECOND = 2.0
FORGET_SECOND = 600.0
"""A test whose worker has said nothing for so long is in nobody's way any more."""


class ChamberKeeper:
    """The only one who sets a chamber.

    Parameters
    ----------
    safe_celsius : float or None
        The set point when nobody needs it any more; None: `Chamber.safe`.
    """

    role = "chamber"

    def __init__(
        self,
        held: Held[Chamber],
        can: ChamberCapabilities,
        period_second: float,
        safe_celsius: float | None,
        kept: Kept,
        note: Callable[[str], None],
    ) -> None:
        self._held = held
        self._safe_celsius = safe_celsius
        self._kept, self._note = kept, note
        self._sharing = Sharing(can.temperature_celsius)
        with suppress(KeyError, TypeError, ValueError):
            self._sharing.restore(kept.read())
        self._heard = dict.fromkeys(self._sharing.members, time.monotonic())
        self._last: dict[str, Any] = {}
        self.period_second = max(period_second, can.fastest_period_second)
        self.open, self.recover, self.close = held.open, held.recover, held.close

    def look(self) -> dict[str, Any]:
        """Read it, and forget tests that nobody carries out any more."""
        self._last = asdict(self._held.it.read())
        now = time.monotonic()
        for channel in [k for k, heard in self._heard.items() if now - heard > FORGET_SECOND]:
            self._note(f"channel {channel} has said nothing for {FORGET_SECOND:g} s: it is let go")
            self._leave(channel, safe=False)
        return self._told()

    def words(self) -> Mapping[str, Word]:
        """Return what a test can ask of it."""
        asks = {"slow": True, "changes": True}
        return {
            "may_join": Word(self._may_join, slow=True),
            "join": Word(self._join, **asks),
            "keep": Word(self._keep),
            "set": Word(self._set, **asks),
            "release": Word(
                lambda request: self._leave(_channel(request), safe=request.get("safe") is True),
                **asks,
            ),
        }

    def busy(self) -> list[str]:
        """Return who shares it."""
        return list(self._sharing.members)

    def _told(self) -> dict[str, Any]:
        sharing = self._sharing
        members = {
            name: {"wish": member.wish, "waits_for": list(sharing.waits_for(name))}
            for name, member in sharing.members.items()
        }
        return {**self._last, "members": members}

    def _may_join(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self._sharing.refuse(_channel(request), *_announced(request))
        return {}

    def _join(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        channel = _channel(request)
        before = self._sharing.record()
        self._sharing.join(channel, *_announced(request))
        try:
            self._held.it.arm(*self._sharing.span())
        except BenchError:
            self._sharing.members.clear()
            self._sharing.restore(before)
            raise
        self._heard[channel] = time.monotonic()
        self._save()
        return self._told()

    def _keep(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        channel = _channel(request)
        if channel in self._sharing.members:
            self._heard[channel] = time.monotonic()
        return {"member": channel in self._sharing.members}

    def _set(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        channel, celsius = _channel(request), _number(request, "celsius")
        member = self._sharing.members.get(channel)
        before = None if member is None else member.wish
        self._sharing.want(channel, celsius)
        try:
            self._follow()
        except BenchError:
            if member is not None:
                member.wish = before
            raise
        finally:
            self._save()
        return self._told()

    def _follow(self) -> None:
        """Set what all have asked for, where it is not set already."""
        agreed = self._sharing.agreed()
        if agreed is None or agreed == self._sharing.target:
            return
        self._held.it.set_temperature(agreed)
        self._sharing.target = agreed
        self._note(f"set to {agreed:g} degC for channel {', '.join(self._sharing.members)}")

    def _leave(self, channel: str, *, safe: bool) -> dict[str, Any]:
        """Let a test leave; the last one to leave may have the chamber made safe."""
        self._heard.pop(channel, None)
        if not self._sharing.leave(channel):
            return {"proven": True, "text": "it was not in this chamber any more"}
        others = ", ".join(self._sharing.members)
        proven, text = True, f"left to channel {others}, which shares it"
        try:
            if others:
                self._follow()
            else:
                proven, text = self._make_safe(safe)
        except BenchError as error:
            proven, text = False, str(error)
            self._note(text)
        self._save()
        return {"proven": proven, "text": text}

    def _make_safe(self, safe: bool) -> tuple[bool, str]:
        self._sharing.target = None
        if self._safe_celsius is not None:
            self._held.it.set_temperature(self._safe_celsius)
            return True, f"nobody needs it any more: set to {self._safe_celsius:g} degC"
        return self._held.it.safe() if safe else (True, "left as it is")

    def _save(self) -> None:
        self._kept.write(self._sharing.record(), self._note)


def _channel(request: Mapping[str, Any]) -> str:
    channel = request.get("channel")
    if not isinstance(channel, str) or not channel:
        raise UsageError("no channel was named; nothing was done.", remedy="Add channel.")
    return channel


def _number(request: Mapping[str, Any], name: str) -> float:
    value = request.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UsageError(f"found no number as {name}; nothing was done.", remedy=f"Add {name}.")
    return float(value)


def _announced(request: Mapping[str, Any]) -> tuple[list[float], tuple[float, float]]:
    points = request.get("points")
    if not isinstance(points, list) or not all(isinstance(item, (int, float)) for item in points):
        raise UsageError("found no list of points; nothing was done.", remedy="Add points.")
    return [float(p) for p in points], (_number(request, "low"), _number(request, "high"))
