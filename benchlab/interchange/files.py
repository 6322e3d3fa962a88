"""What both commands do with files: refuse to write over something, and keep the report."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from benchlab.errors import FileExists, FileMissing, StorageError
from benchlab.interchange.report import Report

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["add_words", "console", "new_file", "show", "write_new"]


def add_words(parser: argparse.ArgumentParser) -> None:
    """Declare the words that both commands have."""
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="OUT", help="not there yet"
    )
    parser.add_argument(
        "--waive",
        action="append",
        default=[],
        metavar="NAME",
        help="do without what is lost under this name; may be given several times",
    )
    parser.add_argument(
        "--report", type=Path, metavar="REPORT.json", help="write what was found, refused or not"
    )


def new_file(path: Path | None) -> None:
    """Refuse a path at which there is something, before anything is read.

    Raises
    ------
    benchlab.errors.FileExists
    """
    if path is not None and path.exists():
        raise FileExists(
            "there is something at the path already; nothing was read or written.",
            where=str(path),
            remedy="Choose another name.",
        )


def write_new(path: Path, text: str, encoding: str = "utf-8") -> None:
    """Write a file that is not there yet; part of one is removed again.

    Raises
    ------
    benchlab.errors.FileExists, benchlab.errors.FileMissing, benchlab.errors.StorageError
    """
    data = text.encode(encoding)
    try:
        with path.open("xb") as file:
            try:
                file.write(data)
                file.flush()
            except OSError:
                path.unlink()
                raise
    except FileExistsError:
        new_file(path)
    except (FileNotFoundError, NotADirectoryError) as problem:
        raise FileMissing(
            "there is no such folder to write into.",
            where=str(path.parent),
            remedy="Make the folder first.",
        ) from problem
    except OSError as problem:
        raise StorageError(
            f"the file cannot be written ({problem.strerror}); nothing is left of it.",
            where=str(path),
            remedy="Check the disk and the permissions.",
        ) from problem


def console() -> Console:
    """Return the console for what is said beside the result."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def show(report: Report, waived: list[str], path: Path | None) -> None:
    """Say what was found, keep it as JSON where that is asked for, and refuse what is not waived.

    Raises
    ------
    benchlab.errors.ProtocolError
        Something is lost and not waived; the report is written all the same.
    """
    if path is not None:
        write_new(path, json.dumps(report.record(waived), indent=1) + "\n")
    report.check(waived)
    out = console()
    for finding in report.findings:
        word = "changed" if finding.outcome == "as" else "waived"
        out.print(f"{word}: {finding}", markup=False)
    for note in report.notes:
        out.print(f"note: {note}", markup=False)
