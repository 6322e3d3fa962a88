"""Search recorded runs by cell, chemistry, lot, operator, protocol, state or date."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

HELP = "search recorded runs, tests, cells and lots"

_SHOWN = {
    "runs": (
        *("path", "state", "end_reason", "cell_id", "cell_type", "lot", "protocol"),
        *("started_utc", "cycles", "rows"),
    ),
    "tests": ("cell_id", "cell_type", "lot", "protocols", "runs", "cycles", "started_utc", "paths"),
    "cells": ("cell_id", "cell_type", "lot", "runs", "cycles", "protocols", "states"),
    "lots": ("lot", "cells", "runs", "cycles", "protocols", "started_utc", "closed_utc"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path(), help="searched with all folders in it"
    )
    parser.add_argument("--level", choices=tuple(_SHOWN), default="runs", help="what to list")
    for name in ("cell", "chemistry", "lot", "operator", "protocol", "state", "channel", "text"):
        parser.add_argument(f"--{name}", metavar="WORD", help="a part of it is enough")
    parser.add_argument("--since", default="", metavar="DATE", help="2026-11-23, or with a time")
    parser.add_argument("--until", default="", metavar="DATE")
    parser.add_argument("--most", type=int, default=1000, metavar="N")
    parser.add_argument("--json", action="store_true", help="print JSON for a program to read")


def run(arguments: argparse.Namespace) -> int:
    """Print what matches; 0 also where nothing does."""
    from benchlab.errors import FileMissing
    from benchlab.service.catalogue import FILTERS, Catalogue

    if not arguments.folder.is_dir():
        raise FileMissing(
            "there is no such folder.", where=str(arguments.folder), remedy="Check its name."
        )
    filters = {name: word for name in FILTERS if (word := getattr(arguments, name))}
    with Catalogue(arguments.folder) as catalogue:
        found = catalogue.refresh()
        rows = catalogue.find(
            filters,
            level=arguments.level,
            since=arguments.since,
            until=arguments.until,
            most=arguments.most,
        )
    if arguments.json:
        print(json.dumps({"runs": found.runs, "unreadable": found.unreadable, "found": rows}))
    else:
        _show(arguments.level, rows, found.runs, found.unreadable)
    return 0


def _show(level: str, rows: list[dict[str, Any]], runs: int, unreadable: tuple[str, ...]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console.width = 200
    table = Table(box=None)
    for name in _SHOWN[level]:
        table.add_column(name)
    for row in rows:
        table.add_row(*(_word(name, row[name]) for name in _SHOWN[level]))
    console.print(table)
    console.print(f"{len(rows)} {level} of {runs} runs")
    for path in unreadable:
        console.print(f"not readable: {path} (benchlab check says why)", markup=False)


def _word(name: str, value: Any) -> str:
    if value is None:
        return ""
    return str(value)[:16].replace("T", " ") if name.endswith("_utc") else str(value)
