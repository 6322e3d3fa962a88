"""Holds on the way down, on an instrument that holds a voltage only while it charges."""

from __future__ import annotations

from benchlab.bench.roles import Capabilities
from benchlab.model import instructions as code
from benchlab.model.checks.reach import Stand, stands
from benchlab.model.checks.remark import Remark, Severity, where_of
from benchlab.model.program import Control, Program, StepPlan

__all__ = ["discharge_holds"]

_REMEDY = "End the discharge by its voltage (until in place of to), or choose another instrument."


def discharge_holds(program: Program, can: Capabilities, name: str) -> list[Remark]:
    """Return the holds that are, or may be, reached by a discharge."""
    if can.holds_discharging:
        return []
    before = stands(program)
    found = []
    for place, item in enumerate(program.code):
        if isinstance(item, code.Do) and place in before:
            step = program.steps[item.step_id]
            severity = _how_sure(step, before[place])
            if severity is not None:
                may = "would be" if severity is Severity.ERROR else "may be"
                found.append(
                    Remark(
                        "discharge-hold",
                        severity,
                        where_of(program, step, "hold" if step.control is Control.HOLD else "to"),
                        f"{name} holds a voltage only while it charges; {step.hold_volt:g} V"
                        f" {may} held on the way down: '{step.text}'.",
                        _REMEDY,
                    )
                )
    return found


def _how_sure(step: StepPlan, before: frozenset[Stand]) -> Severity | None:
    if not step.has_hold or step.direction > 0:
        return None
    if step.direction < 0:
        return Severity.ERROR
    falls = [way >= 0 and step.hold_volt < volt for way, volt in before]
    if all(falls):
        return Severity.ERROR
    rises = [way <= 0 and step.hold_volt > volt for way, volt in before]
    holds_on = [way > 0 and step.hold_volt == volt for way, volt in before]
    sure = all(rise or on for rise, on in zip(rises, holds_on, strict=True))
    return None if sure else Severity.WARNING
