"""Writes steps, blocks and branches as one list of instructions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchlab.model import instructions as code
from benchlab.model.actions import Arm, EndRun, If, Keep, Result, SetC, Zero, go_to
from benchlab.model.amount import Amount
from benchlab.model.conditions import Condition, condition
from benchlab.model.expand import others
from benchlab.model.expand.context import Context
from benchlab.model.expand.driven import direction_of, driven, hold
from benchlab.model.expand.formula import postfix
from benchlab.model.expand.names import Names
from benchlab.model.program import StepPlan
from benchlab.model.protocol import Located
from benchlab.model.steps import (
    Block,
    ChamberStep,
    DriveStep,
    Every,
    HoldStep,
    OperatorStep,
    ProfileStep,
    RestStep,
    Run,
    Step,
    SweepStep,
)

__all__ = ["FlowWriter"]

_DEEPEST = 30
_MOST_STEPS_WRITTEN = 20_000


class FlowWriter:
    """Expands one protocol; after `write` its lists hold the program.

    Attributes
    ----------
    names : Names
        Labels, kept values and marks, and who asks for them.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.names = Names(context)
        self.code: list[code.Instruction] = []
        self.blocks: list[code.Block] = []
        self.steps: list[StepPlan] = []
        self.entries: list[code.StepEntry] = []
        self._around: list[int] = []
        self._rounds = [1]
        self._kinds = ["no cycle"]
        self._running: list[str] = []
        self._refused: set[str] = set()
        self._before: tuple[Amount, float] | None = None
        self._branches = 0

    def write(self) -> None:
        """Expand the whole protocol.

        Raises
        ------
        benchlab.errors.ProtocolError
        """
        self.names.survey()
        self._items(self.context.protocol.steps)
        self.code = self.names.placed(self.code, self.blocks)
        self.blocks = self.names.decided(self.blocks)

    def _items(self, items: tuple[Located, ...]) -> None:
        """Expand steps one after the other; what is refused is left out, and gathered."""
        stacks: tuple[list[Any], ...] = (
            self._around,
            self._rounds,
            self._kinds,
            self._running,
            self.names.variables,
        )
        for at in items:
            depths = [len(stack) for stack in stacks]
            with self.context.problems.gathered():
                self._item(at)
            for stack, depth in zip(stacks, depths, strict=True):
                del stack[depth:]

    def _item(self, at: Located) -> None:
        step = at.step
        if isinstance(step, Block | Every):
            self._block(at, step)
        elif isinstance(step, Run):
            self._run(at, step)
        elif isinstance(step, Arm | SetC | Keep | Zero | If | EndRun | Result):
            self._action(at, step)
        else:
            self._step(at, step)

    # blocks

    def _block(self, at: Located, step: Block | Every) -> None:
        own = step.counts_as or self._default_kind(step)
        label = step.label or (step.phase if isinstance(step, Block) else "")
        if step.label:
            self.names.here(step.label, len(self.code), tuple(self._around))
        rounds, every, until = 1, 0, None
        variable = ""
        values: tuple[float, ...] = ()
        if isinstance(step, Every):
            every = step.every
            if not any(self.blocks[number].rounds > 1 for number in self._around):
                raise self.context.fail(
                    at, "'every' stands in no repeat.", "Put it into the repeat's steps.", "every"
                )
        else:
            rounds, variable = step.repeat.rounds, step.repeat.variable
            values = step.repeat.values
            if step.repeat.until:
                until = self._condition(at, step.repeat.until, "", "repeat")
        self._write_block(at, step.steps, own, label, rounds, every, variable, values, until)

    def _write_block(
        self,
        at: Located,
        items: tuple[Located, ...],
        own: str,
        label: str,
        rounds: int = 1,
        every: int = 0,
        variable: str = "",
        values: tuple[float, ...] = (),
        until: Condition | None = None,
    ) -> None:
        number = len(self.blocks)
        times = self._rounds[-1] * rounds
        if every:
            times = self._rounds[-1] // every
        block = code.Block(
            number,
            len(self.code),
            -1,
            rounds,
            every,
            variable,
            values,
            until,
            label,
            own not in ("", "no cycle"),
            0,
            times,
            self.context.where(at, "every" if every else "repeat" if until or rounds > 1 else ""),
        )
        self.blocks.append(block)
        self.code.append(code.Enter(number))
        self._around.append(number)
        self._rounds.append(times)
        self._kinds.append(own or self._kinds[-1])
        if variable:
            self.names.variables.append(variable)
        before, refused = len(self.steps), len(self.context.problems.found)
        self._items(items)
        if len(self.steps) == before and len(self.context.problems.found) == refused:
            raise self.context.fail(
                at, "this block holds no step.", "Put a step into it, or remove it.", "steps"
            )
        if variable:
            self.names.variables.pop()
        self._kinds.pop()
        self._rounds.pop()
        self._around.pop()
        first = 1 if self.context.cell.counts_first == "charge" else -1
        directions = {plan.direction for plan in self.steps[before:]}
        self.blocks[number] = replace(
            block, last=len(self.code), first_half=first if first in directions else 0
        )
        self.code.append(code.Leave(number))

    def _default_kind(self, block: Block | Every) -> str:
        """Say that a repeat of one charge and one discharge is a cycle, or an imposed one."""
        if isinstance(block, Every) or block.repeat.rounds == 1 or block.repeat.variable:
            return ""
        steps = [inner.step for inner in block.steps]
        drives = [
            (at, step)
            for at, step in zip(block.steps, steps, strict=True)
            if isinstance(step, DriveStep)
        ]
        ways = [direction_of(self.context, at, step) for at, step in drives]
        if sorted(ways) != [-1, 1] or any(isinstance(s, Block | Every | Run) for s in steps):
            return ""
        free = any(
            step.to is not None or any(end.kind == "voltage" for end in step.until)
            for _, step in drives
        )
        return "cycle" if free else "imposed cycle"

    def _run(self, at: Located, step: Run) -> None:
        procedure = self.context.protocol.procedures.get(step.run)
        if procedure is None:
            known = ", ".join(self.context.protocol.procedures) or "none"
            raise self.context.fail(
                at,
                f"there is no procedure '{step.run}'.",
                f"Procedures of this file: {known}; or name a file such as check.yaml.",
                "run",
            )
        if step.run in self._running or len(self._running) > _DEEPEST:
            raise self.context.fail(
                at,
                f"'{step.run}' runs itself, without end.",
                "Use a repeat with a count.",
                "run",
                "cannot-end",
            )
        if step.label:
            self.names.here(step.label, len(self.code), tuple(self._around))
        if step.run in self._refused:
            return  # told already; procedures that run each other would tell it without end
        refused = len(self.context.problems.found)
        self._running.append(step.run)
        kind = step.counts_as or procedure.counts_as or ""
        self._write_block(at, procedure.steps, kind, step.run)
        self._running.pop()
        if len(self.context.problems.found) > refused:
            self._refused.add(step.run)

    # steps

    def _step(self, at: Located, step: Any) -> None:
        if len(self.steps) >= _MOST_STEPS_WRITTEN:
            self.context.problems.stop(
                self.context.fail(
                    at,
                    f"the protocol has more than {_MOST_STEPS_WRITTEN} steps written out.",
                    "Use repeats in place of procedures that run procedures.",
                )
            )
        fields = self._fields(at, step)
        if step.label:
            self.names.step(step.label, len(self.code), tuple(self._around), fields)
        self.names.check_amounts(at, fields.get("unknown", ()), fields.get("watched", ()))
        rule = self.context.protocol.header.record
        if step.record is not None:
            rule = step.record
        flags = []
        for text, action in step.if_ended_by.items():
            if action.startswith("flag "):
                flags.append((" ".join(text.split()), action[5:].strip()))
        plan = StepPlan(
            step_id=len(self.steps),
            label=step.label or "",
            cycle_kind=self._kinds[-1],
            line=at.node.line,
            source=at.source if at.source != self.context.protocol.source else "",
            field=at.field,
            text=at.text,
            flags=tuple(flags),
            **rule.planned(),
            **fields,
        )
        self.steps.append(plan)
        self.entries.append(code.StepEntry(tuple(self._around), self._rounds[-1]))
        self.code.append(code.Do(plan.step_id))
        self._after(at, step, plan)

    def _fields(self, at: Located, step: Step) -> dict[str, Any]:
        context = self.context
        if isinstance(step, DriveStep):
            # a hold behind it inherits its bound; where it is refused, that of the limits will do
            least = min(context.limits.charge_ampere, context.limits.discharge_ampere)
            self._before = (Amount("A", least, text=f"{least:g} A"), least)
            fields = driven(context, at, step)
            bound = step.drive if step.drive.unit == "A" else step.current_at_most
            ampere = abs(fields["current_ampere"])
            self._before = (bound or Amount("A", ampere), ampere)
            return fields
        if isinstance(step, HoldStep):
            return hold(context, at, step, self._before)
        if isinstance(step, RestStep):
            return others.rest(context, at, step)
        if isinstance(step, SweepStep):
            return others.sweep(context, at, step)
        if isinstance(step, ProfileStep):
            return others.profile(context, at, step)
        if isinstance(step, ChamberStep):
            return others.chamber(context, at, step)
        if isinstance(step, OperatorStep):
            return others.operator(context, at, step)
        return others.eis(context, at, step)

    def _after(self, at: Located, step: Any, plan: StepPlan) -> None:
        """Write the jumps that hang on how a step ended."""
        for text, action in step.if_ended_by.items():
            if action.startswith("go to "):
                reason = next(r for r, t in plan.texts.items() if text in t.split(" or "))
                asked = Condition("ended", by=reason, text=f"ended by {text}")
                self._branch(at, asked, go_to(action), 0, None, "if_ended_by")
        skip = getattr(step, "skip_rest_of_loop_if", None)
        if skip is not None:
            if not self._around:
                raise self.context.fail(
                    at, "there is no repeat to skip.", "Remove it.", "skip_rest_of_loop_if"
                )
            if skip.kind != "voltage" or not skip.relation or skip.amount is None:
                raise self.context.fail(
                    at,
                    f"found '{skip.text}', expected a voltage and its side.",
                    "Write below 2.50 V.",
                    "skip_rest_of_loop_if",
                )
            asked = Condition("end voltage of last", skip.relation, skip.amount, text=skip.text)
            self._branch(at, asked, "", 0, None, "skip_rest_of_loop_if")

    # actions

    def _action(self, at: Located, step: Any) -> None:
        line, text = at.node.line, at.text
        context = self.context
        if step.label:
            self.names.here(step.label, len(self.code), tuple(self._around))
        if isinstance(step, Arm):
            low = context.limits.formed_low_volt
            if low is None:
                raise context.fail(
                    at,
                    "neither the protocol nor the cell type states low_once_formed.",
                    "Add limits: {voltage: {low_once_formed: 2.40 V}}.",
                    "arm",
                )
            context.formed = True
            self.code.append(code.Arm(low))
        elif isinstance(step, Zero):
            self.code.append(code.Zero(step.zero))
        elif isinstance(step, Keep):
            value = self._wanted(at, step.as_, "as")
            self.code.append(code.Keep(step.keep, value, text, line, context.where(at, "as")))
        elif isinstance(step, SetC):
            nominal = context.bound_capacity_ah
            low, high = (share * nominal for share in step.only_if)
            target = self._jump(at, step.otherwise, "otherwise") if step.otherwise else None
            value = self._wanted(at, step.to, "to")
            where = context.where(at, "to")
            self.code.append(code.SetC(value, low, high, target, text, line, where))
        elif isinstance(step, If):
            asked = self._condition(at, step.if_, step.in_, "if")
            otherwise = None
            if step.otherwise_after:
                otherwise = self._jump(at, step.otherwise_after, "otherwise_after")
            self._branch(at, asked, step.then, step.at_most or 0, otherwise, "then")
        elif isinstance(step, EndRun):
            self.code.append(code.Stop(step.end))
        else:
            for name, text in step.result.items():
                formula = postfix(context, at, text, self.names.results)
                for part in formula:
                    if " " in part:
                        self.names.want(at, part, "result")
                where = context.where(at, "result")
                self.code.append(code.Compute(name, formula, text, where))

    def _wanted(self, at: Located, amount: Amount, key: str) -> Amount:
        self.names.want(at, amount.of, key)
        self.names.check_direction(at, amount.of, amount.text, key)
        return amount

    def _condition(self, at: Located, text: str, in_a_row: str, key: str) -> Condition:
        try:
            asked = condition(text, in_a_row)
        except ValueError as problem:
            raise self.context.fail(at, f"{problem}.", "Mend the file.", key) from None
        return self.names.asked(at, asked, key)

    def _jump(self, at: Located, label: str, key: str) -> code.Jump:
        return self.names.jump(at, label, len(self.code), tuple(self._around), key)

    def _branch(
        self,
        at: Located,
        asked: Condition,
        label: str,
        at_most: int,
        otherwise: code.Jump | None,
        key: str,
    ) -> None:
        if label:
            then = self.names.jump(
                at, label, len(self.code), tuple(self._around), key, may_go_back=at_most > 0
            )
        else:  # the end of the round
            then = code.Jump("", -1 - self._around[-1], tuple(self._around))
        where = self.context.where(at, "if" if key == "then" else key)
        line = at.node.line
        self.code.append(
            code.Branch(self._branches, asked, then, at_most, otherwise, at.text, line, where)
        )
        self._branches += 1
