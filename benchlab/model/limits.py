"""The limits of a run in numbers: those of the cell type, and the protocol's narrower ones."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RunLimits"]


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Volts, amperes (magnitudes) and ampere hours that a run must stay within.

    The ``hard`` ones belong to the cell type: one reading beyond them switches off. The others
    belong to the protocol and need a second reading.
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
