"""Which way a program can take through its instructions, and what holds on every or some way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from benchlab.model import instructions as code
from benchlab.model.checks.certain import verdict
from benchlab.model.program import Program

__all__ = ["enters", "forward", "successors"]

State = TypeVar("State")


def enters(program: Program, block: code.Block) -> bool:
    """Say whether an ``every`` is ever entered: the repeat next around it has rounds enough."""
    if not block.every:
        return True
    around = [
        other
        for other in program.blocks
        if other.first < block.first and block.last < other.last and other.rounds > 1
    ]
    return not around or max(around, key=lambda other: other.first).rounds >= block.every


def successors(program: Program, place: int) -> tuple[int, ...]:
    """Return the places that may follow a place of the code; its length is the end of the run.

    Conditions that hold always, or never, leave one way only.
    """
    item = program.code[place]
    after = place + 1
    if isinstance(item, code.Stop):
        return ()
    if isinstance(item, code.Enter):
        block = program.blocks[item.block]
        if not block.every:
            return (after,)
        return (after, block.last + 1) if enters(program, block) else (block.last + 1,)
    if isinstance(item, code.Leave):
        block = program.blocks[item.block]
        again = block.rounds > 1 and not (block.until and verdict(program, block.until))
        return (after, block.first + 1) if again else (after,)
    if isinstance(item, code.SetC) and item.otherwise is not None:
        return (after, item.otherwise.place)
    if isinstance(item, code.Branch):
        holds = verdict(program, item.condition)
        used_up = (after,) if item.otherwise is None else (item.otherwise.place,)
        ways: tuple[int, ...] = () if holds else (after,)
        if holds is not False:
            ways += (item.then.place, *(used_up if item.at_most else ()))
        return ways
    return (after,)


def forward(
    program: Program,
    start: State,
    join: Callable[[State, State], State],
    step: Callable[[code.Instruction, State], State],
) -> dict[int, State]:
    """Return what holds before each place that the run can come to.

    Parameters
    ----------
    join
        Of what holds on two ways that meet; only ever towards less being known.
    step
        What holds after an instruction, from what held before it.
    """
    found: dict[int, State] = {0: start}
    waiting = [0]
    while waiting:
        place = waiting.pop()
        if place >= len(program.code):
            continue
        after = step(program.code[place], found[place])
        for then in successors(program, place):
            joined = join(found[then], after) if then in found else after
            if then not in found or joined != found[then]:
                found[then] = joined
                waiting.append(then)
    return found
