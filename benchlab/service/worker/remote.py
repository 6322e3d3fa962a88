"""Sensor and chamber of a channel, as a run sees them: read and set by processes of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from benchlab.bench.roles import Identity
from benchlab.bench.surroundings import ChamberCapabilities, ChamberState, Sensed
from benchlab.errors import BenchError, IdentityError
from benchlab.service.worker.device_line import DeviceLine

__all__ = ["RemoteChamber", "RemoteSensor"]


class RemoteSensor:
    """A sensor that another process reads; its values are as old as their reading."""

    def __init__(self, line: DeviceLine) -> None:
        self._line = line
        self.channels: tuple[str, ...] = ()
        self.fastest_period_second = 0.0

    def open(self) -> Identity:
        """Wait for its first reading."""
        told = self._line.fresh()
        self.channels = tuple(told["values"])
        return _identity(self._line)

    def read(self) -> Sensed:
        """Return what was read last."""
        told = self._line.fresh()
        values = {k: math.nan if v is None else float(v) for k, v in told["values"].items()}
        if told.get("lost"):
            values = dict.fromkeys(values, math.nan)
        return Sensed(told["time"], values)

    def recover(self) -> None:
        """Do nothing: its own process opens the line anew."""

    def close(self) -> None:
        """Do nothing: others may watch it."""


class RemoteChamber:
    """A chamber that another process sets, once all who share it have asked for the same.

    Parameters
    ----------
    channel : str
        Whose test shares it.
    points : sequence of float
        The temperatures that the test is going to ask for, in degrees Celsius.
    """

    def __init__(
        self,
        line: DeviceLine,
        capabilities: ChamberCapabilities,
        channel: str,
        points: Sequence[float],
    ) -> None:
        self._line = line
        self.capabilities = capabilities
        self._channel = channel
        self._points = list(points)
        self._span: tuple[float, float] | None = None

    def open(self) -> Identity:
        """Wait for its first reading."""
        self._line.fresh()
        return _identity(self._line)

    def may_join(self, low_celsius: float, high_celsius: float) -> None:
        """Refuse what `arm` would refuse, and change nothing.

        Raises
        ------
        benchlab.errors.BenchError
        """
        self._ask("may_join", points=self._points, low=low_celsius, high=high_celsius)

    def arm(self, low_celsius: float, high_celsius: float) -> None:
        """Share the chamber: its own limits are those that every cell in it stands."""
        self._ask("join", points=self._points, low=low_celsius, high=high_celsius)
        self._span = (low_celsius, high_celsius)
        self._line.keeps.add(self._channel)

    def set_temperature(self, celsius: float) -> None:
        """Ask for a set point; it is set when all who share the chamber have asked for it."""
        self._ask("set", celsius=celsius)

    def read(self) -> ChamberState:
        """Return what was read last, and whom this channel waits for."""
        told = self._line.fresh()
        mine = told["members"].get(self._channel)
        if mine is None and self._span is not None:  # its process has lost its memory
            self.arm(*self._span)
            mine = {}
        known: dict[str, Any] = {item.name: told.get(item.name) for item in fields(ChamberState)}
        for name in ("actual_celsius", "set_celsius"):
            known[name] = math.nan if known[name] is None else known[name]
        low, high = known["limits_celsius"]
        known["limits_celsius"] = (
            math.nan if low is None else low,
            math.nan if high is None else high,
        )
        known["alarms"] = tuple(known["alarms"])
        known["waits_for"] = tuple((mine or {}).get("waits_for", ()))
        return ChamberState(**known)

    def recover(self) -> None:
        """Do nothing: its own process opens the line anew."""

    def safe(self) -> tuple[bool, str]:
        """Leave it; the last to leave has it made safe."""
        return self._leave(safe=True)

    def close(self) -> None:
        """Leave it."""
        self._leave(safe=False)

    def _leave(self, *, safe: bool) -> tuple[bool, str]:
        if self._span is None:
            return True, "it was left already"
        self._line.keeps.discard(self._channel)
        try:
            told = self._ask("release", safe=safe)
        except BenchError as error:
            return False, str(error)
        self._span = None
        return bool(told["proven"]), str(told["text"])

    def _ask(self, do: str, **content: Any) -> dict[str, Any]:
        return self._line.ask(do, channel=self._channel, **content)


def _identity(line: DeviceLine) -> Identity:
    facts = line.facts.get("identity")
    if not facts:
        raise IdentityError("it has not said what it is yet.", where=line.name, remedy="Try again.")
    return Identity(**facts)
