"""What nobody sees: open circuits, temperatures, and sensors that a program asks for."""

from __future__ import annotations

from collections.abc import Set

from benchlab.bench.roles import Capabilities
from benchlab.bench.sensing import SURFACE
from benchlab.bench.surroundings import ChamberCapabilities
from benchlab.model import instructions as code
from benchlab.model.checks.remark import Remark, Severity, where_of
from benchlab.model.columns import COLUMNS
from benchlab.model.conditions import Condition
from benchlab.model.program import Control, Program, StepPlan

__all__ = ["blind_rests", "chambers", "missing_sensors", "unwatched_temperature"]

_OWN = ("voltage_volt", "current_ampere")
_REMEDY = "Name one: --sensor DRIVER@RESOURCE; or end the step by something else."


def blind_rests(program: Program, can: Capabilities, name: str) -> list[Remark]:
    """Return the rests whose voltage nobody sees, and those that such a voltage would end."""
    if can.measures_when_off:
        return []
    found = []
    for step in program.steps:
        if step.is_open and any(
            item.end.kind in ("voltage", "drop") or item.end.name == "voltage_volt"
            for item in step.watched
        ):
            found.append(
                Remark(
                    "blind-rest",
                    Severity.ERROR,
                    where_of(program, step, "until"),
                    f"{name} cannot see the cell while its output is open, so this rest can never"
                    f" end by its voltage (write output: zero current): '{step.text}'.",
                    "Change the step, or choose an instrument that can do it.",
                )
            )
    blind = [step for step in program.steps if step.control is Control.OPEN]
    if blind and not found:
        lines = ", ".join(dict.fromkeys(str(step.line) for step in blind))
        found.append(
            Remark(
                "blind-rest",
                Severity.WARNING,
                where_of(program, blind[0]),
                f"{name} cannot see the cell while its output is open: the voltage of the rests on"
                f" line {lines} stays empty.",
                "For a relaxation curve write {rest: 10 min, output: zero current}.",
            )
        )
    return found


def missing_sensors(program: Program, channels: Set[str]) -> list[Remark]:
    """Return the ends and conditions that hang on what no sensor of the channel gives."""
    found = []
    for step in program.steps:
        missing = [
            item.end.name
            for item in step.watched
            if item.end.kind in ("sensor", "change", "slope")
            and item.end.name not in (*_OWN, *channels)
        ]
        if missing:
            where = where_of(program, step, "until")
            found.append(_unmeasured(Severity.ERROR, where, ", ".join(missing), step.text))
    for where, asked in _asked(program):
        column = asked.quantity
        if column in COLUMNS and column not in (*_OWN, *channels):
            found.append(_unmeasured(Severity.WARNING, where, column, asked.text))
    return found


def _asked(program: Program) -> list[tuple[str, Condition]]:
    found = [(i.where, i.condition) for i in program.code if isinstance(i, code.Branch)]
    return found + [(b.where, b.until) for b in program.blocks if b.until is not None]


def _unmeasured(severity: Severity, where: str, columns: str, text: str) -> Remark:
    never = "" if severity is Severity.ERROR else " The condition never holds."
    reason = f"no sensor of this channel gives {columns}: '{text}'.{never}"
    return Remark("nothing-measures", severity, where, reason, _REMEDY)


def chambers(program: Program, chamber: ChamberCapabilities | None) -> list[Remark]:
    """Return the steps that ask a chamber for what there is not."""
    found = []
    for step in program.steps:
        if step.control is Control.CHAMBER:
            found.extend(_chamber(program, step, chamber))
    return found


def _chamber(program: Program, step: StepPlan, chamber: ChamberCapabilities | None) -> list[Remark]:
    if chamber is None:
        problem = "this channel has no chamber"
        remedy = "Name one: --chamber DRIVER@RESOURCE; or take the step out."
    else:
        low, high = chamber.temperature_celsius
        if low <= step.chamber_celsius <= high:
            return []
        problem = f"the chamber goes from {low:g} to {high:g} degC"
        remedy = "Change the step, or use another chamber."
    where = where_of(program, step, "chamber")
    return [Remark("chamber", Severity.ERROR, where, f"{problem}: '{step.text}'.", remedy)]


def unwatched_temperature(program: Program, channels: Set[str]) -> list[Remark]:
    """Return that limits of temperature are set and nothing measures one."""
    limits = program.limits
    span = limits.charging_celsius or limits.otherwise_celsius
    if SURFACE in channels or not span:
        return []
    return [
        Remark(
            "temperature-unwatched",
            Severity.WARNING,
            program.source,
            "no sensor of this channel gives the surface temperature: the limits of temperature"
            f" ({span[0]:g} to {span[1]:g} degC) are not watched by anybody.",
            "Name a sensor: --sensor DRIVER@RESOURCE.",
        )
    ]
