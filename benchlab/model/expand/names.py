"""The names of a protocol: labels, kept values, marks and variables, and who asks for them."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from typing import Any

from benchlab.model import instructions as code
from benchlab.model.actions import Action, Keep, Result, SetC, Zero
from benchlab.model.amount import Amount
from benchlab.model.conditions import Condition
from benchlab.model.expand.context import AT_THE_START, Context
from benchlab.model.program import Watched
from benchlab.model.protocol import Located
from benchlab.model.quantity import amount
from benchlab.model.steps import DIRECTIONS, Block, DriveStep, Every, Run

__all__ = ["Names"]

_RESULT = re.compile(r"(sum|[a-z ]+?) of (first )?(\S+)")


class Names:
    """What is named in a protocol.

    Attributes
    ----------
    wanted : set of str
        Results that somebody asks for: the sequencer keeps these and no others.
    variables : list of str
        Of the repeats around the step under expansion.
    results : set of str
        Names that are computed by a formula.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.wanted: set[str] = set()
        self.variables: list[str] = []
        self.results: set[str] = set()
        self._labels: dict[str, Located] = {}
        self._written: set[str] = set()
        self._values: set[str] = set()
        self._marks: set[str] = set()
        self._places: dict[str, list[tuple[int, tuple[int, ...]]]] = {}
        self._texts: dict[str, list[dict[str, str]]] = {}
        self._asked: list[tuple[Located, str, str, int, tuple[int, ...], bool]] = []

    def survey(self) -> None:
        """Learn every name before any is asked for: a branch may ask for what comes later."""
        protocol = self.context.protocol
        parts = [protocol.steps, *(p.steps for p in protocol.procedures.values())]
        highest = 0.0
        for steps in parts:
            highest = max(highest, self._survey(steps))
        self.context.c_may_change = highest > 0.0
        if highest:
            largest = highest * self.context.bound_capacity_ah
            self.context.largest_c_ah = max(self.context.largest_c_ah, largest)
        for name in sorted(self._values & self._labels.keys()):
            self.context.problems.add(
                self.context.fail(
                    self._labels[name],
                    f"'{name}' names both a step and a kept value.",
                    "Rename one of them.",
                    "label",
                )
            )

    def _survey(self, steps: tuple[Located, ...]) -> float:
        highest = 0.0
        for at in steps:
            step = at.step
            label = getattr(step, "label", None)
            if label:
                self._written.add(label)
            if label and not isinstance(step, Block | Every | Run | Action):
                before = self._labels.get(label)
                if before is not None and type(before.step) is not type(step):
                    self.context.problems.add(
                        self.context.fail(
                            at,
                            f"the label '{label}' names steps of different kinds (also line"
                            f" {before.node.line}).",
                            "Rename one of them.",
                            "label",
                        )
                    )
                self._labels[label] = at
            if isinstance(step, Keep):
                self._values.add(step.keep)
            elif isinstance(step, Zero):
                self._marks.add(step.zero)
            elif isinstance(step, Result):
                self.results.update(step.result)
            elif isinstance(step, SetC):
                highest = max(highest, step.only_if[1])
            elif isinstance(step, Block | Every):
                highest = max(highest, self._survey(step.steps))
        return highest

    # definitions

    def here(self, label: str, place: int, blocks: tuple[int, ...]) -> None:
        """Take note that a label stands at this place of the code."""
        self._places.setdefault(label, []).append((place, blocks))

    def step(self, label: str, place: int, blocks: tuple[int, ...], fields: dict[str, Any]) -> None:
        """Take note of a labelled step."""
        self.here(label, place, blocks)
        self._texts.setdefault(label, []).append(fields.get("texts", {}))

    # questions

    def want(self, at: Located, of: str, key: str) -> None:
        """Check that a result can be had, and let the sequencer keep it.

        Raises
        ------
        benchlab.errors.ProtocolError
        """
        if not of or of in AT_THE_START:
            return
        if of.startswith("result "):
            if of.removeprefix("result ") in self.results:
                return
            raise self.context.fail(
                at,
                f"no 'result' computes '{of.removeprefix('result ')}'.",
                f"Results: {', '.join(sorted(self.results)) or 'none'}.",
                key,
            )
        match = _RESULT.fullmatch(of)
        label = match[3] if match else of
        if label in self._values and of == f"capacity of {label}":
            return
        if label not in self._labels:
            known = sorted({*self._labels, *self._values})
            close = difflib.get_close_matches(label, known, n=1)
            hint = f"Did you mean '{close[0]}'? " if close else ""
            raise self.context.fail(
                at,
                f"no step is labelled '{label}'.",
                f"{hint}Labels: {', '.join(known) or 'none'}.",
                key,
            )
        self.wanted.add(of)

    def check_amounts(
        self, at: Located, unknown: tuple[tuple[str, Amount], ...], watched: tuple[Watched, ...]
    ) -> None:
        """Check everything that a step's numbers hang on."""
        for _, needed in unknown:
            self.want(at, needed.of, "until")
            if needed.variable and needed.variable not in self.variables:
                raise self.context.fail(
                    at,
                    f"no repeat around this step has the variable '{needed.variable}'.",
                    "Write repeat: {soc: 90 % to 10 % in steps of 10 %} around it.",
                    "until",
                )
        for item in watched:
            if item.end.kind == "net charge" and item.end.name not in self._marks:
                raise self.context.fail(
                    at,
                    f"no 'zero: {item.end.name}' sets that mark.",
                    f"Marks: {', '.join(sorted(self._marks)) or 'none'}.",
                    "until",
                )

    def asked(self, at: Located, asked: Condition, key: str) -> Condition:
        """Check a condition and let the sequencer keep what it asks for."""
        if asked.quantity == "ended":
            if asked.label:
                self.want(at, f"capacity of {asked.label}", key)
            return asked
        if asked.quantity.startswith("result "):
            self.want(at, asked.quantity, key)
        if asked.label:
            self.want(at, asked.quantity, key)
            self.check_direction(at, asked.quantity, asked.text, key)
        if asked.amount is not None:
            self.want(at, asked.amount.of, key)
        return asked

    def check_direction(self, at: Located, of: str, text: str, key: str) -> None:
        """Refuse a charge capacity of a step that discharges, and the other way round."""
        named = text.lower().partition(" ")[0]
        at_label = self._labels.get(of.rpartition(" ")[2])
        if named not in ("charge", "discharge") or at_label is None:
            return
        step = at_label.step
        goes = DIRECTIONS[step.verb] if isinstance(step, DriveStep) else 0
        if goes not in (0, DIRECTIONS[named]):
            raise self.context.fail(
                at,
                f"'{text}' asks for the other direction than '{of.rpartition(' ')[2]}' has.",
                "Name the step that is meant.",
                key,
            )

    # jumps

    def jump(
        self,
        at: Located,
        label: str,
        place: int,
        blocks: tuple[int, ...],
        key: str,
        *,
        may_go_back: bool = False,
    ) -> code.Jump:
        """Return a jump whose target is put in by `placed`, when every label has its place."""
        self._asked.append((at, label, key, place, blocks, may_go_back))
        return code.Jump(label, -1_000_000 - len(self._asked), blocks)

    def placed(
        self, instructions: list[code.Instruction], blocks: list[code.Block]
    ) -> list[code.Instruction]:
        """Return the code with every jump's target put in, but for those that are refused."""
        done: list[code.Instruction] = []
        for item in instructions:
            with self.context.problems.gathered():
                done.append(self._with_targets(item, blocks))
        return done

    def _with_targets(self, item: code.Instruction, blocks: list[code.Block]) -> code.Instruction:
        if isinstance(item, code.Branch):
            condition = item.condition
            if condition.quantity == "ended":
                condition = replace(condition, by=self._reason(item.where, condition))
            otherwise = self._target(item.otherwise, blocks) if item.otherwise else None
            then = self._target(item.then, blocks)
            return replace(item, condition=condition, then=then, otherwise=otherwise)
        if isinstance(item, code.SetC) and item.otherwise is not None:
            return replace(item, otherwise=self._target(item.otherwise, blocks))
        return item

    def decided(self, blocks: list[code.Block]) -> list[code.Block]:
        """Return the blocks with every end that their conditions name by its text put in."""
        done: list[code.Block] = []
        for block in blocks:
            asked = block.until
            if asked is not None and asked.quantity == "ended":
                with self.context.problems.gathered():
                    asked = replace(asked, by=self._reason(block.where, asked))
            done.append(replace(block, until=asked))
        return done

    def _target(self, jump: code.Jump, blocks: list[code.Block]) -> code.Jump:
        if jump.place > -1_000_000:
            block = blocks[-1 - jump.place]
            return code.Jump("the end of the round", block.last, jump.blocks)
        at, label, key, place, around, may_go_back = self._asked[-1_000_000 - jump.place - 1]
        reached = [
            (target, inside)
            for target, inside in self._places.get(label, [])
            if inside == around[: len(inside)]
        ]
        if not reached and self.context.problems.found and label in self._written:
            return jump  # it may stand in what was refused already
        if not reached:
            where = (
                "stands inside a repeat that the jump is not in"
                if label in self._places
                else ("does not exist")
            )
            raise self.context.fail(
                at,
                f"the label '{label}' {where}.",
                f"Labels: {', '.join(sorted(self._written)) or 'none'}.",
                key,
            )
        deepest = max(len(inside) for _, inside in reached)
        nearest = [found for found in reached if len(found[1]) == deepest]
        if len(nearest) > 1:
            raise self.context.fail(
                at, f"the label '{label}' stands in several places here.", "Rename them.", key
            )
        target, inside = nearest[0]
        if target <= place and not may_go_back:
            raise self.context.fail(
                at,
                f"the jump back to '{label}' has no count, so it may never end.",
                "Add at_most: 6 times.",
                key,
                "cannot-end",
            )
        return code.Jump(label, target, inside)

    def _reason(self, where: str, condition: Condition) -> str:
        """Return the reason, as it is stored, of the end that a condition names by its text."""
        if not condition.label:  # of the step just before, whose reason is known
            return condition.by
        if self.context.problems.found and condition.label not in self._texts:
            return condition.by  # its step was refused already
        texts = [
            (reason, text)
            for found in self._texts.get(condition.label, [])
            for reason, text in found.items()
        ]
        for reason, text in texts:
            if condition.by in (reason, text, *text.split(" or ")) or _same(condition.by, text):
                return reason
        at = self._labels[condition.label]
        known = "; ".join(sorted({text for _, text in texts})) or "none"
        raise self.context.fail(
            at,
            f"'{condition.text}' ({where}) names no end of this step.",
            f"Its ends: {known}.",
        )


def _same(one: str, other: str) -> bool:
    """Say whether two texts state the same value: 2.8 V and 2.80 V."""
    first, second = amount(one), amount(other)
    return first is not None and first == second
