"""Checks a program against the instruments of a channel before anything moves; pure."""

from __future__ import annotations

from collections.abc import Set

from benchlab.bench.roles import Capabilities, Mode
from benchlab.bench.sensing import SURFACE
from benchlab.bench.surroundings import ChamberCapabilities
from benchlab.errors import Unsupported
from benchlab.model.program import Control, Program, StepPlan
from benchlab.model.validate import place

__all__ = ["check_instrument"]

_MODES = {
    Control.OPEN: Mode.OPEN,
    Control.CHAMBER: Mode.OPEN,
    Control.OPERATOR: Mode.OPEN,
    Control.ZERO: Mode.ZERO,
    Control.SWEEP: Mode.VOLTAGE,
}


def check_instrument(
    program: Program,
    can: Capabilities,
    name: str,
    *,
    channels: Set[str] = frozenset(),
    chamber: ChamberCapabilities | None = None,
) -> list[str]:
    """Return what the operator should know before the start.

    Parameters
    ----------
    name : str
        Of the driver, for the texts.
    channels : set of str
        Columns that sensors beside the instrument give.
    chamber : ChamberCapabilities, optional
        Of the channel's chamber, where it has one.

    Raises
    ------
    benchlab.errors.Unsupported
        Naming the step and what the instrument cannot do.
    """
    if program.period_second < can.fastest_period_second:
        raise Unsupported(
            f"a control period of {program.period_second:g} s is asked for;"
            f" {name} takes {can.fastest_period_second:g} s.",
            where=program.source,
            remedy="Raise control.period.",
        )
    low, high = can.voltage_volt
    limits = program.limits
    if not (low <= limits.low_volt and limits.high_volt <= high):
        raise Unsupported(
            f"the limits {limits.low_volt:g} V to {limits.high_volt:g} V are beyond {name}"
            f" ({low:g} V to {high:g} V).",
            where=program.source,
            remedy="Choose another instrument.",
        )
    for step in program.steps:
        _check_step(program, step, can, name)
        _check_surroundings(program, step, channels, chamber)
    notes = [f"{name}: if this program dies, {can.host_dies}."] if not can.watchdog_second else []
    notes.extend(_temperature(program, channels))
    blind = [step for step in program.steps if step.control is Control.OPEN]
    if blind and not can.measures_when_off:
        lines = ", ".join(str(step.line) for step in blind)
        notes.append(
            f"{name} cannot see the cell while its output is open: the voltage of the rests on"
            f" line {lines} stays empty. For a relaxation curve write"
            " {rest: 10 min, output: zero current}."
        )
    return notes


def _check_step(program: Program, step: StepPlan, can: Capabilities, name: str) -> None:
    lowest, largest = can.current_ampere
    problem = ""
    mode = _MODES.get(step.control, Mode.CURRENT)
    blind = step.is_open and not can.measures_when_off
    if step.control is Control.EIS:
        problem = f"{name} cannot measure a spectrum"
    elif blind and any(_needs_voltage(item.end.kind, item.end.name) for item in step.watched):
        problem = (
            f"{name} cannot see the cell while its output is open, so this rest can never end by"
            " its voltage (write output: zero current)"
        )
    elif mode not in can.modes:
        problem = f"{name} has no mode '{mode.value}'"
    elif not lowest <= step.current_ampere <= largest:
        problem = f"{abs(step.current_ampere):g} A is beyond {name} ({lowest:g} to {largest:g} A)"
    elif abs(step.current_ampere) * program.limits.high_volt > can.power_watt:
        problem = (
            f"{abs(step.current_ampere):g} A up to {program.limits.high_volt:g} V is beyond"
            f" {name} ({can.power_watt:g} W)"
        )
    if problem:
        raise Unsupported(
            f"{problem}: '{step.text}'.",
            where=place(step.source or program.source, step.line, step.field),
            remedy="Change the step, or choose an instrument that can do it.",
        )


def _needs_voltage(kind: str, name: str) -> bool:
    return kind in ("voltage", "drop") or name == "voltage_volt"


def _check_surroundings(
    program: Program, step: StepPlan, channels: Set[str], chamber: ChamberCapabilities | None
) -> None:
    problem = remedy = ""
    if step.control is Control.CHAMBER:
        if chamber is None:
            problem = "this channel has no chamber"
            remedy = "Name one: --chamber DRIVER@RESOURCE; or take the step out."
        else:
            low, high = chamber.temperature_celsius
            if not low <= step.chamber_celsius <= high:
                problem = f"the chamber goes from {low:g} to {high:g} degC"
                remedy = "Change the step, or use another chamber."
    missing = [
        item.end.name
        for item in step.watched
        if item.end.kind in ("sensor", "change", "slope")
        and item.end.name not in ("voltage_volt", "current_ampere", *channels)
    ]
    if missing:
        problem = f"no sensor of this channel gives {', '.join(missing)}"
        remedy = "Name one: --sensor DRIVER@RESOURCE; or end the step by something else."
    if problem:
        raise Unsupported(
            f"{problem}: '{step.text}'.",
            where=place(step.source or program.source, step.line, step.field),
            remedy=remedy,
        )


def _temperature(program: Program, channels: Set[str]) -> list[str]:
    """Return what is to be said where limits of temperature are set and nothing measures one."""
    limits = program.limits
    set_here = limits.charging_celsius or limits.otherwise_celsius
    if SURFACE in channels or not set_here:
        return []
    return [
        "no sensor of this channel gives the surface temperature: the limits of temperature"
        f" ({limits.charging_celsius or limits.otherwise_celsius} degC) are not watched by anybody."
    ]
