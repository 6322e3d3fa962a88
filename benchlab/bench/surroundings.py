"""What the bench asks of the things around a cell: what sees it, holds it, or cuts it off.

A module of a driver says which role it has by the functions it offers: ``connect(resource, clock)``
and, beside the simulated cell of another instrument, ``simulate_beside(clock, twin)``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from benchlab.bench.roles import Identity

__all__ = [
    "Chamber",
    "ChamberCapabilities",
    "ChamberState",
    "Contact",
    "Relay",
    "RelayCapabilities",
    "RelayState",
    "Sensed",
    "Sensor",
    "SensorCapabilities",
]


class Sensed(NamedTuple):
    """What a sensor's channels read at one instant.

    Attributes
    ----------
    time : float
        Clock seconds at the middle of the query.
    values : Mapping
        By column name (``surface_temperature_celsius``); NaN where the sensor itself is at fault
        (open thermocouple, overrange).
    """

    time: float
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SensorCapabilities:
    """What is true of a sensor.

    Attributes
    ----------
    channels : tuple of str
        Column names, at most as many as one instrument gives.
    accuracy : str
        Of a reading, with its conditions.
    host_dies : str
        What the cell sees if the host dies, in one sentence.
    """

    channels: tuple[str, ...]
    accuracy: str
    fastest_period_second: float
    host_dies: str = "nothing changes: it drives no current"


class Sensor(Protocol):
    """An instrument that sees the cell and changes nothing."""

    channels: tuple[str, ...]
    fastest_period_second: float

    def open(self) -> Identity:
        """Connect, identify, and set what a reading depends on.

        Raises
        ------
        benchlab.errors.LinkError, benchlab.errors.IdentityError
        """

    def read(self) -> Sensed:
        """Read every channel once.

        Raises
        ------
        benchlab.errors.LinkError
        """

    def recover(self) -> None:
        """Trust the line again after a failure: open it anew, the same instrument.

        Raises
        ------
        benchlab.errors.BenchError
        """

    def close(self) -> None:
        """Release the line; never raises."""


@dataclass(frozen=True, slots=True)
class ChamberCapabilities:
    """What is true of a chamber.

    Attributes
    ----------
    temperature_celsius : tuple of float
        Lowest and highest set point.
    accuracy_kelvin : float
        Of its own sensor.
    safe_state : str
        What `Chamber.safe` brings about, in one sentence.
    stop_bound_second : float
        `Chamber.safe` returns within it while the line holds.
    """

    temperature_celsius: tuple[float, float]
    accuracy_kelvin: float
    fastest_period_second: float
    stop_bound_second: float
    safe_state: str
    host_dies: str


@dataclass(frozen=True, slots=True)
class ChamberState:
    """What a chamber says of itself; temperatures in degrees Celsius.

    Attributes
    ----------
    waits_for : tuple of str
        Channels that share the chamber and have not asked for what this one asked for.
    """

    time: float
    actual_celsius: float
    set_celsius: float
    running: bool
    alarms: tuple[str, ...] = field(default=())
    limits_celsius: tuple[float, float] = (math.nan, math.nan)
    waits_for: tuple[str, ...] = ()


class Chamber(Protocol):
    """A temperature chamber."""

    capabilities: ChamberCapabilities

    def open(self) -> Identity:
        """Connect and identify; nothing is changed.

        Raises
        ------
        benchlab.errors.LinkError, benchlab.errors.IdentityError
        """

    def arm(self, low_celsius: float, high_celsius: float) -> None:
        """Set the chamber's own temperature limits and read them back.

        Raises
        ------
        benchlab.errors.InstrumentRefused, benchlab.errors.Unsupported
        """

    def set_temperature(self, celsius: float) -> None:
        """Set the target, start the chamber where it stands, and verify both.

        Raises
        ------
        benchlab.errors.InstrumentRefused, benchlab.errors.Unsupported, benchlab.errors.LinkError
        """

    def read(self) -> ChamberState:
        """Read temperature, target, operation and alarms."""

    def recover(self) -> None:
        """Trust the line again after a failure: open it anew, the same instrument."""

    def safe(self) -> tuple[bool, str]:
        """Bring the chamber to its safe state; say whether that is proven, and how. Never raises.

        It must not leave heaters on: the fan alone, or off.
        """

    def close(self) -> None:
        """Release the line; never raises."""


@dataclass(frozen=True, slots=True)
class RelayCapabilities:
    """What is true of a relay board.

    Attributes
    ----------
    relays, inputs : int
        How many; both are counted from 1.
    longest_second : float
        How long a relay may be told to stay closed without hearing from the host again.
    safe_state : str
        What `Relay.safe` brings about, in one sentence.
    stop_bound_second : float
        `Relay.safe` returns within it while the line holds.
    """

    relays: int
    inputs: int
    longest_second: float
    fastest_period_second: float
    stop_bound_second: float
    safe_state: str
    host_dies: str


class RelayState(NamedTuple):
    """What a relay board says of itself.

    Attributes
    ----------
    time : float
        Clock seconds at the middle of the query.
    closed : tuple of bool
        Each relay, as the board drives its coil: a welded contact does not show here.
    inputs : tuple of bool
        Whether each digital input carries current. An emergency stop belongs on a normally closed
        contact, so that False means pressed, and so does a wire that broke.
    """

    time: float
    closed: tuple[bool, ...]
    inputs: tuple[bool, ...]


class Relay(Protocol):
    """A board of relays and digital inputs: cuts a cell off, watches an emergency stop."""

    capabilities: RelayCapabilities

    def open(self) -> Identity:
        """Connect and identify; nothing is switched.

        Raises
        ------
        benchlab.errors.LinkError, benchlab.errors.IdentityError
        benchlab.errors.InstrumentRefused
            Its inputs switch its relays without the host.
        """

    def set(self, channel: int, closed: bool, *, at_most_second: float | None = None) -> None:
        """Close or open a relay, and read back that the board did.

        Parameters
        ----------
        channel : int
            From 1.
        at_most_second : float, optional
            The board opens the relay by itself after this time, even if the host died; close it
            again before then to keep it.

        Raises
        ------
        benchlab.errors.InstrumentRefused, benchlab.errors.Unsupported, benchlab.errors.LinkError
        """

    def read(self) -> RelayState:
        """Read every relay and every input.

        Raises
        ------
        benchlab.errors.LinkError
        """

    def recover(self) -> None:
        """Trust the line again after a failure: open it anew, the same board."""

    def safe(self) -> tuple[bool, str]:
        """Open every relay; say whether that is proven, and how. Never raises."""

    def close(self) -> None:
        """Release the line; never raises."""


class Contact(Protocol):
    """A simulated cell whose leads a relay can break."""

    def take_cell_away(self) -> None:
        """Break the contact at this instant of the clock."""

    def put_cell_back(self) -> None:
        """Mend the contact at this instant of the clock."""
