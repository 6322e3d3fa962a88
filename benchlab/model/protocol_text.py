"""Reads a protocol's text: YAML of sentences and mappings, each refusal with line and field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchlab.errors import FileMissing, ProtocolError
from benchlab.model.actions import ACTIONS, Action
from benchlab.model.cell import Cell, parse_cell
from benchlab.model.labels import label
from benchlab.model.profile import Profile, parse_profile
from benchlab.model.protocol import Header, Located, Procedure, Protocol
from benchlab.model.refusals import Refusals
from benchlab.model.sentence import NoSentence, mapping_of
from benchlab.model.steps import (
    DIRECTIONS,
    Block,
    ChamberStep,
    CycleKind,
    DriveStep,
    EisStep,
    Every,
    HoldStep,
    OperatorStep,
    ProfileStep,
    RestStep,
    Run,
    Step,
    SweepStep,
)
from benchlab.model.validate import Strict, place, validate
from benchlab.model.yaml_text import Node, load_text, read_yaml

__all__ = ["parse_protocol", "read_protocol"]

_STEPS: dict[str, type[Step | Action | Run]] = {
    **dict.fromkeys(DIRECTIONS, DriveStep),
    "hold": HoldStep,
    "rest": RestStep,
    "sweep": SweepStep,
    "profile": ProfileStep,
    "eis": EisStep,
    "chamber": ChamberStep,
    "operator": OperatorStep,
    "run": Run,
    **ACTIONS,
}
_BLOCKS: dict[str, type[Block | Every]] = {"repeat": Block, "phase": Block, "every": Every}
_DEEPEST = 20
_DROP = ("cell", "steps", "procedures")

Load = Callable[[str], str]
"""Returns the text of a file that is named in a protocol."""


def read_protocol(path: Path) -> Protocol:
    """Read ``PROTOCOL.yaml``; files that it names are looked for in its folder.

    Raises
    ------
    benchlab.errors.FileMissing, benchlab.errors.ProtocolError, benchlab.errors.CellError
    """
    text = read_yaml(path, ProtocolError)
    return parse_protocol(
        text, str(path), load=lambda name: read_yaml(path.parent / name, ProtocolError)
    )


def _alone(name: str) -> str:
    raise ProtocolError(
        f"the file {name!r} is named, but this protocol came without a folder to look in.",
        remedy="Read it from a file.",
    )


def parse_protocol(text: str, source: str, *, load: Load = _alone) -> Protocol:
    """Return the protocol that a text describes.

    Parameters
    ----------
    source : str
        Named in errors, with the line.
    load : callable
        Returns the text of another file that the protocol names.

    Raises
    ------
    benchlab.errors.ProtocolError, benchlab.errors.CellError
        The first in the file; its `others` are whatever else is wrong in other places.
    """
    root = load_text(text, source, ProtocolError)
    value = root.value if isinstance(root.value, dict) else {}
    problems = Refusals()
    header, cell = Header.model_construct(), None
    with problems.gathered():
        header = validate(Header, root, source, ProtocolError, drop=_DROP)
    if "cell" in value:
        with problems.gathered():
            cell = parse_cell(value["cell"], source)
    reader = _Reader(load, header, cell, problems)
    reader.procedures_of(root, source)
    steps: tuple[Located, ...] = ()
    if "steps" in value:
        with problems.gathered():
            steps = reader.steps(value["steps"], source, "steps", 0)
    elif not problems.found:  # else it may be the unknown key, mistyped
        problems.add(
            ProtocolError(
                "the key 'steps' is missing.",
                where=place(source, root.line, "steps"),
                remedy="Add it.",
            )
        )
    problems.check()
    return Protocol.model_construct(
        header=header,
        cell=cell,
        steps=steps,
        procedures=reader.procedures,
        profiles=reader.profiles,
        source=source,
        text=text,
        lines=_lines(root),
    )


def _lines(root: Node, prefix: str = "") -> dict[str, int]:
    found: dict[str, int] = {}
    if isinstance(root.value, dict):
        for key, item in root.value.items():
            name = f"{prefix}{key}"
            found[name] = item.line
            if name not in _DROP[1:]:
                found.update(_lines(item, f"{name}."))
    return found


class _ProcedureFields(Strict):
    counts_as: CycleKind | None = None


@dataclass
class _Reader:
    """Reads steps, and the procedures and files that they name."""

    load: Load
    header: Header
    cell: Cell | None
    problems: Refusals
    procedures: dict[str, Procedure] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    prefix: str = ""
    own: dict[str, str] = field(default_factory=dict)
    """The procedures of the file that is read, by the names that they have in the protocol."""

    def procedures_of(self, root: Node, source: str) -> None:
        value = root.value
        node = value.get("procedures") if isinstance(value, dict) else None
        if node is None:
            return
        if not isinstance(node.value, dict):
            found = ProtocolError(
                "found no mapping of procedures.",
                where=place(source, node.line, "procedures"),
                remedy="Write a name and its list of steps: full_charge: [...].",
            )
            self.problems.add(found)
            return
        self.own = {name: f"{self.prefix}{name}" for name in node.value}
        for name, content in node.value.items():
            with self.problems.gathered():
                self._procedure(name, content, source)

    def _procedure(self, name: str, content: Node, source: str) -> None:
        at = f"procedures.{name}"
        try:
            label(name)
        except ValueError as problem:
            where = place(source, content.line, at)
            unfit = ProtocolError(f"{problem}.", where=where, remedy="Rename the procedure.")
            self.problems.add(unfit)
        counts_as = None
        if isinstance(content.value, dict):
            with self.problems.gathered():
                counts_as = validate(
                    _ProcedureFields, content, source, ProtocolError, field=at, drop=("steps",)
                ).counts_as
            content = content.value.get("steps", content)
        steps = self.steps(content, source, at, 1)
        self.procedures[self.own[name]] = Procedure.model_construct(
            name=self.own[name], steps=steps, counts_as=counts_as
        )

    def steps(self, node: Node, source: str, at: str, depth: int) -> tuple[Located, ...]:
        if not isinstance(node.value, list) or not node.value:
            raise ProtocolError(
                "found no list of steps.",
                where=place(source, node.line, at),
                remedy="Write one step a line, each after a dash: - Rest for 10 min",
            )
        if depth > _DEEPEST:
            raise ProtocolError(
                f"repeats stand more than {_DEEPEST} deep.",
                where=place(source, node.line, at),
                remedy="Write it flatter.",
            )
        found: list[Located] = []
        for index, item in enumerate(node.value, 1):
            with self.problems.gathered():
                found.append(self.step(item, source, f"{at}[{index}]", depth))
        return tuple(found)

    def step(self, node: Node, source: str, at: str, depth: int) -> Located:
        text = ""
        if isinstance(node.value, str):
            text = node.value
            node = _sentence(node, source, at)
        if not isinstance(node.value, dict):
            raise ProtocolError(
                "found a list, expected a step.",
                where=place(source, node.line, at),
                remedy="A step is a sentence or a mapping.",
            )
        keys = node.value.keys()
        block_kind = next((kind for kind in _BLOCKS if kind in keys), None)
        if block_kind is not None:
            return self._block(_BLOCKS[block_kind], node, source, at, depth)
        kinds = [kind for kind in _STEPS if kind in keys]
        if len(kinds) != 1:
            raise ProtocolError(
                f"found {' and '.join(kinds)} in one step."
                if kinds
                else f"found the step {{{', '.join(keys)}}}, which is of no known kind.",
                where=place(source, node.line, at),
                remedy=f"A step has exactly one of: {', '.join([*_STEPS, *_BLOCKS])}.",
            )
        step = validate(_STEPS[kinds[0]], node, source, ProtocolError, field=at)
        if isinstance(step, ProfileStep):
            self._profile(step, node, source, at)
        if isinstance(step, Run):
            step = step.model_copy(update={"run": self.own.get(step.run, step.run)})
            if step.run.endswith((".yaml", ".yml")):
                self._file(step, node, source, at, depth)
        return _located(node, source, at, text or _as_text(node), step)

    def _block(
        self, kind: type[Block | Every], node: Node, source: str, at: str, depth: int
    ) -> Located:
        """Return a block; its steps are looked at even where the block itself is refused."""
        inner = node.value.get("steps") if isinstance(node.value, dict) else None
        steps: tuple[Located, ...] = ()
        if inner is not None:
            with self.problems.gathered():
                steps = self.steps(inner, source, f"{at}.steps", depth + 1)
        block = validate(kind, node, source, ProtocolError, field=at)
        return _located(node, source, at, "", block.model_copy(update={"steps": steps}))

    def _profile(self, step: ProfileStep, node: Node, source: str, at: str) -> None:
        if step.profile not in self.profiles:
            name = step.profile
            try:
                self.profiles[name] = parse_profile(self.load(name), name)
            except (ProtocolError, FileMissing) as problem:
                raise ProtocolError(
                    f"the profile {name!r} cannot be used: {problem.what}"
                    + (f" ({problem.where})" if problem.where else ""),
                    where=place(source, node.line_of(("profile",)), f"{at}.profile"),
                    remedy=problem.remedy,
                ) from problem

    def _file(self, step: Run, node: Node, source: str, at: str, depth: int) -> None:
        """Take the steps of another protocol's file as a procedure of its name."""
        name = step.run
        if name in self.procedures:
            return
        where = place(source, node.line_of(("run",)), f"{at}.run")
        if depth + 1 > _DEEPEST:
            raise ProtocolError("files run each other without end.", where=where, remedy="Cut it.")
        try:
            text = self.load(name)
        except FileMissing as problem:
            raise ProtocolError(
                f"the file {name!r} cannot be run: {problem.what}",
                where=where,
                remedy=problem.remedy,
            ) from problem
        root = load_text(text, name, ProtocolError)
        if not isinstance(root.value, dict) or "steps" not in root.value:
            raise ProtocolError(
                "the key 'steps' is missing.",
                where=place(name, root.line, "steps"),
                remedy="Add it.",
            )
        header = validate(Header, root, name, ProtocolError, drop=_DROP)
        self._check_header(header, root, name)
        inner = _Reader(
            self.load,
            self.header,
            self.cell,
            self.problems,
            dict(self.procedures),
            self.profiles,
            prefix=f"{name}: ",
        )
        inner.procedures_of(root, name)
        steps = inner.steps(root.value["steps"], name, "steps", depth + 1)
        self.procedures[name] = Procedure.model_construct(name=name, steps=steps, counts_as=None)
        for other, procedure in inner.procedures.items():
            self.procedures.setdefault(other, procedure)

    def _check_header(self, header: Header, root: Node, name: str) -> None:
        """Refuse what a file that is run states beside its steps, unless it is stated here too."""
        others = [
            key
            for key in header.model_fields_set - {"format", "name"}
            if getattr(header, key) != getattr(self.header, key)
        ]
        if isinstance(root.value, dict) and "cell" in root.value:
            others += ["cell"] if parse_cell(root.value["cell"], name) != self.cell else []
        for key in others if self.header.model_fields_set else ():  # else it is refused itself
            self.problems.add(
                ProtocolError(
                    f"'{key}' is another one here than in the protocol that runs this file, whose"
                    " own holds; it would be left out without a word.",
                    where=place(name, root.line_of((key,)), key),
                    remedy="Remove it here, or state the same in both.",
                )
            )


def _located(
    node: Node, source: str, at: str, text: str, step: Step | Block | Every | Run | Action
) -> Located:
    return Located.model_construct(node=node, source=source, field=at, text=text, step=step)


def _sentence(node: Node, source: str, field: str) -> Node:
    try:
        mapping = mapping_of(str(node.value))
    except NoSentence as problem:
        raise ProtocolError(
            f"{problem}.", where=place(source, node.line, field), remedy=problem.remedy
        ) from problem

    def told(value: object) -> Node:
        if isinstance(value, list):
            return Node([told(item) for item in value], node.line)
        if isinstance(value, dict):
            return Node({key: told(item) for key, item in value.items()}, node.line)
        return Node(str(value), node.line)

    return told(mapping)


def _as_text(node: Node) -> str:
    def words(value: object) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key}: {words(item)}" for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(words(item) for item in value) + "]"
        return str(value)

    return words(node.plain())
