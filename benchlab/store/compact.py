"""Turns a finished journal into the closed file, and only then removes the journal."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from benchlab.errors import FileNotReadable
from benchlab.model.columns import EVENT_COLUMNS, ROW_COLUMNS, STEP_COLUMNS, records_table
from benchlab.model.run import ProtocolRecord
from benchlab.store.closed import CHUNK_ROWS, ClosedFileWriter
from benchlab.store.journal_read import read_journal

__all__ = ["close_run"]

_BLOCK = 16 * CHUNK_ROWS


def close_run(folder: Path, path: Path) -> str:
    """Write ``NAME.h5`` from ``NAME.run/journal``, verify it, and remove the folder.

    Returns
    -------
    str
        The digest of the data.

    Raises
    ------
    benchlab.errors.FileExists, benchlab.errors.StorageError
        The journal stays.
    benchlab.errors.FileNotReadable
        The journal has no closing record.
    """
    content = read_journal(folder)
    if content.end is None:
        raise FileNotReadable(
            "the journal has no closing record; it was left as it is.",
            where=str(folder),
            remedy="It can be read as it is: benchlab info",
        )
    protocol = content.head["protocol"]
    writer = ClosedFileWriter(path)
    try:
        for first in range(0, max(len(content.rows), 1), _BLOCK):
            block = content.rows[first : first + _BLOCK]
            writer.append({name: np.ascontiguousarray(block[name]) for name in ROW_COLUMNS})
    except BaseException:
        writer.abandon()
        raise
    digest = writer.finish(
        steps=records_table(STEP_COLUMNS, content.steps),
        events=records_table(EVENT_COLUMNS, content.events),
        cell=content.head["cell"],
        protocol=ProtocolRecord(
            name=protocol["name"],
            text=protocol["text"],
            sha256=protocol["sha256"],
            steps=tuple(protocol["steps"]),
        ),
        instrument=content.head["instrument"],
        meta={**content.head["meta"], **content.end},
    )
    # the journal file goes first: a folder without one is nothing that a reader would believe
    os.unlink(folder / "journal")
    shutil.rmtree(folder)
    return digest
