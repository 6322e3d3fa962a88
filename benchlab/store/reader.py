"""Opens a run: the closed file, or the journal of one that is running or was cut off."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from benchlab.errors import FileMissing, FileNotReadable
from benchlab.model.columns import EVENT_COLUMNS, ROW_COLUMNS, STEP_COLUMNS, records_table
from benchlab.model.run import ProtocolRecord, Run
from benchlab.platform import is_locked
from benchlab.store.closed_read import open_closed
from benchlab.store.corrections import corrected
from benchlab.store.follow import Follower
from benchlab.store.journal import JOURNAL_FORMAT, run_folder
from benchlab.store.journal_damage import LOST_HEAD
from benchlab.store.journal_read import has_journal, read_journal, without_record
from benchlab.store.unfinished import unfinished_step

__all__ = ["open_run"]


def open_run(path: str | os.PathLike[str], *, as_recorded: bool = False) -> Run:
    """Open ``NAME.h5``, or ``NAME.run/`` where that file is not there yet.

    Parameters
    ----------
    as_recorded : bool
        Without the corrections kept beside it.

    Raises
    ------
    benchlab.errors.FileMissing
        There is neither.
    benchlab.errors.FileNotReadable
        It is empty, truncated, or not a run of benchlab.
    """
    path = Path(path)
    run = _open(path)
    return run if as_recorded else corrected(run, path)


def _open(path: Path) -> Run:
    folder = path if path.suffix == ".run" else run_folder(path)
    closed = path.with_suffix(".h5") if path.suffix == ".run" else path
    if path.is_file() or (closed.is_file() and not folder.is_dir()):
        return open_closed(closed)
    if has_journal(folder):
        try:
            run = _open_journal(folder)
        except (OSError, FileNotReadable):
            if not closed.is_file():
                raise
        # where it was closed in this moment, the journal was on its way out
        return open_closed(closed) if closed.is_file() else run
    if path.is_dir():
        raise FileMissing(
            "this is a folder, not a run.", where=str(path), remedy="Name a file in it."
        )
    raise FileMissing(
        "there is no such file.", where=str(path), remedy="Check the name and the folder."
    )


def _open_journal(folder: Path) -> Run:
    alive = is_locked(folder / "lock")
    content = read_journal(folder)
    if not content.head:
        raise without_record(folder, content)
    if content.head.get("format") != JOURNAL_FORMAT:
        raise FileNotReadable(
            f"the journal is of format {content.head.get('format')!r}.",
            where=str(folder),
            remedy=f"This benchlab reads {JOURNAL_FORMAT!r}.",
        )
    head = content.head
    rows = content.rows
    steps = [*content.steps, *unfinished_step(content)]
    protocol = head["protocol"]
    return Run(
        path=folder,
        state="running" if alive else "interrupted",
        column_names=ROW_COLUMNS,
        row_count=len(rows),
        load_column=lambda name: np.ascontiguousarray(rows[name]),
        steps=records_table(STEP_COLUMNS, steps),
        events=records_table(EVENT_COLUMNS, content.events),
        cell=head["cell"],
        protocol=ProtocolRecord(
            name=protocol["name"],
            text=protocol["text"],
            sha256=protocol["sha256"],
            steps=tuple(protocol["steps"]),
        ),
        instrument=head["instrument"],
        meta={
            **head["meta"],
            "format": JOURNAL_FORMAT,
            "torn_bytes": content.torn_bytes,
            "journal_damage": [
                f"bytes {item.first_byte} to {item.last_byte} of segment {item.segment} are damaged"
                for item in content.damage
            ]
            + [LOST_HEAD] * content.head_lost,
            "missing_rows": content.missing_rows,
        },
        load_part=lambda name, start, stop: np.ascontiguousarray(rows[name][start:stop]),
        load_new=Follower(folder),
    )
