"""What is set on a simulated 2450, 2460 or 2461, and which settings it refuses.

Defaults after ``*RST`` from the reference manuals 2450-901-01 and 2461-901-01, section 6; ranges
and envelope from `benchlab_drivers.wire.keithley_sheets`. Unconfirmed: that a level and a limit
beyond the envelope are refused with -222 (the manual also knows warnings with adjusted values).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from benchlab.bench.roles import RangeAccuracy
from benchlab_drivers.sim.scpi import ScpiError
from benchlab_drivers.wire.keithley_sheets import OVERRANGE, KeithleySheet, range_index

__all__ = ["SENSE_LONG", "Sense", "Settings", "Source"]

SENSE_LONG = {"VOLT": "VOLTage", "CURR": "CURRent", "RES": "RESistance"}
OHMS = (2.0, 20.0, 200.0, 2e3, 20e3, 200e3, 2e6, 20e6, 200e6)
OUT_OF_RANGE = ScpiError(-222, "Parameter data out of range")
ROUNDING = 1.0 + 1e-9


@dataclass
class Source:
    """Settings of one source function."""

    limit: float
    level: float = 0.0
    range: int = 0
    auto: bool = True
    readback: bool = True
    protection: str = "NONE"
    delay: float = 0.0
    delay_auto: bool = True
    high_capacitance: bool = False
    off_state: str = "NORM"


@dataclass
class Sense:
    """Settings of one measure function."""

    range: float
    auto: bool = True
    nplc: float = 1.0
    four_wire: bool = False
    auto_zero: bool = True
    average: bool = False
    average_count: int = 10
    average_type: str = "REP"
    unit: str = ""
    relative: float = 0.0
    relative_on: bool = False


@dataclass
class Settings:
    """Everything that ``*RST`` resets."""

    sheet: KeithleySheet
    function: str = "VOLT"
    sense_function: str = "CURR"
    output: bool = False
    terminals: str = "FRON"
    precision: int = 0
    count: int = 1
    source: dict[str, Source] = field(default_factory=dict)
    sense: dict[str, Sense] = field(default_factory=dict)

    def __post_init__(self) -> None:
        volt, ampere = self.sheet.measure_voltage[0], 1e-4
        self.source = {
            "VOLT": Source(limit=105e-6),
            "CURR": Source(limit=self.sheet.reset_limit_volt),
        }
        self.sense = {
            "VOLT": Sense(volt.full_scale),
            "CURR": Sense(ampere),
            "RES": Sense(200e3),
        }
        self.protections = {f"PROT{volts}": float(volts) for volts in self.sheet.protections}
        self.protections["NONE"] = float("inf")

    def source_ranges(self, function: str) -> tuple[RangeAccuracy, ...]:
        """Return the ranges of a source function, smallest first."""
        return self.sheet.source_voltage if function == "VOLT" else self.sheet.source_current

    def sense_ranges(self, function: str) -> tuple[float, ...]:
        """Return the ends of the ranges of a measure function, smallest first."""
        if function == "RES":
            return OHMS
        sheet = self.sheet
        stated = sheet.measure_voltage if function == "VOLT" else sheet.measure_current
        return tuple(entry.full_scale for entry in stated)

    def set_level(self, function: str, value: float) -> None:
        """Set a level inside its range and the envelope.

        Raises
        ------
        ScpiError
            -222.
        """
        source = self.source[function]
        ranges = self.source_ranges(function)
        index = range_index(ranges, value) if source.auto else source.range
        if abs(value) > ranges[index].full_scale * OVERRANGE * ROUNDING:
            raise OUT_OF_RANGE
        self._check(function, ranges[index].full_scale, source.limit)
        source.level, source.range = value, index

    def set_source_range(self, function: str, index: int) -> None:
        """Fix a range that takes the level set."""
        source = self.source[function]
        full_scale = self.source_ranges(function)[index].full_scale
        if abs(source.level) > full_scale * OVERRANGE * ROUNDING:
            raise OUT_OF_RANGE
        self._check(function, full_scale, source.limit)
        source.range, source.auto = index, False

    def set_limit(self, function: str, value: float) -> None:
        """Set a limit inside the envelope and at least 0.1 % of a fixed measure range."""
        source = self.source[function]
        measured = self.sense["CURR" if function == "VOLT" else "VOLT"]
        sheet = self.sheet
        least = sheet.least_limit_ampere if function == "VOLT" else sheet.least_limit_volt
        if value < least / ROUNDING or (not measured.auto and value < 1e-3 * measured.range):
            raise OUT_OF_RANGE
        self._check(function, self.source_ranges(function)[source.range].full_scale, value)
        source.limit = value

    def set_sense_range(self, function: str, value: float) -> None:
        """Fix the smallest range that takes `value`."""
        ranges = self.sense_ranges(function)
        taken = next((r for r in ranges if value <= r * OVERRANGE), ranges[-1])
        self.sense[function].range, self.sense[function].auto = taken, False

    def protecting(self, function: str) -> bool:
        """Whether the overvoltage protection holds the source below what is set."""
        source = self.source[function]
        volts = abs(source.level) if function == "VOLT" else source.limit
        held = volts > self.protections[source.protection]
        return self.output and self.function == function and held

    def _check(self, function: str, full_scale: float, limit: float) -> None:
        """Refuse a range and a limit that the envelope does not allow together."""
        at = self.sheet.ampere_at if function == "VOLT" else self.sheet.volt_at
        if limit > at(full_scale) * ROUNDING:
            raise OUT_OF_RANGE
