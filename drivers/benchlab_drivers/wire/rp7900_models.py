"""The models of the Keysight RP7900 series, 20 V to 160 V, that a cell may hang on: a row each.

Ratings of RP7931A, RP7941A, RP7933A and RP7943A: Keysight, RP7900 Series Operating and Service
Guide. Unconfirmed, from memory of the family's data sheets and to be compared with the sheet of the
instrument in hand before a coulombic efficiency rests on them: the currents of the 80 V and 160 V
models, every accuracy (0.02 % + 1e-4 of the rated voltage, 0.04 % + 1.5e-4 of the rated current,
source and meter alike), noise and steps. Other models of the series (RP795x to RP798x: 500 V and
more) have no undervoltage protection and are refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchlab.bench.roles import RangeAccuracy

__all__ = ["DEFAULT_MODEL", "MODELS", "OVERRANGE", "Rp7900Model"]

OVERRANGE = 1.02
"""Levels and limits go this far beyond the rating."""
DEFAULT_MODEL = "RP7931A"


@dataclass(frozen=True, slots=True)
class Rp7900Model:
    """Ratings (volts, amperes in either direction, watts), accuracy and scatter of one model."""

    volt: float
    ampere: float
    watt: float
    leak_ampere: float = 1e-3
    """What flows out of a cell while the output is off (unconfirmed)."""

    @property
    def voltage(self) -> RangeAccuracy:
        """Of the voltage, programmed and measured."""
        return RangeAccuracy(self.volt, 0.0002, 1e-4 * self.volt)

    @property
    def current(self) -> RangeAccuracy:
        """Of the current, programmed and measured."""
        return RangeAccuracy(self.ampere, 0.0004, 1.5e-4 * self.ampere)

    @property
    def volt_step(self) -> float:
        """Smallest change of a programmed voltage, and the least of a reading."""
        return self.volt / (1 << 17)

    @property
    def ampere_step(self) -> float:
        """Smallest change of a programmed current, and the least of a reading."""
        return 2.0 * self.ampere / (1 << 17)

    @property
    def volt_noise(self) -> float:
        """RMS of a reading over one power line cycle."""
        return 5e-6 * self.volt

    @property
    def ampere_noise(self) -> float:
        """RMS of a reading over one power line cycle."""
        return 1e-5 * self.ampere


MODELS = {
    "RP7931A": Rp7900Model(20.0, 400.0, 5000.0),
    "RP7933A": Rp7900Model(80.0, 200.0, 5000.0),
    "RP7935A": Rp7900Model(160.0, 125.0, 5000.0),
    "RP7941A": Rp7900Model(20.0, 800.0, 10000.0),
    "RP7943A": Rp7900Model(80.0, 400.0, 10000.0),
    "RP7945A": Rp7900Model(160.0, 250.0, 10000.0),
}
