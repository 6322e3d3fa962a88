"""The limits of a run in numbers: those of the cell type, and the protocol's narrower ones."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RunLimits", "Span"]

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Volts, amperes (magnitudes), ampere hours and degrees Celsius that a run must stay within.

    The ``hard`` ones belong to the cell type: one reading beyond them switches off. The others
    belong to the protocol and must last: at least two readings, and `must_last_second`.

    Attributes
    ----------
    formed_low_volt, hard_formed_low_volt : float or None
        Take the place of the lower voltages once a step arms them; None: there is none.
    charging_celsius, otherwise_celsius : (low, high) or None
        Of the surface, while current charges the cell and else; None: none is set.
    rise_kelvin : float or None
        In a minute, at most.
    sensor_silence_second : float
        How old the last temperature may be where one of them is set.
    fast_steps, fast_second
        So many steps in a row that end sooner than this hold the run.
    by_current_only : bool
        No voltage tells a lost contact: the cell may stand anywhere within its limits.
    """

    hard_low_volt: float
    hard_high_volt: float
    hard_charge_ampere: float
    hard_discharge_ampere: float
    low_volt: float
    high_volt: float
    charge_ampere: float
    discharge_ampere: float
    step_charge_ah: float
    formed_low_volt: float | None = None
    hard_formed_low_volt: float | None = None
    hard_charging_celsius: Span | None = None
    hard_otherwise_celsius: Span | None = None
    charging_celsius: Span | None = None
    otherwise_celsius: Span | None = None
    hard_rise_kelvin: float | None = None
    rise_kelvin: float | None = None
    sensor_silence_second: float = 30.0
    must_last_second: float = 0.2
    fast_steps: int = 3
    fast_second: float = 5.0
    by_current_only: bool = False
