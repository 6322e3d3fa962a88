"""Checks a program against an instrument before anything moves; pure."""

from __future__ import annotations

from benchlab.bench.roles import Capabilities, Mode
from benchlab.errors import Unsupported
from benchlab.model.program import Program, StepPlan
from benchlab.model.validate import place

__all__ = ["check_instrument"]


def check_instrument(program: Program, can: Capabilities, name: str) -> list[str]:
    """Return what the operator should know before the start.

    Parameters
    ----------
    name : str
        Of the driver, for the texts.

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
    notes = [f"{name}: if this program dies, {can.host_dies}."] if not can.watchdog_second else []
    blind = [step for step in program.steps if step.output == "open"]
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
    mode = {"open": Mode.OPEN, "zero current": Mode.ZERO}.get(step.output, Mode.CURRENT)
    if mode not in can.modes:
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
            where=place(program.source, step.line, step.field),
            remedy="Change the step, or choose an instrument that can do it.",
        )
