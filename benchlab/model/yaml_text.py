"""YAML in which every scalar is text, with the line of each value kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from benchlab.errors import BenchError, FileMissing

__all__ = ["Node", "load_text", "read_yaml"]


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a YAML document and the line it begins on; a mapping keeps its keys' order."""

    value: str | list[Node] | dict[str, Node]
    line: int

    def plain(self) -> object:
        """Return the value without lines: text, lists and dicts."""
        if isinstance(self.value, str):
            return self.value
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return {key: item.plain() for key, item in self.value.items()}

    def line_of(self, path: tuple[str | int, ...]) -> int:
        """Return the line of what lies at `path`, or of its nearest parent that exists."""
        here = self
        for part in path:
            value = here.value
            if isinstance(value, dict) and part in value:
                here = value[str(part)]
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                here = value[part]
            else:
                break
        return here.line


def read_yaml(path: Path, error: type[BenchError]) -> str:
    """Return the text of a YAML file.

    Raises
    ------
    benchlab.errors.FileMissing
        There is no such file, or it is a folder.
    error
        It is not text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileMissing(
            "there is no such file.", where=str(path), remedy="Check the name and the folder."
        ) from None
    except IsADirectoryError:
        raise FileMissing(
            "this is a folder, not a file.", where=str(path), remedy="Name a file in it."
        ) from None
    except UnicodeDecodeError as problem:
        raise error(
            f"the file is not UTF-8 text (byte {problem.start}).",
            where=str(path),
            remedy="Save it as UTF-8 from a text editor.",
        ) from problem
    except OSError as problem:
        raise FileMissing(
            f"the file cannot be read ({problem.strerror}).",
            where=str(path),
            remedy="Check its permissions.",
        ) from problem


def load_text(text: str, source: str, error: type[BenchError]) -> Node:
    """Parse one YAML document into nodes.

    Parameters
    ----------
    source : str
        Named in errors, with the line.
    error : type
        The class of error to raise.
    """
    for index, line in enumerate(text.splitlines(), 1):
        if "\t" in line[: len(line) - len(line.lstrip())]:
            raise error(
                "the line is indented with a tab, which YAML does not allow.",
                where=f"{source}:{index}",
                remedy="Indent with spaces.",
            )
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        place = f"{source}:{mark.line + 1}" if mark else source
        raise error(
            f"this is not valid YAML: {problem.problem or problem.context}.",
            where=place,
            remedy="Check brackets, quotes and indentation there; a value with ': ' needs quotes.",
        ) from problem
    except yaml.YAMLError as problem:
        raise error(
            f"this is not valid YAML: {problem}.", where=source, remedy="Check the file's text."
        ) from problem
    if root is None:
        raise error("the file is empty.", where=source, remedy="Write at least the required keys.")
    return _convert(root, source, error, set())


def _convert(node: yaml.Node, source: str, error: type[BenchError], above: set[int]) -> Node:
    line = node.start_mark.line + 1
    if id(node) in above:
        raise error(
            "an alias contains itself.", where=f"{source}:{line}", remedy="Remove the alias."
        )
    above = above | {id(node)}
    if isinstance(node, yaml.ScalarNode):
        return Node(str(node.value), line)
    if isinstance(node, yaml.SequenceNode):
        return Node([_convert(item, source, error, above) for item in node.value], line)
    found: dict[str, Node] = {}
    for key, value in node.value:
        key_line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise error(
                "a key is not plain text.", where=f"{source}:{key_line}", remedy="Use plain words."
            )
        name = str(key.value)
        if name in found:
            raise error(
                f"the key '{name}' stands twice; the first was on line {found[name].line}.",
                where=f"{source}:{key_line}",
                remedy="Keep one of them.",
            )
        # whoever mends a value looks for its key
        found[name] = replace(_convert(value, source, error, above), line=key_line)
    return Node(found, line)
