"""Csv with machine names: one header line, every digit, an empty field where nothing is known."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.model.run import Run
from benchlab.model.table import Table
from benchlab.store.exported import Exported

__all__ = ["texts", "write", "write_lines", "write_table"]

BLOCK_ROWS = 1 << 16


def texts(values: npt.NDArray[Any]) -> Sequence[str]:
    """Return values as the shortest text that reads back the same; NaN as nothing."""
    if values.dtype == np.float64:
        return [repr(x) if x == x else "" for x in values.tolist()]
    if values.dtype.kind == "f":
        return ["" if text == "nan" else text for text in values.astype("U").tolist()]
    return [str(value) for value in values.tolist()]


def write_lines(path: Path, header: Sequence[str], blocks: Iterable[list[Sequence[str]]]) -> None:
    """Write a header and blocks of columns of text."""
    with open(path, "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerow(header)
        for columns in blocks:
            stream.writelines(",".join(row) + "\n" for row in zip(*columns, strict=True))


def write_table(table: Table, path: Path) -> None:
    """Write a small table, its words quoted where they need it."""
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(table)
        writer.writerows(zip(*(texts(values) for values in table.values()), strict=True))


def write(run: Run, path: Path, tables: Mapping[str, Table], exported: Exported) -> None:
    """Write every column of the rows."""
    del tables, exported

    def blocks() -> Iterator[list[Sequence[str]]]:
        for block in run.blocks(BLOCK_ROWS):
            yield [texts(values) for values in block.values()]

    write_lines(path, run.column_names, blocks())
