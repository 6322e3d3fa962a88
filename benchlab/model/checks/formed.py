"""The lower voltage limit of a formed cell that no step arms."""

from __future__ import annotations

from benchlab.model import instructions as code
from benchlab.model.checks.paths import forward
from benchlab.model.checks.remark import Remark, Severity
from benchlab.model.program import Program

__all__ = ["never_armed"]


def never_armed(program: Program) -> list[Remark]:
    """Return that ``low_once_formed`` is stated and never armed."""
    limits = program.limits
    formed = limits.formed_low_volt
    if formed is None or limits.low_volt >= formed:
        return []
    reached = forward(program, None, lambda one, _: one, lambda _, held: held)
    if any(isinstance(item, code.Arm) and n in reached for n, item in enumerate(program.code)):
        return []
    return [
        Remark(
            "never-armed",
            Severity.WARNING,
            program.source,
            f"a formed cell of this type must not fall below {formed:g} V, but no step arms that:"
            f" the lower limit stays at {limits.low_volt:g} V for the whole run.",
            "Write {arm: low_once_formed} after the formation, or for a formed cell limits:"
            f" {{voltage: {{low: {formed:g} V}}}}.",
        )
    ]
