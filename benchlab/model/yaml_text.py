"""YAML in which every scalar is text, with the line of each value kept."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from benchlab.errors import BenchError, FileMissing

__all__ = ["Node", "load_text", "read_yaml"]

_LARGEST_BYTES = 1_000_000
_LONGEST_VALUE = 10_000  # HDF5 keeps a name in a header of 64 kB
_DEEPEST = 50
_MOST_VALUES = 100_000
# line breaks and tabs are text; a file or a terminal cannot hold the others, or is led astray
_UNFIT = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


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
        It is not text, or larger than any protocol.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
        if len(data) > _LARGEST_BYTES:
            raise error(
                f"the file is larger than {_LARGEST_BYTES // 1_000_000} MB, which no protocol or"
                " cell is; nothing of it was used.",
                where=str(path),
                remedy="Check the name; write repeats in place of copies.",
            )
        return io.StringIO(data.decode("utf-8-sig"), newline=None).read()
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
        root = yaml.compose(text, Loader=_Bounded)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        place = f"{source}:{mark.line + 1}" if mark else source
        if isinstance(problem, _BeyondBounds):
            raise error(f"{problem.problem}.", where=place, remedy=problem.remedy) from None
        raise error(
            f"this is not valid YAML: {problem.problem or problem.context}.",
            where=place,
            remedy="Check brackets, quotes and indentation there; a value with ': ' needs quotes.",
        ) from problem
    except yaml.reader.ReaderError as problem:
        before = len(re.findall("\r\n|[\r\n]", text[: problem.position]))
        raise error(
            f"found the character U+{ord(text[problem.position]):04X}, which is not text.",
            where=f"{source}:{before + 1}",
            remedy="Delete it; it may not be visible in an editor.",
        ) from problem
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as problem:
        raise error(
            f"this is not valid YAML: {problem}.", where=source, remedy="Check the file's text."
        ) from problem
    if root is None:
        raise error("the file is empty.", where=source, remedy="Write at least the required keys.")
    return _convert(root, source, error, 1)


class _BeyondBounds(yaml.MarkedYAMLError):
    """A document that no laboratory writes: too deep, or too large once its aliases are written."""

    def __init__(self, problem: str, mark: yaml.Mark, remedy: str) -> None:
        super().__init__(problem=problem, problem_mark=mark)
        self.remedy = remedy


class _Bounded(yaml.BaseLoader):
    """Composes nodes until they lie too deep or are too many, each alias counted as written out."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0
        self._count = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        is_alias = self.check_event(yaml.AliasEvent)
        if self._depth >= _DEEPEST:
            raise _too_deep(mark)
        self._depth += 1
        before = self._count
        self._count += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if is_alias:
            size = self._sizes.get(id(node))
            if size is None:
                raise _BeyondBounds("an alias contains itself", mark, "Remove the alias.")
            self._count = before + size
        if self._count > _MOST_VALUES:
            raise _BeyondBounds(
                f"the file holds more than {_MOST_VALUES:,} values up to here,"
                " each alias (*name) written out",
                mark,
                "Write repeats in place of copies, and fewer aliases.",
            )
        if not is_alias:
            self._sizes[id(node)] = self._count - before
        return node


def _too_deep(mark: yaml.Mark) -> _BeyondBounds:
    return _BeyondBounds(
        f"values lie more than {_DEEPEST} deep in each other",
        mark,
        "Write it flatter; look for brackets or indentation that are never closed.",
    )


def _convert(node: yaml.Node, source: str, error: type[BenchError], depth: int) -> Node:
    line = node.start_mark.line + 1
    if depth > _DEEPEST:
        # only aliases that hold aliases come this far
        problem = _too_deep(node.start_mark)
        raise error(f"{problem.problem}.", where=f"{source}:{line}", remedy=problem.remedy)
    if isinstance(node, yaml.ScalarNode):
        return Node(_text(node, source, error), line)
    if isinstance(node, yaml.SequenceNode):
        return Node([_convert(item, source, error, depth + 1) for item in node.value], line)
    found: dict[str, Node] = {}
    for key, value in node.value:
        key_line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise error(
                "a key is not plain text.", where=f"{source}:{key_line}", remedy="Use plain words."
            )
        name = _text(key, source, error)
        if name in found:
            raise error(
                f"the key '{name}' stands twice; the first was on line {found[name].line}.",
                where=f"{source}:{key_line}",
                remedy="Keep one of them.",
            )
        # whoever mends a value looks for its key
        found[name] = replace(_convert(value, source, error, depth + 1), line=key_line)
    return Node(found, line)


def _text(node: yaml.ScalarNode, source: str, error: type[BenchError]) -> str:
    text = str(node.value)
    where = f"{source}:{node.start_mark.line + 1}"
    unfit = _UNFIT.search(text)
    if unfit is not None:
        raise error(
            f"found the character U+{ord(unfit[0]):04X} in {text[:60]!r}, which is not text;"
            " the recording could not hold it.",
            where=where,
            remedy="Delete it.",
        )
    if len(text) > _LONGEST_VALUE:
        raise error(
            f"found a value of {len(text):,} characters ({text[:40]!r}…),"
            f" expected at most {_LONGEST_VALUE:,}.",
            where=where,
            remedy="Shorten it; look for a quote that is never closed.",
        )
    return text
