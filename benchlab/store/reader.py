"""Opens a run: the closed file, or the journal of one that is running or was cut off."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from benchlab.errors import FileMissing, FileNotReadable
from benchlab.model.columns import ROW_COLUMNS
from benchlab.model.run import ProtocolRecord, Run
from benchlab.model.table import LazyTable
from benchlab.platform import is_locked
from benchlab.store.closed_read import open_closed
from benchlab.store.corrections import corrected
from benchlab.store.follow import Follower
from benchlab.store.journal import JOURNAL_FORMAT, run_folder
from benchlab.store.journal_damage import LOST_HEAD
from benchlab.store.journal_index import JournalIndex, read_index
from benchlab.store.journal_read import JournalContent, has_journal, read_journal, without_record
from benchlab.store.journal_rows import JournalRows

__all__ = ["open_run"]


def open_run(
    path: str | os.PathLike[str], *, as_recorded: bool = False, verify: bool = False
) -> Run:
    """Open ``NAME.h5``, or ``NAME.run/`` where that file is not there yet.

    A journal's rows are read, and their checksums verified, when they are asked for.

    Parameters
    ----------
    as_recorded : bool
        Without the corrections kept beside it.
    verify : bool
        Read a journal through now; where it is damaged, the run has what is left. Take the
        documents of a closed file as they are, for `benchlab check` to judge.

    Raises
    ------
    benchlab.errors.FileMissing
        There is neither.
    benchlab.errors.FileNotReadable
        It is empty, truncated, or not a run of benchlab.
    """
    path = Path(path)
    run = _open(path, verify=verify)
    return run if as_recorded else corrected(run, path)


def _open(path: Path, *, verify: bool) -> Run:
    folder = path if path.suffix == ".run" else run_folder(path)
    closed = path.with_suffix(".h5") if path.suffix == ".run" else path
    if path.is_file() or (closed.is_file() and not folder.is_dir()):
        return open_closed(closed, as_found=verify)
    if has_journal(folder):
        try:
            run = _open_journal(folder, verify=verify)
        except (OSError, FileNotReadable):
            if not closed.is_file():
                raise
        # where it was closed in this moment, the journal was on its way out
        return open_closed(closed, as_found=verify) if closed.is_file() else run
    if path.is_dir():
        raise FileMissing(
            "this is a folder, not a run.", where=str(path), remedy="Name a file in it."
        )
    raise FileMissing(
        "there is no such file.", where=str(path), remedy="Check the name and the folder."
    )


def _open_journal(folder: Path, *, verify: bool) -> Run:
    alive = is_locked(folder / "lock")
    index = read_index(folder)
    if index.filled and verify and _damaged(read_journal(folder, take=lambda _: None)):
        index = JournalIndex()
    content = read_journal(folder, start=index.place)
    if index.filled and (not content.head or content.head_lost):
        index = JournalIndex()
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
    journal = JournalRows(folder, index, content, closed=partial(_closed, folder))
    protocol = head["protocol"]
    return Run(
        path=folder,
        state="running" if alive else "interrupted",
        column_names=ROW_COLUMNS,
        row_count=content.row_count,
        load_column=journal.column,
        steps=LazyTable(journal.steps),
        events=LazyTable(journal.events),
        spectra=LazyTable(journal.spectra),
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
        load_part=journal.part,
        load_new=Follower(folder, content, index),
    )


def _closed(folder: Path) -> Run:
    """Open the closed file of a run that was opened while it went on."""
    path = folder.with_suffix(".h5")
    if not path.is_file():
        raise FileMissing(
            "the run's journal was moved or removed since it was opened, and there is no closed"
            " file.",
            where=str(folder),
            remedy="Find out where it is now.",
        )
    return open_closed(path)


def _damaged(content: JournalContent) -> bool:
    return bool(content.damage or content.missing_rows or content.lost_frames)
