"""Exports a run to other programs' formats, block by block; the run is never in memory whole."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType

from benchlab.errors import FileExists, SetupError, StorageError, UsageError
from benchlab.model.run import Run
from benchlab.model.table import Table
from benchlab.store.export_csv import write_table
from benchlab.store.exported import Exported, provenance

__all__ = ["FORMATS", "Exported", "export_run"]

FORMATS = {
    "bdf": "export_bdf",
    "csv": "export_csv",
    "parquet": "export_parquet",
    "xlsx": "export_xlsx",
}
"""The formats, and the module of each: it has ``write(run, path, tables, exported)``."""


def export_run(run: Run, out: Path, to: str, tables: Mapping[str, Table] | None = None) -> Exported:
    """Write a run, its tables and where it all comes from.

    Parameters
    ----------
    out : Path
        Not there yet; it gets its name when it is whole.
    to : str
        One of `FORMATS`.
    tables : mapping, optional
        Further tables by name: sheets of a workbook, ``OUT.NAME.csv`` beside other files.

    Raises
    ------
    benchlab.errors.FileExists, benchlab.errors.StorageError
    benchlab.errors.SetupError
        The format needs a package that is not installed.
    benchlab.errors.UsageError
        The run cannot be written in the format.
    """
    if to not in FORMATS:
        raise UsageError(f"there is no format {to!r}.", remedy=f"Known: {', '.join(FORMATS)}.")
    writer = _writer(to)
    tables = tables or {}
    exported = Exported()
    beside: dict[Path, Callable[[Path], None]] = {}
    if not getattr(writer, "HOLDS_TABLES", False):
        for name, table in tables.items():
            beside[out.with_name(f"{out.name}.{name}.csv")] = partial(write_table, table)
        beside[out.with_name(out.name + ".provenance.json")] = partial(_write_json, run)
    for path in (out, *beside):
        if path.exists():
            raise FileExists(
                "there is something at the output path already; nothing was written.",
                where=str(path),
                remedy="Choose another name.",
            )
    jobs: dict[Path, Callable[[Path], None]] = {
        out: lambda path: writer.write(run, path, tables, exported),
        **beside,
    }
    for path, job in jobs.items():
        _write_whole(path, job)
        exported.files.append(path)
    return exported


def _writer(to: str) -> ModuleType:
    from importlib import import_module

    try:
        return import_module(f"benchlab.store.{FORMATS[to]}")
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("benchlab"):
            raise
        raise SetupError(
            f"{to} needs the package {missing.name!r}, which is not installed.",
            remedy="Install it: pip install 'benchlab[export]'",
        ) from missing


def _write_whole(path: Path, job: Callable[[Path], None]) -> None:
    unfinished = path.with_name(path.name + ".partial")
    try:
        try:
            job(unfinished)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"the file could not be written ({error.strerror or error}); it was removed.",
            where=str(path),
            remedy="Choose a folder that exists, is writable and has space.",
        ) from error


def _write_json(run: Run, path: Path) -> None:
    path.write_text(
        json.dumps(provenance(run), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
