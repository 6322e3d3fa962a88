"""The techniques that a script is put together from, in numbers, and why each may end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["Bounds", "Constant", "Ended", "Hold", "Rest", "Spectrum", "Sweep"]


class Ended(IntEnum):
    """Why a step ended, in its last package (type ``jc``)."""

    UNKNOWN = 0
    VOLTAGE = 1
    CURRENT = 2
    CAPACITY = 3
    TIME = 4
    HOLD_TIME = 5
    AT_MOST = 6
    COMPLETE = 7
    HIGH_VOLTAGE = 8
    LOW_VOLTAGE = 9
    OVER_CURRENT = 10


@dataclass(frozen=True, slots=True)
class Bounds:
    """What ends the whole test; NaN and infinite: nothing.

    Attributes
    ----------
    ampere : float
        Magnitude.
    """

    low_volt: float = -math.inf
    high_volt: float = math.inf
    ampere: float = math.inf


@dataclass(frozen=True, slots=True)
class Rest:
    """No current: the cell off (``meas_loop_ocp``), or on and regulating 0 A."""

    second: float
    interval_second: float
    zero: bool = False
    ended: Ended = Ended.TIME


@dataclass(frozen=True, slots=True)
class Hold:
    """Constant potential, until the current came down to the cut-off or the time is over."""

    volt: float
    cutoff_ampere: float = math.nan
    second: float = math.inf
    ended: Ended = Ended.HOLD_TIME


@dataclass(frozen=True, slots=True)
class Constant:
    """Constant current until a potential is reached; then a hold, where there is one.

    Attributes
    ----------
    ampere : float
        Signed. Where it is positive with `either_way`, the direction is found when the step begins.
    volt : float
        Where the constant current ends; NaN: nowhere.
    either_way : bool
        A hold on its own: entered further than 20 mV away, the current brings the cell there.
    """

    ampere: float
    volt: float
    second: float
    interval_second: float
    hold: Hold | None = None
    ended: Ended = Ended.TIME
    either_way: bool = False


@dataclass(frozen=True, slots=True)
class Sweep:
    """The potential moved in small steps from corner to corner, again and again.

    Attributes
    ----------
    ampere : float
        Magnitude of the current that ends the test.
    """

    corners_volt: tuple[float, ...]
    rate: float
    interval_second: float
    ampere: float
    times: int = 1


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Impedance at open circuit, with an amplitude in volts, or in amperes (a galvanostat).

    Attributes
    ----------
    second : float
        After which no further frequency begins.
    """

    first_hertz: float
    last_hertz: float
    points: int
    amplitude: float
    galvanostatic: bool = False
    second: float = math.inf
