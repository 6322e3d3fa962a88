"""Turns a finished journal into the closed file, and only then removes the journal."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from benchlab.errors import FileError, FileExists, FileNotReadable
from benchlab.model.columns import (
    EVENT_COLUMNS,
    ROW_COLUMNS,
    SPECTRUM_COLUMNS,
    STEP_COLUMNS,
    records_table,
)
from benchlab.model.run import ProtocolRecord
from benchlab.platform import hold_lock, sync_folder
from benchlab.store.closed import ClosedFileWriter
from benchlab.store.journal_frame import JOURNAL_FORMAT
from benchlab.store.journal_read import JournalContent, has_journal, read_journal
from benchlab.store.space import folder_gone
from benchlab.store.unfinished import unfinished_step

__all__ = ["Closed", "close_run", "remove_leftovers"]

DONE = ".done"
CLOCK_MOVED_SECOND = 0.05


class Closed(NamedTuple):
    """A run that has its closed file: the digest of its data, and its rows."""

    digest: str
    rows: int


def close_run(folder: Path, path: Path, *, patience_second: float = 0.5) -> Closed:
    """Write ``NAME.h5`` from ``NAME.run``, verify it, and remove the folder.

    Killed at any point, called again, it finishes the job.

    Parameters
    ----------
    patience_second : float
        How long to wait for another process that holds the run.

    Raises
    ------
    benchlab.errors.FileExists, benchlab.errors.StorageError
        The journal stays.
    benchlab.errors.FileError
        Another process is recording or closing the run.
    benchlab.errors.FileNotReadable
        The journal has no closing record.
    """
    if not folder.exists() and path.exists():
        remove_leftovers(path)
        return _facts(path)[1]
    try:
        lock = hold_lock(folder / "lock", patience_second=patience_second)
    except FileNotFoundError:
        if not path.exists():
            raise folder_gone(folder, "its closed file was not written.") from None
        lock = -1
    if lock < 0 or not has_journal(folder):
        raise FileError(
            "another process is recording or closing this run; nothing was changed.",
            where=str(folder),
            remedy="Wait until it has ended.",
        )
    try:
        closed = _closed_before(folder, path) or _write(folder, path)
        _remove(folder)
    finally:
        os.close(lock)
    return closed


def remove_leftovers(path: Path) -> list[Path]:
    """Remove what a killed closing of ``NAME.h5`` left beside it; return what that was."""
    done = path.with_name(path.name.removesuffix(".h5") + ".run" + DONE)
    if not done.is_dir() or not path.exists():
        return []
    shutil.rmtree(done)
    return [done]


def _closed_before(folder: Path, path: Path) -> Closed | None:
    """Return the closed file if it is this run's: whoever wrote it was killed before removing."""
    if not path.exists():
        return None
    found, closed = "", Closed("", 0)
    with suppress(OSError, KeyError, ValueError):
        found, closed = _facts(path)
    if not found or found != _run_id(folder):
        raise FileExists(
            "there is something else at the output path; the journal was left as it is.",
            where=str(path),
            remedy="Move that file away, then: benchlab recover",
        )
    return closed


def _facts(path: Path) -> tuple[str, Closed]:
    with h5py.File(path, "r", locking=False) as file:
        run_id = str(json.loads(file["documents/meta"][()]).get("run_id", ""))
        return run_id, Closed(str(file.attrs["digest"]), int(file.attrs["rows"]))


def _run_id(folder: Path) -> str:
    head: Mapping[str, Any] = read_journal(folder, take=lambda _: None).head
    return str(head.get("meta", {}).get("run_id", ""))


def _write(folder: Path, path: Path) -> Closed:
    writer = ClosedFileWriter(path)

    def take(rows: npt.NDArray[np.void]) -> None:
        writer.append({name: np.ascontiguousarray(rows[name]) for name in ROW_COLUMNS})

    try:
        content = read_journal(folder, take=take)
        _must_be_whole(content, folder)
    except BaseException:
        writer.abandon()
        raise
    protocol = content.head["protocol"]
    digest = writer.finish(
        steps=records_table(STEP_COLUMNS, [*content.steps, *unfinished_step(content)]),
        events=records_table(EVENT_COLUMNS, content.events),
        spectra=records_table(SPECTRUM_COLUMNS, content.spectra),
        cell=content.head["cell"],
        protocol=ProtocolRecord(
            name=protocol["name"],
            text=protocol["text"],
            sha256=protocol["sha256"],
            steps=tuple(protocol["steps"]),
        ),
        instrument=content.head["instrument"],
        meta={**content.head["meta"], **_notes(content), **(content.end or {})},
    )
    return Closed(digest, content.row_count)


def _must_be_whole(content: JournalContent, folder: Path) -> None:
    if content.head.get("format") != JOURNAL_FORMAT:
        raise FileNotReadable(
            "the run was cut off before its first record, or this benchlab does not read its"
            " journal; it was left as it is.",
            where=str(folder),
        )
    if content.end is None:
        raise FileNotReadable(
            "the journal has no closing record; it was left as it is.",
            where=str(folder),
            remedy=f"It can be read as it is, and closed: benchlab recover {folder}",
        )


def _notes(content: JournalContent) -> dict[str, Any]:
    """Return what the journal alone knows: clocks, intents, the last state, damage."""
    notes: dict[str, Any] = {"clocks": _told(content.clocks), "intents": content.intents}
    if content.state and (content.end or {}).get("end_reason") != "done":
        notes["last_state"] = content.state  # another run may go on with it
    if content.missing_rows or content.damage:
        notes["missing_rows"] = content.missing_rows
        notes["damage"] = [[d.segment, d.first_byte, d.last_byte] for d in content.damage]
    return notes


def _told(clocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first and last clock record, and each at which the two clocks drifted apart."""
    kept: list[dict[str, Any]] = []
    last = (0.0, "")
    for index, clock in enumerate(clocks):
        offset = clock["unix_time_nanosecond"] / 1e9 - clock["monotonic_second"]
        now = (offset, clock["boot_id"])
        moved = abs(offset - last[0]) > CLOCK_MOVED_SECOND or now[1] != last[1]
        if moved or index == len(clocks) - 1:
            kept.append(clock)
            last = now
    return kept


def _remove(folder: Path) -> None:
    """Remove the folder of a closed run: under another name first, so that it is never half one."""
    done = folder.with_name(folder.name + DONE)
    if done.exists():
        shutil.rmtree(done)
    try:
        os.rename(folder, done)
    except OSError:
        # Windows: somebody has a file of it open; the closed file is what everybody opens now
        done = folder
    sync_folder(folder.parent)
    shutil.rmtree(done, ignore_errors=True)
