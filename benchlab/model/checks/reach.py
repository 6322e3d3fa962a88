"""Steps that no run comes to, and ends on the far side of what a step can reach."""

from __future__ import annotations

import math

from benchlab.model import instructions as code
from benchlab.model.checks.paths import enters, forward
from benchlab.model.checks.remark import Remark, Severity, where_of
from benchlab.model.program import Control, Program, StepPlan

__all__ = ["Stand", "far_ends", "stands", "unreachable"]

Stand = tuple[int, float]
"""Direction of the last current, and the voltage where it ended; (0, NaN): not known."""
_UNKNOWN: Stand = (0, math.nan)
_DRIVES = frozenset({Control.CURRENT, Control.POWER, Control.RESISTANCE})


def unreachable(program: Program) -> list[Remark]:
    """Return the steps that stand where no run can come to: the first of each stretch."""
    reached = forward(program, None, lambda one, _: one, lambda _, held: held)
    found = []
    stretch = False
    for place, item in enumerate(program.code):
        if place in reached:
            stretch = False
        elif isinstance(item, code.Do) and not stretch:
            stretch = True
            found.append(_unreached(program, place, program.steps[item.step_id]))
    return found


def _unreached(program: Program, place: int, step: StepPlan) -> Remark:
    where, why = where_of(program, step), "an end of the run or a jump stands before it"
    for block in program.blocks:
        if block.first < place < block.last and not enters(program, block):
            where = block.where
            why = f"the repeat around it has fewer than {block.every} rounds"
    return Remark(
        "unreachable",
        Severity.WARNING,
        where,
        f"'{step.text}' can never run: {why}.",
        "Take it out, or mend what stands before it.",
    )


def stands(program: Program) -> dict[int, frozenset[Stand]]:
    """Return where the cell may stand before each place of the code."""

    def after(item: code.Instruction, before: frozenset[Stand]) -> frozenset[Stand]:
        if not isinstance(item, code.Do):
            return before
        step = program.steps[item.step_id]
        if step.control in _DRIVES:
            volt = step.hold_volt if step.has_hold else step.end_volt
            return frozenset({(step.direction, volt) if volt == volt else _UNKNOWN})
        if step.control is Control.HOLD:
            return frozenset({(_way(step.hold_volt, stand), step.hold_volt) for stand in before})
        if step.driven or step.cell_may_leave:
            return frozenset({_UNKNOWN})
        return before

    return forward(program, frozenset({_UNKNOWN}), frozenset.union, after)


def _way(hold_volt: float, stand: Stand) -> int:
    """Return the direction in which a hold is reached; its own where it stands there already."""
    direction, volt = stand
    if hold_volt == volt or not direction:
        return direction
    return 1 if hold_volt > volt else -1


def far_ends(program: Program) -> list[Remark]:
    """Return the ends that hold as their step begins, or that its current leads away from."""
    found = []
    before = stands(program)
    for place, item in enumerate(program.code):
        if isinstance(item, code.Do) and place in before:
            step = program.steps[item.step_id]
            if step.control in _DRIVES:
                found.extend(_behind(program, step, before[place]))
                found.extend(_away(program, step))
            found.extend(_too_late(program, step))
    return found


def _behind(program: Program, step: StepPlan, before: frozenset[Stand]) -> list[Remark]:
    target = step.hold_volt if step.has_hold else step.end_volt
    sign = step.direction
    if math.isnan(target) or not all(
        way == -sign and (volt - target) * sign >= 0.0 for way, volt in before
    ):
        return []
    volt = max(volt * sign for _, volt in before) * sign
    words = ("charged", "discharged") if sign < 0 else ("discharged", "charged")
    return [
        Remark(
            "end-on-far-side",
            Severity.WARNING,
            where_of(program, step),
            f"'{step.text}' begins where the cell was {words[0]} to {volt:g} V, and is to be"
            f" {words[1]} to {target:g} V: that holds already, so no current would flow.",
            "Change the voltage, or charge for discharge.",
        )
    ]


def _away(program: Program, step: StepPlan) -> list[Remark]:
    """Return the voltage ends that lie behind a constant current."""
    against = "below" if step.direction > 0 else "above"
    if step.control is not Control.CURRENT:
        return []
    return [
        Remark(
            "end-on-far-side",
            Severity.WARNING,
            where_of(program, step, "until"),
            f"'{item.end.text}' lies where the current leads away from: it holds as the step"
            " begins, or never.",
            "Write the voltage alone, or charge for discharge.",
        )
        for item in step.watched
        if item.end.kind == "voltage" and item.end.relation == against and not step.all_ends
    ]


def _too_late(program: Program, step: StepPlan) -> list[Remark]:
    if not (math.isfinite(step.end_time_second) and step.at_most_second < step.end_time_second):
        return []
    return [
        Remark(
            "end-on-far-side",
            Severity.WARNING,
            where_of(program, step, "at_most"),
            f"'{step.text}' is to end after {step.end_time_second:g} s, and is cut short after"
            f" {step.at_most_second:g} s.",
            "Keep one of the two times.",
        )
    ]
