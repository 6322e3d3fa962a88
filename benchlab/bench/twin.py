"""What the bench may ask of a simulated cell: the truth that no instrument knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

__all__ = ["Surrounded", "Truth", "Twin", "TwinSpec"]


@dataclass(frozen=True, slots=True)
class TwinSpec:
    """Which simulated cell stands behind a simulated instrument.

    Attributes
    ----------
    capacity_ah : float or None
        Scales the cell; None keeps the size of its type.
    ideal : bool
        Takes the instrument's errors, noise and quantisation out.
    fresh : bool
        As assembled, never charged; else formed and at 30 % of charge.
    """

    cell_type: str
    capacity_ah: float | None = None
    seed: int = 0
    ideal: bool = False
    fresh: bool = False


class Truth(NamedTuple):
    """Exact integrals of a simulated cell since its start; capacities in Ah, energies in Wh.

    ``negative_side_ah``, ``positive_side_ah`` and ``reversible_side_ah`` are the integrals of the
    side currents; ``charged`` and ``discharged`` are what passed the terminals in each direction.
    """

    time_second: float
    charged_ah: float
    discharged_ah: float
    charged_wh: float
    discharged_wh: float
    negative_side_ah: float
    positive_side_ah: float
    reversible_side_ah: float
    core_temperature_celsius: float


class Twin(Protocol):
    """A simulated cell, seen from outside the instrument."""

    def truth(self) -> Truth:
        """Return the exact integrals at this instant of the clock."""


class Surrounded(Protocol):
    """A simulated cell as the things around it see it: sensors, a chamber, a press."""

    def surface_temperature_celsius(self) -> float:
        """Return the temperature of the cell's surface at this instant of the clock."""

    def set_ambient_celsius(self, celsius: float) -> None:
        """Let the air around the cell have this temperature from this instant of the clock on."""
