"""Results that are asked for before the step that gives them has run."""

from __future__ import annotations

from collections.abc import Iterator

from benchlab.model import instructions as code
from benchlab.model.amount import Amount
from benchlab.model.checks.paths import forward
from benchlab.model.checks.remark import Remark, Severity, where_of
from benchlab.model.conditions import Condition
from benchlab.model.program import Program

__all__ = ["early_results"]

Names = frozenset[str]


def early_results(program: Program) -> list[Remark]:
    """Return what asks for a result that is not there yet: on no way, or not on every way."""
    asked = {
        place: list(dict.fromkeys(_asked(program, item))) for place, item in enumerate(program.code)
    }
    wanted = {name for names in asked.values() for name in names}

    def after(item: code.Instruction, before: Names) -> Names:
        given = _given(program, item)
        return before | {given} if given in wanted else before

    none: Names = frozenset()
    some = forward(program, none, lambda one, other: one | other, after)
    every = forward(program, none, lambda one, other: one & other, after)
    found = []
    for place, names in asked.items():
        if place not in some:
            continue
        item = program.code[place]
        for name in names:
            if name not in some[place]:
                found.append(_remark(program, item, name, Severity.ERROR))
            elif name not in every[place] and not isinstance(item, code.Branch | code.Leave):
                found.append(_remark(program, item, name, Severity.WARNING))
    return found


def _given(program: Program, item: code.Instruction) -> str:
    if isinstance(item, code.Do):
        return program.steps[item.step_id].label
    if isinstance(item, code.Keep | code.Zero):
        return item.name
    return f"result {item.name}" if isinstance(item, code.Compute) else ""


def _asked(program: Program, item: code.Instruction) -> Iterator[str]:
    """Yield the labels, kept values, marks and results that an instruction hangs on."""
    if isinstance(item, code.Do):
        step = program.steps[item.step_id]
        for _, amount in step.unknown:
            yield from _of(amount)
        for watched in step.watched:
            if watched.end.kind == "net charge":
                yield watched.end.name
    elif isinstance(item, code.SetC):
        yield from _of(item.to)
    elif isinstance(item, code.Keep):
        yield from _of(item.value)
    elif isinstance(item, code.Branch):
        yield from _condition(item.condition)
    elif isinstance(item, code.Leave):
        until = program.blocks[item.block].until
        if until is not None:
            yield from _condition(until)
    elif isinstance(item, code.Compute):
        for part in item.formula:
            yield from _name(part)


def _condition(asked: Condition) -> Iterator[str]:
    if asked.label:
        yield asked.label
    elif asked.quantity.startswith("result "):
        yield asked.quantity
    if asked.amount is not None:
        yield from _of(asked.amount)


def _of(amount: Amount) -> Iterator[str]:
    yield from _name(amount.of)


def _name(of: str) -> Iterator[str]:
    """Yield the label of ``capacity of first cap``; nothing for C, an area or a number."""
    if of.startswith("result "):
        yield of
    elif " of " in of:
        yield of.rpartition(" ")[2]


def _remark(program: Program, item: code.Instruction, name: str, severity: Severity) -> Remark:
    if isinstance(item, code.Do):
        step = program.steps[item.step_id]
        where, text = where_of(program, step, "until"), step.text
    elif isinstance(item, code.Leave):
        block = program.blocks[item.block]
        where, text = block.where, block.until.text if block.until else ""
    elif isinstance(item, code.Branch):
        where, text = item.where, item.condition.text
    else:
        where, text = getattr(item, "where", program.source), getattr(item, "text", "")
    what = name if name.startswith("result ") else f"'{name}'"
    if severity is Severity.ERROR:
        reason = f"'{text}' asks for {what}, which cannot have run by then."
    else:
        reason = f"'{text}' asks for {what}, which has not run by then on every way through."
    held = " The run would be held there." if isinstance(item, code.Do) else ""
    return Remark(
        "asked-before-run",
        severity,
        where,
        reason + held,
        "Put the step that gives it before, or name another one.",
    )
