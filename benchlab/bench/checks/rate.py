"""Which steps ask for rows faster than the instrument can take readings, or samples by itself."""

from __future__ import annotations

from benchlab.bench.roles import Capabilities
from benchlab.model.checks.remark import Remark, Severity, where_of
from benchlab.model.program import Control, Program, StepPlan

__all__ = ["row_rates"]


def row_rates(program: Program, can: Capabilities, name: str) -> list[Remark]:
    """Return the steps whose rows the instrument cannot take as fast as they are asked for."""
    found = []
    for step in program.steps:
        reason = _too_fast(step, can, name)
        if reason:
            found.append(
                Remark(
                    "row-rate",
                    Severity.ERROR,
                    where_of(program, step),
                    f"a row every {step.every_second:g} s is asked for, and {reason}:"
                    f" '{step.text}'.",
                    "Give the step a slower record rule, or choose another instrument.",
                )
            )
    return found


def _too_fast(step: StepPlan, can: Capabilities, name: str) -> str:
    fastest = can.fastest_period_second * (1.0 - 1e-9)
    if step.every_second >= fastest:
        return ""
    if can.buffer is None:
        return f"{name} takes a reading every {can.fastest_period_second:g} s"
    if step.every_second < can.buffer.fastest_period_second * (1.0 - 1e-9):
        return f"the buffer of {name} takes one every {can.buffer.fastest_period_second:g} s"
    if step.is_open and not can.measures_when_off:
        return f"{name} sees nothing while its output is open"
    if step.by_host or step.control in (Control.SWEEP, Control.PROFILE):
        return "it is regulated by the host, which must change the output while the buffer fills"
    return ""
