"""Parquet with machine names; the provenance is in the file's own metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow
import pyarrow.parquet

from benchlab.model.columns import COLUMNS
from benchlab.model.run import Run
from benchlab.model.table import Table
from benchlab.store.exported import Exported, provenance

__all__ = ["write"]

BLOCK_ROWS = 1 << 18


def write(run: Run, path: Path, tables: Mapping[str, Table], exported: Exported) -> None:
    """Write every column of the rows, a row group a block."""
    del tables, exported
    fields = []
    for name in run.column_names:
        described = (
            {"unit": COLUMNS[name].unit, "label": COLUMNS[name].label} if (name in COLUMNS) else {}
        )
        kind = pyarrow.from_numpy_dtype(run.column(name, 0, 0).dtype)
        fields.append(pyarrow.field(name, kind, metadata=described))
    told = json.dumps(provenance(run), ensure_ascii=False)
    schema = pyarrow.schema(fields, metadata={"benchlab": told})
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for block in run.blocks(BLOCK_ROWS):
            writer.write_table(pyarrow.table(list(block.values()), schema=schema))
