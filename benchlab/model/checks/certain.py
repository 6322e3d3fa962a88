"""Conditions whose answer is certain before the run: what they ask cannot be, or is always so."""

from __future__ import annotations

from benchlab.model import instructions as code
from benchlab.model.amount import UnknownAmount
from benchlab.model.checks.remark import Remark, Severity
from benchlab.model.conditions import Condition
from benchlab.model.program import Program

__all__ = ["conditions", "verdict"]

_VOLTS = ("voltage_volt", "end voltage", "start voltage")


def verdict(program: Program, asked: Condition) -> bool | None:
    """Return what a condition must say while nothing trips; None: it depends on the cell."""
    if asked.quantity == "ended" or asked.amount is None or asked.in_a_row > 1:
        return None
    try:
        number = asked.amount.number(program.known)
    except UnknownAmount:
        return None
    span = _span(program, asked)
    if span is None:
        return None
    low, high = span
    if asked.relation == "above":
        return False if number >= high else True if number < low else None
    return False if number <= low else True if number > high else None


def _span(program: Program, asked: Condition) -> tuple[float, float] | None:
    """Return between which values something lies in a run that does not trip."""
    limits = program.limits
    what = asked.quantity.partition(" of ")[0]
    if what in _VOLTS:
        return limits.low_volt, limits.high_volt
    if what == "capacity":
        if any(isinstance(i, code.Keep) and i.name == asked.label for i in program.code):
            return None
        return 0.0, limits.step_charge_ah
    if what == "current_ampere":
        return -limits.discharge_ampere, limits.charge_ampere
    if what == "surface_temperature_celsius":
        spans = [s for s in (limits.charging_celsius, limits.otherwise_celsius) if s is not None]
        if len(spans) == 2:
            return min(s[0] for s in spans), max(s[1] for s in spans)
    return None


def conditions(program: Program) -> list[Remark]:
    """Return the loops and branches that are decided before the run begins."""
    found = []
    executions = _executions(program)
    for item in program.code:
        if isinstance(item, code.Branch):
            found.extend(_branch(program, item, executions.get(item.condition.label, 0)))
        elif isinstance(item, code.Leave):
            found.extend(_loop(program, program.blocks[item.block]))
    return found


def _branch(program: Program, item: code.Branch, executions: int) -> list[Remark]:
    holds = verdict(program, item.condition)
    if holds is None:
        if not executions or item.condition.in_a_row <= executions:
            return []
        return [_never(item, f"'{item.condition.label}' runs {executions} times at most")]
    if not holds:
        return [_never(item, "the limits of the run keep it from ever being so")]
    return [
        Remark(
            "holds-at-once",
            Severity.WARNING,
            item.where,
            f"'{item.condition.text}' always holds, so the run always goes on at"
            f" '{item.then.label}'.",
            "Change the condition, or take it out.",
        )
    ]


def _never(item: code.Branch, why: str) -> Remark:
    return Remark(
        "never-holds",
        Severity.WARNING,
        item.where,
        f"'{item.condition.text}' can never hold: {why}.",
        "Change the condition, or take it out.",
    )


def _executions(program: Program) -> dict[str, int]:
    """Return how often each label's steps run at most; nothing where jumps back hide it."""
    found: dict[str, int] = {}
    if any(isinstance(item, code.Branch) and item.at_most for item in program.code):
        return found
    for step, entry in zip(program.steps, program.entries, strict=True):
        if step.label:
            found[step.label] = found.get(step.label, 0) + entry.times
    return found


def _loop(program: Program, block: code.Block) -> list[Remark]:
    asked = block.until
    if asked is None or block.rounds < 2:
        return []
    holds = verdict(program, asked)
    if holds or _own_first(asked):
        return [
            Remark(
                "holds-at-once",
                Severity.ERROR,
                block.where,
                f"'{asked.text}' holds after the first round already, so the other"
                f" {block.rounds - 1} would never run.",
                "Change the condition (below or above?), or its number.",
            )
        ]
    if holds is False:
        return [
            Remark(
                "never-holds",
                Severity.WARNING,
                block.where,
                f"'{asked.text}' can never hold: the limits of the run keep it from ever being"
                f" so. All {block.rounds} rounds would run.",
                "Change the condition, or take it out.",
            )
        ]
    return []


def _own_first(asked: Condition) -> bool:
    """Say whether a result is held against its own first one: in round 1 they are the same."""
    amount = asked.amount
    if amount is None or not asked.label or asked.in_a_row > 1:
        return False
    what = asked.quantity.partition(" of ")[0]
    if amount.of != f"{what} of first {asked.label}":
        return False
    return amount.value > 1.0 if asked.relation == "below" else amount.value < 1.0
