"""What EmStat4 HR, Nexus and EmStat Pico can do: ranges, envelopes, accuracy.

Names in the firmware's text, range numbers and envelopes are published; every accuracy, noise and
resolution here is typical for the class and unconfirmed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchlab.bench.roles import RangeAccuracy

__all__ = [
    "EMSTAT4_HR",
    "EMSTAT_PICO",
    "MODELS",
    "NEXUS",
    "Model",
    "PotentiostatMode",
    "model_named",
]


@dataclass(frozen=True, slots=True)
class PotentiostatMode:
    """A potentiostat mode: its number, potentials, the widest span within a script, bandwidth."""

    number: int
    low_volt: float
    high_volt: float
    span_volt: float
    bandwidth_hertz: float


@dataclass(frozen=True, slots=True)
class Model:
    """One kind of instrument.

    Attributes
    ----------
    firmware : str
        How its answer to ``t`` begins, after the ``t``.
    baud : int
        Of its serial port; a USB port does not care.
    ranges : tuple of (int, float)
        Number and full scale (A) of the current ranges as a potentiostat, rising.
    galvanostat : tuple of (int, float)
        As a galvanostat; empty: it is none.
    modes : tuple of PotentiostatMode
        The first that is wide and fast enough is used.
    interval_second : float
        Fastest interval of packages that is used here.
    step_volt : float
        Of its set potentials.
    """

    name: str
    firmware: str
    baud: int
    ranges: tuple[tuple[int, float], ...]
    galvanostat: tuple[tuple[int, float], ...]
    modes: tuple[PotentiostatMode, ...]
    highest_hertz: float
    current_gain: float
    current_offset: float
    potential_gain: float
    potential_offset_volt: float
    interval_second: float = 0.01
    step_volt: float = 1e-4

    @property
    def high_ampere(self) -> float:
        """The largest current, as its highest range names it."""
        return self.ranges[-1][1]

    @property
    def low_volt(self) -> float:
        """The lowest potential of any mode."""
        return min(mode.low_volt for mode in self.modes)

    @property
    def high_volt(self) -> float:
        """The highest potential of any mode."""
        return max(mode.high_volt for mode in self.modes)

    @property
    def current_ranges(self) -> tuple[RangeAccuracy, ...]:
        """The stated accuracy of each current range."""
        return tuple(
            RangeAccuracy(full, self.current_gain, self.current_offset * full)
            for _, full in self.ranges
        )

    @property
    def voltage_ranges(self) -> tuple[RangeAccuracy, ...]:
        """The stated accuracy of the potential."""
        return (RangeAccuracy(self.high_volt, self.potential_gain, self.potential_offset_volt),)

    def mode(self, low: float, high: float, hertz: float = 0.0) -> PotentiostatMode | None:
        """Return the first mode for these potentials and this bandwidth; None: there is none."""
        for mode in self.modes:
            inside = mode.low_volt <= low and high <= mode.high_volt
            if inside and high - low <= mode.span_volt and hertz <= mode.bandwidth_hertz:
                return mode
        return None

    def range_for(self, ampere: float, *, galvanostat: bool = False) -> tuple[int, float]:
        """Return number and full scale of the smallest range that carries a current."""
        ranges = self.galvanostat if galvanostat else self.ranges
        size = abs(ampere) * (1.0 - 1e-9)
        return next((entry for entry in ranges if entry[1] >= size), ranges[-1])

    def full_scale(self, number: int) -> float:
        """Return the full scale (A) of a current range by its number; NaN: not known."""
        known = dict(self.galvanostat) | dict(self.ranges)
        return known.get(number, math.nan)


EMSTAT4_HR = Model(
    name="EmStat4 HR",
    firmware="es4_hr",
    baud=921600,
    ranges=((9, 1e-7), (12, 1e-6), (15, 1e-5), (18, 1e-4), (21, 1e-3), (24, 1e-2), (27, 0.1)),
    galvanostat=((12, 1e-6), (15, 1e-5), (18, 1e-4), (21, 1e-3), (24, 1e-2), (27, 0.1)),
    modes=(
        PotentiostatMode(2, -6.0, 6.0, 12.0, 1e3),
        PotentiostatMode(3, -6.0, 6.0, 12.0, 200e3),
    ),
    highest_hertz=200e3,
    current_gain=2e-3,
    current_offset=1e-3,
    potential_gain=1e-3,
    potential_offset_volt=1e-3,
)
NEXUS = Model(
    name="Nexus",
    firmware="nexus1",
    baud=921600,
    ranges=(
        (16, 1e-10),
        (0, 1e-9),
        (1, 1e-8),
        (2, 1e-7),
        (3, 1e-6),
        (4, 1e-5),
        (5, 1e-4),
        (8, 1e-3),
        (9, 1e-2),
        (10, 0.1),
        (11, 1.0),
    ),
    galvanostat=(
        (32, 1e-9),
        (33, 1e-8),
        (34, 1e-7),
        (35, 1e-6),
        (36, 1e-5),
        (37, 1e-4),
        (40, 1e-3),
        (41, 1e-2),
        (42, 0.1),
        (43, 1.0),
    ),
    modes=(
        PotentiostatMode(2, -10.0, 10.0, 20.0, 1e3),
        PotentiostatMode(3, -10.0, 10.0, 20.0, 1e6),
    ),
    highest_hertz=1e6,
    current_gain=1e-3,
    current_offset=5e-4,
    potential_gain=1e-3,
    potential_offset_volt=1e-3,
)
EMSTAT_PICO = Model(
    name="EmStat Pico",
    firmware="espico",
    baud=230400,
    ranges=(
        (0, 100e-9),
        (1, 2e-6),
        (2, 4e-6),
        (3, 8e-6),
        (4, 16e-6),
        (5, 32e-6),
        (6, 63e-6),
        (7, 125e-6),
        (8, 250e-6),
        (9, 500e-6),
        (10, 1e-3),
        (11, 5e-3),
    ),
    galvanostat=(),
    modes=(
        PotentiostatMode(2, -1.25, 2.0, 2.2, 100.0),
        PotentiostatMode(3, -1.7, 2.0, 1.214, 200e3),
        PotentiostatMode(4, -1.7, 2.0, 2.6, 100.0),
    ),
    highest_hertz=200e3,
    current_gain=5e-3,
    current_offset=1e-3,
    potential_gain=2e-3,
    potential_offset_volt=5e-3,
    interval_second=0.05,
    step_volt=5e-4,
)
MODELS = (EMSTAT4_HR, NEXUS, EMSTAT_PICO)


def model_named(name: str) -> Model:
    """Return the model of this name, one of `MODELS`."""
    return next(model for model in MODELS if model.name == name)
