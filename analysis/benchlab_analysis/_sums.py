"""What a cycle table is made of before efficiencies: sums a cycle, and how they came about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["CycleSums", "Provenance"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass
class Provenance:
    """How a cycle table came about: what was assumed, found, checked and corrected.

    Attributes
    ----------
    pairing : str
        Which charge is divided by which.
    source : str
        ``step index``, ``counters`` or ``integration``.
    reset_scope : str
        What resets the counters, as found; ``not applicable`` for the step index.
    noise_drop_count, noise_drop_ah
        Drops of the counters that were no resets and were ignored, and their sum.
    sign_check : str
        Whether the voltage rises while the current is positive.
    integral_deviation : str
        The trapezoid of the rows against the counters.
    reference_cycle : int or None
        The first of the cycles that retention refers to.
    references : list of str
        All of them, each with its rate where that is known.
    interval : str
        What limits the interval of the coulombic efficiency, or ``not known``.
    corrections, notes : list of str
        Each correction that was made; anything else the reader must know.
    """

    pairing: str = ""
    pairing_reason: str = ""
    source: str = ""
    reset_scope: str = "not applicable"
    reset_count: int = 0
    noise_drop_count: int = 0
    noise_drop_ah: float = 0.0
    sign_check: str = "not checked"
    integral_deviation: str = "not computed"
    reference_cycle: int | None = None
    references: list[str] = field(default_factory=list)
    interval: str = "not known: no accuracy of the instrument is stored with the run"
    corrections: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as for JSON."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield name and value as a reader wants them, one thing a line."""
        yield "pairing", f"{self.pairing} ({self.pairing_reason})"
        yield "source", self.source
        if self.source == "counters":
            yield "counter resets", f"{self.reset_scope}, {self.reset_count} found"
            drops = f"{self.noise_drop_count}, {self.noise_drop_ah:.3g} Ah in all"
            yield "noise drops ignored", drops
        yield "sign check", self.sign_check
        yield "integral against counter", self.integral_deviation
        yield "retention refers to cycle", ", ".join(self.references) or "none: no complete cycle"
        yield "interval of CE", self.interval
        for text in self.corrections or ["none"]:
            yield "correction", text
        for text in self.notes:
            yield "note", text


@dataclass
class CycleSums:
    """Sums a cycle, arrays of shape (n,); capacities in Ah, energies in Wh, voltages in V.

    Attributes
    ----------
    both
        Where the cycle has a charge and a discharge.
    charge_error, discharge_error
        What the stated accuracy of the instrument allows; NaN where it is not known.
    charge_cv, discharge_cv
        The part of the charge that flowed while a voltage was held.
    charge_duration, discharge_duration
        Seconds under current.
    charge_relaxation, discharge_relaxation
        By how much the voltage went in the rest after each half cycle; NaN where there was none.
    temperature_mean, temperature_min, temperature_max
        degC, the mean weighed by time; NaN where it was not measured, or not looked at.
    charge_rate, discharge_rate
        The set current of each half cycle, as a magnitude in A; NaN where it is not known.
    charge_current, discharge_current
        The mean current of each half cycle while it flows, in A; NaN where it is not computed.
    resolution
        Ah that the counters' step, or the integration of rows, may be off; 0 where neither.
    discharge_first
        Where the discharge comes before the charge inside the cycle.
    window_charge, window_discharge, window_charge_energy, window_discharge_energy,
    window_charge_error
        A discharge and the charge that came before it; NaN where there was none before it.
    """

    cycle: npt.NDArray[np.uint32]
    kind: npt.NDArray[np.object_]
    both: Flags
    complete: Flags
    charge: Floats
    discharge: Floats
    charge_energy: Floats
    discharge_energy: Floats
    charge_cv: Floats
    discharge_cv: Floats
    charge_error: Floats
    discharge_error: Floats
    charge_rate: Floats
    discharge_rate: Floats
    charge_current: Floats
    discharge_current: Floats
    resolution: Floats
    duration: Floats
    charge_duration: Floats
    discharge_duration: Floats
    discharge_first: Flags
    charge_start: Floats
    charge_end: Floats
    discharge_start: Floats
    discharge_end: Floats
    charge_relaxation: Floats
    discharge_relaxation: Floats
    temperature_mean: Floats
    temperature_min: Floats
    temperature_max: Floats
    window_charge: Floats
    window_discharge: Floats
    window_charge_energy: Floats
    window_discharge_energy: Floats
    window_charge_error: Floats

    def only(self, chosen: Flags) -> CycleSums:
        """Return the chosen cycles, given by an array of shape (n,)."""
        return CycleSums(**{item.name: getattr(self, item.name)[chosen] for item in fields(self)})
