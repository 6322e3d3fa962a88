"""Charge that a step is to move, beside the limit of charge in one step."""

from __future__ import annotations

import math

from benchlab.model.checks.remark import Remark, Severity, where_of
from benchlab.model.program import Control, Program, StepPlan

__all__ = ["step_charge"]


def step_charge(program: Program) -> list[Remark]:
    """Return the steps that reach the limit of charge before they end."""
    found = []
    for step in program.steps:
        if step.control is Control.CURRENT or step.has_hold:
            found.extend(_step(program, step))
    return found


def _step(program: Program, step: StepPlan) -> list[Remark]:
    limit = program.limits.step_charge_ah
    moved = math.inf
    if step.control is Control.CURRENT:
        moved = abs(step.current_ampere) * step.end_time_second / 3600.0
    if math.isfinite(step.end_charge_ah):
        if step.end_charge_ah <= limit:
            return []
        ask, key = f"{step.end_charge_ah:g} Ah", "until"
    elif math.isfinite(moved) and moved > limit:
        ask, key = f"{moved:g} Ah in its time", ""
    else:
        return []
    others = not math.isnan(step.end_volt) or step.has_hold or bool(step.watched)
    if not key and others:
        return []  # the time bounds a step that another end is meant to end
    return [
        Remark(
            "beyond-step-charge",
            Severity.ERROR if key and not others and moved > limit else Severity.WARNING,
            where_of(program, step, key),
            f"'{step.text}' asks for {ask}; the limit of charge in one step is {limit:g} Ah, and"
            " reaching it ends the whole run.",
            "Lower it, or raise limits.charge_in_one_step as far as the cell type allows.",
        )
    ]
