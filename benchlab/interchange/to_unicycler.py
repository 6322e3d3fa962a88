"""A protocol of ours becomes a unicycler document; what it cannot carry is found by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchlab.errors import ProtocolError
from benchlab.interchange.document import Document
from benchlab.interchange.head import Head
from benchlab.interchange.report import Report
from benchlab.interchange.step_out import StepWriter
from benchlab.interchange.table import EXPORTS
from benchlab.model.actions import Action, Arm, EndRun, If, Keep, Result, SetC, Zero
from benchlab.model.cell import Cell
from benchlab.model.expand import expand
from benchlab.model.protocol import Located, Protocol
from benchlab.model.steps import Block, Every, Run
from benchlab.model.validate import place

__all__ = ["INVENTED_TAG", "Exported", "export_protocol"]

_ACTIONS: dict[type, str] = {
    Arm: "armed-limit",
    SetC: "set-c",
    Keep: "kept-value",
    Zero: "net-charge-mark",
    If: "goto",
    EndRun: "named-end",
    Result: "result",
}
_MOST = 20_000
INVENTED_TAG = "repeat of line"
"""How a tag begins that nobody wrote: unicycler loops over one step by tag only."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A document, where each of its steps came from, and what was found on the way.

    Attributes
    ----------
    document : Document or None
        None: no step is left.
    origins : tuple of str
        File, line and field of each step of the method.
    heads : dict of str to str
        The same for sample, record and safety.
    """

    document: Document | None
    origins: tuple[str, ...]
    heads: dict[str, str]
    report: Report


def export_protocol(protocol: Protocol, target: str, cell: Cell | None = None) -> Exported:
    """Return a protocol as a unicycler document.

    Parameters
    ----------
    target : str
        For which the findings are judged.
    cell : Cell, optional
        Takes the place of the protocol's own. Where there is one, the protocol is expanded first,
        so that nothing is exported that would be refused here.

    Raises
    ------
    benchlab.errors.ProtocolError
        It cannot be run here either.
    """
    cell = cell or protocol.cell
    if cell is not None:
        expand(protocol, cell)
    report = Report(EXPORTS, target, protocol.source)
    head = Head(protocol, cell, report)
    plain = {"sample": head.sample(), "safety": head.safety(), "record": head.record()}
    flow = _Flow(protocol, report, StepWriter(head.known, head.size_ah, report))
    flow.items(protocol.steps, 0)
    if not flow.method:
        report.notes.append("no step is left")
        return Exported(None, (), {}, report)
    document = Document.model_validate({**plain, "method": flow.method})
    return Exported(document, tuple(flow.origins), head.places(), report)


class _Flow:
    """Writes blocks as tags and loops around what the step writer returns."""

    def __init__(self, protocol: Protocol, report: Report, steps: StepWriter) -> None:
        self.protocol = protocol
        self.report = report
        self.writer = steps
        self.method: list[dict[str, Any]] = []
        self.origins: list[str] = []
        self.tags: set[str] = set()
        self.running: list[str] = []

    def where(self, at: Located, key: str = "") -> str:
        name = f"{at.field}.{key}" if key else at.field
        return place(at.source, at.node.line_of((key,)), name)

    def put(self, at: Located, *steps: dict[str, Any]) -> None:
        if len(self.method) > _MOST:
            raise ProtocolError(
                f"the protocol has more than {_MOST} steps written out.",
                where=self.where(at),
                remedy="Use repeats in place of procedures that run procedures.",
            )
        self.method += steps
        self.origins += [self.where(at)] * len(steps)

    def items(self, items: tuple[Located, ...], depth: int) -> None:
        for number, at in enumerate(items):
            step = at.step
            if isinstance(step, EndRun) and not depth:
                self.report.add("named-end", self.where(at), at.text)
                for other in items[number + 1 :]:
                    self.report.add("after-the-end", self.where(other), other.text)
                return
            if isinstance(step, Action):
                self.report.add(_ACTIONS[type(step)], self.where(at), at.text)
            elif isinstance(step, Run):
                self.run(at, step, depth)
            elif isinstance(step, Every):
                self.report.add("every", self.where(at), f"every: {step.every} iterations")
            elif isinstance(step, Block):
                self.block(at, step, depth)
            else:
                self.put(at, *self.writer.steps(at, step))

    def run(self, at: Located, step: Run, depth: int) -> None:
        procedure = self.protocol.procedures.get(step.run)
        if procedure is None or step.run in self.running:
            raise ProtocolError(
                f"there is no procedure '{step.run}'."
                if procedure is None
                else f"'{step.run}' runs itself, without end.",
                where=self.where(at, "run"),
                remedy=f"Procedures: {', '.join(self.protocol.procedures) or 'none'}.",
            )
        self.report.add("procedure", self.where(at), step.run)
        if step.counts_as or procedure.counts_as:
            self.kind(at, step.counts_as or procedure.counts_as or "")
        self.running.append(step.run)
        begin = len(self.method)
        if step.label:
            self.put(at, {"step": "tag", "tag": self.unique(at, step.label)})
        self.items(procedure.steps, depth + 1)
        self.drop_if_empty(begin, 1 if step.label else 0)
        self.running.pop()

    def kind(self, at: Located, kind: str) -> None:
        self.report.add("cycle-kind", self.where(at, "counts_as"), f"counts_as: {kind}")

    def unique(self, at: Located, name: str) -> str:
        found, number = name, 1
        while found in self.tags:
            number += 1
            found = f"{name} ({number})"
        if found != name:
            self.report.add("phase-twice", self.where(at), f"{name}: {found}")
        self.tags.add(found)
        return found

    def drop_if_empty(self, begin: int, own: int) -> bool:
        """Remove the tag of a block of which nothing was carried."""
        if len(self.method) > begin + own:
            return False
        del self.method[begin:], self.origins[begin:]
        return True

    def block(self, at: Located, block: Block, depth: int) -> None:
        if block.counts_as:
            self.kind(at, block.counts_as)
        rounds = block.repeat
        if rounds.variable:
            self.report.add("loop-variable", self.where(at, "repeat"), rounds.variable)
        if rounds.until:
            self.report.add("loop-until", self.where(at, "repeat"), rounds.until)
        is_repeat = isinstance(at.node.value, dict) and "repeat" in at.node.value
        begin = len(self.method)
        tag = ""
        if block.phase:
            tag = self.unique(at, block.phase)
            found = {"step": "tag", "tag": tag}
            if block.label and not is_repeat:
                found["id"] = block.label
            self.put(at, found)
        inner = len(self.method)
        last = block.steps[-1]
        every = last.step if isinstance(last.step, Every) else None
        times = rounds.rounds
        plain = not (rounds.variable or rounds.until)
        if every is not None and plain and times % every.every == 0:
            self.report.notes.append(
                f"{self.where(last)}: every {every.every} of {times} rounds is written as"
                " repeats in repeats"
            )
            if every.counts_as:
                self.kind(last, every.counts_as)
            self.items(block.steps[:-1], depth + 1)
            self.loop(at, inner, every.every, "", "")
            self.items(every.steps, depth + 1)
            times //= every.every
            is_repeat = times > 1
        else:
            self.items(block.steps, depth + 1)
        if self.drop_if_empty(begin, inner - begin) or not is_repeat:
            return
        self.loop(at, inner, times, tag, block.label or "")

    def loop(self, at: Located, begin: int, times: int, tag: str, name: str) -> None:
        """Go back to a place of the method; over one step unicycler goes back by tag only."""
        if len(self.method) == begin:
            return
        target: str | int = tag or begin + 1
        if not tag and len(self.method) - begin == 1:
            target = self.unique(at, f"{INVENTED_TAG} {at.node.line}")
            self.method.insert(begin, {"step": "tag", "tag": target})
            self.origins.insert(begin, self.where(at))
            self.report.notes.append(
                f"{self.where(at)}: the repeat of one step got the tag '{target}'"
            )
        found = {"step": "loop", "loop_to": target, "cycle_count": times}
        if name:
            found["id"] = name
        self.put(at, found)
