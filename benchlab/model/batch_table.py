"""A table of cells and the channels they go on: one test a line, pasted or read from a file."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

import yaml

from benchlab.errors import BenchError, CellError
from benchlab.model.cell import Cell, parse_cell
from benchlab.model.refusals import in_one
from benchlab.model.yaml_text import Node, load_text

__all__ = ["BatchLine", "read_batch"]

_MEANT = {"cell": "id", "cell_id": "id", "barcode": "id", "mass": "active_mass"}
_OF_THE_CELL = ("id", "type", "lot", "comment", "active_mass", "area", "nominal_capacity")
_UNITS = {"active_mass": ("g", "mg"), "area": ("cm2", "mm2"), "nominal_capacity": ("Ah", "mAh")}
_SPELT = {"gram": "g", "milligram": "mg", "ah": "Ah", "mah": "mAh", "cm²": "cm2", "mm²": "mm2"}
_UNIT = re.compile(r"^(?P<name>.*?)\s*(?:[\[(/]\s*(?P<unit>[^\])]+?)\s*[\])]?)$")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
MOST_LINES = 512


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One test of a batch.

    Attributes
    ----------
    line : int
        Of the table.
    cell_text : str
        The cell as YAML, with everything that the table says of it.
    name : str
        Of the file, without folder and ending; empty: made by the bench.
    """

    line: int
    channel: str
    cell: Cell
    cell_text: str
    name: str = ""


def read_batch(
    text: str, source: str, *, cell_text: str = "", cell_source: str = ""
) -> list[BatchLine]:
    """Return the tests of a table whose first line names its columns.

    Commas, semicolons or tabs part the columns: what a spreadsheet gives when it is pasted. Known
    are channel, id (or cell), type, lot, comment, active_mass, area, nominal_capacity and name; a
    unit stands in the head (``active_mass_mg``, ``active mass [mg]``) or behind each number.

    Parameters
    ----------
    source : str
        Named in errors, with the line.
    cell_text : str
        A cell as YAML; a column takes the place of its field, line by line.

    Raises
    ------
    benchlab.errors.CellError
        With each line that cannot be used; nothing of the table is.
    """
    rows = _rows(text, source)
    (first, head), *rest = rows
    columns = [_column(word, f"{source}:{first}") for word in head]
    names = [name for name, _ in columns]
    _check_head(names, f"{source}:{first}")
    if not rest:
        raise CellError(
            "the table has a head and no line.", where=source, remedy="Add a line for each cell."
        )
    if len(rest) > MOST_LINES:
        raise CellError(
            f"the table has {len(rest)} lines, and a batch at most {MOST_LINES}.",
            where=source,
            remedy="Start it in parts.",
        )
    base = _base(cell_text, cell_source or source)
    comma = ";" in text.splitlines()[0] or "\t" in text.splitlines()[0]
    found: list[BatchLine] = []
    refused: list[BenchError] = []
    for line, values in rest:
        try:
            found.append(_line(line, values, columns, base, f"{source}:{line}", comma=comma))
        except CellError as error:
            refused.append(error)
    refused += _twice(found, source)
    if refused:
        raise in_one(refused)
    return found


def _rows(text: str, source: str) -> list[tuple[int, list[str]]]:
    text = text.lstrip("\ufeff")
    head = next((line for line in text.splitlines() if line.strip()), "")
    mark = next((mark for mark in "\t;" if mark in head), ",")
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
        rows = [(reader.line_num, [word.strip() for word in row]) for row in reader]
    except csv.Error as error:
        raise CellError(
            f"the table cannot be read ({error}).",
            where=source,
            remedy="Save it as CSV from a spreadsheet, or paste its cells.",
        ) from None
    rows = [(line, row) for line, row in rows if any(row)]
    if not rows:
        raise CellError(
            "the table is empty.",
            where=source,
            remedy="Its first line names the columns: channel,id,active_mass_mg",
        )
    return rows


def _column(word: str, where: str) -> tuple[str, str]:
    """Return a column's field and its unit."""
    plain, unit = word.strip(), ""
    parts = _UNIT.match(plain)
    if parts:
        plain, unit = parts["name"], parts["unit"]
    name = re.sub(r"[\s-]+", "_", plain.strip().lower())
    if not unit:
        stem, _, last = name.rpartition("_")
        field = _MEANT.get(stem, stem)
        if field in _UNITS and _SPELT.get(last, last) in _UNITS[field]:
            name, unit = stem, last
    name = _MEANT.get(name, name)
    unit = _SPELT.get(unit.lower(), unit)
    if name not in (*_OF_THE_CELL, "channel", "name"):
        raise CellError(
            f"found the column '{word[:60]}', which is not known.",
            where=where,
            remedy=f"Known: channel, name, {', '.join(_OF_THE_CELL)}.",
        )
    if unit and unit not in _UNITS.get(name, ()):
        raise CellError(
            f"found the column '{word[:60]}' in '{unit}', which is no unit of it.",
            where=where,
            remedy=f"Known: {', '.join(_UNITS.get(name, ('none',)))}.",
        )
    return name, unit


def _check_head(names: list[str], where: str) -> None:
    if "channel" not in names:
        raise CellError(
            "the table has no column 'channel'.",
            where=where,
            remedy="Its first line names the columns: channel,id,active_mass_mg",
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CellError(
            f"found the column '{twice[0]}' twice.", where=where, remedy="Remove one of them."
        )


def _base(cell_text: str, source: str) -> dict[str, object]:
    if not cell_text.strip():
        return {}
    plain = load_text(cell_text, source, CellError).plain()
    if not isinstance(plain, dict):
        raise CellError(
            "found no mapping (key: value).", where=source, remedy="Name a file of one cell."
        )
    return plain


def _line(
    line: int,
    values: list[str],
    columns: list[tuple[str, str]],
    base: dict[str, object],
    where: str,
    *,
    comma: bool,
) -> BatchLine:
    if len(values) > len(columns) and any(values[len(columns) :]):
        raise CellError(
            f"found {len(values)} values for {len(columns)} columns.",
            where=where,
            remedy="Put a text with a comma into quotes.",
        )
    given = {name: value for (name, _), value in zip(columns, values, strict=False) if value}
    units = dict(columns)
    if "channel" not in given:
        raise CellError("the channel is missing.", where=where, remedy="Name one.")
    facts = dict(base)
    for name in _OF_THE_CELL:
        if name in given:
            facts[name] = _value(name, given[name], units[name], where, comma=comma)
    text = yaml.safe_dump(facts, allow_unicode=True, sort_keys=False)
    node = load_text(text, where, CellError)
    cell = parse_cell(_at(node, line), where.rpartition(":")[0])
    return BatchLine(line, given["channel"], cell, text, given.get("name", ""))


def _value(name: str, value: str, unit: str, where: str, *, comma: bool) -> str:
    if name not in _UNITS:
        return value
    number = value.replace(",", ".") if comma else value
    if not _NUMBER.fullmatch(number):
        return number  # with its unit
    if not unit:
        raise CellError(
            f"found '{value}' without a unit.",
            where=f"{where}, {name}",
            remedy=f"Name the column {name}_{_UNITS[name][-1]}, or write the unit behind it.",
        )
    return f"{number} {unit}"


def _at(node: Node, line: int) -> Node:
    """Return the node as if all of it stood on one line of the table."""
    value = node.value
    if isinstance(value, dict):
        return Node({key: _at(item, line) for key, item in value.items()}, line)
    if isinstance(value, list):
        return Node([_at(item, line) for item in value], line)
    return Node(value, line)


def _twice(found: list[BatchLine], source: str) -> list[CellError]:
    """Return what is wrong between lines: a channel or a cell that stands twice."""
    wrong: list[CellError] = []
    for what in ("channel", "cell"):
        seen: dict[str, int] = {}
        for item in found:
            key = item.channel if what == "channel" else item.cell.id
            if key and key in seen:
                wrong.append(
                    CellError(
                        f"found the {what} '{key}' again, it stands in line {seen[key]} too.",
                        where=f"{source}:{item.line}, {what}",
                        remedy="A channel takes one cell, and a cell is on one channel.",
                    )
                )
            seen.setdefault(key, item.line)
    return wrong
