"""A workbook: rows on as many sheets as they need, further tables, events, provenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from benchlab.model.run import Run
from benchlab.model.table import Table
from benchlab.store.exported import Exported, provenance_lines

__all__ = ["HOLDS_TABLES", "write"]

HOLDS_TABLES = True
SHEET_ROWS = 1_048_576
"""Excel's limit, header included."""
_BLOCK_ROWS = 1 << 14
_CELL_CHARACTERS = 32_767


def write(run: Run, path: Path, tables: Mapping[str, Table], exported: Exported) -> None:
    """Write the workbook; sheets are streamed to disk."""
    book = Workbook(write_only=True)
    sheets = 0
    left = 0
    sheet: Any = None
    for row in _rows(run):
        if not left:
            sheets += 1
            sheet = book.create_sheet("rows" if sheets == 1 else f"rows {sheets}")
            sheet.append(run.column_names)
            left = SHEET_ROWS - 1
        sheet.append(row)
        left -= 1
    if not sheets:
        book.create_sheet("rows").append(run.column_names)
    if sheets > 1:
        exported.notes.append(
            f"the rows fill {sheets} sheets: one holds {SHEET_ROWS - 1:,} of them"
        )
    for name, table in chain(tables.items(), [("events", run.events)]):
        sheet = book.create_sheet(name)
        sheet.append(list(table))
        for record in table.records():
            sheet.append([_cell(value) for value in record.values()])
    sheet = book.create_sheet("provenance")
    for line in provenance_lines(run):
        sheet.append([_cell(text) for text in line])
    book.save(path)


def _rows(run: Run) -> Iterator[list[Any]]:
    for block in run.blocks(_BLOCK_ROWS):
        columns = [[_cell(value) for value in values.tolist()] for values in block.values()]
        yield from (list(row) for row in zip(*columns, strict=True))


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, str):
        # a text that begins with = would be carried out as a formula
        clean = ILLEGAL_CHARACTERS_RE.sub(" ", value)[:_CELL_CHARACTERS]
        return f"'{clean}" if clean.startswith("=") else clean
    return value
