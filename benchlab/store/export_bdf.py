"""Csv in the Battery Data Format (ontology 1.3.0): preferred labels, fixed units, Unix seconds.

Rules: README of battery-data-alliance/battery-data-format. One file holds one cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.errors import UsageError
from benchlab.model.columns import COLUMNS, ROW_COLUMNS
from benchlab.model.run import Run
from benchlab.model.table import Table
from benchlab.store.export_csv import BLOCK_ROWS, texts, write_lines
from benchlab.store.exported import Exported

__all__ = ["write"]

REQUIRED = ("test_time_second", "voltage_volt", "current_ampere")
_UNIX = "unix_time_nanosecond"
_NO_TERMS = {"flags"}
_NAME = re.compile(r"[^_].*?__.+__\d{8}_\w+\.bdf(\.csv)?")


def write(run: Run, path: Path, tables: Mapping[str, Table], exported: Exported) -> None:
    """Write the columns that the format has terms for.

    Raises
    ------
    benchlab.errors.UsageError
        A required column is missing, or the test time falls.
    """
    del tables
    missing = [COLUMNS[name].label for name in REQUIRED if name not in run]
    if missing:
        raise UsageError(
            f"the run has no {' and no '.join(missing)}, which the format requires.",
            where=str(run.path),
            remedy="Export it as csv.",
        )
    names = [name for name in run.column_names if _has_term(name, run)]
    names = [name for name in names if name in REQUIRED or _has_values(run, name)]
    exported.left_out += [name for name in run.column_names if name not in names]
    header = ["Unix Time / s" if name == _UNIX else COLUMNS[name].label for name in names]
    _say_name(run, path, exported)

    def blocks() -> Iterator[list[Sequence[str]]]:
        newest = -np.inf
        for start in range(0, len(run), BLOCK_ROWS):
            block = {name: run.column(name, start, start + BLOCK_ROWS) for name in names}
            time = block["test_time_second"]
            back = np.flatnonzero(np.diff(time, prepend=newest) < 0.0)
            if back.size:
                raise UsageError(
                    f"the test time falls at row {start + int(back[0])}, which the format forbids;"
                    " nothing was written.",
                    where=str(run.path),
                    remedy="See what else is wrong: benchlab check",
                )
            newest = float(time[-1])
            yield [_seconds(v) if name == _UNIX else texts(v) for name, v in block.items()]

    write_lines(path, header, blocks())


def _has_term(name: str, run: Run) -> bool:
    if name == "unix_time_second" and _UNIX in run:
        return False
    return name in COLUMNS and name not in _NO_TERMS


def _has_values(run: Run, name: str) -> bool:
    for start in range(0, len(run), 16 * BLOCK_ROWS):
        values = run.column(name, start, start + 16 * BLOCK_ROWS)
        known = values != 0 if name == _UNIX else np.isfinite(values)
        if known.any():
            return True
    return not len(run) and name in ROW_COLUMNS


def _seconds(values: npt.NDArray[Any]) -> list[str]:
    """Return nanoseconds as seconds with all nine decimals; nothing where they are not known."""
    return [f"{x // 10**9}.{x % 10**9:09d}" if x else "" for x in values.tolist()]


def _say_name(run: Run, path: Path, exported: Exported) -> None:
    name = path.name.removesuffix(".partial")
    if _NAME.fullmatch(name):
        return
    cell = re.sub(r"[^A-Za-z0-9.-]+", "-", str(run.cell.get("id") or "CellName")).strip("-")
    date = re.sub(r"\D", "", str(run.meta.get("started_utc", ""))[:10]) or "YYYYMMDD"
    exported.notes.append(
        f"the format wants a name like Institution__{cell}__{date}_001.bdf.csv; found {name}"
    )
