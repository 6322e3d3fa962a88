"""Reads a protocol's text: YAML of sentences and mappings, each refusal with line and field."""

from __future__ import annotations

import difflib
from pathlib import Path

from benchlab.errors import ProtocolError
from benchlab.model.cell import parse_cell
from benchlab.model.protocol import (
    Block,
    ChargeStep,
    DischargeStep,
    Header,
    HoldStep,
    Located,
    Protocol,
    RestStep,
    Step,
)
from benchlab.model.sentence import FORMS, mapping_of
from benchlab.model.validate import place, validate
from benchlab.model.yaml_text import Node, load_text, read_yaml

__all__ = ["parse_protocol", "read_protocol"]

_STEPS: dict[str, type[Step]] = {
    "charge": ChargeStep,
    "discharge": DischargeStep,
    "hold": HoldStep,
    "rest": RestStep,
}
_DEEPEST = 20


def read_protocol(path: Path) -> Protocol:
    """Read ``PROTOCOL.yaml``.

    Raises
    ------
    benchlab.errors.FileMissing, benchlab.errors.ProtocolError, benchlab.errors.CellError
    """
    return parse_protocol(read_yaml(path, ProtocolError), str(path))


def parse_protocol(text: str, source: str) -> Protocol:
    """Return the protocol that a text describes.

    Parameters
    ----------
    source : str
        Named in errors, with the line.

    Raises
    ------
    benchlab.errors.ProtocolError, benchlab.errors.CellError
    """
    root = load_text(text, source, ProtocolError)
    value = root.value
    header = validate(Header, root, source, ProtocolError, drop=("cell", "steps"))
    if not isinstance(value, dict) or "steps" not in value:
        raise ProtocolError(
            "the key 'steps' is missing.", where=place(source, root.line, "steps"), remedy="Add it."
        )
    cell = parse_cell(value["cell"], source) if "cell" in value else None
    return Protocol.model_construct(
        header=header,
        cell=cell,
        steps=_steps(value["steps"], source, "steps", 0),
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
            if name != "steps":
                found.update(_lines(item, f"{name}."))
    return found


def _steps(node: Node, source: str, field: str, depth: int) -> tuple[Located, ...]:
    if not isinstance(node.value, list) or not node.value:
        raise ProtocolError(
            "found no list of steps.",
            where=place(source, node.line, field),
            remedy="Write one step a line, each after a dash: - Rest for 10 min",
        )
    if depth > _DEEPEST:
        raise ProtocolError(
            f"repeats stand more than {_DEEPEST} deep.",
            where=place(source, node.line, field),
            remedy="Write it flatter.",
        )
    return tuple(
        _step(item, source, f"{field}[{index}]", depth) for index, item in enumerate(node.value, 1)
    )


def _step(node: Node, source: str, field: str, depth: int) -> Located:
    text = ""
    if isinstance(node.value, str):
        text = node.value
        node = _sentence(node, source, field)
    if not isinstance(node.value, dict):
        raise ProtocolError(
            "found a list, expected a step.",
            where=place(source, node.line, field),
            remedy="A step is a sentence or a mapping.",
        )
    keys = node.value.keys()
    if "repeat" in keys or "phase" in keys:
        block = validate(Block, node, source, ProtocolError, field=field)
        inner = _steps(node.value["steps"], source, f"{field}.steps", depth + 1)
        block = block.model_copy(update={"steps": inner})
        return Located.model_construct(node=node, field=field, text=text, step=block)
    kinds = [kind for kind in _STEPS if kind in keys]
    if len(kinds) != 1:
        raise ProtocolError(
            f"found {' and '.join(kinds)} in one step."
            if kinds
            else f"found the step {{{', '.join(keys)}}}, which is of no known kind.",
            where=place(source, node.line, field),
            remedy=f"A step has exactly one of: {', '.join([*_STEPS, 'repeat', 'phase'])}.",
        )
    step = validate(_STEPS[kinds[0]], node, source, ProtocolError, field=field)
    return Located.model_construct(node=node, field=field, text=text or _as_text(node), step=step)


def _sentence(node: Node, source: str, field: str) -> Node:
    sentence = str(node.value)
    try:
        mapping = mapping_of(sentence)
    except ValueError as problem:
        close = difflib.get_close_matches(sentence, FORMS, n=1, cutoff=0.0)
        raise ProtocolError(
            f"{problem}.",
            where=place(source, node.line, field),
            remedy=f"Nearest: '{close[0]}'. Known: " + "; ".join(FORMS) + ".",
        ) from problem
    parts: dict[str, Node] = {}
    for key, value in mapping.items():
        if isinstance(value, list):
            parts[key] = Node([Node(item, node.line) for item in value], node.line)
        else:
            parts[key] = Node(value, node.line)
    return Node(parts, node.line)


def _as_text(node: Node) -> str:
    def words(value: object) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key}: {words(item)}" for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(words(item) for item in value) + "]"
        return str(value)

    return words(node.plain())
