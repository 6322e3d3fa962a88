"""Carries out what lies between the steps of a program: rounds, branches, marks, kept values; pure.

Its whole state is a few hundred bytes of plain values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from benchlab.bench.ends import End
from benchlab.bench.results import Finished, keep_results
from benchlab.model import instructions as code
from benchlab.model.amount import Amount, UnknownAmount
from benchlab.model.conditions import Condition
from benchlab.model.program import Program, StepPlan

__all__ = ["Finished", "NoStep", "Told", "Walker"]

_NONE: tuple[object, ...] = (None, [], {})
_MOST_IN_NO_TIME = 10_000
"""Instructions between two steps; only a repeat that jumps over all its steps comes near."""


class NoStep(Exception):
    """The program goes on and on without a step: every round of a repeat jumps over its steps."""


class Told(NamedTuple):
    """Something that the program did between two steps, for the record."""

    kind: str
    text: str


class _Frame:
    """A block under way: which round, of how many, and whether its cycle has been counted."""

    __slots__ = ("block", "counted", "round", "rounds")

    def __init__(self, block: int, rounds: int) -> None:
        self.block = block
        self.round = 1
        self.rounds = rounds
        self.counted = False


class Walker:
    """Walks through a program from step to step.

    Attributes
    ----------
    plan : StepPlan
        The step under way, with its numbers.
    step_count, cycle_count : int
        As in the columns of the same name.
    known : dict
        C, areas, loop variables, kept values and those results that the program asks for.
    formed_low_volt : float or None
        The lower voltage limit of a formed cell once the program armed it.
    chamber_celsius : float or None
        Where the chamber was set to last.
    ended_as : str
        The name under which the program ended itself; empty: it came to its end.
    told : list of Told
        Since the list was last emptied.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._place = -1
        self._stack: list[_Frame] = []
        self._written = program.steps[0]
        self.plan = program.steps[0]
        self.step_count = 0
        self.cycle_count = 0
        self.known: dict[str, float] = dict(program.known)
        self.marks: dict[str, float] = {}
        self.formed_low_volt: float | None = None
        self.chamber_celsius: float | None = None
        self.ended_as = ""
        self.told: list[Told] = []
        self._reasons: dict[str, str] = {}
        self._runs: dict[str, int] = {}
        self._jumps: dict[int, int] = {}
        self._rows: dict[int, tuple[int, int]] = {}
        self._inside = {
            item.number: item.then.blocks for item in program.code if isinstance(item, code.Branch)
        }

    def advance(self, live: Mapping[str, float], net_ah: float) -> StepPlan | None:
        """Go to the next step and count it; None when the program is done.

        Parameters
        ----------
        live : Mapping
            What is read now, by column name.
        net_ah : float
            Net charge since the start of the test.

        Raises
        ------
        benchlab.model.amount.UnknownAmount
            The step hangs on a result that is not there: its step never came to its own end.
        NoStep
        """
        for _ in range(_MOST_IN_NO_TIME):
            self._place += 1
            if self._place >= len(self._program.code):
                return None
            item = self._program.code[self._place]
            if isinstance(item, code.Do):
                self._written = self._program.steps[item.step_id]
                self.plan = self._written.with_numbers(self.known)
                if not math.isnan(self.plan.chamber_celsius):
                    self.chamber_celsius = self.plan.chamber_celsius
                self.step_count += 1
                self._count_cycle(self.plan)
                return self.plan
            if isinstance(item, code.Stop):
                self.ended_as = item.name
                return None
            self._carry_out(item, live, net_ah)
        raise NoStep(f"{_MOST_IN_NO_TIME} instructions were carried out without a step")

    @property
    def in_cycle(self) -> bool:
        """Whether a cycle is under way: its first half began, its round is not over."""
        return any(frame.counted for frame in self._stack)

    def renumbered(self) -> StepPlan:
        """Return the step under way with the results as they are known by now."""
        self.plan = self._written.with_numbers(self.known)
        return self.plan

    def finished(self, result: Finished) -> None:
        """Take note of how a step ended; a second call for the same step replaces the first."""
        self.known["end voltage of last"] = result.end_volt
        self._reasons[""] = result.reason
        if result.label:
            self._reasons[result.label] = result.reason
        keep_results(result, self._program.kept, self.known, self._runs)

    def add_rounds(self, count: int) -> str:
        """Let the outermost repeat under way that counts cycles go on for more rounds.

        Returns
        -------
        str
            What is different now, or an empty string where there is no such repeat.
        """
        for frame in self._stack:
            block = self._program.blocks[frame.block]
            if count > 0 and block.counts and frame.rounds > 1:
                frame.rounds += count
                return f"{block.label or 'the repeat'} now has {frame.rounds} rounds"
        return ""

    # instructions

    def _carry_out(self, item: code.Instruction, live: Mapping[str, float], net_ah: float) -> None:
        if isinstance(item, code.Enter):
            self._enter(self._program.blocks[item.block])
        elif isinstance(item, code.Leave):
            self._leave(self._program.blocks[item.block], live)
        elif isinstance(item, code.Branch):
            self._branch(item, live)
        elif isinstance(item, code.Zero):
            self.marks[item.name] = net_ah
        elif isinstance(item, code.Arm):
            self.formed_low_volt = item.low_volt
            self.told.append(
                Told("armed", f"the lower voltage limit is {item.low_volt:g} V from here on")
            )
        elif isinstance(item, code.Keep):
            self._keep(item)
        elif isinstance(item, code.SetC):
            self._set_c(item)
        elif isinstance(item, code.Compute):
            self._compute(item)

    def _enter(self, block: code.Block) -> None:
        if block.every:
            around = next(f for f in reversed(self._stack) if f.rounds > 1)
            if around.round % block.every:
                self._place = block.last
                return
        self._count_anew(block)
        self._stack.append(_Frame(block.number, block.rounds))
        if block.variable:
            self.known[block.variable] = block.values[0]

    def _leave(self, block: code.Block, live: Mapping[str, float]) -> None:
        frame = self._stack[-1]
        over = frame.round >= frame.rounds
        if not over and block.until is not None:
            over = self._holds(block.until, live)
        if over:
            self._stack.pop()
            return
        frame.round += 1
        frame.counted = False
        self._count_anew(block)
        if block.variable and frame.round <= len(block.values):
            self.known[block.variable] = block.values[frame.round - 1]
        self._place = block.first

    def _count_anew(self, block: code.Block) -> None:
        """Let jumps that stay inside a round of this block be counted from zero in the next one."""
        for number in list(self._jumps):
            if block.number in self._inside[number]:
                del self._jumps[number]

    def _branch(self, item: code.Branch, live: Mapping[str, float]) -> None:
        # a jump out of a repeat passes here once a round: counted anew there, it would never end
        leaves = any(frame.rounds > 1 for frame in self._stack[len(item.then.blocks) :])
        if not self._holds_in_a_row(item, live):
            if not leaves:
                self._jumps.pop(item.number, None)
            return
        taken = self._jumps.get(item.number, 0) + 1
        if item.at_most and taken > item.at_most:
            if not leaves:
                self._jumps.pop(item.number, None)
            self.told.append(
                Told("alarm", f"still {item.condition.text} after {item.at_most} times")
            )
            if item.otherwise is not None:
                self._go(item.otherwise)
            return
        self._jumps[item.number] = taken
        self.told.append(Told("branch", f"{item.condition.text}: goes on at {item.then.label}"))
        self._go(item.then)

    def _go(self, jump: code.Jump) -> None:
        del self._stack[len(jump.blocks) :]
        self._place = jump.place - 1

    def _holds_in_a_row(self, item: code.Branch, live: Mapping[str, float]) -> bool:
        condition = item.condition
        wanted = condition.in_a_row
        if wanted == 1:
            return self._holds(condition, live)
        row, seen = self._rows.get(item.number, (0, -1))
        ran = self._runs.get(condition.label, -1)
        if ran != seen:  # another complete execution
            row = row + 1 if self._holds(condition, live) else 0
            self._rows[item.number] = (row, ran)
        return row >= wanted

    def _holds(self, condition: Condition, live: Mapping[str, float]) -> bool:
        if condition.quantity == "ended":
            reason = self._reasons.get(condition.label)
            # its voltage was there before any current flowed: ended by it all the same
            return reason == condition.by or (
                reason == End.ALREADY_MET and condition.by == End.VOLTAGE
            )
        value = live.get(condition.quantity, self.known.get(condition.quantity))
        if value is None or condition.amount is None:
            return False
        try:
            bound = condition.amount.number(self.known)
        except UnknownAmount:
            return False
        return value > bound if condition.relation == "above" else value < bound

    def _keep(self, item: code.Keep) -> None:
        value = self._number(item.value)
        if value is None:
            self.told.append(Told("alarm", f"nothing to keep as {item.name}: {item.text}"))
            return
        self.known[f"capacity of {item.name}"] = value
        self.told.append(Told("kept", f"{item.name} = {value:.9g} Ah"))

    def _set_c(self, item: code.SetC) -> None:
        value = self._number(item.to)
        if value is not None and item.low_ah <= value <= item.high_ah:
            before = self.known.get("C")
            self.known["C"] = value
            was = "" if before is None else f" (it was {before:.6g} Ah)"
            self.told.append(Told("capacity", f"C is {value:.9g} Ah from here on{was}"))
            return
        seen = "nothing was measured" if value is None else f"{value:.6g} Ah was measured"
        self.told.append(
            Told(
                "alarm",
                f"C stays as it was: {seen}, expected {item.low_ah:.6g} to {item.high_ah:.6g} Ah",
            )
        )
        if item.otherwise is not None:
            self._go(item.otherwise)

    def _number(self, amount: Amount) -> float | None:
        try:
            return amount.number(self.known)
        except UnknownAmount:
            return None

    def _compute(self, item: code.Compute) -> None:
        stack: list[float] = []
        try:
            for part in item.formula:
                if part in _SIGNS:
                    right, left = stack.pop(), stack.pop()
                    stack.append(_SIGNS[part](left, right))
                elif part[0].isdigit():
                    stack.append(float(part))
                else:
                    stack.append(self.known[part])
        except (KeyError, ZeroDivisionError) as missing:
            self.told.append(Told("alarm", f"{item.name} cannot be computed ({missing})"))
            return
        self.known[f"result {item.name}"] = stack[0]
        self.told.append(Told("result", f"{item.name} = {stack[0]:.9g}"))

    def _count_cycle(self, plan: StepPlan) -> None:
        counting = next(
            (f for f in reversed(self._stack) if self._program.blocks[f.block].counts), None
        )
        if counting is None or counting.counted or not plan.driven:
            return
        if self._program.blocks[counting.block].first_half in (0, plan.direction):
            counting.counted = True
            self.cycle_count += 1

    # state

    def state(self) -> dict[str, Any]:
        """Return where the program stands, as plain values; what is empty is left out."""
        place = {
            "step_count": self.step_count,
            "cycle_count": self.cycle_count,
            "step_id": self._written.step_id,
            "place": self._place,
        }
        rest = {
            "blocks": [[f.block, f.round, f.rounds, f.counted] for f in self._stack],
            "known": {
                name: value
                for name, value in self.known.items()
                if value != self._program.known.get(name)
            },
            "marks": dict(self.marks),
            "formed_low_volt": self.formed_low_volt,
            "chamber_celsius": self.chamber_celsius,
            "reasons": dict(self._reasons),
            "runs": dict(self._runs),
            "jumps": [[number, count] for number, count in self._jumps.items()],
            "rows": [[number, *pair] for number, pair in self._rows.items()],
        }
        return {**place, **{name: value for name, value in rest.items() if value not in _NONE}}

    def restore(self, state: Mapping[str, Any]) -> StepPlan:
        """Stand where a state was taken, in the same step."""
        self.step_count, self.cycle_count = state["step_count"], state["cycle_count"]
        self._place = state["place"]
        self._stack = []
        for block, turn, rounds, counted in state.get("blocks", ()):
            frame = _Frame(block, rounds)
            frame.round, frame.counted = turn, counted
            self._stack.append(frame)
        self.known = {**self._program.known, **state.get("known", {})}
        self.marks = dict(state.get("marks", {}))
        self.formed_low_volt = state.get("formed_low_volt")
        self.chamber_celsius = state.get("chamber_celsius")
        self._reasons = dict(state.get("reasons", {}))
        self._runs = dict(state.get("runs", {}))
        self._jumps = {number: count for number, count in state.get("jumps", ())}
        self._rows = {number: (row, seen) for number, row, seen in state.get("rows", ())}
        self._written = self._program.steps[state["step_id"]]
        return self.renumbered()


_SIGNS = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
}
