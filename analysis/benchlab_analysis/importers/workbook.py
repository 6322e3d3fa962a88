"""Sheets of a workbook as delimited text: one way to convert them, whatever they came in."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from benchlab.errors import ForeignDataError
from benchlab_analysis.importers.arbin import beside_the_rows
from benchlab_analysis.importers.binary import need
from benchlab_analysis.importers.text import TextFile, refuse, tidy

__all__ = ["sheets"]

_HEADER_ROWS = 100


def sheets(
    path: Path, data: bytes, sha256: str, formats: Sequence[Any], known: str
) -> Iterator[tuple[Any, TextFile]]:
    """Yield each sheet that holds rows of a known format, with the module that converts it.

    Raises
    ------
    benchlab.errors.SetupError, benchlab.errors.ForeignDataError
    """
    calamine: Any = need("python_calamine", "python-calamine", path)
    try:
        book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        tables = [(name, book.get_sheet_by_name(name).to_python()) for name in book.sheet_names]
    except Exception as error:  # whatever a stranger's reader raises on strange bytes
        raise ForeignDataError(
            f"the workbook cannot be read: {' '.join(str(error).split())[:200]}.",
            where=str(path),
            remedy="Open it and save it once more as xlsx, or export it as csv.",
        ) from error
    found = 0
    for _, table in tables:
        for place, cells in enumerate(table[:_HEADER_ROWS]):
            header = [_text(cell).strip() for cell in cells]
            while header and not header[-1]:
                header.pop()
            module = next((m for m in formats if len(header) > 1 and m.recognises(header)), None)
            if module is None:
                continue
            if beside_the_rows(header):
                break
            lines = ["\t".join(map(_text, row[: len(header)])) for row in table[place + 1 :]]
            file = TextFile(path, sha256, "\t", header, lines, form="xlsx")
            file.first_line = place + 2
            tidy(file)
            if file.lines:
                found += 1
                yield module, file
            break
    if not found:
        raise refuse(
            path,
            None,
            "",
            "no sheet of the workbook has rows of a known format: "
            f"{', '.join(name for name, _ in tables)[:200]}.",
            f"Known: {known}. For any other table: --columns MAP.yaml",
        )


def _text(cell: object) -> str:
    if isinstance(cell, str):
        return cell.replace("\t", " ").replace("\n", " ").replace('"', "'")
    if isinstance(cell, bool):
        return str(int(cell))
    if isinstance(cell, float):
        return repr(cell)
    if isinstance(cell, timedelta):
        return repr(cell.total_seconds())
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, time | date):
        return cell.isoformat()
    return "" if cell is None else str(cell)
