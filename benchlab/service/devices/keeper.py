"""What the process of a device does with it: opens it, looks at it, and answers for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from benchlab.bench.roles import Identity
from benchlab.bench.surroundings import Sensor, SensorCapabilities
from benchlab.errors import LinkLost
from benchlab.platform import replace_file
from benchlab.service.control import Word

__all__ = ["Held", "Keeper", "Kept", "SensorKeeper"]


class _Device(Protocol):
    def open(self) -> Identity: ...
    def recover(self) -> None: ...
    def close(self) -> None: ...


Device = TypeVar("Device", bound=_Device)


class Keeper(Protocol):
    """One device, of whatever role.

    Attributes
    ----------
    role : {"sensor", "chamber", "relay"}
    period_second : float
        Between two looks.
    """

    role: str
    period_second: float

    def open(self) -> Identity:
        """Connect and identify."""

    def look(self) -> dict[str, Any]:
        """Read it once, do what is due, and return what is told; ``time`` is of the reading.

        Raises
        ------
        benchlab.errors.LinkError
        """

    def recover(self) -> None:
        """Trust the line again after a failure."""

    def words(self) -> Mapping[str, Word]:
        """Return what can be asked of it; called with the device's lock held."""

    def busy(self) -> list[str]:
        """Return the channels that need it now."""

    def close(self) -> None:
        """Release the line; never raises."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file in which a device keeps what must outlive its process."""

    path: Path

    def read(self) -> dict[str, Any]:
        """Return what it holds; empty: nothing, or it is damaged."""
        with suppress(OSError, ValueError):
            found = json.loads(self.path.read_bytes())
            return found if isinstance(found, dict) else {}
        return {}

    def write(self, content: Mapping[str, Any], note: Callable[[str], None]) -> None:
        """Put this in its place; a full disk keeps nobody from the device."""
        try:
            replace_file(self.path, json.dumps({"v": 1, **content}).encode() + b"\n")
        except OSError as error:
            note(f"{self.path.name} cannot be written ({error.strerror or error})")


class Held(Generic[Device]):
    """A device from the first time that it can be reached on."""

    def __init__(self, connect: Callable[[], Device]) -> None:
        self._connect = connect
        self._device: Device | None = None

    def open(self) -> Identity:
        """Connect where that is not done yet, and identify.

        Raises
        ------
        benchlab.errors.BenchError
        """
        if self._device is None:
            self._device = self._connect()
        return self._device.open()

    @property
    def it(self) -> Device:
        """The device.

        Raises
        ------
        benchlab.errors.LinkLost
            It was not reached yet.
        """
        if self._device is None:
            raise LinkLost("the device was not reached yet.", remedy="See that it is switched on.")
        return self._device

    def recover(self) -> None:
        """Trust the line again after a failure."""
        self.it.recover()

    def close(self) -> None:
        """Release the line; never raises."""
        if self._device is not None:
            self._device.close()


class SensorKeeper:
    """Reads a sensor, and changes nothing."""

    role = "sensor"

    def __init__(self, held: Held[Sensor], can: SensorCapabilities, period_second: float) -> None:
        self._held = held
        self.period_second = max(period_second, can.fastest_period_second)
        self.open, self.recover, self.close = held.open, held.recover, held.close

    def look(self) -> dict[str, Any]:
        """Read every channel once."""
        time, values = self._held.it.read()
        return {"time": time, "values": dict(values)}

    def words(self) -> Mapping[str, Word]:
        """Return nothing: it only tells."""
        return {}

    def busy(self) -> list[str]:
        """Return nobody: who needs it watches it."""
        return []
