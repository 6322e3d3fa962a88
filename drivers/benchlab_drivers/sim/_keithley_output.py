"""What the output of a simulated 2450, 2460 or 2461 does at its terminals, on and off."""

from __future__ import annotations

from benchlab_drivers.cells.sources import OPEN, Staircase, current_source, voltage_source
from benchlab_drivers.sim._keithley_errors import Errors
from benchlab_drivers.sim._keithley_settings import Settings
from benchlab_drivers.wire.keithley_sheets import range_index

__all__ = ["staircase_of"]


def staircase_of(settings: Settings, errors: Errors) -> Staircase:
    """Return what the output does with the cell, its errors included."""
    return _on(settings, errors) if settings.output else _off(settings)


def _on(s: Settings, e: Errors) -> Staircase:
    source = s.source[s.function]
    protection = s.protections[source.protection]
    if s.function == "VOLT":
        level = max(-protection, min(protection, source.level))
        volts = e.source_voltage[source.range].apply(level)
        index = range_index(s.source_ranges("CURR"), source.limit)
        error = e.source_current[index]
        limits = [
            abs(error.apply(sign * source.limit)) * gain
            for sign, gain in zip((1.0, -1.0), e.limit_gain, strict=True)
        ]
        sense = s.sense["CURR"]
        if s.sense_function == "CURR" and not sense.auto:
            limits = [min(limit, 1.05 * sense.range) for limit in limits]
        return (limits[0], -limits[1]), (volts,)
    ampere = e.source_current[source.range].apply(source.level)
    limit = min(source.limit, protection)
    index = range_index(s.source_ranges("VOLT"), limit)
    sense = s.sense["VOLT"]
    volts = abs(e.source_voltage[index].apply(limit)) * e.limit_gain[0]
    if s.sense_function == "VOLT" and not sense.auto:
        volts = min(volts, 1.05 * sense.range)
    beyond = 1.05 * s.source_ranges("CURR")[source.range].full_scale
    return current_source(ampere, volts, beyond)


def _off(s: Settings) -> Staircase:
    state = s.source[s.function].off_state
    if state == "HIMP":
        return OPEN
    if state == "GUAR":
        volts = s.source_ranges("VOLT")[s.source["VOLT"].range].full_scale
        return current_source(0.0, 0.1 * volts, _current_range(s))
    if state == "ZERO":
        return voltage_source(0.0, _current_range(s))
    return voltage_source(0.0, 0.1 * _current_range(s))


def _current_range(s: Settings) -> float:
    if s.function == "CURR":
        return s.source_ranges("CURR")[s.source["CURR"].range].full_scale
    if not s.sense["CURR"].auto:
        return s.sense["CURR"].range
    index = range_index(s.source_ranges("CURR"), s.source["VOLT"].limit)
    return s.source_ranges("CURR")[index].full_scale
