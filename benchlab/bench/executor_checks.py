"""Checks a program against an instrument that runs it by itself, before anything moves; pure."""

from __future__ import annotations

from typing import NoReturn

from benchlab.bench.executor import ExecutorCapabilities
from benchlab.errors import Unsupported
from benchlab.model.program import Program, StepPlan
from benchlab.model.validate import place

__all__ = ["check_executor", "refuse_step"]


def refuse_step(program: Program, step: StepPlan, problem: str, remedy: str = "") -> NoReturn:
    """Refuse a step by its text, its line and its field.

    Raises
    ------
    benchlab.errors.Unsupported
    """
    raise Unsupported(
        f"{problem}: '{step.text}'.",
        where=place(step.source or program.source, step.line, step.field),
        remedy=remedy or "Change the step, or choose an instrument that can do it.",
    )


def check_executor(program: Program, can: ExecutorCapabilities, name: str) -> None:
    """Refuse what is beyond an instrument's ratings or regulates what it cannot.

    Parameters
    ----------
    name : str
        Of the driver, for the texts.

    Raises
    ------
    benchlab.errors.Unsupported
        Naming the step and what the instrument cannot do.
    """
    low, high = can.voltage_volt
    limits = program.limits
    if not (low <= limits.low_volt and limits.high_volt <= high):
        raise Unsupported(
            f"the limits {limits.low_volt:g} V to {limits.high_volt:g} V are beyond {name}"
            f" ({low:g} V to {high:g} V).",
            where=program.source,
            remedy="Choose another instrument.",
        )
    lowest, largest = can.current_ampere
    fastest = can.period_second[0]
    for step in program.steps:
        if step.control not in can.controls:
            refuse_step(program, step, f"{name} cannot regulate '{step.control.value}'")
        if not lowest <= step.current_ampere <= largest:
            problem = (
                f"{abs(step.current_ampere):g} A is beyond {name} ({lowest:g} to {largest:g} A)"
            )
            refuse_step(program, step, problem)
        if abs(step.current_ampere) * limits.high_volt > can.power_watt:
            refuse_step(
                program,
                step,
                f"{abs(step.current_ampere):g} A up to {limits.high_volt:g} V is beyond {name}"
                f" ({can.power_watt:g} W)",
            )
        if step.every_second < fastest:
            refuse_step(program, step, f"{name} records every {fastest:g} s at most")
