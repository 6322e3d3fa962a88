"""What is true of the Keithley 2450, 2460 and 2461 as their driver uses them."""

from __future__ import annotations

from benchlab.bench.roles import Capabilities, Mode
from benchlab_drivers._keithley_stream import SAMPLE_BUFFER
from benchlab_drivers.wire.keithley_sheets import OVERRANGE, KeithleySheet

__all__ = ["LARGEST_RANGE_VOLT", "LEAST_RANGE_VOLT", "capabilities_of"]

LEAST_RANGE_VOLT = 2.0
LARGEST_RANGE_VOLT = 20.0
"""No cell needs more; beyond it the envelope leaves little current."""


def capabilities_of(sheet: KeithleySheet) -> Capabilities:
    """Return what is true of a model."""
    ampere = sheet.ampere_at(0.0)
    return Capabilities(
        voltage_volt=(-LARGEST_RANGE_VOLT, LARGEST_RANGE_VOLT),
        current_ampere=(-ampere, ampere),
        power_watt=max(volt * ampere for volt, ampere in sheet.envelope) / OVERRANGE**2,
        modes=frozenset(Mode),
        hardware_cccv=True,
        four_wire=True,
        measures_when_off=False,
        watchdog_second=None,
        fastest_period_second=0.05,
        stop_bound_second=1.0,
        off_leaves="an open relay (high impedance)",
        host_dies="the output stays as it was: the current flows on until the cell is at the"
        " voltage of the step's end, and is held there",
        voltage_margin_volt=0.010,
        envelope=tuple(
            (item.full_scale, sheet.ampere_at(item.full_scale))
            for item in sheet.source_voltage
            if LEAST_RANGE_VOLT <= item.full_scale <= LARGEST_RANGE_VOLT
        ),
        arms=(
            ("high voltage", "each set point, and overvoltage protection at its next level above"),
            ("low voltage", "each set point while it discharges"),
            ("charge current", "each set point"),
            ("discharge current", "each set point"),
        ),
        current_ranges=sheet.measure_current,
        voltage_ranges=sheet.measure_voltage,
        buffer=SAMPLE_BUFFER,
    )
