"""A result for a reader, a program or a spreadsheet, and its figures as files."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any, TextIO

from benchlab.errors import FileExists, SetupError, StorageError, UsageError
from benchlab_analysis._analysis import FigurePlan, Result, ResultTable

__all__ = [
    "as_dict",
    "refuse_existing",
    "say",
    "write_csv",
    "write_figures",
    "write_json",
    "write_text",
    "write_xlsx",
]


def as_dict(result: Result) -> dict[str, Any]:
    """Return a result as plain values, as for JSON; unknown values are None."""
    return {
        "sentences": result.sentences,
        "warnings": result.warnings,
        "corrections": result.corrections,
        "assumptions": result.assumptions,
        "tables": {table.name: _table(table) for table in result.tables},
    }


def _table(table: ResultTable) -> dict[str, Any]:
    return {
        "units": dict(table.units),
        "meanings": dict(table.meanings),
        "rows": [{name: _finite(value) for name, value in row.items()} for row in table.records()],
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(result: Result, stream: TextIO) -> None:
    """Write everything but the figures; unknown values are null."""
    json.dump(as_dict(result), stream, indent=2, allow_nan=False, ensure_ascii=False)
    stream.write("\n")


def write_csv(result: Result, stream: TextIO) -> None:
    """Write each table with every digit; an empty line and a name come before further ones."""
    writer = csv.writer(stream, lineterminator="\n")
    for number, table in enumerate(result.tables):
        if number:
            stream.write(f"\n# {table.name}\n")
        writer.writerow(list(table))
        for row in table.records():
            writer.writerow("" if _finite(value) is None else value for value in row.values())


def say(result: Result, stream: TextIO) -> None:
    """Write sentences, warnings, corrections and assumptions, one a line."""
    for text in result.sentences:
        stream.write(f"{text}\n")
    for kind, text in result.said():
        stream.write(f"{kind}: {text}\n")


def write_text(result: Result, stream: TextIO) -> None:
    """Write sentences and tables for a reader, and under them how they came about."""
    from rich.console import Console
    from rich.table import Table as RichTable

    console = Console(file=stream, highlight=False, soft_wrap=False, markup=False)
    if not console.is_terminal:
        console.width = 160  # a file or a pipe has no width to fit into
    for text in result.sentences:
        console.print(text)
    for table in result.tables:
        console.print(f"\n{table.name}", style="bold")
        shown = RichTable(box=None, pad_edge=False, header_style="bold")
        for name in table:
            # the unit is the end of the name already, but a reader looks for it over the numbers
            shown.add_column(f"{name}\n{table.units[name]}", justify="right", overflow="fold")
        for row in table.records():
            shown.add_row(*(_shown(value) for value in row.values()))
        console.print(shown)
        if not table.rows:
            console.print("nothing")
    console.print()
    notes = RichTable(box=None, pad_edge=False, show_header=False)
    notes.add_column(style="dim", no_wrap=True)
    notes.add_column()
    for kind, text in result.said():
        notes.add_row(kind, text)
    console.print(notes)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else "-"
    return str(value)


def refuse_existing(path: Path) -> None:
    """Raise before anything is computed.

    Raises
    ------
    benchlab.errors.FileExists
    """
    if path.exists():
        raise FileExists(
            "there is something at the output path already; nothing was written.",
            where=str(path),
            remedy="Choose another name.",
        )


def write_figures(result: Result, path: Path) -> list[Path]:
    """Write every figure of a result; the second and further ones get their name in the file name.

    Raises
    ------
    benchlab.errors.UsageError
        For an ending that is none of svg, png, pdf, or a result without figures.
    benchlab.errors.FileExists, benchlab.errors.StorageError
    """
    from benchlab_analysis._draw import FORMATS, picture

    kind = path.suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        raise UsageError(
            f"a figure cannot be written as {path.name!r}.", remedy="Use .svg, .png or .pdf."
        )
    if not result.figures:
        raise UsageError("this result has no figure.", remedy="Leave out -o; see its warnings.")
    written = []
    for number, plan in enumerate(result.figures):
        target = _named(path, plan) if number else path
        refuse_existing(target)
        _put(target, picture(plan, kind))
        written.append(target)
    return written


def _named(path: Path, plan: FigurePlan) -> Path:
    return path.with_name(f"{path.stem}_{plan.name.replace(' ', '_')}{path.suffix}")


def _put(path: Path, content: bytes) -> None:
    try:
        with open(path, "xb") as file:
            file.write(content)
    except OSError as error:
        raise StorageError(
            f"the file cannot be written: {error.strerror or error}.",
            where=str(path),
            remedy="Choose a folder that exists, is writable and has space.",
        ) from error


def write_xlsx(result: Result, path: Path) -> None:
    """Write a workbook: a sheet a table, and one that says how they came about.

    Raises
    ------
    benchlab.errors.SetupError, benchlab.errors.FileExists, benchlab.errors.StorageError
    """
    import io

    try:
        from openpyxl import Workbook
    except ModuleNotFoundError as missing:
        raise SetupError(
            "a workbook needs the package 'openpyxl', which is not installed.",
            remedy="Install it: pip install openpyxl",
        ) from missing
    refuse_existing(path)
    book = Workbook(write_only=True)
    for table in result.tables:
        sheet = book.create_sheet(table.name[:31])  # Excel's limit
        sheet.append(list(table))
        for row in table.records():
            sheet.append([_finite(value) for value in row.values()])
    notes = book.create_sheet("how it came about")
    for text in result.sentences:
        notes.append(["finding", text])
    for line in result.said():
        notes.append(list(line))
    buffer = io.BytesIO()
    book.save(buffer)
    _put(path, buffer.getvalue())
