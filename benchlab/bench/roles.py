"""What the bench asks of an instrument: a `Source`, stepped by the host."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

__all__ = [
    "ArmLimits",
    "Capabilities",
    "Edge",
    "Identity",
    "Mode",
    "OffProof",
    "RangeAccuracy",
    "Reading",
    "SampleBuffer",
    "Setpoint",
    "Source",
]


class Reading(NamedTuple):
    """One measurement. Current is positive into the positive terminal, always.

    Attributes
    ----------
    time : float
        Clock seconds at the middle of the query.
    voltage, current : float
        Volts (NaN where the instrument cannot see the cell) and amperes.
    temperature : float
        Degrees Celsius; NaN without a sensor.
    flags : int
        Bits of `benchlab.model.flags.RowFlag`.
    requested, replied : float
        Clock seconds before the request and after the reply.
    """

    time: float
    voltage: float
    current: float
    temperature: float = math.nan
    flags: int = 0
    requested: float = math.nan
    replied: float = math.nan


class Mode(StrEnum):
    """What the output is to do."""

    OPEN = "open"
    """Off, high impedance."""
    ZERO = "zero current"
    """On, regulating 0 A within the voltage bounds."""
    CURRENT = "current"
    """Constant current up to the voltage bound, and constant voltage there."""
    VOLTAGE = "voltage"
    """Constant voltage; the current may flow either way up to its bound."""


@dataclass(frozen=True, slots=True)
class Setpoint:
    """What the output is to do until the next set point.

    Attributes
    ----------
    current_ampere : float
        Signed; 0 for `Mode.OPEN` and `Mode.ZERO`.
    voltage_volt : float
        Where the instrument itself stops: it holds this voltage once the cell is there.
    """

    mode: Mode
    current_ampere: float = 0.0
    voltage_volt: float = math.nan


@dataclass(frozen=True, slots=True)
class Edge:
    """When the output changed: one step ended, the next began (they differ where it was off).

    Attributes
    ----------
    ended, ended_half_width, began, began_half_width : float
        Clock seconds; each the midpoint of command sent and verified, and half that interval.
    current_range_ampere : float
        The meter's range in the new step; NaN where none applies.
    """

    ended: float
    ended_half_width: float
    began: float
    began_half_width: float
    current_range_ampere: float = math.nan


@dataclass(frozen=True, slots=True)
class ArmLimits:
    """The voltage window and currents that the output must stay inside for the whole run."""

    voltage_low_volt: float
    voltage_high_volt: float
    current_charge_ampere: float
    current_discharge_ampere: float


@dataclass(frozen=True, slots=True)
class RangeAccuracy:
    """A meter range and its stated accuracy: gain (fraction of reading) and offset."""

    full_scale: float
    gain: float
    offset: float


@dataclass(frozen=True, slots=True)
class SampleBuffer:
    """A buffer that the instrument itself fills by its own clock while the host drains it.

    Attributes
    ----------
    fastest_period_second : float
        Between two samples of voltage and current.
    lasts_second : float
        How long it takes samples at that period before it goes round.
    """

    fastest_period_second: float
    lasts_second: float


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What is true of an instrument; a protocol beyond it is refused before anything moves.

    Attributes
    ----------
    watchdog_second : float or None
        Within this time without traffic the instrument switches off by itself; None: never.
    host_dies : str
        What the cell sees if the host dies, in one sentence.
    measures_when_off : bool
        Whether the cell's voltage can be read while the output is open.
    holds_discharging : bool
        Whether it can hold a voltage while the cell is discharged; each can while it is charged.
    envelope : tuple of (float, float)
        Corners of what it carries, volts rising: up to that voltage limit this many amperes. Empty:
        range and power say it all.
    arms : tuple of (str, str)
        Which limits of a run it keeps by itself (``high voltage``, ``low voltage``, ``charge
        current``, ``discharge current``), and how; the others only software enforces.
    off_leak_ampere : float or None
        Largest current that what `off_leaves` names draws from the cell; None: nobody stated it.
    """

    voltage_volt: tuple[float, float]
    current_ampere: tuple[float, float]
    power_watt: float
    modes: frozenset[Mode]
    hardware_cccv: bool
    four_wire: bool
    measures_when_off: bool
    watchdog_second: float | None
    fastest_period_second: float
    stop_bound_second: float
    off_leaves: str
    host_dies: str
    voltage_margin_volt: float
    off_leak_ampere: float | None = None
    holds_discharging: bool = True
    envelope: tuple[tuple[float, float], ...] = ()
    arms: tuple[tuple[str, str], ...] = ()
    current_ranges: tuple[RangeAccuracy, ...] = ()
    voltage_ranges: tuple[RangeAccuracy, ...] = ()
    buffer: SampleBuffer | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers: maker, model, serial number, firmware, and where."""

    maker: str
    model: str
    serial_number: str
    firmware: str
    resource: str


@dataclass(frozen=True, slots=True)
class OffProof:
    """Whether the output is off, and how that is known."""

    proven: bool
    evidence: str
    problems: tuple[str, ...] = field(default=())


class Source(Protocol):
    """An instrument stepped by the host. One owner; no method but `safe` is called concurrently."""

    capabilities: Capabilities

    def open(self) -> Identity:
        """Connect, identify, reset to a known state with the output off.

        Raises
        ------
        benchlab.errors.LinkError, benchlab.errors.IdentityError
        """

    def look(self, voltage_high_volt: float) -> Reading:
        """See the cell before any current flows; the output is off again afterwards."""

    def arm(self, limits: ArmLimits) -> None:
        """Set the instrument's own limits and read them back.

        Raises
        ------
        benchlab.errors.InstrumentRefused, benchlab.errors.Unsupported
        """

    def apply(self, setpoint: Setpoint) -> Edge:
        """Change the output, and verify that it changed.

        Raises
        ------
        benchlab.errors.InstrumentRefused, benchlab.errors.LinkError
        """

    def read(self) -> Reading:
        """Measure once."""

    def recover(self) -> None:
        """Trust the line again after a failure: open it anew, the same instrument, output as set.

        Raises
        ------
        benchlab.errors.BenchError
            It cannot be trusted.
        """

    def safe(self) -> OffProof:
        """Switch off and prove it; idempotent, never raises."""

    def close(self) -> None:
        """Release the line; never raises."""
