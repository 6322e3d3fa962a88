"""What is set on the simulated 2450, and which settings it refuses.

Defaults after ``*RST`` from the reference manual 2450-901-01 section 6; the envelope (20 W: 1.05 A
up to 21 V, 105 mA beyond) from the data sheet. Unconfirmed: that a level and a limit beyond the
envelope are refused with -222 (the manual also knows warnings with adjusted values).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from benchlab.bench.roles import RangeAccuracy
from benchlab_drivers.sim.scpi import ScpiError
from benchlab_drivers.wire import keithley2450_accuracy as sheet

__all__ = [
    "PROTECTIONS",
    "SENSE_LONG",
    "SENSE_RANGES",
    "SOURCE_RANGES",
    "Sense",
    "Settings",
    "Source",
    "range_index",
]

SOURCE_RANGES = {"VOLT": sheet.SOURCE_VOLTAGE, "CURR": sheet.SOURCE_CURRENT}
SENSE_LONG = {"VOLT": "VOLTage", "CURR": "CURRent", "RES": "RESistance"}
SENSE_RANGES = {
    "VOLT": tuple(entry.full_scale for entry in sheet.MEASURE_VOLTAGE),
    "CURR": tuple(entry.full_scale for entry in sheet.MEASURE_CURRENT),
    "RES": (2.0, 20.0, 200.0, 2e3, 20e3, 200e3, 2e6, 20e6, 200e6),
}
PROTECTIONS = {f"PROT{volts}": float(volts) for volts in range(20, 181, 20)}
PROTECTIONS |= {"PROT2": 2.0, "PROT5": 5.0, "PROT10": 10.0, "NONE": float("inf")}
LARGE_VOLT, LARGE_AMPERE = 21.0, 0.105
"""Beyond one of them only the other one's worth is left of the 20 W."""
OUT_OF_RANGE = ScpiError(-222, "Parameter data out of range")


def range_index(ranges: tuple[RangeAccuracy, ...], value: float) -> int:
    """Return the smallest range whose name takes `value`; overrange counts."""
    return sheet.accuracy_of(ranges, value)


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

    function: str = "VOLT"
    sense_function: str = "CURR"
    output: bool = False
    terminals: str = "FRON"
    precision: int = 0
    count: int = 1
    source: dict[str, Source] = field(
        default_factory=lambda: {"VOLT": Source(limit=105e-6), "CURR": Source(limit=21.0)}
    )
    sense: dict[str, Sense] = field(
        default_factory=lambda: {"VOLT": Sense(0.02), "CURR": Sense(1e-4), "RES": Sense(200e3)}
    )

    def set_level(self, function: str, value: float) -> None:
        """Set a level inside its range and the envelope.

        Raises
        ------
        ScpiError
            -222.
        """
        source = self.source[function]
        ranges = SOURCE_RANGES[function]
        index = range_index(ranges, value) if source.auto else source.range
        if abs(value) > ranges[index].full_scale * sheet.OVERRANGE * (1.0 + 1e-9):
            raise OUT_OF_RANGE
        self._check(function, ranges[index].full_scale, source.limit)
        source.level, source.range = value, index

    def set_source_range(self, function: str, index: int) -> None:
        """Fix a range that takes the level set."""
        source = self.source[function]
        full_scale = SOURCE_RANGES[function][index].full_scale
        if abs(source.level) > full_scale * sheet.OVERRANGE * (1.0 + 1e-9):
            raise OUT_OF_RANGE
        self._check(function, full_scale, source.limit)
        source.range, source.auto = index, False

    def set_limit(self, function: str, value: float) -> None:
        """Set a limit inside the envelope and at least 0.1 % of a fixed measure range."""
        source = self.source[function]
        measured = self.sense["CURR" if function == "VOLT" else "VOLT"]
        if value < 1e-9 or (not measured.auto and value < 1e-3 * measured.range):
            raise OUT_OF_RANGE
        self._check(function, SOURCE_RANGES[function][source.range].full_scale, value)
        source.limit = value

    def set_sense_range(self, function: str, value: float) -> None:
        """Fix the smallest range that takes `value`."""
        ranges = SENSE_RANGES[function]
        taken = next((r for r in ranges if value <= r * 1.05), ranges[-1])
        self.sense[function].range, self.sense[function].auto = taken, False

    def protecting(self, function: str) -> bool:
        """Whether the overvoltage protection holds the source below what is set."""
        source = self.source[function]
        volts = abs(source.level) if function == "VOLT" else source.limit
        return self.output and self.function == function and volts > PROTECTIONS[source.protection]

    def _check(self, function: str, full_scale: float, limit: float) -> None:
        if function == "VOLT":
            beyond = full_scale > LARGE_VOLT and limit > LARGE_AMPERE
        else:
            beyond = full_scale > LARGE_AMPERE and limit > LARGE_VOLT
        if beyond:
            raise OUT_OF_RANGE
